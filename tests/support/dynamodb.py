"""The only fake of DynamoDB: the table with its indexes and stream.

The fake accepts the requests of this project, refuses invalid ones as DynamoDB does, and raises ValueError for others.
``tests/integration/test_fake_dynamodb.py`` compares its answers with those of DynamoDB Local.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from threading import RLock
from typing import Any

from botocore.exceptions import ClientError

from task_reporter.history.backlog import query_awaiting
from task_reporter.history.rows import Key, Row, Value, from_item, key_of, to_attribute, to_key
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Insert, Update, Write
from tests.support.stream_mapping import FakeClock
from tests.support.stream_records import Record, stream_record
from tests.support.template import table_properties

FIRST_SEQUENCE = 4_421_584_500_000_000_017_450_439_000
KEYS = {"scope", "task_id"}
MAX_WRITES = MAX_KEYS = 100
MAX_SORT_KEY, MAX_PARTITION_KEY, MAX_ITEM, MAX_EXPRESSION = 1024, 2048, 400 * 1024, 4096
"""Bytes."""
MAX_DIGITS = 38
QUERY = re.compile(
    r"(#?\w+) = (:\w+)"
    r"(?: AND (?:begins_with\()?(#?\w+)(?: = (:\w+)| BETWEEN (:\w+) AND (:\w+)|, (:\w+)\)))?"
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a row; None stands for no row."""

    key: Key
    before: Row | None
    after: Row | None


class Table(HistoryTable):
    """The table in memory, and the history that reads and writes it.

    rows     by key; a test may change them directly, which leaves no record
    written  the conditional writes that were applied, oldest first
    records  the records of the stream, oldest first
    before   called with the writes of a request before they are applied: to fail, or to change a row just then
    watch    called with each change of a row
    """

    def __init__(self, *rows: Row, clock: Callable[[], float] | None = None) -> None:
        super().__init__(DynamoDb(self), "history", pause=lambda seconds: None)
        self.rows: dict[Key, Row] = {}
        self.written: list[Write] = []
        self.records: list[Record] = []
        self.before: Callable[[Sequence[Write]], None] = lambda writes: None
        self.watch: Callable[[Change], None] = lambda change: None
        self.lock = RLock()
        self._clock = clock or FakeClock()
        for row in rows:
            self.put(row)

    def put(self, row: Row) -> Record:
        """Write a row unconditionally; return its record, even without a change."""
        return self._store(key_of(row), dict(row))

    def change(self, key: Key, **changes: Value | None) -> Record:
        """Change some attributes of a row; None removes one."""
        return self.put({name: value for name, value in {**self.rows[key], **changes}.items() if value is not None})

    def expire(self, key: Key) -> Record:
        """Delete a row, as DynamoDB's TTL does."""
        return self._store(key, None)

    def awaiting(self, scope: str, state: str) -> list[Row]:
        """Return the rows of ``scope`` that await ``state``: an outcome or a notification."""
        return query_awaiting(self, scope, state)

    def untold(self) -> set[str]:
        return {key.task_id for key, row in self.rows.items() if row.get("awaiting") == "notification"}

    def allows(self, write: Write) -> bool:
        """Tell whether the condition of ``write`` holds."""
        row = self.rows.get(write.key)
        if isinstance(write, Insert):
            return row is None
        return row is not None and all(row.get(name) == value for name, value in write.expected.items())

    def result_of(self, write: Write) -> Row:
        if isinstance(write, Insert):
            return dict(write.row)
        row = self.rows.get(write.key, {}) | write.set
        return {name: value for name, value in row.items() if name not in write.remove}

    def do(self, write: Write) -> None:
        """Apply ``write``, whose condition holds."""
        self.written.append(write)
        before, after = self.rows.get(write.key), self.result_of(write)
        if before != after:  # DynamoDB writes no record where nothing changes
            self._store(write.key, after)
        else:
            self.watch(Change(write.key, before, after))

    def _store(self, key: Key, after: Row | None) -> Record:
        before = self.rows.pop(key, None)
        if after is not None:
            self.rows[key] = after
        event = "REMOVE" if after is None else "MODIFY" if before else "INSERT"
        image = {name: to_attribute(value) for name, value in (after or {}).items()} or None
        sequence = FIRST_SEQUENCE + len(self.records)
        self.records.append(stream_record(event, to_key(key), image, sequence=sequence, created=self._clock()))
        self.watch(Change(key, before, after))
        return self.records[-1]


