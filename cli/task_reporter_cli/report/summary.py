"""The numbers of the page, before they are drawn."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from task_reporter.kinds.kind import COMPLETE, FAILED
from task_reporter.times import parse, to_text
from task_reporter_cli.report.gathering import Failure, Gathered, gather
from task_reporter_cli.report.lengths import Lengths, lengths_of
from task_reporter_cli.report.periods import OverTime, over_time
from task_reporter_cli.report.tasks import RUNNING, Task

FAST_CLOCK = timedelta(days=1)
"""How far ahead of us another clock may be; a time that lies further ahead is no time."""

FEWEST = 5
"""Fewer than this are a list, not a statistic: no chart, no median and no rate is made of them."""

MOST_KINDS, MOST_CODES = 4, 10


@dataclass(frozen=True, slots=True)
class Summary:
    """The rows in numbers."""

    total: int
    groups: Mapping[str, int]
    """What a task counts as (``tasks.GROUPS``) → how many do."""
    success: float | None
    """The share, 0 to 1, of complete ones among those that are complete or failed; None where these are too few."""
    over_time: OverTime | None
    undated: int
    """How many ended at a time nobody knows."""
    lengths: tuple[Lengths, ...]
    """The kinds with the most complete tasks first."""
    failures: tuple[Failure, ...]
    """The most frequent codes first."""
    more_codes: int
    """How many codes there are besides those."""
    slowest: tuple[Task, ...]
    listed: tuple[Task, ...]
    """The newest first, not necessarily all."""


def summarise(rows: Iterable[Mapping[str, Any]], made_at: str) -> Summary:
    """Summarise ``rows``, newest first, as of ``made_at`` (stored form)."""
    now = parse(made_at)
    gathered = gather(rows, to_text(now + FAST_CLOCK))
    ended = gathered.groups.total() - gathered.groups[RUNNING]
    dated = sum(counts.total() for counts in gathered.days.values())
    codes = sorted(gathered.failures.values(), key=lambda failure: (-failure.count, failure.code))
    return Summary(
        total=gathered.groups.total(),
        groups=gathered.groups,
        success=_success(gathered.groups),
        over_time=over_time(gathered.days, now.date()) if dated >= FEWEST else None,
        undated=ended - dated,
        lengths=_lengths(gathered),
        failures=tuple(codes[:MOST_CODES]),
        more_codes=len(codes[MOST_CODES:]),
        slowest=tuple(task for *_, task in sorted(gathered.slow, key=lambda entry: entry[:2], reverse=True)),
        listed=tuple(gathered.listed),
    )


def _success(groups: Counter[str]) -> float | None:
    decided = groups[COMPLETE] + groups[FAILED]
    return groups[COMPLETE] / decided if decided >= FEWEST else None


def _lengths(gathered: Gathered) -> tuple[Lengths, ...]:
    enough = [(kind, seconds) for kind, seconds in gathered.lengths.items() if len(seconds) >= FEWEST]
    most = sorted(enough, key=lambda entry: (-len(entry[1]), entry[0]))[:MOST_KINDS]
    return tuple(lengths_of(kind, seconds) for kind, seconds in most)
