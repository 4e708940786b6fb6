"""Labels of a chart's axes: round numbers, and few enough dates to read."""

from collections.abc import Sequence

from task_reporter_cli.report.periods import DAY, MONTH, WEEK, Period, Timeline

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
MAX_TICKS = 5


def axis_ticks(tallest: int) -> list[int]:
    """Round whole numbers from 0 to the first that is not below ``tallest``."""
    step = 1
    while step * MAX_TICKS < tallest:
        step = _next_round_number(step)
    return list(range(0, max(tallest, 1) + step, step))[: -(-max(tallest, 1) // step) + 1]


def period_labels(over_time: Timeline, most: int) -> list[str]:
    """Return a label for each period, empty where it needs none.

    The first and each January name the year. Quarters are labelled where ``most`` labels are enough, else years.
    """
    months = 3 if len(over_time.periods) <= 3 * most else 12
    named: list[str] = []
    for period in over_time.periods:
        label = _period_label(over_time.unit, period, months)
        has_year = not any(named) or (over_time.unit != DAY and period.start.month == 1)
        named.append(f"{label} {period.start.year}" if label and has_year else label)
    return named


def thin_out(every: Sequence[str], most: int) -> list[str]:
    """Return ``every`` label, emptied regularly so that at most ``most`` remain."""
    filled = [place for place, label in enumerate(every) if label]
    kept = set(filled[:: -(-len(filled) // max(most, 1)) or 1])
    return [label if place in kept else "" for place, label in enumerate(every)]


def _next_round_number(step: int) -> int:
    """1, 2, 5, 10, 20, 50, …"""
    return step * 5 // 2 if str(step).startswith("2") else step * 2


def _period_label(unit: str, period: Period, months: int) -> str:
    start = period.start
    month = MONTHS[start.month - 1]
    if unit == DAY:
        return f"{start.day} {month}"
    if (unit == WEEK and start.day > 7) or (unit == MONTH and (start.month - 1) % months):
        return ""
    return month
