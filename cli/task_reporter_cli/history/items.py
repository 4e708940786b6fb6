"""Rows as the command line shows them, with all stored attributes of any version."""

import base64
from collections.abc import Mapping
from typing import Any

from task_reporter.kinds.table import kind_of

Item = dict[str, Any]
"""Attribute name → plain JSON value: text, number, true, null, list or object."""


def parse_item(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """Convert a stored item to plain values.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
    """
    return {name: _parse_value(typed) for name, typed in item.items()}


def start_of(row: Mapping[str, Any]) -> Any:
    """Return the start of a task, None where it is unknown.

    For a kind whose list has no start, it is the first poll that saw the task, unless the task had ended by then.
    """
    if "started_at" in row or "started_at:" in kind_of(row).projection:
        return row.get("started_at")
    return row.get("first_seen_at") if row.get("first_seen_at") != row.get("finished_at") else None


def _parse_value(typed: Mapping[str, Any]) -> Any:
    ((form, value),) = typed.items()
    match form:
        case "N":
            return _parse_number(value)
        case "NS":
            return [_parse_number(number) for number in value]
        case "NULL":
            return None
        case "B":
            return base64.b64encode(value).decode()
        case "BS":
            return [base64.b64encode(some).decode() for some in value]
        case "L":
            return [_parse_value(one) for one in value]
        case "M":
            return parse_item(value)
    return value


def _parse_number(text: str) -> int | float:
    """Whole numbers stay whole, however large."""
    try:
        return int(text)
    except ValueError:
        return float(text)
