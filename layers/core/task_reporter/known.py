"""What the history knows besides what a poll is told: what runs, and what nobody was told yet."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.history import History
from task_reporter.rows import AWAITING_NOTIFICATION, AWAITING_OUTCOME, Row
from task_reporter.unfinished import rows_awaiting


@dataclass(frozen=True, slots=True)
class Known:
    """Rows of one scope: those that await their outcome, and those that await their notification."""

    running: list[Row] = field(default_factory=list)
    waiting: list[Row] = field(default_factory=list)


def known_before(history: History, scope: str, pool: Executor, deadline: Deadline = NO_DEADLINE) -> Callable[[], Known]:
    """Begin to read in ``pool``. What is handed back waits for it, and raises OutOfTimeError and botocore's errors."""
    reading = [
        pool.submit(rows_awaiting, history, scope, what, deadline) for what in (AWAITING_OUTCOME, AWAITING_NOTIFICATION)
    ]

    def known() -> Known:
        for one in reading:
            one.exception()  # nothing is left running, whatever became of the other
        return Known(*(one.result() for one in reading))

    return known
