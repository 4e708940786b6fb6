"""Times in stored form: UTC text of fixed width, which sorts by time."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def to_text(time: datetime) -> str:
    """Convert ``time`` to the stored form: ``2026-11-23T12:00:00.000Z``."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text: str) -> datetime:
    """Parse an ISO 8601 time; one without an offset is UTC, as EC2's.

    Raises ValueError or OverflowError where ``text`` is no time.
    """
    parsed = datetime.fromisoformat(text.strip())
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


def normalize(text: str) -> str | None:
    """Convert a time to the stored form, or return None where ``text`` is none."""
    try:
        return to_text(parse(text))
    except (ValueError, OverflowError):
        return None


def seconds_since(text: str, now: datetime) -> int | None:
    """Return the whole seconds from a time to ``now``, negative for the future.

    None where the text is no time.
    """
    try:
        return int((now - parse(text)).total_seconds())
    except (ValueError, OverflowError):
        return None


def format_for_people(text: str) -> str:
    """Format a stored time for people: ``2026-11-23 12:00:00 UTC``."""
    return f"{text[:10]} {text[11:19]} UTC"


def format_duration(start: str, end: str) -> str | None:
    """Format the time between two stored times: ``34 min 10 s``.

    From two days on, in days and hours.
    None where the end is before the start, or where one of them is no time: another program may have written the row.
    """
    try:
        seconds = int((parse(end) - parse(start)).total_seconds())
    except (ValueError, OverflowError):
        return None
    if seconds < 0:
        return None
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
