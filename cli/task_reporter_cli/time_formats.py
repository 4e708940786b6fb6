"""Times as people type them, and as they read them."""

import re
from datetime import UTC, datetime, timedelta

from task_reporter.times import format_for_people, parse, to_text

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
AGE_PATTERN = re.compile(r"(\d{1,6}) ?([mhdw])", re.ASCII)
DATE_PATTERN = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
EXPECTED_FORMS = "a date (2026-11-18), a time (2026-11-18T09:30Z), or how long ago (30m, 12h, 7d, 2w)"


def parse_typed_time(text: str, now: datetime, end_of_day: bool = False) -> str:
    """Convert ``text`` to the stored form.

    A date is its first moment in UTC, or its last with ``end_of_day``.

    Raises ValueError, which says what is expected.
    """
    text = text.strip()
    try:
        if ago := AGE_PATTERN.fullmatch(text.lower()):
            return to_text(now - int(ago[1]) * UNITS[ago[2]])
        if DATE_PATTERN.fullmatch(text) and end_of_day:
            return to_text(parse(f"{text}T23:59:59.999"))
        return to_text(parse(text))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time; give {EXPECTED_FORMS}") from None


def format_for_column(text: str) -> str:
    """Format a stored time for a column: ``2026-11-23 12:00:00``; return anything else unchanged."""
    return f"{text[:10]} {text[11:19]}" if _is_time(text) else text


def format_with_age(text: str, now: datetime) -> str:
    """``2026-11-23 12:00:00 UTC, 3 hours ago``; what is no time, as it stands."""
    return f"{format_for_people(text)}, {format_age(text, now)}" if _is_time(text) else text


def format_age(text: str, now: datetime) -> str:
    """Format the age of a stored time: ``3 hours ago``."""
    seconds = int((now - parse(text)).total_seconds())
    if seconds < 0:
        return f"in {format_seconds(-seconds)}"
    return f"{format_seconds(seconds)} ago" if seconds >= 1 else "just now"


def format_seconds(seconds: int) -> str:
    """Format a length of time in its largest unit: ``3 hours``, ``1 day``."""
    sizes = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
    unit, size = next(((unit, size) for unit, size in sizes if seconds >= size), sizes[-1])
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _is_time(text: str) -> bool:
    try:
        return to_text(datetime.fromisoformat(text).astimezone(UTC)) == text
    except (ValueError, OverflowError):
        return False
