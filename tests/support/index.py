"""A DynamoDB that answers the queries of the command line's reader, from rows in memory: pages, limits, filters.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.html
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from task_reporter.history.rows import Row, to_attribute

CONDITION = re.compile(r"#key = :key( AND #time BETWEEN :since AND :until)?")
TIMES = {"by-kind": "updated_at", "by-resource": "updated_at", "by-outcome": "finished_at"}


class Index:
    """Rows in memory; ``page`` is how many fit into an answer. ``calls`` are the requests, ``read`` counts rows."""

    def __init__(self, rows: Sequence[Row], page: int = 1_000_000) -> None:
        self.rows = rows
        self.page = page
        self.calls: list[dict[str, Any]] = []
        self.read = 0

    def query(self, **asked: Any) -> dict[str, Any]:
        """One page of one index, newest first. As in DynamoDB, a limit counts rows before the filter."""
        self.calls.append(dict(asked))
        found = self._under(asked)
        begin = asked.get("ExclusiveStartKey", {}).get("at", 0)
        end = begin + min(asked.get("Limit", self.page), self.page)
        page = found[begin:end]
        self.read += len(page)
        items = [{name: to_attribute(value) for name, value in row.items()} for row in page if _passes(row, asked)]
        # DynamoDB does not look whether there is a next row.
        return {"Items": items} | ({"LastEvaluatedKey": {"at": end}} if len(page) == end - begin else {})

    def describe_table(self, TableName: str) -> dict[str, Any]:
        return {"Table": {"ItemCount": len(self.rows)}}

    def _under(self, asked: dict[str, Any]) -> list[Row]:
        """The rows under the key, between the times, in the order of the index."""
        if not CONDITION.fullmatch(asked["KeyConditionExpression"]) or asked["ScanIndexForward"]:
            raise ValueError(asked)
        names, values = asked["ExpressionAttributeNames"], asked["ExpressionAttributeValues"]
        time = TIMES[asked["IndexName"]]
        if names.get("#time", time) != time:
            raise ValueError(f"{asked['IndexName']} is not sorted by {names['#time']}")
        since, until = (values.get(end, {"S": other})["S"] for end, other in ((":since", ""), (":until", "~")))
        key, wanted = names["#key"], values[":key"]["S"]
        rows = [row for row in self.rows if row.get(key) == wanted and since <= str(row.get(time, "")) <= until]
        return sorted((row for row in rows if time in row), key=lambda row: str(row[time]), reverse=True)


def _passes(row: Row, asked: dict[str, Any]) -> bool:
    return all(row.get(name) in wanted for name, wanted in _filters(asked))


def _filters(asked: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for alias, values in re.findall(r"(#\w+) IN \(([^)]+)\)", asked.get("FilterExpression", "")):
        named = [asked["ExpressionAttributeValues"][value]["S"] for value in values.split(", ")]
        yield asked["ExpressionAttributeNames"][alias], named
