"""HTTP for the local EC2: connections, methods and lengths, nothing of what a request means."""

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
    """Accepts connections, and can cut the kept-alive ones when it closes."""

    request_queue_size = 128

    def __init__(self, port: int, answer: Callable[[str], tuple[int, bytes]]) -> None:
        self.answer = answer
        self._open: set[Any] = set()
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks its address up in DNS, which can hang on a machine that is offline.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for request in self._open.copy():
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # its client was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log one line where the standard library prints a traceback."""
        LOG.warning("a connection broke off: %r", sys.exception())


class _Handler(BaseHTTPRequestHandler):
    """One connection. Any path will do: EC2 has only one."""

    server: Listener
    protocol_version = "HTTP/1.1"
    server_version = "AmazonEC2"
    wbufsize = -1  # headers and body in one packet: two would wait for each other (Nagle)

    def do_GET(self) -> None:
        """Handle a request in the query string like the body of a POST."""
        body = self._body()
        if body is None:
            return
        in_path = self.path.partition("?")[2]
        self._send(*self.server.answer("&".join(filter(None, (in_path, body)))))

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a query string may hold a policy's signature."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers what isn't HTTP as EC2 takes it; also called by the standard library."""
        self.close_connection = True  # where the next request starts is anybody's guess
        error = Ec2Error("InvalidRequest", message or "The request is not valid", code)
        self._send(error.status, format_error(error, str(uuid.uuid4())))

    def _body(self) -> str | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.send_error(400, "The body must come with a valid Content-Length")
            return None
        # Form data is ASCII; what isn't can only be a mistake that the parser will name.
        return self.rfile.read(int(length)).decode("utf-8", errors="replace")

    def _send(self, status: int, xml: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml;charset=UTF-8")
        self.send_header("Content-Length", str(len(xml)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(xml)
