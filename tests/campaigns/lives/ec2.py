"""An EC2 that lists its tasks, or fails as it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.parsers import ResponseParserError

from tests.campaigns.lives.edge import Edge
from tests.campaigns.lives.tasks import SECRET, BundleTask

Listed = dict[str, dict[str, Any]]
"""Task id → what EC2 lists of it."""


class Ec2:
    """The recorder's client; its ``answer`` is the last good answer of a poll.

    While it ``lags``, answers come from a replica that is behind what was told before.
    """

    def __init__(self, edge: Edge, clock: Callable[[], float]) -> None:
        self.tasks: list[BundleTask] = []
        self._edge, self._clock = edge, clock
        self.lags = False
        self._lists: list[Listed] = [{}]

    def can_paginate(self, _operation: str) -> bool:
        return False

    def describe_bundle_tasks(self) -> Any:
        odd: dict[str, Callable[[], Any]] = {
            "no list": dict,
            "null for a list": lambda: {"BundleTasks": None},
            "text for a list": lambda: {"BundleTasks": SECRET},
            "unreadable": _unreadable,
            "behind": lambda: self._answer(self._behind()),
        }
        usual = self._behind if self.lags else self.listed
        return self._edge.perform("EC2", lambda: self._answer(usual()), odd)

    def listed(self) -> Listed:
        """Return the tasks that EC2 lists now."""
        shown = (task for task in self.tasks if not task.forgotten and not task.hidden)
        return {task.task_id: task.listed(self._clock()) for task in shown}

    def _behind(self) -> Listed:
        self._edge.counts["lists from behind"] += 1
        return self._lists[0]

    def _answer(self, listed: Listed) -> Any:
        self._lists = [*self._lists[-1:], self.listed()]
        self._edge.process.poll.answer = listed
        return {"BundleTasks": list(listed.values())}


def _unreadable() -> Any:
    raise ResponseParserError(f"not well-formed: <uploadPolicy>{SECRET}")
