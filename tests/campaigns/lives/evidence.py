"""What is remembered of each poll and of each notice."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from task_reporter.recording.context import PollContext
from tests.campaigns.lives.ec2 import Listed
from tests.campaigns.lives.edge import Process

Pair = tuple[str, str]
"""Task and outcome."""


@dataclass
class Asked:
    """One poll: what it was told, when it began and ended in the order of all things, and whether it went well."""

    poll: PollContext
    began: int
    answer: Listed | None = None
    ended: float = inf
    good: bool = False


@dataclass
class Told:
    """The last notice of one outcome that SNS took: by which process, at which of its requests."""

    process: Process
    at: int
    marked: bool = False
    count: int = 1

    @property
    def excused(self) -> bool:
        """Whether something happened, with this notice or after it, that kept the mark from following."""
        return self.process.last_fault >= self.at
