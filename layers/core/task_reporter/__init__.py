"""Keeps what EC2 forgets: the long tasks that EC2 lists for a while, kept for good and told to people.

The way of the data is one direction: EC2 → ``recorder`` → ``history`` → stream → ``notifier`` → SNS.
What decides takes plain values and touches no network: ``kinds``, ``projection``, ``life``, ``notices``.
What talks takes its client as an argument: ``listing``, ``history``, ``topic``.
"""

__version__ = "0.1.0"
