"""Record EC2's long-running tasks for good, and announce how they end.

Data flows in one direction: EC2 → ``recording`` → ``history`` → stream → ``notifying`` → SNS.
Modules that decide, such as ``kinds`` and most of ``recording``, take plain values and use no network.
Modules that talk to a service take its client as an argument.
"""

__version__ = "0.1.0"
