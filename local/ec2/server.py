"""The local EC2 server.

It answers requests concurrently, and executes one at a time.
"""

import logging
import threading
import traceback
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Self

from local.ec2.account import ACCOUNT_ID, REGION, Account
from local.ec2.actions import perform
from local.ec2.caller import AccountOf, Caller, identify_caller, one_account
from local.ec2.errors import Ec2Error
from local.ec2.listener import HOST, Listener
from local.ec2.plays import Play, Plays
from local.ec2.regions import DEFAULT_REGIONS, check_enabled
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
    - ``account_of``: returns the account of an access key; by default all keys belong to one account.

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
        account_of: AccountOf = one_account,
    ) -> None:
        self.calls: Counter[tuple[str, str, str]] = Counter()
        """(account, region, operation) → number of requests."""
        self._port = port
        self._speed, self._listed_for, self._seed = speed, listed_for, seed
        self._account_of = account_of
        self._accounts: dict[Caller, Account] = {}
        self._regions: dict[str, dict[str, str]] = {}
        self._account(Caller(ACCOUNT_ID, REGION))
        self._plays = Plays()
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

    def play(
        self,
        name: str,
        account: str = "*",
        region: str = "*",
        operations: Sequence[str] = ("*",),
        seconds: float = 0,
        times: int = 0,
    ) -> Play:
        """Give matching requests an answer of `local.ec2.plays.ANSWERS` until the returned play ends.

        ``account``, ``region`` and ``operations`` are patterns of `fnmatch`. ``seconds`` delays the answer. With
        ``times``, only so many requests get it. The latest matching play answers; after a ``slow`` one, the next
        does. Raises ValueError for an unknown name.
        """
        return self._plays.add(Play(name, account, region, operations, seconds, times))

    def end_plays(self) -> None:
        """End all plays."""
        self._plays.end()

    def set_regions(self, account: str, regions: Mapping[str, str]) -> None:
        """Replace an account's regions: name → opt-in status, as in DescribeRegions.

        Requests to a region that is ``not-opted-in`` fail with AuthFailure.
        """
        with self._lock:
            known = self._regions_of(account)
            known.clear()
            known.update(regions)

    def respond(self, request: str, authorization: str = "") -> tuple[int, bytes]:
        """Return the HTTP status and the body of the response. Never raises."""
        request_id = str(uuid.uuid4())
        try:
            return 200, self._perform(parse_query(request), authorization, request_id)
        except Ec2Error as error:
            return error.status, format_error(error, request_id)
        except Exception as error:
            # The place without the error's text, which could contain a secret.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            LOG.error("InternalError: %s at %s:%s", type(error).__name__, frame.filename, frame.lineno)
            internal = Ec2Error("InternalError", "An internal error has occurred", status=500)
            return internal.status, format_error(internal, request_id)

    def _perform(self, query: Mapping[str, str], authorization: str, request_id: str) -> bytes:
        caller = identify_caller(authorization, query, self._account_of)
        operation = query.get("Action", "")
        with self._lock:
            self.calls[*caller, operation] += 1
            if self._faults:
                raise self._faults.popleft()
        # Without the lock: a delay must not hold up other requests.
        played = self._plays.answer(caller, operation)
        if played is not None:
            return played
        with self._lock:
            account = self._account(caller)
            check_enabled(account.regions, caller.region)
            name, result = perform(account, query, self._clock())
        return format_response(name, result, request_id)

    def _account(self, caller: Caller) -> Account:
        if caller not in self._accounts:
            # Accounts and regions have different ids.
            seed = None if self._seed is None else f"{self._seed} {caller.account} {caller.region}"
            regions = self._regions_of(caller.account)
            self._accounts[caller] = Account(self._speed, self._listed_for, seed, caller.account, regions)
        return self._accounts[caller]

    def _regions_of(self, account: str) -> dict[str, str]:
        return self._regions.setdefault(account, dict(DEFAULT_REGIONS))
