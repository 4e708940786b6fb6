"""Waiting until a task ends, by asking the history."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from task_reporter.kinds import KINDS
from task_reporter.listing import listed
from task_reporter.projection import project
from task_reporter_cli.items import Item

PAUSE = 5.0
"""Seconds between two questions. One costs half a read unit; the recorder asks EC2 every few minutes."""


def looks(
    look: Callable[[], Item | None],
    seconds: float | None,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Item | None]:
    """What ``look`` gives, again and again: the last time with an outcome, or when ``seconds`` are over."""
    until = None if seconds is None else clock() + seconds
    while True:
        row = look()
        yield row
        left = PAUSE if until is None else until - clock()
        if (row and "outcome" in row) or left <= 0:
            return
        pause(min(PAUSE, left))


def is_listed(ec2: Any, task_id: str) -> bool:
    """Whether EC2 lists that task, so that the next poll will record it. Raises botocore's errors."""
    return any(task["task_id"] == task_id for kind in KINDS.values() for task in project(kind, listed(ec2, kind)).tasks)
