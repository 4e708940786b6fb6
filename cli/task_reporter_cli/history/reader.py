"""Queries of the history, newest first, always through an index, page by page.

What was written a moment ago may be missing or old, for an index follows its table with a delay.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from heapq import merge
from itertools import count, groupby, islice
from typing import Any

from botocore.exceptions import ClientError

from task_reporter.aws.failures import REQUEST_ERRORS
from task_reporter.history.rows import AWAITING_OUTCOME, BY_AWAITING, Key, account_and_region, common_scope, to_key
from task_reporter.kinds.table import KINDS
from task_reporter_cli.errors import NoTableError
from task_reporter_cli.history.items import Item, parse_item

MIN_FILTERED_PAGE = 100
"""Smallest page where a filter applies; smaller pages only mean more requests."""
MAX_PAGE_ROWS = 2000
"""Rows in the pages of all queries together.

A page of each query and the next one are in memory at the same time.
"""
MAX_REQUESTS = 10
"""Requests at the same time: as many as the connections that botocore keeps."""

EARLIEST, LATEST = "0", "~"
"""Text before and after every stored time."""


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Selection of tasks; no kinds, outcomes, scopes, regions or limit mean all.

    Times are in the stored form, both ends included.
    """

    kinds: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    resource: str | None = None
    since: str | None = None
    until: str | None = None
    limit: int | None = None
    running: bool = False
    """Only tasks without an outcome."""
    scopes: tuple[str, ...] = ()
    """All scopes of the wanted accounts, in the wanted regions."""
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on the rows that were read.

    Any of the ``values`` has to pass the ``test``.
    """

    attribute: str
    values: tuple[str, ...]
    test: str = "{} = {}"


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """One key of one index, and the remaining attributes to filter by."""

    index: str
    key: tuple[str, str]
    time: str
    filters: tuple[Filter, ...] = ()
    scope: str = ""
    """One scope in ``by-awaiting``, or ``<account id>/`` for all regions of an account."""

    @property
    def has_order(self) -> bool:
        """True if the index has the rows in the order of ``time``."""
        return self.index != BY_AWAITING


class QueryResults:
    """Rows that match a query, newest first.

    Iterating reads them, so do it once.
    """

    def __init__(self, client: Any, table: str, question: TaskQuery) -> None:
        self._client = client
        self._table = table
        self._query = question
        self._queries = plan_queries(question)
        self._parts: list[IndexRows] = []
        self._taken = 0
        self.returned = 0
        """Number of rows returned so far."""

    @property
    def may_have_more(self) -> bool:
        """Tell, after the last row, whether the limit ended the rows.

        Nothing is read to find out more.
        """
        # Where parts are merged, the next row of each is taken before it is known which one is given.
        return self._taken > self.returned or any(part.may_have_more for part in self._parts)

    def estimate(self) -> int | None:
        """Estimated number of rows for a progress bar, None if unknown.

        DynamoDB counts a table's rows every six hours. Raises nothing: a person who may not ask waits without it.
        """
        if self._queries != plan_queries(TaskQuery()) or self._query.since or self._query.until:
            return self._query.limit
        try:
            rows: int = self._client.describe_table(TableName=self._table)["Table"]["ItemCount"]
        except REQUEST_ERRORS:
            return self._query.limit
        return min(rows, self._query.limit or rows)

    def __iter__(self) -> Iterator[Item]:
        """Yield the rows. Raises botocore's errors."""
        time, limit = self._queries[0].time, self._query.limit
        pool = ThreadPoolExecutor(min(len(self._queries), MAX_REQUESTS))
        try:
            self._parts = [IndexRows(partial(self._read_page, part), pool, limit is None) for part in self._queries]
            streams = map(self._ordered_rows, self._queries, self._parts)
            for row in islice(merge(*streams, key=partial(_time_of, name=time), reverse=True), limit):
                self.returned += 1
                yield row
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ordered_rows(self, part: IndexQuery, rows: "IndexRows") -> Iterator[Item]:
        if not part.has_order:
            regions = self._query.regions
            wanted = (row for row in rows if not regions or account_and_region(row)[1] in regions)
            found = sorted(wanted, key=partial(_time_of, name=part.time), reverse=True)
            self._taken += len(found)
            yield from found
            return
        for row in rows:
            self._taken += 1
            yield row

    def _read_page(self, part: IndexQuery, number: int, taken: int, start: dict[str, Any]) -> dict[str, Any]:
        asked = query_parameters(self._table, part, self._query)
        size = self._page_size(part, number, taken)
        with translate_table_errors(self._client, self._table):
            answer: dict[str, Any] = self._client.query(**asked, **start, Limit=size)
        # Plain values take a third of the memory, which each row leaves when it is taken.
        return answer | {"Items": deque(map(parse_item, answer["Items"]))}

    def _page_size(self, part: IndexQuery, number: int, taken: int) -> int:
        """Return the number of rows to read in a page of ``part``.

        The first pages share the limit. A later page has as many of the missing rows as the part had of those so far,
        which ``taken`` counts.
        """
        limit, parts = self._query.limit, len(self._queries)
        if limit is None or not part.has_order:
            return divide_up(MAX_PAGE_ROWS, parts)
        size = divide_up(limit, parts)
        if part.filters:
            size = max(size, MIN_FILTERED_PAGE) << number
        elif number:
            size = divide_up((limit - self.returned) * taken, self.returned)
        return min(size, MAX_PAGE_ROWS)


