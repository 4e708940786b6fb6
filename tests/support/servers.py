"""Servers on this machine that behave like AWS, a proxy, or a broken server."""

import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from threading import Thread

Behaviour = Callable[[socket.socket], object]
"""Handles one connection after its first bytes or request."""


@contextmanager
def server(*behaviours: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Yield a port that handles each connection with the next of ``behaviours``.

    The last behaviour is repeated. The server uses TLS if ``context`` is given.
    """
    left = list(behaviours)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                behaviour = left.pop(0) if len(left) > 1 else left[0]
                Thread(target=_handle, args=(connection, behaviour, context), daemon=True).start()

    serving = Thread(target=serve, daemon=True)
    serving.start()
    try:
        yield listening.getsockname()[1]
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        serving.join()


def _handle(connection: socket.socket, behaviour: Behaviour, context: ssl.SSLContext | None) -> None:
    with suppress(OSError), connection:
        talking = context.wrap_socket(connection, server_side=True) if context else connection
        with talking:
            _read_request(talking)
            behaviour(talking)


def _read_request(talking: socket.socket) -> None:
    """Read an HTTP request with its body, or the first bytes of another protocol."""
    head, _, body = talking.recv(65536).partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    left = int(length[1]) - len(body) if length else 0
    while left > 0 and (more := talking.recv(65536)):
        left -= len(more)


def says(*data: bytes) -> Behaviour:
    """Send ``data``, and close the connection."""
    return lambda connection: connection.sendall(b"".join(data))


def answers(status: str, body: bytes = b"", at: datetime | None = None) -> Behaviour:
    """Send an HTTP response; ``at`` is the time by the server's clock."""
    date = format_datetime(at or datetime.now(UTC), usegmt=True)
    head = f"HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return says(head.encode(), body)


def closes(connection: socket.socket) -> None:
    """Close the connection without an answer."""


def resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(connection: socket.socket) -> None:
    """Send nothing until the other side gives up."""
    while connection.recv(65536):
        pass
