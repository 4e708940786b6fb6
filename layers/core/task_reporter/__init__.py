"""Record EC2's long-running tasks for good, and announce how they end.

The way of the data is one direction: EC2 → ``recorder`` → ``history`` → stream → ``notifier`` → SNS.
What decides takes plain values and touches no network: ``kinds``, ``projection``, ``life``, ``notices``.
What talks takes its client as an argument: ``listing``, ``history``, ``topic``.
"""

__version__ = "0.1.0"
