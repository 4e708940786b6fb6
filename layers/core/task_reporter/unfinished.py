"""Unfinished business: the rows in the history's sparse index ``by-awaiting``, as few as there is such business."""

from typing import Any

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.errors import MalformedAnswerError
from task_reporter.history import History
from task_reporter.patience import USE_TABLE
from task_reporter.rows import Row, from_item, to_attribute

INDEX = "by-awaiting"


def rows_awaiting(history: History, scope: str | None, what: str, deadline: Deadline = NO_DEADLINE) -> list[Row]:
    """The rows of ``scope``, or of every scope, that await ``what``.

    What was written a moment ago may be missing or old: it is an index. Raises OutOfTimeError,
    MalformedAnswerError and botocore's errors.
    """
    asked: dict[str, Any] = {
        "TableName": history.table,
        "IndexName": INDEX,
        "KeyConditionExpression": "awaiting = :what",
        "ExpressionAttributeValues": {":what": to_attribute(what)},
    }
    if scope is not None:
        asked["KeyConditionExpression"] += " AND #scope = :scope"
        asked["ExpressionAttributeNames"] = {"#scope": "scope"}
        asked["ExpressionAttributeValues"][":scope"] = to_attribute(scope)
    rows: list[Row] = []
    while True:
        deadline.check("reading the history", USE_TABLE.longest)
        answer = history.client.query(**asked)
        if "Items" not in answer:
            raise MalformedAnswerError("Query", "it does not hold the rows")
        rows += map(from_item, answer["Items"])
        if not (last := answer.get("LastEvaluatedKey")):
            return rows
        asked["ExclusiveStartKey"] = last
