"""A notice that is marked as a test, sent down the whole real path: table, stream, notifier, topic."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from task_reporter.history import History
from task_reporter.kinds import BUNDLE, CANCELLED, COMPLETE, FAILED
from task_reporter.rows import AWAITING_NOTIFICATION, TEST, Key, Row, key_of, to_key
from task_reporter.times import stamp
from task_reporter.writes import Insert
from task_reporter_cli.reader import Answer, Question

WORKED = timedelta(minutes=34)
KEPT = timedelta(days=1)
"""The time after which DynamoDB removes a row whose test was killed, where rows expire at all."""
LEFT_OVER = timedelta(hours=1)
"""The age at which a row's test was surely killed: the next test removes it."""
RESOURCE = "i-0123456789abcdef0"
"""The instance of AWS's examples; by it the rows of all tests are found."""
ERRORS: dict[str, Row] = {
    FAILED: {"error_code": "Client.S3Error", "error_message": "This is what EC2 says of a failure."},
    CANCELLED: {"error_code": "Client.Cancelled", "error_message": "This is what EC2 says of a cancellation."},
}


def trial_row(scope: str, outcome: str, now: datetime) -> Row:
    """A row like that of a real task which has just ended with ``outcome``, marked as a test."""
    ended = stamp(now)
    return {
        "scope": scope,
        "task_id": f"test-{uuid.uuid4().hex[:8]}",
        "kind": BUNDLE.name,
        "state": "complete" if outcome == COMPLETE else "failed",
        "outcome": outcome,
        "resource_id": RESOURCE,
        "progress": 100 if outcome == COMPLETE else 40,
        "started_at": stamp(now - WORKED),
        "updated_at": ended,
        "first_seen_at": ended,
        "finished_at": ended,
        "bucket": "example-bucket",
        "prefix": "test",
        "image_location": "example-bucket/test.manifest.xml",
        **ERRORS.get(outcome, {}),
        "awaiting": AWAITING_NOTIFICATION,
        "awaiting_since": ended,
        "expires_at": int((now + KEPT).timestamp()),
        TEST: "true",
    }


@contextmanager
def posted(row: Row, history: History) -> Iterator[None]:
    """``row`` in the history while the context lasts; gone afterwards, whatever happens.

    Raises HistoryError and botocore's errors.
    """
    history.apply([Insert(row)])
    try:
        yield
    finally:
        _remove(key_of(row), history)


def remove_left_over(history: History, now: datetime) -> int:
    """Remove the rows of tests that were killed; the number of them. Raises botocore's errors."""
    question = Question(resource=RESOURCE, until=stamp(now - LEFT_OVER))
    keys = [key_of(row) for row in Answer(history.client, history.table, question) if TEST in row]
    return sum(_remove(key, history) for key in keys)


def _remove(key: Key, history: History) -> bool:
    """Remove the row of a test, never that of a task; False where there is none."""
    try:
        history.client.delete_item(
            TableName=history.table,
            Key=to_key(key),
            ConditionExpression="attribute_exists(#test)",
            ExpressionAttributeNames={"#test": TEST},
        )
    except history.client.exceptions.ConditionalCheckFailedException:
        return False
    return True
