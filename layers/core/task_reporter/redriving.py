"""Rows that have waited too long for their notification, sent to the notifier again.

Whatever became of the stream's record of them, a write to the row makes another.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from task_reporter.life import Poll
from task_reporter.rows import AWAITING_NOTIFICATION, Row, key_of, redrives_of
from task_reporter.times import seconds_since, stamp
from task_reporter.writes import Update

GRACE = timedelta(minutes=10)
"""What polls, streams and batches take on top."""

ENOUGH_REDRIVES = 2
"""After so many, a row that still waits is a sign that something is broken."""

AT_A_TIME = 500
"""Rows that one poll touches: a topic that was gone for a week is not flooded at once."""


def touches(waiting: Iterable[Row], poll: Poll, released: bool = False) -> list[Update]:
    """The writes that send those of ``waiting`` again whose time has come, the oldest first.

    ``released``: they waited for a subscriber, and there is one now, so they have waited long enough. Each write is
    made only while the row still waits, and nobody else has sent it meanwhile.
    """
    oldest_first = sorted(due(waiting, poll, released), key=lambda row: str(row.get("awaiting_since", "")))
    return [_touch(row, poll.now) for row in oldest_first[:AT_A_TIME]]


def due(waiting: Iterable[Row], poll: Poll, released: bool) -> list[Row]:
    """List those of ``waiting`` that have waited, and were last sent, long enough ago."""
    names = ("redriven_at",) if released else ("awaiting_since", "redriven_at")
    return [row for row in waiting if all(_is_over(row.get(name), poll.now, poll.redrive_after) for name in names)]


def overdue(waiting: Iterable[Row], poll: Poll) -> int:
    """Count those of ``waiting`` that wait in spite of two redrives, and for longer than these take."""
    patience = 2 * poll.redrive_after + GRACE
    late = (row for row in waiting if _is_over(row.get("awaiting_since"), poll.now, patience))
    return sum(redrives_of(row) >= ENOUGH_REDRIVES for row in late)


def _is_over(since: object, now: datetime, patience: timedelta) -> bool:
    """Whether that long has passed. No time, or one that lies as far ahead, is a clock's fault, and not waited for."""
    seconds = seconds_since(str(since), now)
    return seconds is None or abs(seconds) >= patience.total_seconds()


def _touch(row: Row, now: datetime) -> Update:
    news: Row = {"redriven_at": stamp(now), "redrives": redrives_of(row) + 1}
    return Update(key_of(row), news, {"awaiting": AWAITING_NOTIFICATION, "redriven_at": row.get("redriven_at")})
