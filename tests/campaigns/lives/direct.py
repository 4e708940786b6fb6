"""DynamoDB's wire protocol without what botocore puts before it, which costs three times what the engine does.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

from __future__ import annotations

import json
import socket
from http import HTTPStatus
from select import select
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from local.cloud import REGION
from tests.integration.engines import CREDENTIALS
from tests.support.waiting import WAIT_SECONDS

SCOPE = f"{CREDENTIALS['aws_access_key_id']}/20261123/{REGION}/dynamodb/aws4_request"
SIGNED = (
    "Content-Type: application/x-amz-json-1.0",
    f"Authorization: AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=0",
)
"""An engine on this machine tells tables apart by account and region, and checks no signature."""


END = b"\r\n\r\n"
A_PIECE = 65536


class Direct:
    """One connection to an engine, for one request after the other: a packet there, a packet back."""

    def __init__(self, endpoint: str) -> None:
        self._place = urlsplit(endpoint)
        self._head = "\r\n".join(["POST / HTTP/1.1", f"Host: {self._place.netloc}", *SIGNED])
        self._socket = self._connected()

    def _connected(self) -> socket.socket:
        connection = socket.create_connection((self._place.hostname, self._place.port), timeout=WAIT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The engine's answer to ``operation``. Raises ClientError, with all that the engine says of it."""
        body = json.dumps(request).encode()
        own = f"X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Length: {len(body)}"
        if select([self._socket], [], [], 0)[0]:  # nothing is due, so it hung up: after a thousand requests, or idle
            self._socket.close()
            self._socket = self._connected()
        self._socket.sendall(f"{self._head}\r\n{own}".encode() + END + body)
        status, said, goes_on = self._answer()
        if not goes_on:
            self._socket.close()
            self._socket = self._connected()
        if status != HTTPStatus.OK:
            raise _error(operation, status, said)
        return said

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _answer(self) -> tuple[int, dict[str, Any], bool]:
        """The status, what the engine says, and whether it takes a further request on this connection."""
        got = b""
        while END not in got:
            got += self._more()
        head, _, body = got.partition(END)
        status, *headers = head.decode().lower().split("\r\n")
        [length] = [int(header.partition(":")[2]) for header in headers if header.startswith("content-length:")]
        while len(body) < length:
            body += self._more()
        return int(status.split()[1]), json.loads(body), "connection: close" not in headers

    def _more(self) -> bytes:
        piece = self._socket.recv(A_PIECE)
        if not piece:
            raise ConnectionError("the engine hung up")
        return piece


def _error(operation: str, status: int, said: dict[str, Any]) -> ClientError:
    code = said.pop("__type", "Unknown").rpartition("#")[2]
    message = said.pop("message", said.pop("Message", ""))
    metadata = {"HTTPStatusCode": status, "RetryAttempts": 0}
    error: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata, **said}
    return ClientError(error, operation)
