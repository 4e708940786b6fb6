"""Faults between a botocore client and its engine, in AWS's form."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

Answer = AWSResponse | None
"""None lets the request through to the engine."""
Fault = Callable[[AWSPreparedRequest], Answer]


def let_through(_request: AWSPreparedRequest) -> Answer:
    return None


def refused(code: str, status: int = 400, **members: Any) -> Fault:
    """Return an error of DynamoDB's.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
    """
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": f"{code} for a test", **members}
    return lambda request: _answer(request, status, json.dumps(body).encode())


def cancelled(reason: Callable[[int], str]) -> Fault:
    """Return a cancelled transaction; ``reason(n)`` is that of action n, or None.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """

    def fault(request: AWSPreparedRequest) -> Answer:
        codes = [reason(number) for number in range(len(json.loads(request.body)["TransactItems"]))]
        reasons = [{"Code": code} | ({"Message": "for a test"} if code != "None" else {}) for code in codes]
        return refused("TransactionCanceledException", CancellationReasons=reasons)(request)

    return fault


def alone_at_the_engine() -> Fault:
    """Send requests to the engine one after the other.

    DynamoDB Local refuses large ones that wait long for others.
    """
    transport, lock = URLLib3Session(), threading.Lock()

    def send(request: AWSPreparedRequest) -> Answer:
        with lock:
            return transport.send(request)

    return send


def lost_answer(request: AWSPreparedRequest) -> Answer:
    """Return the engine does the work, and its answer never arrives."""
    transport = URLLib3Session()
    try:
        transport.send(request)
    finally:
        transport.close()
    raise ReadTimeoutError(endpoint_url=request.url)


def answered(status: int, body: Mapping[str, Any]) -> Fault:
    """Return an answer that the engine did not give."""
    return lambda request: _answer(request, status, json.dumps(body).encode())


@contextmanager
def between(client: Any, operation: str, faults: Sequence[Fault]) -> Iterator[list[dict[str, Any]]]:
    """Answer ``client``'s next requests for ``operation`` with ``faults``; return all requests."""
    waiting, sent, lock = list(faults), [], threading.Lock()

    def before_send(request: AWSPreparedRequest, **_: Any) -> Answer:
        with lock:
            sent.append(json.loads(request.body))
            fault = waiting.pop(0) if waiting else let_through
        return fault(request)

    event = f"before-send.dynamodb.{operation}"
    client.meta.events.register(event, before_send)
    try:
        yield sent
    finally:
        client.meta.events.unregister(event, before_send)
    assert not waiting, f"{len(waiting)} faults were never met"


def _answer(request: AWSPreparedRequest, status: int, body: bytes) -> AWSResponse:
    headers = {"x-amzn-RequestId": "TEST", "Content-Type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, status, headers, _Raw(body))


class _Raw(BytesIO):
    """A body as botocore reads it from urllib3."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        while chunk := self.read(65536):
            yield chunk
