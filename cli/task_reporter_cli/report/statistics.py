"""Statistics of all rows in one reading, which keeps only tasks for display."""

import heapq
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, MutableSequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from task_reporter.kinds.kind import COMPLETE, FAILED, LOST
from task_reporter_cli.report.places import Place, Places
from task_reporter_cli.report.tasks import RUNNING, Task, parse_task

MAX_LISTED = 10_000
MAX_SLOWEST = 8


@dataclass(slots=True)
class Failure:
    """An error code, and where it occurred."""

    code: str
    count: int = 0
    """Number of tasks."""
    last_at: str | None = None
    """The last time in the stored form, or None."""
    account_count: int = 0
    worst_account: Place | None = None
    """The account with the most of its tasks; set when all rows are counted."""


@dataclass(slots=True)
class Statistics:
    """The rows so far."""

    groups: Counter[str] = field(default_factory=Counter)
    days: defaultdict[date, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Day on which tasks ended → how many as what."""
    durations: defaultdict[str, MutableSequence[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    """Kind → how long its complete tasks took, in seconds."""
    accounts: Places = field(default_factory=Places)
    regions: Places = field(default_factory=Places)
    failures: dict[str, Failure] = field(default_factory=dict)
    slowest: list[tuple[float, int, Task]] = field(default_factory=list)
    """Heap of the slowest tasks: seconds, a tie-breaker for the earlier, the task."""
    listed: list[Task] = field(default_factory=list)

    def add(self, task: Task) -> None:
        """Count ``task`` in."""
        self.groups[task.group] += 1
        self._add_to_places(task)
        if len(self.listed) < MAX_LISTED:
            self.listed.append(task)
        if task.group != RUNNING:
            self._add_ended(task)

    def _add_to_places(self, task: Task) -> None:
        account = self.accounts[task.account]
        account.name = account.name or task.account_name  # the newest row comes first
        account.add(task)
        self.regions[task.region].add(task)

    def _add_ended(self, task: Task) -> None:
        ended_at = task.finished_at or task.updated_at
        if ended_at:
            self.days[date.fromisoformat(ended_at[:10])][task.group] += 1
        if task.group == FAILED:
            self._add_failure(task.error_code, ended_at)
        if task.seconds is not None and task.group != LOST:  # nobody knows when a lost task ended
            self._add_duration(task, task.seconds)

    def _add_failure(self, code: str, at: str | None) -> None:
        failure = self.failures.setdefault(code, Failure(code))
        failure.count += 1
        failure.last_at = max(filter(None, (failure.last_at, at)), default=None)

    def _add_duration(self, task: Task, seconds: float) -> None:
        if task.group == COMPLETE:
            self.durations[task.kind].append(seconds)
        entry = (seconds, -self.groups.total(), task)
        if len(self.slowest) < MAX_SLOWEST:
            heapq.heappush(self.slowest, entry)
        elif entry[:2] > self.slowest[0][:2]:
            heapq.heapreplace(self.slowest, entry)


def collect_statistics(rows: Iterable[Mapping[str, Any]], until: str) -> Statistics:
    """Return the statistics of ``rows``; times after ``until`` count as unknown.

    The rows are read once; ``until`` is in the stored form.
    """
    gathered = Statistics()
    for row in rows:
        gathered.add(parse_task(row, until))
    return gathered
