"""Marks of rows: what SNS or the event bus has accepted.

A row that has every mark that it needs awaits nothing more.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from threading import Lock

from task_reporter.history.rows import AWAITING_NOTIFICATION, EVENT_SENT_AT, NOTIFIED_AT, Key, Row, expiry, key_of
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Update
from task_reporter.runtime.deadline import Deadline
from task_reporter.times import to_text

MARKS = (NOTIFIED_AT, EVENT_SENT_AT)
SETTLED = ("awaiting", "awaiting_since", "redriven_at", "redrives")
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
        self._lock = Lock()
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
        with self._lock:
            overtaken = self._write({key_of(row): row for row in rows}, mark)
            if overtaken:
                # The other mark may have been written although its response was lost.
                current = self._history.read(overtaken, self._deadline)
                outcomes = {key_of(row): row["outcome"] for row in rows}
                self._write({key: row for key, row in current.items() if _awaits(row, outcomes[key])}, mark)

    def _write(self, rows: dict[Key, Row], mark: str | None) -> list[Key]:
        """Write ``mark`` into ``rows``; return the keys of rows that were not as expected."""
        now = self._clock()
        news: Row = {mark: to_text(now)} if mark else {}
        updates = [self._update(row | self._marked.get(key, {}), news, now) for key, row in rows.items()]
        result = self._history.apply(updates, self._deadline.after_first_try())
        for write in result.written:
            self._marked[write.key] = self._marked.get(write.key, {}) | news
        return [write.key for write in result.overtaken]

    def _update(self, row: Row, news: Row, now: datetime) -> Update:
        """Return the write of ``news``.

        The condition: the row awaits its notification, and its outcome and its other mark are unchanged.
        """
        others = {name: row.get(name) for name in MARKS if name not in news}
        expected = {"awaiting": AWAITING_NOTIFICATION, "outcome": row["outcome"], **others}
        if not all(name in row or name in news for name in self._needed):
            return Update(key_of(row), news, expected)
        if self._retention_days:
            news = news | {"expires_at": expiry(now, self._retention_days)}
        return Update(key_of(row), news, expected, remove=SETTLED)


def _awaits(row: Row, outcome: object) -> bool:
    """Tell whether ``row`` still awaits the notification of this outcome."""
    return row.get("awaiting") == AWAITING_NOTIFICATION and row.get("outcome") == outcome
