"""What DynamoDB would refuse of a write, whatever the row.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

SORT_KEYS = {"task_id", "updated_at", "finished_at"}
PARTITION_KEYS = {"kind", "outcome", "resource_id", "awaiting"}
KEYS = {"scope", "task_id"}
INDEXED = SORT_KEYS | PARTITION_KEYS | {"scope"}
LONGEST_SORT_KEY, LONGEST_KEY, LARGEST_ITEM = 1024, 2048, 400 * 1024
MOST_DIGITS = 38
LARGEST_EXPRESSION = 4096
ASSIGNED = re.compile(r"(#\w+) = (:\w+)")


def refusals(action: Mapping[str, Any]) -> Iterator[str]:
    """Why DynamoDB would refuse ``action``, one of a transaction."""
    [(verb, request)] = action.items()
    if verb == "Put":
        yield from _item(request["Item"])
    else:
        yield from _update(request)


def _item(item: Mapping[str, Any]) -> Iterator[str]:
    if missing := KEYS - item.keys():
        yield f"no {missing}"
    for name, typed in item.items():
        yield from _value(name, typed)
    if size(item) >= LARGEST_ITEM:
        yield f"{size(item)} bytes"


def _update(request: Mapping[str, Any]) -> Iterator[str]:
    names, values = request["ExpressionAttributeNames"], request.get("ExpressionAttributeValues", {})
    expressions = request["UpdateExpression"] + request["ConditionExpression"]
    if len(expressions) > LARGEST_EXPRESSION:
        yield "a long expression"
    if not request["UpdateExpression"]:
        yield "nothing to update"
    yield from _item(request["Key"])
    for short, alias in ASSIGNED.findall(request["UpdateExpression"]):
        yield from _value(names[short], values[alias])
    for alias in [*names, *values]:
        if alias not in expressions:
            yield f"{alias} is not used"


def _value(name: str, typed: Mapping[str, Any]) -> Iterator[str]:
    [(form, value)] = typed.items()
    if form == "N":
        if not math.isfinite(float(value)) or sum(map(str.isdigit, value)) > MOST_DIGITS:
            yield f"{name} is the number {value}"
        if name in INDEXED:
            yield f"{name} is a number, and an index's key"
    elif form != "S" or not value:
        yield f"{name} is {typed}"
    else:
        longest = LONGEST_SORT_KEY if name in SORT_KEYS else LONGEST_KEY if name in INDEXED else LARGEST_ITEM
        if len(value.encode()) > longest:  # raises where it is no Unicode
            yield f"{name} has {len(value.encode())} bytes"


def size(item: Mapping[str, Any]) -> int:
    """About what DynamoDB counts of an item."""
    values = (str(value) for typed in item.values() for value in typed.values())
    return sum(len(text.encode()) for text in [*item, *values])
