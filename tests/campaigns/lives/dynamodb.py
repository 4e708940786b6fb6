"""The real engine's client, with an edge before it and a mirror behind it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ReadTimeoutError

from tests.campaigns.lives.direct import Direct
from tests.campaigns.lives.edge import FOR_GOOD, SENT_AGAIN, Edge, Reach, refused
from tests.campaigns.lives.mirror import Action, Mirror


class Engine:
    """The engine behind a botocore ``client``, asked directly.

    Where an answer is to be lost on the wire, it is asked through the client: sending the request again is botocore's.
    """

    def __init__(self, client: Any, table: str) -> None:
        self.client, self.table = client, table
        self._direct = Direct(client.meta.endpoint_url)
        self._to_lose: Callable[[], None] | None = None
        client.meta.events.register("before-send.dynamodb", self._before_send)

    def close(self) -> None:
        """The client is as it was."""
        self._direct.close()
        self.client.meta.events.unregister("before-send.dynamodb", self._before_send)

    def ask(self, operation: str, **request: Any) -> Any:
        """What the engine answers. Raises ClientError."""
        return self._direct.ask(operation, request)

    def ask_twice(self, operation: str, request: dict[str, Any], done: Callable[[], None]) -> Any:
        """The engine's second answer; the first was lost. ``done`` is told if the first did what was asked."""
        self._to_lose = done
        return getattr(self.client, xform_name(operation))(**request)

    def _before_send(self, request: AWSPreparedRequest, **_: Any) -> None:
        done, self._to_lose = self._to_lose, None
        if done is None:
            return
        if self.client._endpoint.http_session.send(request).status_code == HTTPStatus.OK:
            done()
        raise ReadTimeoutError(endpoint_url=request.url)


class DynamoDb:
    """What the history asks of its client. ``at_once`` is how much an answer holds; DynamoDB's are not endless."""

    def __init__(self, engine: Engine, edge: Edge, mirror: Mirror, at_once: int | None) -> None:
        self._engine, self._edge, self._mirror, self._at_once = engine, edge, mirror, at_once

    def query(self, **asked: Any) -> Any:
        limit = {"Limit": self._at_once} if self._at_once else {}
        return self._edge.perform(
            "DynamoDB",
            lambda: self._engine.ask("Query", **asked, **limit),
            {"one a page": lambda: self._engine.ask("Query", **asked, Limit=1)},
        )

    def batch_get_item(self, RequestItems: dict[str, Any]) -> Any:
        return self._edge.perform(
            "DynamoDB",
            partial(self._get, RequestItems, self._at_once),
            {"one key read": partial(self._get, RequestItems, 1)},
        )

    def _get(self, wanted: dict[str, Any], at_once: int | None) -> Any:
        [(table, request)] = wanted.items()
        now, later = request["Keys"][:at_once], request["Keys"][at_once:] if at_once else []
        answer = self._engine.ask("BatchGetItem", RequestItems={table: {**request, "Keys": now}})
        return answer | ({"UnprocessedKeys": {table: {**request, "Keys": later}}} if later else {})

    def put_item(self, **request: Any) -> Any:
        return self._write("PutItem", request, [("Put", request)])

    def update_item(self, **request: Any) -> Any:
        return self._write("UpdateItem", request, [("Update", request)])

    def transact_write_items(self, **request: Any) -> Any:
        actions = [(verb, asked) for action in request["TransactItems"] for verb, asked in action.items()]
        return self._write("TransactWriteItems", request, actions)

    def _write(self, operation: str, request: dict[str, Any], actions: list[Action]) -> Any:
        def done() -> None:
            self._mirror.follow(actions)

        def reach() -> Any:
            answer = self._engine.ask(operation, **request)
            done()
            return answer

        def send_again() -> Any:
            first: list[bool] = []
            try:
                return self._engine.ask_twice(operation, request, lambda: first.append(True))
            finally:
                if first:
                    done()

        return self._edge.perform("DynamoDB", reach, {SENT_AGAIN: send_again, **_refusals(len(actions))})


def _refusals(count: int) -> dict[str, Reach]:
    """How DynamoDB refuses ``count`` writes: for now, and for one of them for good."""
    if count == 1:
        return {
            "conflict": partial(_refuse, "TransactionConflictException"),
            FOR_GOOD: partial(_refuse, "ValidationException"),
        }
    reasons = [
        [{"Code": code}] + [{"Code": "None"}] * (count - 1) for code in ("TransactionConflict", "ValidationError")
    ]
    codes = ("conflict", FOR_GOOD)
    return {
        name: partial(_refuse, "TransactionCanceledException", CancellationReasons=why)
        for name, why in zip(codes, reasons, strict=True)
    }


def _refuse(code: str, **members: Any) -> Any:
    raise refused(code, **members)
