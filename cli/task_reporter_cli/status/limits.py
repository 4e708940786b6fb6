"""Numbers of the stack's parameters: time limits, and how long rows are kept."""

import re
from collections.abc import Mapping
from datetime import timedelta

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
DEFAULT_SILENT_AFTER, DEFAULT_REDRIVE_AFTER = 15, 10
"""Minutes, for a stack that does not say."""


def max_silence(parameters: Mapping[str, str]) -> timedelta:
    """Return the longest acceptable time since the last poll.

    It is the period of the stack's alarm, and at least two rounds of the schedule.
    """
    minutes = timedelta(minutes=_read_number(parameters, "SilentAfterMinutes", DEFAULT_SILENT_AFTER))
    rate = RATE.fullmatch(parameters.get("PollSchedule", ""))
    return max(minutes, 2 * int(rate[1]) * UNITS[rate[2]]) if rate else minutes


def max_announcement_delay(parameters: Mapping[str, str]) -> timedelta:
    """Return the longest time to await notification: two rounds of redriving."""
    return 2 * timedelta(minutes=max(_read_number(parameters, "RedriveAfterMinutes", DEFAULT_REDRIVE_AFTER), 1))


def retention_days(parameters: Mapping[str, str]) -> int:
    """Return the days after its notice on which a row expires; 0 means never."""
    return _read_number(parameters, "RetentionDays", 0)


def _read_number(parameters: Mapping[str, str], name: str, otherwise: int) -> int:
    text = parameters.get(name, "")
    return int(text) if text.isdecimal() else otherwise
