"""Rows that await their outcome while nobody sees their task.

Only good answers count: a malformed or incomplete answer proves nothing about the tasks that it lacks.
"""

from collections.abc import Container, Iterable, Iterator
from datetime import datetime, timedelta

from task_reporter.history.rows import MISSING_SINCE, UNREACHABLE_SINCE, Row, account_and_region, key_of
from task_reporter.history.writes import Update
from task_reporter.kinds.kind import LOST, Kind
from task_reporter.recording.context import PollContext
from task_reporter.recording.transitions import end_attributes, outcome_of, unchanged_since_read
from task_reporter.times import normalize, parse, to_text

MAX_POLL_DURATION = timedelta(minutes=15)
"""Longest run of a Lambda function; later rows have a wrong time."""


def write_for_unlisted(kind: Kind, row: Row, poll: PollContext) -> Update | None:
    """Return the write for a row whose task EC2 no longer lists, or None.

    A failed task is given the same time as a listed one to receive its error code. A running task is missing at first,
    and lost when it has been missing for ``poll.lost_after``. A row of another program that lacks attributes is left
    alone.
    """
    if not {"state", "updated_at", "first_seen_at"} <= row.keys():
        return None
    if outcome := outcome_of(kind, row, row, poll.now):
        return Update(key_of(row), end_attributes(outcome, row, to_text(poll.now)), unchanged_since_read(row))
    if row["state"] in kind.endings or _is_newer(row, poll):
        return None
    return _missing(row, poll)


def unreachable_writes(running: Iterable[Row], accounts: Container[str], now: datetime) -> Iterator[Update]:
    """Yield the writes that mark ``running`` rows of ``accounts``.

    These are not watched any more. The mark goes when a poll finds the task listed.
    """
    for row in running:
        if account_and_region(row)[0] in accounts and UNREACHABLE_SINCE not in row:
            unchanged = unchanged_since_read(row) | {UNREACHABLE_SINCE: None}
            yield Update(key_of(row), {UNREACHABLE_SINCE: to_text(now)}, unchanged)


def _is_newer(row: Row, poll: PollContext) -> bool:
    """Tell whether a concurrent poll inserted the row after this poll began.

    This poll's answer may then not have the task.
    """
    return to_text(poll.now) < str(row["first_seen_at"]) <= to_text(poll.now + MAX_POLL_DURATION)


def _missing(row: Row, poll: PollContext) -> Update | None:
    now = to_text(poll.now)
    since = normalize(str(row.get(MISSING_SINCE, "")))
    unchanged = unchanged_since_read(row) | {MISSING_SINCE: row.get(MISSING_SINCE)}
    if since is None or since > now:  # missing for the first time, or since a time of a wrong clock
        return Update(key_of(row), {MISSING_SINCE: now}, unchanged)
    if since == now or parse(since) + poll.lost_after > poll.now:
        return None
    # The real end is unknown, so the row gets the time at which the task was declared lost.
    return Update(key_of(row), end_attributes(LOST, row | {"finished_at": now}, now), unchanged)
