"""A test notice through the whole real path: table, stream, notifier, topic."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from task_reporter.history.rows import AWAITING_NOTIFICATION, TEST_ATTRIBUTE, Key, Row, key_of, to_key
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Insert
from task_reporter.kinds.kind import COMPLETE
from task_reporter.kinds.table import KINDS
from task_reporter.times import to_text
from task_reporter_cli.actions.redrive import INTERVAL
from task_reporter_cli.actions.retrier import Retrier
from task_reporter_cli.history.reader import QueryResults, TaskQuery

DURATION = timedelta(minutes=34)
EXPIRES_AFTER = timedelta(days=1)
"""Time to live of a test's row, which outlives only a killed test."""
STALE_AFTER = timedelta(hours=1)
"""Age at which a row's test was surely killed; the next test removes it."""
TEST_RESOURCE = "i-0123456789abcdef0"
"""The instance of AWS's examples, by which the rows of tests are found."""


def build_test_row(scope: str, outcome: str, now: datetime) -> Row:
    """Return a test row like that of a task that just ended with ``outcome``."""
    started, ended = to_text(now - DURATION), to_text(now)
    kind = next(iter(KINDS.values()))
    return {
        "scope": scope,
        "task_id": f"test-{uuid.uuid4().hex[:8]}",
        "kind": kind.name,
        "outcome": outcome,
        **kind.examples[outcome],
        "resource_id": TEST_RESOURCE,
        "progress": 100 if outcome == COMPLETE else 40,
        **({"started_at": started} if kind.has_start_times else {}),
        "updated_at": ended,
        "first_seen_at": started,
        "finished_at": ended,
        "awaiting": AWAITING_NOTIFICATION,
        "awaiting_since": ended,
        "expires_at": int((now + EXPIRES_AFTER).timestamp()),
        TEST_ATTRIBUTE: "true",
    }


@contextmanager
def temporary_row(row: Row, history: HistoryTable) -> Iterator[None]:
    """``row`` in the history while the context lasts; gone afterwards, whatever happens.

    Raises HistoryError and botocore's errors.
    """
    history.apply([Insert(row)])
    try:
        yield
    finally:
        _remove(key_of(row), history)


def watch_marks(key: Key, history: HistoryTable, watch: Retrier) -> Iterator[Row]:
    """Yield the row, look by look, until it has every mark.

    It ends when the time is over, too. A row that somebody removed has every mark. Raises OutOfTimeError, and what
    can't pass by itself.
    """
    while True:
        row = watch.call(lambda: history.read([key])).get(key, {})
        yield row
        if "awaiting" not in row or not watch.remaining:
            return
        watch.pause(INTERVAL)


def remove_stale_rows(history: HistoryTable, now: datetime) -> int:
    """Remove the rows of killed tests and return their number.

    Raises botocore's errors.
    """
    question = TaskQuery(resource=TEST_RESOURCE, until=to_text(now - STALE_AFTER))
    keys = [key_of(row) for row in QueryResults(history.client, history.table, question) if TEST_ATTRIBUTE in row]
    return sum(_remove(key, history) for key in keys)


def _remove(key: Key, history: HistoryTable) -> bool:
    """Remove the row of a test, never of a task; False where none is."""
    try:
        history.client.delete_item(
            TableName=history.table,
            Key=to_key(key),
            ConditionExpression="attribute_exists(#test)",
            ExpressionAttributeNames={"#test": TEST_ATTRIBUTE},
        )
    except history.client.exceptions.ConditionalCheckFailedException:
        return False
    return True
