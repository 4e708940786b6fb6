"""Times as the history keeps them: UTC text of fixed width, so that the order of text is the order of time."""

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """``moment`` as stored: ``2026-11-23T12:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The moment that ISO 8601 ``text`` names; one without an offset is UTC, as EC2's are.

    Raises ValueError or OverflowError where it names none.
    """
    parsed = datetime.fromisoformat(text.strip())
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


def normalised(text: str) -> str | None:
    """``text`` in the stored form, or None where it is no time: an ugly time must not cost the task."""
    try:
        return stamp(moment(text))
    except (ValueError, OverflowError):
        return None


def seconds_since(text: str, now: datetime) -> int | None:
    """Whole seconds from the time in ``text`` to ``now``, negative where it lies ahead; None where it is no time."""
    try:
        return int((now - moment(text)).total_seconds())
    except (ValueError, OverflowError):
        return None


def spoken(text: str) -> str:
    """A stored time as a person reads it: ``2026-11-23 12:00:00 UTC``."""
    return f"{text[:10]} {text[11:19]} UTC"


def spoken_length(start: str, end: str) -> str | None:
    """How long from one stored time to another (``34 min 10 s``).

    None where the end is before the start, or where one of them is no time: somebody else may have written it.
    """
    try:
        seconds = int((moment(end) - moment(start)).total_seconds())
    except (ValueError, OverflowError):
        return None
    if seconds < 0:
        return None
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