class IndexRows:
    """The rows of one query of an index, in its order.

    The first page is asked for at once, and ``ahead`` also each later page before its first row is wanted.
    """

    def __init__(self, read: Callable[[int, int, dict[str, Any]], dict[str, Any]], pool: Executor, ahead: bool) -> None:
        self._read, self._pool, self._ahead = read, pool, ahead
        self._first = pool.submit(read, 0, 0, {})
        self.may_have_more = True

    def __iter__(self) -> Iterator[Item]:
        """Yield the rows. Raises botocore's errors."""
        page, taken = self._first.result(), 0
        for number in count(1):
            last, rows = page.get("LastEvaluatedKey"), page["Items"]
            taken += len(rows)
            read = partial(self._read, number, taken, {"ExclusiveStartKey": last})
            ahead = self._pool.submit(read) if last and self._ahead else None
            while rows:
                row = rows.popleft()
                self.may_have_more = bool(rows or last)
                yield row
            if not last:
                self.may_have_more = False  # the last page may be empty
                return
            page = ahead.result() if ahead else read()


def divide_up(number: int, divisor: int) -> int:
    """Return the quotient, rounded up."""
    return -(-number // divisor)


def _time_of(row: Item, name: str) -> str:
    return str(row.get(name, ""))


def plan_queries(question: TaskQuery) -> list[IndexQuery]:
    """Return the keys of the narrowest index for a query.

    A resource has fewer tasks than are running, a scope fewer than an outcome, and an outcome fewer than a kind.
    """
    kinds, outcomes = Filter("kind", question.kinds), Filter("outcome", question.outcomes)
    accounts = Filter("scope", tuple(dict.fromkeys(map(_account_prefix, question.scopes))), "begins_with({}, {})")
    regions = Filter("scope", tuple(f"/{region}" for region in question.regions), "contains({}, {})")
    if question.resource:
        running = Filter("awaiting", (AWAITING_OUTCOME,) if question.running else ())
        left = _filters(kinds, outcomes, running, accounts, regions)
        return [IndexQuery("by-resource", ("resource_id", question.resource), "updated_at", left)]
    if question.running:
        key, left = ("awaiting", AWAITING_OUTCOME), _filters(kinds)
        return [IndexQuery(BY_AWAITING, key, "updated_at", left, scope) for scope in awaiting_scopes(question.scopes)]
    if question.scopes:
        left = _filters(kinds, outcomes)
        return [IndexQuery("by-scope", ("scope", scope), "updated_at", left) for scope in question.scopes]
    if question.outcomes:
        left = _filters(kinds, regions)
        return [
            IndexQuery("by-outcome", ("outcome", outcome), "finished_at", left)
            for outcome in dict.fromkeys(question.outcomes)
        ]
    every = dict.fromkeys(question.kinds or KINDS)
    return [IndexQuery("by-kind", ("kind", kind), "updated_at", _filters(regions)) for kind in every]


def awaiting_scopes(scopes: Sequence[str]) -> list[str]:
    """Return the scope of each account in ``by-awaiting``, empty for all accounts."""
    return [common_scope(list(some)) for _, some in groupby(scopes, _account_prefix)] or [""]


def _account_prefix(scope: str) -> str:
    return scope.partition("/")[0] + "/"


def _filters(*left: Filter) -> tuple[Filter, ...]:
    return tuple(condition for condition in left if condition.values)


def query_parameters(table: str, part: IndexQuery, question: TaskQuery) -> dict[str, Any]:
    """Return the query for one part. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html"""
    key, value = part.key
    names, values = {"#key": key}, {":key": value}
    conditions, filters = ["#key = :key"], list[str]()
    if part.scope:
        names["#scope"], values[":scope"] = "scope", part.scope
        conditions.append("begins_with(#scope, :scope)" if part.scope.endswith("/") else "#scope = :scope")
    if question.since or question.until:
        names["#time"] = part.time
        values |= {":since": question.since or EARLIEST, ":until": question.until or LATEST}
        (conditions if part.has_order else filters).append("#time BETWEEN :since AND :until")
    for number, condition in enumerate(part.filters):
        names[f"#f{number}"] = condition.attribute
        aliases = {f":f{number}v{position}": one for position, one in enumerate(condition.values)}
        values |= aliases
        tests = " OR ".join(condition.test.format(f"#f{number}", alias) for alias in aliases)
        filters.append(f"({tests})" if len(aliases) > 1 else tests)
    return {
        "TableName": table,
        "IndexName": part.index,
        "KeyConditionExpression": " AND ".join(conditions),
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
            raise NoTableError(
                f"table {table!r} is no history of ec2-task-reporter, or none of this version yet: {said}"
            ) from None
        raise
