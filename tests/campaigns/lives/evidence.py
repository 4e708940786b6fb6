"""Evidence of each poll and of each notice."""

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
    """One poll: its answer, its first and last event, its success."""

    poll: PollContext
    began: int
    answer: Listed | None = None
    ended: float = inf
    good: bool = False


@dataclass
class Told:
    """The last accepted notice of one outcome: its process and its request."""

    process: Process
    at: int
    marked: bool = False
    count: int = 1

    @property
    def excused(self) -> bool:
        """Tell whether a fault with or after this notice prevented the mark."""
        return self.process.last_fault >= self.at
