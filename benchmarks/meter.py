"""A proxy to DynamoDB that counts requests and consumed capacity."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from task_reporter.history.rows import ROSTER_SCOPE
from tests.support.http_server import Answer, http_server

PASSED_ON = ("X-Amz-Target", "X-Amz-Date", "Authorization", "Content-Type")
PASSED_BACK = ("Content-Type", "x-amz-crc32", "x-amzn-RequestId")
PATIENCE = 60
WRITES = {"PutItem", "UpdateItem", "TransactWriteItems"}


@dataclass(slots=True)
class Reading:
    """Totals so far.

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
            self.tasks += sum(scope != ROSTER_SCOPE for scope in _written(asked))
        else:
            self.units += units


def _written(asked: dict[str, Any]) -> Iterator[str]:
    """Yield the scopes in a request that writes."""
    for action in asked.get("TransactItems", [{"": asked}]):
        for request in action.values():
            yield request.get("Item", request.get("Key"))["scope"]["S"]


class Meter:
    """An endpoint that forwards to ``engine``, and asks for the consumed capacity."""

    def __init__(self, engine: str) -> None:
        self.engine = urlsplit(engine).netloc
        self.endpoint = ""
        self.reading = Reading()
        self._lock = threading.Lock()

    def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the engine's answer to one request; several may come at the same time."""
        asked = json.loads(body)
        connection = HTTPConnection(self.engine, timeout=PATIENCE)
        passed_on = {name: headers[name] for name in PASSED_ON if name in headers}
        connection.request("POST", "/", json.dumps(asked | {"ReturnConsumedCapacity": "TOTAL"}), passed_on)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        with self._lock:
            self.reading.add(headers["X-Amz-Target"].rpartition(".")[2], asked, json.loads(body))
        return answer.status, {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}, body


@contextmanager
def meter(engine: str) -> Iterator[Meter]:
    """Yield a meter before ``engine``, running while the context lasts."""
    metering = Meter(engine)
    with http_server(metering.answer) as metering.endpoint:
        yield metering
