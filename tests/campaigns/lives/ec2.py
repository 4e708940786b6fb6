"""EC2 with its tasks, the truth behind the history, and with faults."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.parsers import ResponseParserError

from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, Kind
from task_reporter.kinds.table import KINDS
from task_reporter.times import to_text
from tests.campaigns.lives.faults import FaultInjector
from tests.campaigns.lives.forms import FORMS, LISTS, PHASE, SECRET, Form, fill

MOVES = (
    "step", "step", "complete", "complete", "fail", "fail late", "fail without code", "cancel", "cancelled late",
    "cancelled late", "cancel", "fail without code", "forget", "hide", "show",
)  # fmt: skip
LISTED_ENDINGS = ("complete", "fail", "fail late", "cancelled late")
ENDINGS = (*LISTED_ENDINGS, "forget")
MAX_CODE_DELAY = 120
"""Seconds after a task's end within which EC2 adds its error code or text."""


class Listed(NamedTuple):
    """A task at the time of one answer."""

    item: dict[str, Any]
    """The task as botocore's parser returns it."""
    has_ended: bool
    reason: str | None
    """The error code or text, once EC2 has added it."""
    updated: str | None
    """Time of the last change, if the list has such times."""


TaskList = dict[str, Listed]
"""Task id → the task as EC2 lists it."""
ListKey = tuple[str, str]
"""Scope and kind of one list."""


@dataclass
class Task:
    """One task, as EC2 knows it."""

    kind: Kind
    number: int
    started: float
    updated: float
    scope: str
    state: str = ""
    outcome: str | None = None
    reason: str | None = None
    reason_at: float = 0.0
    """Time from which EC2 lists ``reason``."""
    forgotten: bool = False
    """True if EC2 lists it no more."""
    hidden: bool = False
    """True if a lagging replica leaves it out."""

    def __post_init__(self) -> None:
        self.state = self.form.running[0]

    @property
    def list_key(self) -> ListKey:
        return self.scope, self.kind.name

    @property
    def form(self) -> Form:
        return FORMS[self.kind.name]

    @cached_property
    def task_id(self) -> str:
        """The row's id: of a store task, one of three AMIs and the start."""
        if self.kind.supersedes:
            return f"{self.form.prefix}{self.number % 3:08x}/{_text(self.started)}"
        return f"{self.form.prefix}{self.number:08x}"

    def is_or_precedes(self, task_id: str) -> bool:
        """Tell whether ``task_id`` is this task, or a later one of its AMI."""
        return self.task_id.partition("/")[0] == task_id.partition("/")[0] and self.task_id <= task_id

    def move(self, move: str, now: float, code_delay: int) -> None:
        """Apply the next event to the task, unless it is impossible."""
        if move in ("hide", "show"):
            self.hidden = move == "hide"
        elif move == "forget":
            self.forgotten = True
        elif self.outcome is None:
            self._run(move, now, code_delay)

    def _run(self, move: str, now: float, code_delay: int) -> None:
        self.updated, running = now, self.form.running
        if move == "complete":
            self.state, self.outcome = self.form.ends[0], COMPLETE
        elif move == "cancel":
            self.state = self.form.stopping
        elif move == "step":
            if self.state in running:
                self.state = running[min(running.index(self.state) + 1, len(running) - 1)]
        else:
            self._fail(move, now, code_delay)

    def _fail(self, move: str, now: float, code_delay: int) -> None:
        has_reason = move != "fail without code"
        stopped = self.state == self.form.stopping or move == "cancelled late"
        # Some lists show a cancellation by nothing but the lack of an error text.
        stopped |= not has_reason and self.kind.without_reason == CANCELLED
        self.state = self.form.ends[2 if stopped else 1]
        self.outcome = CANCELLED if stopped and CANCELLED in self.form.reasons else FAILED
        if has_reason:
            self.reason = self.form.reasons.get(self.outcome)
            self.reason_at = now + (0 if move == "fail" else code_delay)

    def listed(self, now: float) -> Listed:
        """Return the task as EC2 lists it at ``now``."""
        runs, updated = self.outcome is None, _text(self.updated)
        reason, progress = self.reason if now >= self.reason_at else None, str(int(self.updated) % 100)
        code, _, message = (reason or "").partition(": ")
        values = {
            "$id": self.task_id, "$image": self.task_id.partition("/")[0], "$state": self.state,
            "$text": PHASE if runs else reason, "$reason": reason,
            "$error": reason and {"Code": code, "Message": message}, "$start": _text(self.started),
            "$update": updated, "$end": None if runs else updated,
            "$progress": progress if runs else None, "$percent": f"{progress}%" if runs else None,
        }  # fmt: skip
        return Listed(fill(self.form.item, values), not runs, reason, updated if self.kind.has_end_times else None)


class Ec2:
    """The tasks of all regions.

    While ``lags`` is true, a replica answers that lags behind the last answer. With ``newest_only``, an AMI's older
    store tasks are not listed.
    """

    def __init__(self, faults: FaultInjector, clock: Callable[[], float], newest_only: bool) -> None:
        self.tasks: list[Task] = []
        self._faults, self._clock, self._newest_only = faults, clock, newest_only
        self.lags = False
        self._lists: dict[ListKey, list[TaskList]] = defaultdict(lambda: [{}])

    def describe(self, key: ListKey) -> Any:
        """Answer a request for one list, perhaps with a fault."""
        member = LISTS[key[1]]
        service_faults: dict[str, Callable[[], Any]] = {
            "no list": dict,
            "null for a list": lambda: {member: None},
            "text for a list": lambda: {member: SECRET},
            "unreadable": _raise_parser_error,
            "stale list": lambda: self._answer(key, self._stale_list(key)),
        }
        list_tasks = self._stale_list if self.lags else self._list
        try:
            return self._faults.perform("EC2", lambda: self._answer(key, list_tasks(key)), service_faults)
        except BaseException:
            self._faults.process.poll.lists.pop(key, None)  # the answer is lost, if there was one
            raise

    def list_tasks(self, scope: str) -> TaskList:
        """Return the tasks of all lists of one region."""
        return {task_id: task for kind in KINDS for task_id, task in self._list((scope, kind)).items()}

    def _list(self, key: ListKey) -> TaskList:
        tasks = [task for task in self.tasks if task.list_key == key and not task.forgotten and not task.hidden]
        if self._newest_only:
            tasks = [task for task in tasks if sum(task.is_or_precedes(other.task_id) for other in tasks) == 1]
        return {task.task_id: task.listed(self._clock()) for task in tasks}

    def _stale_list(self, key: ListKey) -> TaskList:
        self._faults.counts["stale lists"] += 1
        return self._lists[key][0]

    def _answer(self, key: ListKey, listed: TaskList) -> Any:
        self._lists[key] = [*self._lists[key][-1:], self._list(key)]
        self._faults.process.poll.lists[key] = listed
        return {LISTS[key[1]]: [task.item for task in listed.values()]}


class RegionalClient:
    """The recorder's client in the region of ``scope``."""

    def __init__(self, ec2: Ec2, scope: str) -> None:
        for name, kind in KINDS.items():
            setattr(self, xform_name(kind.operation), partial(ec2.describe, (scope, name)))

    def can_paginate(self, _operation: str) -> bool:
        return False


def _raise_parser_error() -> Any:
    raise ResponseParserError(f"not well-formed: <uploadPolicy>{SECRET}")


def _text(seconds: float) -> str:
    return to_text(datetime.fromtimestamp(seconds, UTC))
