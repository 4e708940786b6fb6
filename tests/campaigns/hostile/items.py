"""Rows that others wrote: anything that DynamoDB accepts in this table."""

from collections.abc import Mapping
from random import Random
from typing import Any

from task_reporter.history.rows import to_attribute
from tests.campaigns.hostile import ugly
from tests.support.dynamodb import index_keys
from tests.support.finished import row

Item = dict[str, Mapping[str, Any]]
PARTITION_KEYS, SORT_KEYS = ({keys[which] for keys in index_keys().values()} - {"scope"} for which in (0, 1))

NUMBERS = (
    "0",
    "-0",
    "1E+125",
    "-9.9999999999999999999999999999999999999E+125",
    "1E-130",
    "3.14",
    "101",
    "-1",
    "9" * 38,
)
TYPES: tuple[Mapping[str, Any], ...] = (
    {"BOOL": True}, {"NULL": True}, {"L": []}, {"L": [{"N": "1"}, {"S": ""}]}, {"M": {}}, {"M": {"x": {"B": b"\x00"}}},
    {"B": b"\xff\x00"}, {"SS": ["a", "b"]}, {"NS": ["1", "2.5"]}, {"BS": [b"a"]}, {"S": ""},
)  # fmt: skip
NAMES = (
    "kind", "state", "outcome", "resource_id", "progress", "started_at", "updated_at", "first_seen_at", "finished_at",
    "notified_at", "expires_at", "missing_since", "redriven_at", "redrives", "image_id", "bucket", "prefix", "test",
    "image_location", "error_code", "error_message", "awaiting_since", "owner", "Ünïcode", "x" * 255, "=cmd()", "a,b\n",
)  # fmt: skip


def item(number: int, rng: Random) -> Item:
    """Return a row that is as it should be, and awaits its notification."""
    outcome = rng.choice(("complete", "failed", "cancelled", "lost"))
    return {name: to_attribute(value) for name, value in row(number, outcome).items()}


def spoil(some: Item, rng: Random) -> str:
    """Write something else into one attribute, or take it away; the attribute's name."""
    name = rng.choice(NAMES)
    if rng.random() < 0.15:
        some.pop(name, None)
    elif name in SORT_KEYS | PARTITION_KEYS:
        some[name] = {"S": _key(name, rng)}
    elif rng.random() < 0.4:
        some[name] = {"N": rng.choice(NUMBERS)} if rng.random() < 0.6 else rng.choice(TYPES)
    else:
        some[name] = {"S": ugly.time(rng) if name.endswith(("_at", "_since")) else ugly.text(rng)}
    return name


def _key(name: str, rng: Random) -> str:
    """Tell whether an index takes the value as a key: short, non-empty text."""
    text = ugly.time(rng) if name.endswith("_at") else ugly.text(rng)
    longest = 1024 if name in SORT_KEYS else 2048
    return text.encode()[:longest].decode(errors="ignore") or "?"
