"""Numbers of the stack's parameters: time limits, and how long rows are kept."""

from collections.abc import Mapping
from datetime import timedelta

from task_reporter.runtime.settings import parse_schedule

DEFAULT_SILENT_AFTER, DEFAULT_REDRIVE_AFTER, DEFAULT_QUIET = 15, 10, 360
"""Minutes, for a stack that does not say."""


def max_silence(parameters: Mapping[str, str]) -> timedelta:
    """Return the longest acceptable time since the last poll.

    It is the period of the stack's alarm, and at least two rounds of the schedule.
    """
    minutes = timedelta(minutes=_read_number(parameters, "SilentAfterMinutes", DEFAULT_SILENT_AFTER))
    rate = schedule_rate(parameters)
    return max(minutes, 2 * rate) if rate else minutes


def schedule_rate(parameters: Mapping[str, str]) -> timedelta | None:
    """Return the time between two polls, None for a schedule that is no rate."""
    try:
        return parse_schedule(parameters.get("PollSchedule", ""))
    except ValueError:
        return None


def quiet_time(parameters: Mapping[str, str]) -> timedelta:
    """Return the time between two answers of a quiet list of a member account."""
    return timedelta(minutes=_read_number(parameters, "QuietMinutes", DEFAULT_QUIET))


def max_announcement_delay(parameters: Mapping[str, str]) -> timedelta:
    """Return the longest time to await notification: two rounds of redriving."""
    return 2 * timedelta(minutes=max(_read_number(parameters, "RedriveAfterMinutes", DEFAULT_REDRIVE_AFTER), 1))


def retention_days(parameters: Mapping[str, str]) -> int:
    """Return the days after its notice on which a row expires; 0 means never."""
    return _read_number(parameters, "RetentionDays", 0)


def _read_number(parameters: Mapping[str, str], name: str, otherwise: int) -> int:
    text = parameters.get(name, "")
    return int(text) if text.isdecimal() else otherwise
