"""Redriving: a write to rows that have awaited their notification for too long.

The write makes a new stream record, so the notifier sees the row again whatever became of the first record.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from task_reporter.history.rows import (
    AWAITING_NOTIFICATION,
    EVENT_SENT_AT,
    NOTIFIED_AT,
    Row,
    is_held,
    key_of,
    redrives_of,
)
from task_reporter.history.writes import Update
from task_reporter.recording.context import PollContext
from task_reporter.recording.roster import DIGEST, DIGEST_AT, DIGEST_DUE, roster_key
from task_reporter.times import seconds_since, to_text

DELIVERY_TIME = timedelta(minutes=10)
"""The time that polls, streams and batches add to two redrives."""

ENOUGH_REDRIVES = 2
"""Redrives after which a row that still waits is a sign of trouble."""

MAX_ROWS_PER_POLL = 500
"""Redrives in one poll, so that a restored topic is not flooded."""


def redrive_writes(waiting: Iterable[Row], poll: PollContext, released: bool = False) -> list[Update]:
    """Return the writes that redrive those of ``waiting`` that are due.

    Those that were sent to the notifier the longest ago come first. So rows that can't be announced hold up no others.
    ``released`` tells that the rows waited for a subscriber, and that there is one now. Each write has the condition
    that the row still awaits its notification, has no new mark, and that no other poll has redriven it meanwhile.
    Rows that are held for a digest, and not announced in one, need a write of their account's roster row, too.
    """
    oldest_first = sorted(due(waiting, poll, released), key=_last_sent)
    writes = [(row, _redrive_write(row, poll.now)) for row in oldest_first[:MAX_ROWS_PER_POLL]]
    held = [row for row, write in writes if NOTIFIED_AT not in row and is_held(row | write.set)]
    return [*(write for _, write in writes), *_digest_writes(held, poll.now)]


def _last_sent(row: Row) -> str:
    """Return when ``row`` last came to the notifier, or ''."""
    return str(row.get("redriven_at", row.get("awaiting_since", "")))


def due(waiting: Iterable[Row], poll: PollContext, released: bool) -> list[Row]:
    """Return those of ``waiting`` that are due for a redrive."""
    names = ("redriven_at",) if released else ("awaiting_since", "redriven_at")
    return [row for row in waiting if all(_has_passed(row.get(name), poll.now, poll.redrive_after) for name in names)]


def lacking(mark: str, rows: Iterable[Row]) -> list[Row]:
    """Return those of ``rows`` that lack ``mark``."""
    return [row for row in rows if mark not in row]


def overdue(waiting: Iterable[Row], poll: PollContext) -> int:
    """Count those of ``waiting`` that still wait after two redrives and their time."""
    limit = 2 * poll.redrive_after + DELIVERY_TIME
    late = (row for row in waiting if _has_passed(row.get("awaiting_since"), poll.now, limit))
    return sum(redrives_of(row) >= ENOUGH_REDRIVES for row in late)


def _has_passed(since: object, now: datetime, limit: timedelta) -> bool:
    """Tell whether ``limit`` has passed since a stored time.

    True also where there is no time, or where it is as far in the future: then a clock was wrong.
    """
    seconds = seconds_since(str(since), now)
    return seconds is None or abs(seconds) >= limit.total_seconds()


def _digest_writes(held: Sequence[Row], now: datetime) -> Iterator[Update]:
    """Yield a write for each account of ``held``, which asks for its digest."""
    for key in dict.fromkeys(roster_key(str(row["scope"])) for row in held):
        yield Update(key, {DIGEST: DIGEST_DUE, DIGEST_AT: to_text(now)}, {})


def _redrive_write(row: Row, now: datetime) -> Update:
    news: Row = {"redriven_at": to_text(now), "redrives": redrives_of(row) + 1}
    unchanged = {name: row.get(name) for name in ("redriven_at", NOTIFIED_AT, EVENT_SENT_AT)}
    return Update(key_of(row), news, {"awaiting": AWAITING_NOTIFICATION, **unchanged})
