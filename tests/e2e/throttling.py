"""A service that throttles or is slow: a proxy in front of the local AWS that does as a test wants.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Lock, Thread

REFUSAL = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "The level of configured provisioned throughput for the table was exceeded.",
    }
).encode()
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Throttled:
    """The proxy at ``url``.

    ``refuses`` says of each request, by its number from 0, whether it is refused, as DynamoDB does. What the service
    answers is handed on ``late`` seconds later; ``taken`` are the bodies of the requests that the service answered.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.url = ""
        self.refuses: Callable[[int], bool] = lambda number: False
        self.refused: list[str] = []
        self.late = 0.0
        self.taken: list[bytes] = []
        self._numbers = count()
        self._lock = Lock()

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """What the client gets: a refusal, or what the engine says."""
        with self._lock:
            refused = self.refuses(next(self._numbers))
        if refused:
            self.refused.append(headers["X-Amz-Target"].partition(".")[2])
            return 400, REFUSAL
        request = urllib.request.Request(self.endpoint, body, headers, method="POST")
        try:
            with DIRECT.open(request) as answer:
                self.taken.append(body)
                time.sleep(self.late)
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


@contextmanager
def throttled(endpoint: str) -> Iterator[Throttled]:
    """A proxy in front of ``endpoint``, for as long as the context lasts."""
    proxy = Throttled(endpoint)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, said = proxy.answer(dict(self.headers), body)
            with suppress(ConnectionError):  # who waited no longer has hung up
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
