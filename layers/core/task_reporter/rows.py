"""Rows of the history as plain dicts, and the shapes in which DynamoDB takes them.

The attributes are a public interface: people query the table with their own tools.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

Value = str | int
Row = dict[str, Value]
"""Attribute name → value: text, or a whole number for ``progress`` and ``expires_at``."""

AWAITING_OUTCOME = "outcome"
AWAITING_NOTIFICATION = "notification"

TOLD = (
    "scope", "kind", "task_id", "state", "outcome", "resource_id", "progress", "started_at", "updated_at",
    "first_seen_at", "finished_at", "bucket", "prefix", "image_location", "error_code", "error_message",
)  # fmt: skip
"""The attributes that leave the account's table in a notice; all others are the reporter's own business."""

TEST = "test"
"""The attribute of a row that stands for no task: it was written to see a notice arrive, and is removed after."""

POLL_PREFIX = "poll#"
"""Rows about the poller itself stand under ids that begin so; no task may."""


class Key(NamedTuple):
    """A row's primary key."""

    scope: str
    task_id: str


def key_of(row: Mapping[str, Value]) -> Key:
    """The primary key of ``row``."""
    return Key(str(row["scope"]), str(row["task_id"]))


def redrives_of(row: Mapping[str, Value]) -> int:
    """How often ``row`` was sent to the notifier again; somebody else may have written something else there."""
    count = row.get("redrives", 0)
    return count if isinstance(count, int) else 0


def place_of(row: Mapping[str, Value]) -> tuple[str, str]:
    """The account id and the region in which the task of ``row`` ran: the two parts of its scope."""
    account, _, region = str(row["scope"]).partition("/")
    return account, region


def to_attribute(value: Value) -> dict[str, str]:
    """``value`` as DynamoDB's typed JSON."""
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def to_key(key: Key) -> dict[str, dict[str, str]]:
    """``key`` as DynamoDB's typed JSON."""
    return {"scope": to_attribute(key.scope), "task_id": to_attribute(key.task_id)}


def from_item(item: Mapping[str, Mapping[str, Any]]) -> Row:
    """A stored item as a row. Types that this version never writes are left out, not refused."""
    row: Row = {}
    for name, typed in item.items():
        if "S" in typed:
            row[name] = typed["S"]
        elif "N" in typed:
            row[name] = int(float(typed["N"]))
    return row
