"""EC2 with its bundle tasks, the truth behind the history, and with faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from botocore.parsers import ResponseParserError

from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED
from tests.campaigns.lives.faults import FaultInjector

STATES = ("pending", "waiting-for-shutdown", "bundling", "storing")
SECRET = "SOAKSECRET"
"""Part of every value that must not leave EC2's answer."""
SECRETS = {
    "AWSAccessKeyId": f"AKIA{SECRET}",
    "UploadPolicy": f"policy-{SECRET}",
    "UploadPolicySignature": f"signature-{SECRET}",
}
MOVES = (
    "step", "step", "complete", "complete", "fail", "fail late", "fail without code", "cancel", "cancelled late",
    "cancelled late", "cancel", "fail without code", "forget", "hide", "show",
)  # fmt: skip
LISTED_ENDINGS = ("complete", "fail", "fail late", "cancelled late")
ENDINGS = (*LISTED_ENDINGS, "forget")
MAX_CODE_DELAY = 120
"""Seconds after a task's end within which EC2 adds its error code."""

TWIN = replace(
    BUNDLE, name="twin", operation="DescribeTwinTasks", projection=BUNDLE.projection.replace("BundleTasks", "TwinTasks")
)
"""A second list, whose tasks live as bundle tasks do."""

TaskList = dict[str, dict[str, Any]]
"""Task id → the task as EC2 lists it."""


@dataclass
class BundleTask:
    """One task, as EC2 knows it."""

    task_id: str
    started: float
    updated: float
    has_times: bool = True
    state: str = STATES[0]
    outcome: str | None = None
    code: str | None = None
    code_at: float = 0.0
    """Time from which EC2 lists ``code``."""
    forgotten: bool = False
    """True if EC2 lists it no more."""
    hidden: bool = False
    """True if a lagging replica leaves it out."""

    @property
    def kind(self) -> str:
        """The list that holds the task: every second one is in the second list."""
        return TWIN.name if int(self.task_id[4:], 16) % 2 else BUNDLE.name

    def move(self, move: str, now: float, code_delay: int) -> None:
        """Apply the next event to the task, unless it is impossible."""
        if move in ("hide", "show"):
            self.hidden = move == "hide"
        elif move == "forget":
            self.forgotten = True
        elif self.outcome is None:
            self._run(move, now, code_delay)

    def _run(self, move: str, now: float, code_delay: int) -> None:
        self.updated = now
        if move == "complete":
            self.state, self.outcome = "complete", COMPLETE
        elif move == "cancel":
            self.state = "cancelling"
        elif move == "step":
            if self.state in STATES:
                self.state = STATES[min(STATES.index(self.state) + 1, len(STATES) - 1)]
        else:
            self._fail(move, now, code_delay)

    def _fail(self, move: str, now: float, code_delay: int) -> None:
        cancelled = self.state == "cancelling" or move == "cancelled late"
        self.state, self.outcome = "failed", CANCELLED if cancelled else FAILED
        if move != "fail without code":
            self.code = "Client.Cancelled" if cancelled else "Client.S3Error"
            self.code_at = now + (0 if move == "fail" else code_delay)

    def describe(self, now: float) -> dict[str, Any]:
        """Return the task as botocore's parser returns it."""
        task: dict[str, Any] = {"BundleId": self.task_id, "InstanceId": f"i-{self.task_id[4:]}", "State": self.state}
        task["Storage"] = {"S3": {"Bucket": "north", "Prefix": self.task_id, **SECRETS}}
        if self.has_times:
            task |= {"StartTime": _text(self.started), "UpdateTime": _text(self.updated)}
        if self.outcome is None and self.state == "storing":
            task["Progress"] = f"{int(self.updated) % 100}%"
        if self.code and now >= self.code_at:
            task["BundleTaskError"] = {"Code": self.code, "Message": "it ended so"}
        return task


class Ec2:
    """The recorder's client.

    While ``lags`` is true, a replica answers that lags behind the last answer.
    """

    def __init__(self, faults: FaultInjector, clock: Callable[[], float]) -> None:
        self.tasks: list[BundleTask] = []
        self._faults, self._clock = faults, clock
        self.lags = False
        self._lists: dict[str, list[TaskList]] = {BUNDLE.name: [{}], TWIN.name: [{}]}

    def can_paginate(self, _operation: str) -> bool:
        return False

    def describe_bundle_tasks(self) -> Any:
        return self._describe(BUNDLE.name, "BundleTasks")

    def describe_twin_tasks(self) -> Any:
        return self._describe(TWIN.name, "TwinTasks")

    def _describe(self, kind: str, member: str) -> Any:
        service_faults: dict[str, Callable[[], Any]] = {
            "no list": dict,
            "null for a list": lambda: {member: None},
            "text for a list": lambda: {member: SECRET},
            "unreadable": _raise_parser_error,
            "stale list": lambda: self._answer(kind, member, self._stale_list(kind)),
        }
        list_tasks = self._stale_list if self.lags else self._list
        return self._faults.perform("EC2", lambda: self._answer(kind, member, list_tasks(kind)), service_faults)

    def list_tasks(self) -> TaskList:
        listed = (task for task in self.tasks if not task.forgotten and not task.hidden)
        return {task.task_id: task.describe(self._clock()) for task in listed}

    def _list(self, kind: str) -> TaskList:
        kinds = {task.task_id: task.kind for task in self.tasks}
        return {task_id: task for task_id, task in self.list_tasks().items() if kinds[task_id] == kind}

    def _stale_list(self, kind: str) -> TaskList:
        self._faults.counts["stale lists"] += 1
        return self._lists[kind][0]

    def _answer(self, kind: str, member: str, listed: TaskList) -> Any:
        self._lists[kind] = [*self._lists[kind][-1:], self._list(kind)]
        self._faults.process.poll.lists[kind] = listed
        return {member: list(listed.values())}


def _raise_parser_error() -> Any:
    raise ResponseParserError(f"not well-formed: <uploadPolicy>{SECRET}")


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
