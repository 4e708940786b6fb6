"""Days, weeks or months: the steps in which what happened over time is counted."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

DAY, WEEK, MONTH = "day", "week", "month"
MAX_DAYS, MAX_WEEKS = 45, 57
"""Up to so many bars; a year is seen in weeks."""


@dataclass(frozen=True, slots=True)
class Period:
    """One bar: its first day, and how many tasks ended in it as what."""

    start: date
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Periods without a gap, the oldest first; empty ones have no counts."""

    unit: str
    periods: tuple[Period, ...]

    def name(self, period: Period) -> str:
        """Name the period for a person."""
        if self.unit == MONTH:
            return f"{period.start:%Y-%m}"
        return f"{'Week of ' if self.unit == WEEK else ''}{period.start.isoformat()}"


def build_timeline(days: Mapping[date, Mapping[str, int]], today: date) -> Timeline:
    """Divide ``days``, at least one, into periods up to ``today``.

    So a recent silence is visible too.
    """
    first, last = min(days), max(today, *days)
    unit = _choose_unit(first, last)
    counts: dict[date, Counter[str]] = {start: Counter() for start in _period_starts(unit, first, last)}
    for day, outcomes in days.items():
        counts[_period_start(unit, day)].update(outcomes)
    return Timeline(unit, tuple(Period(start, counted) for start, counted in counts.items()))


def _choose_unit(first: date, last: date) -> str:
    days = (last - first).days + 1
    if days <= MAX_DAYS:
        return DAY
    return WEEK if days <= MAX_WEEKS * 7 else MONTH


def _period_start(unit: str, day: date) -> date:
    if unit == MONTH:
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if unit == WEEK else day


def _period_starts(unit: str, first: date, last: date) -> Iterator[date]:
    start = _period_start(unit, first)
    while start <= last:
        yield start
        start = _period_start(MONTH, start + timedelta(days=31)) if unit == MONTH else start + _STEP[unit]


_STEP = {DAY: timedelta(days=1), WEEK: timedelta(weeks=1)}
