"""The numbers of the page, before they are drawn."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from task_reporter.times import parse, to_text
from task_reporter_cli.report.durations import Durations, summarise_durations
from task_reporter_cli.report.periods import Timeline, build_timeline
from task_reporter_cli.report.places import MIN_SAMPLE, Place, Places, sort_places, success_rate
from task_reporter_cli.report.statistics import Failure, Statistics, collect_statistics
from task_reporter_cli.report.tasks import RUNNING, Task

MAX_CLOCK_SKEW = timedelta(days=1)
"""Largest clock difference; a time further in the future is invalid."""

MAX_KINDS, MAX_CODES = 4, 10


@dataclass(frozen=True, slots=True)
class Summary:
    """The rows in numbers."""

    total: int
    groups: Mapping[str, int]
    """Group (``tasks.GROUPS``) → number of its tasks."""
    success_rate: float | None
    """Share, 0 to 1, of complete among complete and failed tasks.

    None where there are too few.
    """
    timeline: Timeline | None
    undated: int
    """Number of tasks that ended at an unknown time."""
    durations: tuple[Durations, ...]
    """The kinds with the most complete tasks first."""
    accounts: tuple[Place, ...]
    """Those with the most failures first, as with regions."""
    regions: tuple[Place, ...]
    failures: tuple[Failure, ...]
    """The most frequent codes first."""
    omitted_codes: int
    """Number of further codes."""
    slowest: tuple[Task, ...]
    listed: tuple[Task, ...]
    """The newest first, not necessarily all."""


def summarise(rows: Iterable[Mapping[str, Any]], made_at: str) -> Summary:
    """Summarise ``rows``, newest first, as of ``made_at`` (stored form)."""
    now = parse(made_at)
    gathered = collect_statistics(rows, to_text(now + MAX_CLOCK_SKEW))
    ended = gathered.groups.total() - gathered.groups[RUNNING]
    dated = sum(counts.total() for counts in gathered.days.values())
    codes = sorted(gathered.failures.values(), key=lambda failure: (-failure.count, failure.code))
    return Summary(
        total=gathered.groups.total(),
        groups=gathered.groups,
        success_rate=success_rate(gathered.groups),
        timeline=build_timeline(gathered.days, now.date()) if dated >= MIN_SAMPLE else None,
        undated=ended - dated,
        durations=_summarise_durations(gathered),
        accounts=tuple(sort_places(gathered.accounts.values())),
        regions=tuple(sort_places(gathered.regions.values())),
        failures=tuple(_locate(failure, gathered.accounts) for failure in codes[:MAX_CODES]),
        omitted_codes=len(codes[MAX_CODES:]),
        slowest=tuple(task for *_, task in sorted(gathered.slowest, key=lambda entry: entry[:2], reverse=True)),
        listed=tuple(gathered.listed),
    )


def _locate(failure: Failure, accounts: Places) -> Failure:
    """Add the accounts in which a code occurred."""
    affected = [account for account in accounts.values() if failure.code in account.codes]
    failure.account_count = len(affected)
    failure.worst_account = max(affected, key=lambda account: account.codes[failure.code], default=None)
    return failure


def _summarise_durations(gathered: Statistics) -> tuple[Durations, ...]:
    enough = [(kind, seconds) for kind, seconds in gathered.durations.items() if len(seconds) >= MIN_SAMPLE]
    most = sorted(enough, key=lambda entry: (-len(entry[1]), entry[0]))[:MAX_KINDS]
    return tuple(summarise_durations(kind, seconds) for kind, seconds in most)
