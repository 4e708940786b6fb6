"""Faults between the package and its services: refusals, lost responses, killed processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, ReadTimeoutError

from task_reporter.errors import TaskReporterError
from tests.support.dynamodb import refusal

KILLED_BEFORE, KILLED_AFTER, LOST_RESPONSE = "killed before", "killed after", "response lost"
MEANWHILE = "meanwhile"
"""No fault: another process works before the request is sent."""
TIME_OUT, UNREACHABLE, SERVER_ERROR = "time-out", "unreachable", "server error"
REFUSALS = {
    "throttled": ("ThrottlingException", 400),
    SERVER_ERROR: ("InternalServerError", 500),
    "denied": ("AccessDeniedException", 400),
}
PERMANENT = "refused permanently"
SENT_AGAIN = "response lost and sent again"
UNCERTAIN = (KILLED_BEFORE, KILLED_AFTER, LOST_RESPONSE, SENT_AGAIN, TIME_OUT, SERVER_ERROR)
"""Faults after which a process does not know its own effect."""
SERVICE_FAULTS = ("service fault 0", "service fault 1", "service fault 2", "service fault 3", "service fault 4")
"""Faults that only one service has, by their position there."""
ACTIONS = (
    KILLED_BEFORE, KILLED_AFTER, LOST_RESPONSE, MEANWHILE, MEANWHILE, TIME_OUT, UNREACHABLE, *REFUSALS, *SERVICE_FAULTS,
)  # fmt: skip

EXPECTED_ERRORS = (TaskReporterError, BotoCoreError, ClientError)
"""Errors with which a function may end."""
Send = Callable[[], Any]
Plan = Mapping[int, str]
"""Position of a process's request → its fault."""


class Killed(BaseException):
    """The process died here."""


@dataclass
class Process:
    """One run of a function: its planned faults and its progress."""

    plan: Plan
    meanwhile: Callable[[], None] = lambda: None
    poll: Any = None
    """The ``PollRecord`` of a recorder."""
    requests: int = 0
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    """Number of each failed request, counted from 1, with its service and its fault."""
    refused: bool = False
    """True if a write was refused permanently."""
    uncertain: bool = False
    """True if a response was lost, so a write may be unnoticed."""
    ended_tasks: int = 0
    """Number of tasks that the process recorded as ended."""
    must_wait: bool | None = None
    """SNS's answer about subscribers: True if notices must wait, None if there was none."""
    asked_sns: bool = False
    """True if the process asked for subscribers."""


@dataclass
class FaultInjector:
    """Sends every request of every process; counts the faults in ``counts``."""

    counts: Counter[str]
    processes: list[Process] = field(default_factory=list)

    @property
    def process(self) -> Process:
        """Return the running process; the others wait for it during a request."""
        return self.processes[-1]

    @contextmanager
    def running(self, process: Process) -> Iterator[Process]:
        """Run ``process``, possibly during another's request.

        After a violation the process stays the current one.
        """
        self.processes.append(process)
        try:
            yield process
        except Killed:
            self.counts["crashes"] += 1
        except EXPECTED_ERRORS:
            self.processes.pop()
            raise
        self.processes.pop()

    def perform(self, service: str, send: Send, service_faults: Mapping[str, Send]) -> Any:
        """Send a request to ``service`` with its planned fault."""
        process = self.process
        action = process.plan.get(process.requests)
        process.requests += 1
        if action is None or (action in SERVICE_FAULTS and not service_faults):
            return send()
        if action in SERVICE_FAULTS:
            action = list(service_faults)[SERVICE_FAULTS.index(action) % len(service_faults)]
        self.counts[f"{service}: {action}"] += 1
        if action == MEANWHILE:
            process.meanwhile()
            return send()
        process.faults.append((process.requests, service, action))
        process.uncertain |= action in UNCERTAIN
        process.refused |= action == PERMANENT and action in service_faults
        return service_faults[action]() if action in service_faults else _fail(action, send)


def _fail(action: str, send: Send) -> Any:
    if action == KILLED_BEFORE:
        raise Killed
    if action in REFUSALS:
        code, status = REFUSALS[action]
        raise refusal(code, status=status)
    if action == UNREACHABLE:
        raise EndpointConnectionError(endpoint_url="https://service")
    if action in (KILLED_AFTER, LOST_RESPONSE):
        send()
    raise Killed if action == KILLED_AFTER else ReadTimeoutError(endpoint_url="https://service")
