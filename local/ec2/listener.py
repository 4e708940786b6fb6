"""The HTTP server of the local EC2. It does not interpret requests."""

import logging
import socket
import socketserver
import sys
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.response import format_error

HOST = "127.0.0.1"
LOG = logging.getLogger(__name__)


class Listener(ThreadingHTTPServer):
    """Accepts connections, and closes all of them when it is closed."""

    request_queue_size = 128

    def __init__(self, port: int, respond: Callable[[str, str], tuple[int, bytes]]) -> None:
        self.respond = respond
        self._connections: set[Any] = set()
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer.server_bind looks its address up in DNS, which can hang without a network.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for request in self._connections.copy():
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client has closed it already

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log one line instead of the standard library's traceback."""
        LOG.warning("a connection failed: %r", sys.exception())


class _Handler(BaseHTTPRequestHandler):
    """One connection. It accepts any path, because EC2 has only one."""

    server: Listener
    protocol_version = "HTTP/1.1"
    server_version = "AmazonEC2"
    wbufsize = -1  # one packet for headers and body: with two, Nagle's algorithm delays the second

    def do_GET(self) -> None:
        """Handle a request with parameters in the query string or the body."""
        body = self._body()
        if body is None:
            return
        query = self.path.partition("?")[2]
        authorization = self.headers.get("Authorization", "")
        self._send(*self.server.respond("&".join(filter(None, (query, body))), authorization))

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, because a query string may contain a policy's signature."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send EC2's error for a request that is not valid HTTP.

        The standard library calls this too.
        """
        self.close_connection = True  # the start of the next request is unknown
        error = Ec2Error("InvalidRequest", message or "The request is not valid", code)
        self._send(error.status, format_error(error, str(uuid.uuid4())))

    def _body(self) -> str | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.send_error(400, "The request must have a valid Content-Length")
            return None
        # Form data is ASCII. The parser reports any other character.
        return self.rfile.read(int(length)).decode("utf-8", errors="replace")

    def _send(self, status: int, xml: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml;charset=UTF-8")
        self.send_header("Content-Length", str(len(xml)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(xml)
