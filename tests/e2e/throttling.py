"""A throttled, denied or slow service: a proxy before the local AWS.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from threading import Lock

from tests.support.http_server import Answer, http_server

REFUSAL = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "The level of configured provisioned throughput for the table was exceeded.",
    }
).encode()
JSON = {"Content-Type": "application/x-amz-json-1.0"}
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Throttled:
    """The proxy at ``url``.

    ``refuses`` says of each request, by its number from 0, whether it is refused with ``refusal``. What the service
    answers is handed on ``late`` seconds later; ``taken`` are the bodies of the requests that the service answered.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.url = ""
        self.refuses: Callable[[int], bool] = lambda number: False
        self.refusal = REFUSAL
        self.refused: list[str] = []
        self.late = 0.0
        self.taken: list[bytes] = []
        self._numbers = count()
        self._lock = Lock()

    def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the client's response: a refusal, or the engine's."""
        with self._lock:
            refused = self.refuses(next(self._numbers))
        if refused:
            self.refused.append(headers["X-Amz-Target"].partition(".")[2])
            return 400, JSON, self.refusal
        request = urllib.request.Request(self.endpoint, body, dict(headers), method="POST")
        try:
            with DIRECT.open(request) as answer:
                self.taken.append(body)
                time.sleep(self.late)
                return answer.status, JSON, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, JSON, error.read()


@contextmanager
def throttled(endpoint: str) -> Iterator[Throttled]:
    """Yield a proxy in front of ``endpoint``, for as long as the context lasts."""
    proxy = Throttled(endpoint)
    with http_server(proxy.answer) as proxy.url:
        yield proxy
