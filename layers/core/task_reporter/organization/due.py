"""When each list of a member account is due.

Each call is an event in somebody's CloudTrail, which costs more than everything else. So lists in which something
happens are asked in every round, and quiet ones seldom.
"""

from datetime import datetime, timedelta

from task_reporter.kinds.kind import Kind
from task_reporter.recording.roster import ListRecord
from task_reporter.recording.unreadable import ABSENT, ERROR, NO_ROLE, THROTTLED

ACTIVE_FOR = timedelta(hours=1)
"""Time after its last activity for which a list is asked every round."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REGIONS_AGE = DAY
"""Time after which the enabled regions of an account are asked for again."""
FIRST_PAUSE = timedelta(minutes=5)
"""Pause after a list was throttled, or did not answer, for the first time."""
SLACK = timedelta(minutes=2, seconds=30)
"""A round may begin this much earlier than a list is due.

It is half of a round at the default schedule: a list is answered some time after the round began, and would otherwise
wait for one round more each time.
"""
MAX_CLOCK_SKEW = timedelta(hours=1)
"""A time further in the future than this comes from a wrong clock."""


def interval(kind: Kind, quiet: timedelta) -> timedelta:
    """Return the time between two answers of a quiet list."""
    return min(HOUR, quiet) if kind.hourly else quiet


def is_due(kind: Kind, record: ListRecord, quiet: timedelta, now: datetime) -> bool:
    """Tell whether a list is due in the round that begins at ``now``."""
    return has_passed(due_at(kind, record, quiet), now) or is_absurd(max(record.at, record.asked), now)


def has_passed(time: float, now: datetime) -> bool:
    """Tell whether ``time`` is past, or nearer to this round than the next.

    It is in epoch seconds.
    """
    return time <= now.timestamp() + SLACK.total_seconds()


def is_absurd(time: float, now: datetime) -> bool:
    """Tell whether ``time``, in epoch seconds, comes from a wrong clock."""
    return time > now.timestamp() + MAX_CLOCK_SKEW.total_seconds()


def due_at(kind: Kind, record: ListRecord, quiet: timedelta) -> float:
    """Return the epoch seconds from which a list is due; 0 for at once."""
    if record.unreadable:
        return record.asked + pause(record.unreadable, record.tries).total_seconds()
    if is_active(record):
        return 0
    return record.at + interval(kind, quiet).total_seconds() if record.at else 0


def is_active(record: ListRecord) -> bool:
    """Tell whether a task was unfinished lately, or has ended lately."""
    return bool(record.active_at) and record.at - record.active_at < ACTIVE_FOR.total_seconds()


def pause(reason: str, tries: int) -> timedelta:
    """Return the time until an unreadable list is asked again, after so many ``tries``.

    A denial is confirmed in the next round. After that, each further refusal doubles the pause up to a day: a refusal
    is an event in the member's trail. A role that can't be assumed is none there, and may be made at any time, so it is
    tried hourly. A list that is throttled, or that fails otherwise, is asked at least hourly.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html
    """
    if reason == ABSENT:
        return DAY
    if reason in (THROTTLED, ERROR):
        return min(FIRST_PAUSE * _doubled(tries - 1), HOUR)
    return timedelta(0) if tries <= 1 else min(HOUR * _doubled(tries - 2), HOUR if reason == NO_ROLE else DAY)


def _doubled(times: int) -> int:
    """Return 1, doubled so many ``times``, but at most 1,024."""
    return 1 << max(0, min(times, 10))
