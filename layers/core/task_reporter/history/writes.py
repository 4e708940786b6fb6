"""Conditional writes to the history, and the requests that DynamoDB takes for them."""

from dataclasses import dataclass, field
from typing import Any

from task_reporter.history.rows import Key, Row, Value, key_of, to_attribute, to_key


@dataclass(frozen=True, slots=True)
class Insert:
    """A new row. The condition: there is no row with its key."""

    row: Row

    @property
    def key(self) -> Key:
        """The primary key of the row."""
        return key_of(self.row)


@dataclass(frozen=True, slots=True)
class Update:
    """Attributes to set and remove.

    The condition: the row exists, and has all ``expected`` attributes.
    """

    key: Key
    set: Row
    expected: dict[str, Value | None]
    """Attribute → its value; None where the row must not have the attribute."""
    remove: tuple[str, ...] = field(default=())


Write = Insert | Update


def is_applied(write: Write, row: Row) -> bool:
    """Tell whether ``row`` is the result of ``write``."""
    if isinstance(write, Insert):
        return row == write.row
    return write.set.items() <= row.items() and not row.keys() & set(write.remove)


def transaction_item(table: str, write: Write) -> dict[str, Any]:
    """Return ``write`` as one item of a transaction."""
    return {"Put": put_request(table, write)} if isinstance(write, Insert) else {"Update": update_request(table, write)}


def put_request(table: str, write: Insert) -> dict[str, Any]:
    """Return the parameters of a put that never replaces a row."""
    item = {name: to_attribute(value) for name, value in write.row.items()}
    return {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(task_id)"}


def update_request(table: str, write: Update) -> dict[str, Any]:
    """Return the parameters of an update that never makes a row."""
    names = dict.fromkeys([*write.set, *write.remove, *write.expected])
    alias = {name: f"#n{number}" for number, name in enumerate(names)}
    new_values = {f":s{number}": value for number, value in enumerate(write.set.values())}
    expected = {f":e{number}": value for number, value in enumerate(write.expected.values()) if value is not None}
    conditions = ["attribute_exists(task_id)"]
    for number, (name, value) in enumerate(write.expected.items()):
        equals = f"{alias[name]} = :e{number}"
        conditions.append(equals if value is not None else f"attribute_not_exists({alias[name]})")
    clauses = {
        "SET": [f"{alias[name]} = {placeholder}" for name, placeholder in zip(write.set, new_values, strict=True)],
        "REMOVE": [alias[name] for name in write.remove],
    }
    request = {
        "TableName": table,
        "Key": to_key(write.key),
        "UpdateExpression": " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {placeholder: name for name, placeholder in alias.items()},
    }
    # DynamoDB refuses an empty clause, and an empty map of values.
    values = {name: to_attribute(value) for name, value in (new_values | expected).items()}
    return request | ({"ExpressionAttributeValues": values} if values else {})
