"""What the history knows before a poll: what runs, what nobody was told yet, and the last polls."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.heartbeat import heartbeat_key
from task_reporter.history import History
from task_reporter.kinds import Kind
from task_reporter.rows import AWAITING_NOTIFICATION, AWAITING_OUTCOME, Key, Row
from task_reporter.unfinished import rows_awaiting


@dataclass(frozen=True, slots=True)
class Known:
    """Rows of one scope: those that await their outcome, those that await their notification, and heartbeats."""

    running: list[Row] = field(default_factory=list)
    waiting: list[Row] = field(default_factory=list)
    heartbeats: dict[Key, Row] = field(default_factory=dict)


def known_before(history: History, scope: str, kinds: Iterable[Kind], deadline: Deadline = NO_DEADLINE) -> Known:
    """Read it. Raises HistoryError, OutOfTimeError and botocore's errors."""
    return Known(
        rows_awaiting(history, scope, AWAITING_OUTCOME, deadline),
        rows_awaiting(history, scope, AWAITING_NOTIFICATION, deadline),
        history.read([heartbeat_key(kind.name, scope) for kind in kinds], deadline),
    )
