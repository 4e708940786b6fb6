"""The local EC2 server, which handles one request at a time."""

import logging
import threading
import traceback
import uuid
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

from local.ec2.account import Account
from local.ec2.actions import perform
from local.ec2.errors import Ec2Error
from local.ec2.listener import HOST, Listener
from local.ec2.request import parse_query
from local.ec2.response import format_error, format_response

LOG = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Ec2Server:
    """The local EC2 in this process: a context manager that listens inside its context.

    - ``port``: 0 means any free port.
    - ``speed``: divides every duration; with 200, a task takes about ten seconds.
    - ``listed_for``: minutes for which a finished task stays listed, before ``speed`` divides them.
    - ``seed``: makes ids and the order of lists reproducible.
    - ``clock``: returns the time of each request, for tests that set the time.

    Raises ValueError for an impossible ``speed`` or ``listed_for``.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        speed: float = 1.0,
        listed_for: float = 60.0,
        seed: int | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._port = port
        self._account = Account(speed, listed_for, seed)
        self._clock = clock
        self._faults: deque[Ec2Error] = deque()
        self._lock = threading.Lock()
        self._listener: Listener | None = None

    @property
    def url(self) -> str:
        """The value for boto3's ``endpoint_url``. Raises RuntimeError if the server is not listening."""
        if self._listener is None:
            raise RuntimeError("the local EC2 is not listening: use it in a with statement, or start it")
        return f"http://{HOST}:{self._listener.server_address[1]}"

    def start(self) -> None:
        """Start listening.

        Raises OSError if the port is in use, RuntimeError if the server listens already.
        """
        if self._listener is not None:
            raise RuntimeError("the local EC2 is already listening")
        self._listener = Listener(self._port, self.respond)
        # With the default poll interval, every stop would take half a second.
        serve = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)
        serve.start()

    def stop(self) -> None:
        """Stop listening and close all connections. Tasks and images stay for the next start."""
        if self._listener is not None:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fail_next(
        self,
        n: int = 1,
        status: int = 503,
        code: str = "RequestLimitExceeded",
        message: str = "Request limit exceeded.",
    ) -> None:
        """Make the next ``n`` requests fail, by default with EC2's throttling error.

        botocore repeats a throttled call, so one call can be several requests. Failures are used in the order in which
        they were planned. With status 200, the response is valid and contains no result.
        """
        self._faults.extend(Ec2Error(code, message, status) for _ in range(n))

    def respond(self, request: str) -> tuple[int, bytes]:
        """Return the HTTP status and the XML of the response. Never raises."""
        request_id = str(uuid.uuid4())
        try:
            name, result = self._perform(request)
            return 200, format_response(name, result, request_id)
        except Ec2Error as error:
            return error.status, format_error(error, request_id)
        except Exception as error:
            # The place without the error's text, which could contain a secret.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            LOG.error("InternalError: %s at %s:%s", type(error).__name__, frame.filename, frame.lineno)
            internal = Ec2Error("InternalError", "An internal error has occurred", status=500)
            return internal.status, format_error(internal, request_id)

    def _perform(self, request: str) -> tuple[str, Any]:
        with self._lock:
            if self._faults:
                raise self._faults.popleft()
            return perform(self._account, parse_query(request), self._clock())
