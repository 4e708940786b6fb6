"""Waiting until a task ends, by asking the history."""

from collections.abc import Callable, Iterator
from typing import Any

from task_reporter.aws.failures import EXPECTED_ERRORS
from task_reporter.kinds.table import KINDS
from task_reporter.recording.poll_lists import read_list
from task_reporter.recording.unreadable import ABSENT, lasting_reason
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

    Raises botocore's errors and MalformedAnswerError where a list that may have the task can't be read.
    """
    unread: list[Exception] = []
    for kind in KINDS.values():
        try:
            if any(task["task_id"] == task_id for task in read_list(kind, ec2).tasks):
                return True
        except EXPECTED_ERRORS as error:
            unread += [error] if lasting_reason(error) != ABSENT else []
    if unread:
        raise unread[0]
    return False
