"""Faults between the package and its services: refusals, lost answers, killed processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, ReadTimeoutError

from task_reporter.errors import TaskReporterError

KILLED_BEFORE, KILLED_AFTER, LOST_ANSWER, MEANWHILE = "killed before", "killed after", "answer lost", "meanwhile"
FOR_GOOD = "refused for good"
TIME_OUT, UNREACHABLE = "time-out", "unreachable"
REFUSALS = {
    "throttled": ("ThrottlingException", 400),
    "server error": ("InternalServerError", 500),
    "denied": ("AccessDeniedException", 400),
}
SENT_AGAIN = "answer lost and sent again"
UNCERTAIN = (KILLED_BEFORE, KILLED_AFTER, LOST_ANSWER, SENT_AGAIN, TIME_OUT)
"""Faults after which a process does not know its own effect."""
ODD = ("odd 0", "odd 1", "odd 2", "odd 3", "odd 4")
"""Faults of one service, numbered by service."""
ACTIONS = (KILLED_BEFORE, KILLED_AFTER, LOST_ANSWER, MEANWHILE, MEANWHILE, TIME_OUT, UNREACHABLE, *REFUSALS, *ODD)

FORESEEN = (TaskReporterError, BotoCoreError, ClientError)
"""Errors with which a function may end."""
Reach = Callable[[], Any]
Plan = Mapping[int, str]
"""Number of a process's request → what happens to it."""


class Killed(BaseException):
    """The process died here."""


@dataclass
class Process:
    """One run of a function: its planned faults and its progress.

    ``poll`` is the evidence of a poll.
    """

    plan: Plan
    meanwhile: Callable[[], None] = lambda: None
    poll: Any = None
    requests: int = 0
    last_fault: int = 0
    """Number of its last failed request, counted from 1."""
    refused: bool = False
    """True if one of its writes was refused for good."""
    uncertain: bool = False
    """True if a response was lost, so a write may be unnoticed."""
    endings: int = 0
    """Number of tasks that it recorded as ended."""
    must_wait: bool | None = None
    """SNS's answer about subscribers: True if notices must wait, None if none."""
    asked: bool = False
    """True if it asked for subscribers."""


@dataclass
class Edge:
    """Every request of every process goes through ``perform``."""

    counts: Counter[str]
    processes: list[Process] = field(default_factory=list)

    @property
    def process(self) -> Process:
        """The running process; the others wait for it during a request."""
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
        except FORESEEN:
            self.processes.pop()
            raise
        self.processes.pop()

    def perform(self, service: str, reach: Reach, odd: Mapping[str, Reach]) -> Any:
        """Send a request to ``service`` with its planned fault.

        ``reach`` is the service itself, ``odd`` are its own ways to fail.
        """
        process = self.process
        action = process.plan.get(process.requests)
        process.requests += 1
        if action is None:
            return reach()
        if action in ODD:
            action = list(odd)[ODD.index(action) % len(odd)]
        self.counts[f"{service}: {action}"] += 1
        if action == MEANWHILE:
            process.meanwhile()
            return reach()
        process.last_fault = process.requests
        process.uncertain |= action in UNCERTAIN
        process.refused |= action == FOR_GOOD and action in odd
        return odd[action]() if action in odd else _fail(action, reach)


def _fail(action: str, reach: Reach) -> Any:
    if action == KILLED_BEFORE:
        raise Killed
    if action in REFUSALS:
        raise refused(*REFUSALS[action])
    if action == UNREACHABLE:
        raise EndpointConnectionError(endpoint_url="https://service")
    if action in (KILLED_AFTER, LOST_ANSWER):
        reach()
    raise Killed if action == KILLED_AFTER else ReadTimeoutError(endpoint_url="https://service")


def refused(code: str, status: int = 400, **members: Any) -> ClientError:
    """Return the error that botocore raises where a service answers ``code``."""
    said: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **members}
    return ClientError(said, "Request")
