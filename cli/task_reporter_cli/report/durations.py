"""Durations of the tasks of one kind in seconds: statistics and distribution."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from math import ceil
from statistics import median

from task_reporter import times

ROUND_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
MAX_BINS = 14
NOON = datetime(2026, 1, 1, 12)


@dataclass(frozen=True, slots=True)
class Bin:
    """A bin: number of durations from ``start`` up to ``end``.

    It has no end where ``end`` is None.
    """

    start: int
    end: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Durations:
    """The lengths of one kind's complete tasks."""

    kind: str
    count: int
    median: float
    p90: float
    """Nine of ten took no longer."""
    longest: float
    bins: tuple[Bin, ...]


def summarise_durations(kind: str, seconds: Iterable[float]) -> Durations:
    """Return the statistics of ``seconds``, which are not empty."""
    ordered = sorted(seconds)
    return Durations(kind, len(ordered), median(ordered), _quantile(ordered, 0.9), ordered[-1], _build_bins(ordered))


def format_seconds(seconds: float) -> str:
    """``seconds`` in the words of the emails: ``34 min 10 s``."""
    return times.format_duration(times.to_text(NOON), times.to_text(NOON + timedelta(seconds=seconds))) or "0 s"


def format_edge(seconds: int) -> str:
    """Format a bin's edge in its largest whole unit, such as ``5 min``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[ceil(share * len(ordered)) - 1]


def _build_bins(ordered: list[float]) -> tuple[Bin, ...]:
    """Return bins of one round width.

    The last twentieth of the durations may share a bin without end.
    """
    usual = _quantile(ordered, 0.95)
    width = _choose_width(ordered[0], usual)
    first, last = int(ordered[0] // width), int(usual // width)
    counts = Counter(min(int(length // width), last + 1) for length in ordered)
    bins = [Bin(step * width, (step + 1) * width, counts[step]) for step in range(first, last + 1)]
    if counts[last + 1]:
        bins.append(Bin((last + 1) * width, None, counts[last + 1]))
    return tuple(bins)


def _choose_width(low: float, high: float) -> int:
    """Return the smallest round width that gives few enough bins."""
    return next(width for width in _round_widths() if high // width - low // width < MAX_BINS)


def _round_widths() -> Iterator[int]:
    """Round widths, each larger than the one before; days double for ever."""
    yield from ROUND_WIDTHS
    yield from (ROUND_WIDTHS[-1] * 2**power for power in count(1))
