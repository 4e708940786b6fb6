"""Writes to the history, each with its condition, and the shape in which DynamoDB takes them."""

from dataclasses import dataclass, field
from typing import Any

from task_reporter.rows import Key, Row, Value, key_of, to_attribute, to_key


@dataclass(frozen=True, slots=True)
class Insert:
    """A new row, written only where there is none."""

    row: Row

    @property
    def key(self) -> Key:
        """The primary key of the row."""
        return key_of(self.row)


@dataclass(frozen=True, slots=True)
class Update:
    """Attributes to set and remove, written only while each of ``expected`` holds (None: is absent)."""

    key: Key
    set: Row
    expected: dict[str, Value | None]
    remove: tuple[str, ...] = field(default=())


Write = Insert | Update


def is_done(write: Write, row: Row) -> bool:
    """Whether ``row`` is what ``write`` makes of it."""
    if isinstance(write, Insert):
        return row == write.row
    return write.set.items() <= row.items() and not row.keys() & set(write.remove)


def action(table: str, write: Write) -> dict[str, Any]:
    """``write`` as one action of a transaction."""
    return {"Put": put(table, write)} if isinstance(write, Insert) else {"Update": update(table, write)}


def put(table: str, write: Insert) -> dict[str, Any]:
    """A put that never replaces a row."""
    item = {name: to_attribute(value) for name, value in write.row.items()}
    return {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(task_id)"}


def update(table: str, write: Update) -> dict[str, Any]:
    """An update that never makes a row: the condition wants one."""
    names = dict.fromkeys([*write.set, *write.remove, *write.expected])
    alias = {name: f"#n{number}" for number, name in enumerate(names)}
    values = {f":s{number}": value for number, value in enumerate(write.set.values())}
    wanted = {f":e{number}": value for number, value in enumerate(write.expected.values()) if value is not None}
    conditions = ["attribute_exists(task_id)"]
    for number, (name, value) in enumerate(write.expected.items()):
        there = f"{alias[name]} = :e{number}"
        conditions.append(there if value is not None else f"attribute_not_exists({alias[name]})")
    changes = {
        "SET": [f"{alias[name]} = {value}" for name, value in zip(write.set, values, strict=True)],
        "REMOVE": [alias[name] for name in write.remove],
    }
    request = {
        "TableName": table,
        "Key": to_key(write.key),
        "UpdateExpression": " ".join(f"{verb} {', '.join(what)}" for verb, what in changes.items() if what),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {short: name for name, short in alias.items()},
    }
    # DynamoDB refuses an empty clause, and an empty map of values.
    used = {name: to_attribute(value) for name, value in (values | wanted).items()}
    return request | ({"ExpressionAttributeValues": used} if used else {})
