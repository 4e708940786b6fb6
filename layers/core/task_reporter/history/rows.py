"""Rows of the history as plain dicts, and their forms in DynamoDB.

The attributes are a public interface: people query the table with their own tools.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

Value = str | int
Row = dict[str, Value]
"""Attribute name → value: text, or a whole number such as ``progress``."""

AWAITING_OUTCOME = "outcome"
AWAITING_NOTIFICATION = "notification"
BY_AWAITING = "by-awaiting"
"""The index of the rows that await something."""
NOTIFIED_AT, EVENT_SENT_AT = "notified_at", "event_sent_at"
"""Marks: when SNS accepted the notice, and the event bus the event."""

ACCOUNT = re.compile(r"[0-9]{12}")
REGION = re.compile(r"[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}")
"""The parts of a scope: an account's id, and a region."""

ROSTER_SCOPE = "roster"
"""The scope of the rows that describe the reporter itself, one for each account."""

HELD_FOR, HELD_FOR_DIGEST = "held_for", "digest"
"""Marks a row that is announced in a digest of its account.

The digest has all such rows of the account.
A write to the account's roster row asks the notifier for the digest.
"""
DIGEST_REDRIVES = 1
"""Redrives after which a row is announced although it is held."""

MISSING_SINCE, UNREACHABLE_SINCE = "missing_since", "unreachable_since"
"""Times since when a running task can't be seen.

It is missing from its list, or its account is not watched any more.
"""

ACCOUNT_NAME = "account_name"
"""The name of the account in AWS Organizations."""

COMMON_ATTRIBUTES = (
    "scope", ACCOUNT_NAME, "kind", "task_id", "state", "outcome", "resource_id", "progress", "started_at", "updated_at",
    "first_seen_at", "finished_at", "bucket", "prefix", "error_code", "error_message",
)  # fmt: skip
"""Attributes of every kind that a notice contains.

A kind adds its own; all others stay in the table.
"""

TEST_ATTRIBUTE = "test"
"""Marks a row that stands for no task.

``task-reporter test`` writes such a row, and removes it afterwards.
"""


class Key(NamedTuple):
    """The primary key of a row."""

    scope: str
    task_id: str


def key_of(row: Mapping[str, Value]) -> Key:
    """Return the primary key of ``row``."""
    return Key(str(row["scope"]), str(row["task_id"]))


def redrives_of(row: Mapping[str, Value]) -> int:
    """Return how often ``row`` was redriven; 0 where another program wrote something else there."""
    count = row.get("redrives", 0)
    return count if isinstance(count, int) else 0


def is_held(row: Mapping[str, Value]) -> bool:
    """Tell whether ``row`` waits for the digest of its account."""
    return HELD_FOR in row and redrives_of(row) <= DIGEST_REDRIVES


def expiry(since: datetime, retention_days: int) -> int:
    """Return the epoch seconds at which a row expires that is kept for ``retention_days``."""
    return int((since + timedelta(days=retention_days)).timestamp())


def account_and_region(row: Mapping[str, Value]) -> tuple[str, str]:
    """Return the account id and the region of ``row``: its scope's two parts."""
    account, _, region = str(row["scope"]).partition("/")
    return account, region


def short_account(account: str, name: str) -> str:
    """Return the ``name`` of an account, or its id where there is none.

    A name of digits counts as none, because it would look like the id of another account.
    """
    return account if not name or name.isdecimal() else name


def common_scope(scopes: Sequence[str]) -> str:
    """Return the only one of ``scopes``, or else ``<account id>/``.

    That stands for all regions of the account.
    """
    return scopes[0] if len(set(scopes)) == 1 else scopes[0].partition("/")[0] + "/"


def to_attribute(value: Value) -> dict[str, str]:
    """Convert ``value`` to DynamoDB's typed JSON."""
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def to_key(key: Key) -> dict[str, dict[str, str]]:
    """Convert ``key`` to DynamoDB's typed JSON."""
    return {"scope": to_attribute(key.scope), "task_id": to_attribute(key.task_id)}


def from_item(item: Mapping[str, Mapping[str, Any]]) -> Row:
    """Convert an item of DynamoDB to a row.

    Attributes of types that this version never writes are left out.
    """
    row: Row = {}
    for name, typed in item.items():
        if "S" in typed:
            row[name] = typed["S"]
        elif "N" in typed:
            row[name] = int(float(typed["N"]))
    return row
