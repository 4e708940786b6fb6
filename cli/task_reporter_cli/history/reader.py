"""Queries of the history, newest first, always through an index, page by page.

What was written a moment ago may be missing or old, for an index follows its table with a delay.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from task_reporter.aws.failures import REQUEST_ERRORS
from task_reporter.history.rows import Key, to_key
from task_reporter.kinds.table import KINDS
from task_reporter_cli.errors import NoTableError
from task_reporter_cli.history.items import Item, parse_item

MIN_FILTERED_PAGE = 100
"""Smallest page where a filter applies; smaller pages only mean more requests."""

EARLIEST, LATEST = "0", "~"
"""Text before and after every stored time."""


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Selection of tasks; no kinds, outcomes or limit mean all.

    Times are in the stored form, both ends included.
    """

    kinds: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    resource: str | None = None
    since: str | None = None
    until: str | None = None
    limit: int | None = None


Filter = tuple[str, tuple[str, ...]]
"""An attribute, and the values that will do."""


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """One key of one index, and the remaining attributes to filter by."""

    index: str
    key: tuple[str, str]
    time: str
    filters: tuple[Filter, ...] = ()


class QueryResults:
    """Rows that match a query, newest first.

    Iterating reads them, so do it once.
    """

    def __init__(self, client: Any, table: str, question: TaskQuery) -> None:
        self._client = client
        self._table = table
        self._query = question
        self._queries = plan_queries(question)
        self._unread: dict[IndexQuery, bool] = {}
        self._read_count = 0
        self.returned = 0
        """Number of rows returned so far."""

    @property
    def may_have_more(self) -> bool:
        """Tell, after the last row, whether the limit ended the rows.

        Nothing is read to find out more.
        """
        # Where parts are merged, the next row of each is taken before it is known which one is given.
        return any(self._unread.values()) or self._read_count > self.returned

    def estimate(self) -> int | None:
        """Estimated number of rows for a progress bar, None if unknown.

        DynamoDB counts a table's rows every six hours. Raises nothing: a person who may not ask waits without it.
        """
        if self._queries != plan_queries(TaskQuery()) or self._query.since or self._query.until:
            return self._query.limit
        try:
            count: int = self._client.describe_table(TableName=self._table)["Table"]["ItemCount"]
        except REQUEST_ERRORS:
            return self._query.limit
        return min(count, self._query.limit or count)

    def __iter__(self) -> Iterator[Item]:
        """Yield the rows. Raises botocore's errors."""
        time = self._queries[0].time
        streams = [self._read_rows(part) for part in self._queries]
        rows = merge(*streams, key=lambda row: str(row.get(time, "")), reverse=True) if len(streams) > 1 else streams[0]
        for row in islice(rows, self._query.limit):
            self.returned += 1
            yield row

    def _read_rows(self, part: IndexQuery) -> Iterator[Item]:
        asked = query_parameters(self._table, part, self._query)
        while True:
            with translate_table_errors(self._client, self._table):
                answer = self._client.query(**asked, **self._page_size(part))
            last = answer.get("LastEvaluatedKey")
            unread = len(answer["Items"])
            for item in answer["Items"]:
                unread -= 1
                self._read_count += 1
                self._unread[part] = bool(unread or last)
                yield parse_item(item)
            if not last:
                self._unread[part] = False  # the last page may be empty
                return
            asked["ExclusiveStartKey"] = last

    def _page_size(self, part: IndexQuery) -> dict[str, int]:
        """Return the rows to read per page, hardly more than are shown."""
        if self._query.limit is None:
            return {}
        share = min(-(-self._query.limit // len(self._queries)), self._query.limit - self.returned)
        return {"Limit": max(share, MIN_FILTERED_PAGE) if part.filters else share}


def plan_queries(question: TaskQuery) -> list[IndexQuery]:
    """Return the key of the narrowest index for a query.

    A resource has fewer tasks than an outcome, and an outcome fewer than a kind.
    """
    if question.resource:
        left = _filters(("kind", question.kinds), ("outcome", question.outcomes))
        return [IndexQuery("by-resource", ("resource_id", question.resource), "updated_at", left)]
    if question.outcomes:
        left = _filters(("kind", question.kinds))
        return [
            IndexQuery("by-outcome", ("outcome", outcome), "finished_at", left)
            for outcome in dict.fromkeys(question.outcomes)
        ]
    return [IndexQuery("by-kind", ("kind", kind), "updated_at") for kind in dict.fromkeys(question.kinds or KINDS)]


def _filters(*left: Filter) -> tuple[Filter, ...]:
    return tuple((name, values) for name, values in left if values)


def query_parameters(table: str, part: IndexQuery, question: TaskQuery) -> dict[str, Any]:
    """Return the query for one part. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html"""
    key, value = part.key
    names, values = {"#key": key}, {":key": value}
    condition = "#key = :key"
    if question.since or question.until:
        names["#time"] = part.time
        values |= {":since": question.since or EARLIEST, ":until": question.until or LATEST}
        condition += " AND #time BETWEEN :since AND :until"
    filters = []
    for name, wanted in part.filters:
        names[f"#{name}"] = name
        aliases = {f":{name}{number}": one for number, one in enumerate(wanted)}
        values |= aliases
        filters.append(f"#{name} IN ({', '.join(aliases)})")
    return {
        "TableName": table,
        "IndexName": part.index,
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {alias: {"S": text} for alias, text in values.items()},
        "ScanIndexForward": False,
        **({"FilterExpression": " AND ".join(filters)} if filters else {}),
    }


def read_task(client: Any, table: str, key: Key) -> Item | None:
    """Return one row, read consistently, or None.

    Raises botocore's errors.
    """
    with translate_table_errors(client, table):
        item = client.get_item(TableName=table, Key=to_key(key), ConsistentRead=True).get("Item")
    return parse_item(item) if item else None


@contextmanager
def translate_table_errors(client: Any, table: str) -> Iterator[None]:
    """DynamoDB's errors do not name the table that they are about."""
    try:
        yield
    except ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code == "ResourceNotFoundException":
            raise NoTableError(
                f"no table {table!r} in {client.meta.region_name}; check --table, --region and --profile"
            ) from None
        if code == "ValidationException" and ("index" in said or "key" in said):
            raise NoTableError(f"table {table!r} is no history of ec2-task-reporter: {said}") from None
        raise
