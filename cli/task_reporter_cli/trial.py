"""A notice that is marked as a test, sent down the whole real path: table, stream, notifier, topic."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from task_reporter.history import History
from task_reporter.kinds import BUNDLE, CANCELLED, COMPLETE, FAILED
from task_reporter.rows import AWAITING_NOTIFICATION, TEST, Row, key_of, to_key
from task_reporter.times import stamp
from task_reporter.writes import Insert

WORKED = timedelta(minutes=34)
KEPT = timedelta(days=1)
"""Should we be killed before the row is removed, DynamoDB removes it after this."""
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
        "resource_id": "i-0123456789abcdef0",
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
        history.client.delete_item(
            TableName=history.table,
            Key=to_key(key_of(row)),
            ConditionExpression="attribute_exists(#test)",
            ExpressionAttributeNames={"#test": TEST},
        )
