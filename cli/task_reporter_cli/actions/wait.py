"""Waiting until a task ends, by asking the history."""

from collections.abc import Callable, Iterator
from typing import Any

from task_reporter.aws.lists import list_pages
from task_reporter.kinds.table import KINDS
from task_reporter.recording.projection import project
from task_reporter_cli.actions.retrier import Retrier
from task_reporter_cli.history.items import Item

INTERVAL = 5.0
"""Seconds between two questions, each of which costs half a read unit.

The recorder asks EC2 every few minutes.
"""


def poll_task(look: Callable[[], Item | None], watch: Retrier) -> Iterator[Item | None]:
    """Yield the results of ``look`` until one has an outcome or time is over.

    Raises TimeOverError where the last look gives nothing in time, and what can't pass by itself.
    """
    while True:
        row = watch.call(look)
        yield row
        if (row and "outcome" in row) or not watch.remaining:
            return
        watch.pause(INTERVAL)


def is_listed(ec2: Any, task_id: str) -> bool:
    """Tell whether EC2 lists a task, so that the next poll will record it.

    Raises botocore's errors.
    """
    return any(
        task["task_id"] == task_id for kind in KINDS.values() for task in project(kind, list_pages(ec2, kind)).tasks
    )
