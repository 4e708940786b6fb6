"""The backlog: rows that await their outcome or their notification.

They are in the sparse index ``by-awaiting``, which has only these rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from task_reporter.aws.request_limits import USE_TABLE
from task_reporter.errors import MalformedAnswerError
from task_reporter.history.rows import (
    AWAITING_NOTIFICATION,
    AWAITING_OUTCOME,
    BY_AWAITING,
    Key,
    Row,
    from_item,
    is_held,
    key_of,
    to_attribute,
)
from task_reporter.history.table import HistoryTable
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline


@dataclass(frozen=True, slots=True)
class Backlog:
    """The unfinished rows of one scope, or of all scopes of one account."""

    running: list[Row] = field(default_factory=list)
    """Rows that await their outcome."""
    waiting: list[Row] = field(default_factory=list)
    """Rows that await their notification."""


def start_reading_backlog(
    history: HistoryTable,
    scope: str,
    pool: Executor,
    deadline: Deadline = NO_DEADLINE,
    states: Sequence[str] = (AWAITING_OUTCOME, AWAITING_NOTIFICATION),
) -> Callable[[], Backlog]:
    """Start reading the backlog in ``pool``, and return a function that waits for it.

    ``states`` are the first or both of the two that a row can await. The returned function raises OutOfTimeError,
    MalformedAnswerError and botocore's errors.
    """
    queries = [pool.submit(query_awaiting, history, scope, state, deadline) for state in states]

    def backlog() -> Backlog:
        for query in queries:
            query.exception()  # wait for both, even if the first one failed
        return Backlog(*(query.result() for query in queries))

    return backlog


def query_awaiting(
    history: HistoryTable, scope: str | None, awaiting: str, deadline: Deadline = NO_DEADLINE
) -> list[Row]:
    """Return the rows that are ``awaiting`` their outcome or their notification.

    Without a ``scope`` these are the rows of all scopes; ``<account id>/`` stands for all regions of an account.

    An index is eventually consistent: a row that was written a moment ago may be missing or old. Raises OutOfTimeError,
    MalformedAnswerError and botocore's errors.
    """
    request: dict[str, Any] = {
        "IndexName": BY_AWAITING,
        "KeyConditionExpression": "awaiting = :awaiting",
        "ExpressionAttributeValues": {":awaiting": to_attribute(awaiting)},
    }
    if scope is not None:
        of_scope = "begins_with(#scope, :scope)" if scope.endswith("/") else "#scope = :scope"
        request["KeyConditionExpression"] += f" AND {of_scope}"
        request["ExpressionAttributeNames"] = {"#scope": "scope"}
        request["ExpressionAttributeValues"][":scope"] = to_attribute(scope)
    return list(query_rows(history, request, "reading the history", deadline))


def held_keys(history: HistoryTable, account: str, deadline: Deadline = NO_DEADLINE) -> list[Key]:
    """Return the keys of the rows that wait for the digest of ``account``.

    Raises the errors of `query_awaiting`.
    """
    waiting = query_awaiting(history, f"{account}/", AWAITING_NOTIFICATION, deadline)
    return [key_of(row) for row in waiting if is_held(row)]


def query_rows(
    history: HistoryTable, request: Mapping[str, Any], doing: str, deadline: Deadline = NO_DEADLINE
) -> Iterator[Row]:
    """Yield the rows of all pages of a Query.

    ``request`` has the parameters besides the table, and ``doing`` names the step for the deadline. Raises
    OutOfTimeError, MalformedAnswerError and botocore's errors.
    """
    start: dict[str, Any] = {}
    while True:
        deadline.check(doing, USE_TABLE.max_seconds)
        answer = history.client.query(TableName=history.table, **request, **start)
        if "Items" not in answer:
            raise MalformedAnswerError("Query", "it does not hold the rows")
        yield from map(from_item, answer["Items"])
        if not (last := answer.get("LastEvaluatedKey")):
            return
        start = {"ExclusiveStartKey": last}
