"""Telling people: the rows that await notification, announced once and marked.

The stream only says which rows to look at. What is announced is what the history holds at that moment, so a
record that comes twice, late or out of date changes nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.errors import IncompleteRowError, NotAnnouncedError, TaskReporterError
from task_reporter.history import History
from task_reporter.message import Notice
from task_reporter.notices import compose
from task_reporter.rows import AWAITING_NOTIFICATION, Key, Row, key_of
from task_reporter.times import now, stamp
from task_reporter.topic import Topic
from task_reporter.writes import Update


@dataclass(frozen=True, slots=True)
class Policy:
    """How people want to be told."""

    digest_above: int
    retention_days: int = 0
    """0 keeps rows for ever; else a row expires so many days after its notice."""


@dataclass(slots=True)
class Announced:
    """What became of some tasks: the notices that SNS took, and for each other task why it still waits."""

    notices: list[Notice]
    failed: dict[Key, Exception]


def announce(
    keys: Iterable[Key],
    history: History,
    topic: Topic,
    policy: Policy,
    deadline: Deadline = NO_DEADLINE,
    clock: Callable[[], datetime] = now,
) -> Announced:
    """Announce those of ``keys`` whose rows await notification, and mark each once SNS has taken its notice.

    A mark is tried however little time is left, because without it the notice is repeated.
    Raises HistoryError, OutOfTimeError and botocore's errors where the rows can't be read.
    """
    rows = [row for row in history.read(keys, deadline).values() if row.get("awaiting") == AWAITING_NOTIFICATION]
    announced = Announced([], {key_of(row): IncompleteRowError("no outcome") for row in rows if "outcome" not in row})
    for notice in compose([row for row in rows if "outcome" in row], policy.digest_above):
        try:
            deadline.check("announcing")
            topic.publish(notice)
            announced.notices.append(notice)
            history.apply(_marks(notice.rows, policy, clock()))
        except (TaskReporterError, BotoCoreError, ClientError) as error:
            announced.failed |= _failures(notice.rows, error)
    return announced


def _marks(rows: Sequence[Row], policy: Policy, told: datetime) -> list[Update]:
    """The marks, each only while the row awaits notification of the outcome that was told.

    A lost task that was corrected meanwhile keeps awaiting, and its correction is told next.
    """
    mark: Row = {"notified_at": stamp(told)}
    if policy.retention_days:
        mark["expires_at"] = int((told + timedelta(days=policy.retention_days)).timestamp())
    done = ("awaiting", "awaiting_since", "redriven_at")
    return [
        Update(key_of(row), mark, {"awaiting": AWAITING_NOTIFICATION, "outcome": row["outcome"]}, remove=done)
        for row in rows
    ]


def _failures(rows: Sequence[Row], error: Exception) -> dict[Key, Exception]:
    """``error`` for each of ``rows``; where it names the rows that were refused, for those alone."""
    keys = [key_of(row) for row in rows]
    named = getattr(error, "problems", None)
    if isinstance(named, dict):
        keys = [key for key in keys if key in named]
    return {key: NotAnnouncedError(str(error)) for key in keys}
