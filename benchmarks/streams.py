"""Events of the table's stream for the notifier."""

from collections.abc import Sequence
from typing import Any

from task_reporter.history.rows import AWAITING_NOTIFICATION, Row, to_attribute


def waiting(row: Row) -> Row:
    """``row`` before anybody was told of it."""
    told = {name: value for name, value in row.items() if name != "notified_at"}
    return told | {"awaiting": AWAITING_NOTIFICATION, "awaiting_since": row["finished_at"]}


def batch(rows: Sequence[Row]) -> dict[str, Any]:
    """One event about ``rows``, each just written."""
    return {"Records": [_record(row) for row in rows]}


def _record(row: Row) -> dict[str, Any]:
    item = {name: to_attribute(value) for name, value in row.items()}
    number = str(int(str(row["task_id"])[4:], 16))
    keys = {name: item[name] for name in ("scope", "task_id")}
    return {
        "eventID": number,
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": keys, "NewImage": item, "SequenceNumber": number, "StreamViewType": "NEW_IMAGE"},
    }
