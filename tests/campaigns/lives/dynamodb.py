"""The fake of DynamoDB behind an edge at which its requests fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from tests.campaigns.lives.edge import FOR_GOOD, SENT_AGAIN, Edge, Reach
from tests.support.dynamodb import DynamoDb, Table, refusal


class EdgeDynamoDb(DynamoDb):
    """The client of the history; ``page`` is the most that an answer holds."""

    def __init__(self, table: Table, edge: Edge, page: int) -> None:
        super().__init__(table, page)
        self._edge = edge

    def query(self, **request: Any) -> Any:
        ask = super().query
        few = {"one a page": lambda: ask(**request, Limit=1)}
        return self._edge.perform("DynamoDB", lambda: ask(**request), few)

    def batch_get_item(self, **request: Any) -> Any:
        few = {"one key read": lambda: DynamoDb(self.table, page=1).batch_get_item(**request)}
        return self._edge.perform("DynamoDB", partial(super().batch_get_item, **request), few)

    def put_item(self, **request: Any) -> Any:
        write = partial(super().put_item, **request)
        return self._edge.perform("DynamoDB", write, _failures(1) | {SENT_AGAIN: lambda: self._twice(write)})

    def update_item(self, **request: Any) -> Any:
        write = partial(super().update_item, **request)
        return self._edge.perform("DynamoDB", write, _failures(1) | {SENT_AGAIN: lambda: self._twice(write)})

    def transact_write_items(self, **request: Any) -> Any:
        write = partial(super().transact_write_items, **request)
        # botocore sends a transaction again with the token of the first time, so that it is applied once.
        return self._edge.perform("DynamoDB", write, {SENT_AGAIN: write, **_failures(len(request["TransactItems"]))})

    def _twice(self, write: Callable[[], Any]) -> Any:
        """Return the response to a write that botocore repeats after a lost response."""
        write()
        watch, self.table.watch = self.table.watch, lambda change: None
        try:
            return write()
        except ClientError as error:
            error.response["ResponseMetadata"]["RetryAttempts"] = 1
            raise
        finally:
            self.table.watch = watch


def _failures(count: int) -> dict[str, Reach]:
    """Return DynamoDB's refusals of ``count`` writes: temporary, and permanent for one of them."""
    if count == 1:
        codes = {"conflict": "TransactionConflictException", FOR_GOOD: "ValidationException"}
        return {name: partial(_refuse, code) for name, code in codes.items()}
    codes = {"conflict": "TransactionConflict", FOR_GOOD: "ValidationError"}
    reasons = {name: [{"Code": code}] + [{"Code": "None"}] * (count - 1) for name, code in codes.items()}
    return {
        name: partial(_refuse, "TransactionCanceledException", CancellationReasons=why) for name, why in reasons.items()
    }


def _refuse(code: str, **members: Any) -> Any:
    raise refusal(code, **members)
