"""DynamoDB's table as far as the recording half leans on it: conditions are checked, and rows are never replaced.

``Table`` takes the writes themselves and can stand in for the history; ``DynamoDb`` is the client in front of it,
for the real history. What DynamoDB refuses, they refuse:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from task_reporter.history.rows import Key, Row, Value, from_item, key_of, to_attribute
from task_reporter.history.table import ApplyResult
from task_reporter.history.writes import Insert, Update, Write
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline

KEY_ATTRIBUTES = {"scope", "task_id"}


class Table:
    """Rows by key, and every write that was done, in order."""

    def __init__(self, *rows: Row) -> None:
        self.rows: dict[Key, Row] = {key_of(row): dict(row) for row in rows}
        self.written: list[Write] = []

    def read(self, keys: Iterable[Key], deadline: Deadline = NO_DEADLINE) -> dict[Key, Row]:
        """Copies of the rows of ``keys`` that exist."""
        deadline.check("reading the history", 0)
        return {key: dict(self.rows[key]) for key in keys if key in self.rows}

    def awaiting(self, scope: str, what: str, deadline: Deadline = NO_DEADLINE) -> list[Row]:
        """Copies of the rows of ``scope`` that await ``what``."""
        deadline.check("reading the history", 0)
        return [dict(row) for key, row in self.rows.items() if key.scope == scope and row.get("awaiting") == what]

    def apply(self, writes: Sequence[Write], deadline: Deadline = NO_DEADLINE) -> ApplyResult:
        """Do each of ``writes`` whose condition holds."""
        deadline.check("writing the history", 0)
        applied = ApplyResult()
        for write in writes:
            if self.allows(write):
                self._do(write)
                applied.written.append(write)
            else:
                applied.overtaken.append(write)
        return applied

    def allows(self, write: Write) -> bool:
        """Whether the condition of ``write`` holds."""
        row = self.rows.get(write.key)
        if isinstance(write, Insert):
            return row is None
        return row is not None and all(row.get(name) == value for name, value in write.expected.items())

    def _do(self, write: Write) -> None:
        _check(write)
        if isinstance(write, Insert):
            self.rows[write.key] = dict(write.row)
        else:
            kept = {name: value for name, value in self.rows[write.key].items() if name not in write.remove}
            self.rows[write.key] = kept | write.set
        self.written.append(write)


def _check(write: Write) -> None:
    """Raise ValueError where DynamoDB would refuse ``write`` whatever the row."""
    values = write.row if isinstance(write, Insert) else write.set
    changes = values or (isinstance(write, Update) and write.remove)
    if not changes or any(value == "" or not isinstance(value, str | int) for value in values.values()):
        raise ValueError(f"nothing, or a value that can't be stored: {values}")
    if isinstance(write, Update) and (KEY_ATTRIBUTES | set(write.remove)) & write.set.keys():
        raise ValueError(f"an update sets a key or what it removes: {write}")


class DynamoDb:
    """The operations of a DynamoDB client that the history needs, over ``table``; ``calls`` names each call."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.calls: list[str] = []

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append("batch_get_item")
        [(name, request)] = RequestItems.items()
        if not request["ConsistentRead"]:
            raise ValueError("a poll must see what the poll before it wrote")
        rows = self.table.read(key_of(from_item(key)) for key in request["Keys"])
        return {"Responses": {name: [_item(row) for row in rows.values()]}, "UnprocessedKeys": {}}

    def query(
        self, IndexName: str, ExpressionAttributeValues: Mapping[str, Any], ExclusiveStartKey: Any = None, **_: Any
    ) -> dict[str, Any]:
        """The sparse index, one row a page: whoever asks must read all pages."""
        self.calls.append("query")
        if IndexName != "by-awaiting":
            raise ValueError(f"the recorder has no business in {IndexName}")
        asked = from_item(ExpressionAttributeValues)
        rows = self.table.awaiting(str(asked[":scope"]), str(asked[":awaiting"]))
        at = ExclusiveStartKey or 0
        more = {"LastEvaluatedKey": at + 1} if at + 1 < len(rows) else {}
        return {"Items": [_item(row) for row in rows[at : at + 1]], **more}

    def transact_write_items(self, TransactItems: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        self.calls.append("transact_write_items")
        writes = [_write(action) for action in TransactItems]
        allowed = [self.table.allows(write) for write in writes]
        if not all(allowed):
            reasons = [{"Code": "None" if allow else "ConditionalCheckFailed"} for allow in allowed]
            said: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(said, "TransactWriteItems")
        self.table.apply(writes)
        return {}

    def put_item(self, **request: Any) -> dict[str, Any]:
        self.calls.append("put_item")
        return self._alone("Put", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        self.calls.append("update_item")
        return self._alone("Update", request)

    def _alone(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Refused with the row as it is, where the request asks for that."""
        write = _write({verb: request})
        if self.table.allows(write):
            self.table.apply([write])
            return {}
        there = (
            self.table.read([write.key]).get(write.key) if "ReturnValuesOnConditionCheckFailure" in request else None
        )
        said: Any = {"Error": {"Code": "ConditionalCheckFailedException"}} | ({"Item": _item(there)} if there else {})
        raise ClientError(said, f"{verb}Item")


def _item(row: Row) -> dict[str, Any]:
    return {attribute: to_attribute(value) for attribute, value in row.items()}


def _write(action: Mapping[str, Any]) -> Write:
    """The write that ``action`` of a transaction asks for."""
    [(verb, request)] = action.items()
    if verb == "Put":
        if request["ConditionExpression"] != "attribute_not_exists(task_id)":
            raise ValueError("a put without a condition replaces a row")
        return Insert(from_item(request["Item"]))
    return _update(request)


def _update(request: Mapping[str, Any]) -> Update:
    names = request["ExpressionAttributeNames"]
    values = from_item(request.get("ExpressionAttributeValues", {}))
    there, *conditions = request["ConditionExpression"].split(" AND ")
    if there != "attribute_exists(task_id)":
        raise ValueError("an update without this condition makes a row")
    change = re.fullmatch(r"(SET (?P<set>.+?))?( ?REMOVE (?P<remove>.+))?", request["UpdateExpression"])
    if not change:
        raise ValueError(request["UpdateExpression"])
    assignments = (assignment.split(" = ") for assignment in (change["set"] or "").split(", ") if assignment)
    return Update(
        key_of(from_item(request["Key"])),
        {names[name]: values[value] for name, value in assignments},
        dict(_condition(condition, names, values) for condition in conditions),
        tuple(names[name] for name in (change["remove"] or "").split(", ") if name),
    )


def _condition(text: str, names: Mapping[str, str], values: Row) -> tuple[str, Value | None]:
    if absent := re.fullmatch(r"attribute_not_exists\((#\w+)\)", text):
        return names[absent[1]], None
    name, value = text.split(" = ")
    return names[name], values[value]
