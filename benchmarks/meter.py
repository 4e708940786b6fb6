"""A meter between a program and DynamoDB: what the program asked of it, and what is charged for that."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

from task_reporter.history.rows import POLL_PREFIX

PASSED_ON = ("X-Amz-Target", "X-Amz-Date", "Authorization", "Content-Type")
PASSED_BACK = ("Content-Type", "x-amz-crc32", "x-amzn-RequestId")
PATIENCE = 60
WRITES = {"PutItem", "UpdateItem", "TransactWriteItems"}


@dataclass(slots=True)
class Reading:
    """What went through so far.

    ``rows`` that were read; ``units`` and ``write_units`` that are charged for reads and writes; ``requests``; the
    ``tasks`` whose rows were written, each as often as it was.
    """

    rows: int = 0
    units: float = 0.0
    write_units: float = 0.0
    requests: int = 0
    tasks: int = 0

    def add(self, operation: str, asked: dict[str, Any], answer: dict[str, Any]) -> None:
        """Count one request and its answer."""
        self.requests += 1
        self.rows += answer.get("ScannedCount", 0) + sum(map(len, answer.get("Responses", {}).values()))
        consumed = answer.get("ConsumedCapacity", [])
        units = sum(one["CapacityUnits"] for one in (consumed if isinstance(consumed, list) else [consumed]))
        if operation in WRITES:
            self.write_units += units
            self.tasks += sum(not task_id.startswith(POLL_PREFIX) for task_id in _written(asked))
        else:
            self.units += units


def _written(asked: dict[str, Any]) -> Iterator[str]:
    """The ids in a request that writes."""
    for action in asked.get("TransactItems", [{"": asked}]):
        for request in action.values():
            yield request.get("Item", request.get("Key"))["task_id"]["S"]


class Meter(ThreadingHTTPServer):
    """An endpoint that passes everything on to ``engine``, and asks it to say what was consumed."""

    daemon_threads = True

    def __init__(self, engine: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.engine = urlsplit(engine).netloc
        self.endpoint = f"http://127.0.0.1:{self.server_port}"
        self.reading = Reading()
        self._lock = threading.Lock()

    def count(self, operation: str, asked: dict[str, Any], answer: dict[str, Any]) -> None:
        """One request went through; several may at the same time."""
        with self._lock:
            self.reading.add(operation, asked, answer)


@contextmanager
def meter(engine: str) -> Iterator[Meter]:
    """A meter before ``engine``, running while the context lasts."""
    with Meter(engine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        meter = cast(Meter, self.server)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
        connection = HTTPConnection(meter.engine, timeout=PATIENCE)
        connection.request("POST", "/", json.dumps(asked | {"ReturnConsumedCapacity": "TOTAL"}), headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        meter.count(self.headers["X-Amz-Target"].rpartition(".")[2], asked, json.loads(body))
        self._answer(
            answer.status, {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}, body
        )

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