class DynamoDb:
    """The operations of a DynamoDB client on ``table``.

    calls     the operations that were called
    requests  the parameters of each call
    page      the most rows or keys that an answer holds
    read      how many rows queries have read
    """

    def __init__(self, table: Table, page: int = MAX_KEYS) -> None:
        self.table = table
        self.page = page
        self.calls: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.read = 0

    # Reads

    def describe_table(self, **request: Any) -> dict[str, Any]:
        self._begin("describe_table", request)
        return {"Table": {"ItemCount": len(self.table.rows)}}

    def get_item(self, **request: Any) -> dict[str, Any]:
        self._begin("get_item", request)
        row = self.table.rows.get(key_of(from_item(request["Key"])))
        return {"Item": to_item(row)} if row else {}

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        self._begin("batch_get_item", {"RequestItems": RequestItems})
        [(name, request)] = RequestItems.items()
        if not request["ConsistentRead"]:
            raise ValueError("a poll must read the writes of the poll before it")
        keys = [key_of(from_item(key)) for key in request["Keys"]]
        if len(keys) > MAX_KEYS or len(set(keys)) < len(keys):
            raise refusal("ValidationException", "BatchGetItem")
        rows = (self.table.rows.get(key) for key in keys[: self.page])
        later = [{name: request | {"Keys": request["Keys"][self.page :]}}] if len(keys) > self.page else []
        return {"Responses": {name: [to_item(row) for row in rows if row]}, "UnprocessedKeys": dict(*later)}

    def query(self, **request: Any) -> dict[str, Any]:
        """Return one page; the limit counts rows before the filter."""
        self._begin("query", request)
        rows = self._indexed(request)
        start = request.get("ExclusiveStartKey", {}).get("position", 0)
        end = start + min(request.get("Limit", self.page), self.page)
        page = rows[start:end]
        self.read += len(page)
        answer: dict[str, Any] = {"Items": [_projected(row, request) for row in page if _passes(row, request)]}
        # DynamoDB does not check that there is a next row.
        return answer | ({"LastEvaluatedKey": {"position": end}} if len(page) == end - start else {})

    def _indexed(self, request: Mapping[str, Any]) -> list[Row]:
        """Return the rows that the key condition selects, in the index's order."""
        found = QUERY.fullmatch(request["KeyConditionExpression"])
        if not found:
            raise ValueError(request["KeyConditionExpression"])
        names, values = request.get("ExpressionAttributeNames", {}), request["ExpressionAttributeValues"]
        partition, sort = index_keys()[request["IndexName"]] if "IndexName" in request else ("scope", "task_id")
        compared, value, sorted_by, equal, low, high, prefix = found.groups()
        if names.get(compared, compared) != partition or (sorted_by and names.get(sorted_by, sorted_by) != sort):
            raise ValueError(f"{request.get('IndexName', 'the table')} has other keys than {found[0]}")
        low, high = (
            values[bound]["S"] if bound else other
            for bound, other in ((low or equal or prefix, ""), (high or equal, "\U0010ffff"))
        )
        if prefix:
            high = f"{low}\U0010ffff"
        rows = [
            row
            for row in self.table.rows.values()
            if row.get(partition) == values[value]["S"]
            and isinstance(row.get(sort), str)
            and low <= str(row[sort]) <= high
        ]
        return sorted(rows, key=lambda row: str(row[sort]), reverse=not request.get("ScanIndexForward", True))

    # Writes

    def put_item(self, **request: Any) -> dict[str, Any]:
        return self._write_one("put_item", "Put", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        return self._write_one("update_item", "Update", request)

    def transact_write_items(self, TransactItems: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        self._begin("transact_write_items", {"TransactItems": TransactItems})
        writes = [parse(action) for action in TransactItems]
        if len(writes) > MAX_WRITES or len({write.key for write in writes}) < len(writes):
            raise refusal("ValidationException", "TransactWriteItems")
        with self.table.lock:
            self.table.before(writes)
            codes = [self._why_refused(action, write) for action, write in zip(TransactItems, writes, strict=True)]
            if any(codes):
                reasons = [{"Code": code or "None"} for code in codes]
                raise refusal("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
            for write in writes:
                self.table.do(write)
        return {}

    def _write_one(self, operation: str, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Apply one write; if its condition fails, the error may contain the row."""
        self._begin(operation, request)
        write = parse({verb: request})
        with self.table.lock:
            self.table.before([write])
            code = self._why_refused({verb: request}, write)
            if code == "ValidationError":
                raise refusal("ValidationException", f"{verb}Item")
            if code:
                row = self.table.rows.get(write.key)
                shown: dict[str, Any] = (
                    {"Item": to_item(row)} if row and "ReturnValuesOnConditionCheckFailure" in request else {}
                )
                raise refusal("ConditionalCheckFailedException", f"{verb}Item", **shown)
            self.table.do(write)
        return {}

    def _why_refused(self, action: Mapping[str, Any], write: Write) -> str | None:
        """Return the code with which DynamoDB refuses ``write``, or None."""
        if next(invalid(action), None):
            return "ValidationError"
        if not self.table.allows(write):
            return "ConditionalCheckFailed"
        return "ValidationError" if size_of(to_item(self.table.result_of(write))) > MAX_ITEM else None

    def _begin(self, operation: str, request: Mapping[str, Any]) -> None:
        self.calls.append(operation)
        self.requests.append(dict(request))


def refusal(code: str, operation: str = "AnOperation", status: int = 400, **members: Any) -> ClientError:
    """Return the error that botocore raises for DynamoDB's error ``code``."""
    response: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response | members, operation)


def to_item(row: Row) -> dict[str, Any]:
    return {name: to_attribute(value) for name, value in row.items()}


@cache
def index_keys() -> dict[str, tuple[str, str]]:
    """Return the partition key and the sort key of each index, from the template."""
    return {
        index["IndexName"]: tuple(key["AttributeName"] for key in index["KeySchema"])
        for index in table_properties()["GlobalSecondaryIndexes"]
    }


def _projected(row: Row, request: Mapping[str, Any]) -> dict[str, Any]:
    if "ProjectionExpression" not in request:
        return to_item(row)
    names = [
        request["ExpressionAttributeNames"].get(name, name) for name in request["ProjectionExpression"].split(", ")
    ]
    return to_item({name: row[name] for name in names if name in row})


def _passes(row: Row, request: Mapping[str, Any]) -> bool:
    """Tell whether ``row`` passes all alternatives and ranges of a filter."""
    names, values = request.get("ExpressionAttributeNames", {}), request["ExpressionAttributeValues"]
    expression = request.get("FilterExpression", "").replace(" BETWEEN ", " .. ")
    if not expression:
        return True
    ranges = re.compile(r"(#\w+) \.\. (:\w+) AND (:\w+)")
    if any(
        not values[low]["S"] <= str(row.get(names[name], "")) <= values[high]["S"]
        for name, low, high in ranges.findall(expression)
    ):
        return False
    groups = [group for group in ranges.sub("", expression).split(" AND ") if group]
    return all(any(_holds(test, row, names, values) for test in group.split(" OR ")) for group in groups)


def _holds(test: str, row: Row, names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    found = re.fullmatch(r"\(?(?:(begins_with|contains)\()?(#\w+)(?: =|,) (:\w+)\)*", test)
    if not found:
        raise ValueError(test)
    function, name, alias = found.groups()
    stored, wanted = str(row.get(names[name], "")), values[alias]["S"]
    return {"begins_with": stored.startswith, "contains": stored.__contains__}.get(function, stored.__eq__)(wanted)


def parse(action: Mapping[str, Any]) -> Write:
    """Return the write of ``action``, which is a part of a transaction.

    Raises ValueError for a missing condition, and for empty text, which the history does not contain.
    """
    [(verb, request)] = action.items()
    if {"S": ""} in [*request.get("Item", {}).values(), *request.get("ExpressionAttributeValues", {}).values()]:
        raise ValueError("empty text")
    if verb == "Put":
        if request["ConditionExpression"] != "attribute_not_exists(task_id)":
            raise ValueError("a put without a condition replaces a row")
        return Insert(from_item(request["Item"]))
    exists, *conditions = request["ConditionExpression"].split(" AND ")
    if exists != "attribute_exists(task_id)":
        raise ValueError("an update without this condition makes a row")
    names, values = request["ExpressionAttributeNames"], from_item(request.get("ExpressionAttributeValues", {}))
    clauses = re.fullmatch(r"(SET (?P<set>.+?))?( ?REMOVE (?P<remove>.+))?", request["UpdateExpression"])
    if not clauses:
        raise ValueError(request["UpdateExpression"])
    assignments = (assignment.split(" = ") for assignment in (clauses["set"] or "").split(", ") if assignment)
    return Update(
        key_of(from_item(request["Key"])),
        {names[name]: values[value] for name, value in assignments},
        dict(_condition(condition, names, values) for condition in conditions),
        tuple(names[name] for name in (clauses["remove"] or "").split(", ") if name),
    )


def _condition(text: str, names: Mapping[str, str], values: Row) -> tuple[str, Value | None]:
    if absent := re.fullmatch(r"attribute_not_exists\((#\w+)\)", text):
        return names[absent[1]], None
    name, value = text.split(" = ")
    return names[name], values[value]


def invalid(action: Mapping[str, Any]) -> Iterator[str]:
    """Yield the reasons for which DynamoDB refuses ``action``, whatever the row."""
    [(verb, request)] = action.items()
    if verb == "Put":
        yield from _invalid_item(request["Item"])
        return
    names, values = request["ExpressionAttributeNames"], request.get("ExpressionAttributeValues", {})
    expressions = request["UpdateExpression"] + request["ConditionExpression"]
    write = parse(action)
    assert isinstance(write, Update)
    if not request["UpdateExpression"] or len(expressions) > MAX_EXPRESSION:
        yield "no expression, or a long one"
    if (KEYS | set(write.remove)) & write.set.keys():
        yield "it sets a key, or what it removes"
    yield from _invalid_item(request["Key"])
    for name, value in write.set.items():
        yield from _invalid_value(name, to_attribute(value))
    yield from (f"{alias} is not used" for alias in [*names, *values] if alias not in expressions)


def _invalid_item(item: Mapping[str, Any]) -> Iterator[str]:
    if KEYS - item.keys():
        yield "a key is missing"
    for name, typed in item.items():
        yield from _invalid_value(name, typed)


def _invalid_value(name: str, typed: Mapping[str, Any]) -> Iterator[str]:
    [(form, value)] = typed.items()
    partitions, sorts = ({keys[which] for keys in index_keys().values()} for which in (0, 1))
    is_key = name in KEYS | partitions | sorts
    longest = MAX_SORT_KEY if name in sorts | {"task_id"} else MAX_PARTITION_KEY if is_key else MAX_ITEM
    if form == "N":
        if is_key or sum(map(str.isdigit, value)) > MAX_DIGITS:
            yield f"{name} is the number {value}"
    elif len(value.encode()) > longest:
        yield f"{name} has {len(value.encode())} bytes"


def size_of(item: Mapping[str, Any]) -> int:
    """Return an item's size in bytes, about as DynamoDB counts it."""
    values = (str(value) for typed in item.values() for value in typed.values())
    return sum(len(text.encode()) for text in [*item, *values])
