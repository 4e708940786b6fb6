"""Marks of rows: what SNS or the event bus has accepted.

A row that has every mark that it needs awaits nothing more.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from threading import Lock

from task_reporter.aws.request_limits import USE_TABLE
from task_reporter.errors import HistoryError
from task_reporter.history.rows import AWAITING_NOTIFICATION, HELD_FOR, Key, Row, Value, expiry, key_of
from task_reporter.history.table import ApplyResult, HistoryTable
from task_reporter.history.writes import Update
from task_reporter.runtime.deadline import Deadline
from task_reporter.times import to_text

TURN_SECONDS = 5
"""The longest wait for the other thread's mark."""
MARK_SECONDS = TURN_SECONDS + 2 * USE_TABLE.max_seconds
"""Time to mark rows: one write, and one read after a lost response."""
SETTLED = ("awaiting", "awaiting_since", "redriven_at", "redrives", HELD_FOR)
"""Attributes that a row loses with its last mark."""


class Marker:
    """Marks the rows of one batch. Several threads may use it.

    ``needed`` are the marks that a row needs. ``retention_days`` is the number of days after the last mark on which a
    row expires, 0 for never.
    """

    def __init__(
        self,
        history: HistoryTable,
        needed: Collection[str],
        retention_days: int,
        deadline: Deadline,
        clock: Callable[[], datetime],
    ) -> None:
        self._history, self._needed, self._retention_days = history, needed, retention_days
        self._deadline, self._clock = deadline, clock
        self._turn = Lock()
        self._marked: dict[Key, Row] = {}
        """Marks that this object has written."""

    def lacks(self, row: Row, mark: str) -> bool:
        """Tell whether ``row`` needs ``mark`` and does not have it."""
        return mark in self._needed and mark not in row

    def mark(self, rows: Sequence[Row], mark: str | None) -> None:
        """Write ``mark`` into ``rows``, or settle rows that have every mark (None).

        A lost task that was corrected meanwhile is left alone, and its correction is announced next. A mark is tried
        once however little time is left, because without it the message would be repeated. Raises HistoryError and
        botocore's errors.
        """
        is_in_turn = self._turn.acquire(timeout=TURN_SECONDS)  # so that the later thread knows the first one's mark
        try:
            self._mark(rows, mark)
        finally:
            if is_in_turn:
                self._turn.release()

    def _mark(self, rows: Sequence[Row], mark: str | None) -> None:
        now = self._clock()
        news: Row = {mark: to_text(now)} if mark else {}
        updates = [self._update(row | self._marked.get(key_of(row), {}), news, now) for row in rows]
        try:
            applied = self._history.apply(updates, self._deadline.after_first_try())
        except HistoryError as error:
            self._remember(error.applied, news)
            raise
        self._remember(applied, news)

    def _remember(self, applied: ApplyResult, news: Row) -> None:
        for write in applied.written:
            self._marked[write.key] = self._marked.get(write.key, {}) | news

    def _update(self, row: Row, news: Row, now: datetime) -> Update:
        """Return the write of ``news``.

        The condition: the row still awaits the notification of this outcome. Where the other mark was written and is
        not known here, the row keeps awaiting, and is settled when its next stream record arrives.
        """
        expected: dict[str, Value | None] = {"awaiting": AWAITING_NOTIFICATION, "outcome": row["outcome"]}
        if not all(name in row or name in news for name in self._needed):
            return Update(key_of(row), news, expected)
        if self._retention_days:
            news = news | {"expires_at": expiry(now, self._retention_days)}
        return Update(key_of(row), news, expected, remove=SETTLED)
