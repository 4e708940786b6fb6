"""Announce rows that await notification, and mark each after SNS accepts it.

A stream record only says which row to look at. The notice is about the row as it is in the history at that moment, so a
record that is delivered twice, late or out of order changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from task_reporter.aws.failures import EXPECTED_ERRORS, answer_is_missing, describe
from task_reporter.aws.request_limits import COUNT_SUBSCRIBERS, PUBLISH, USE_TABLE
from task_reporter.errors import HistoryError, IncompleteRowError, NotAnnouncedError
from task_reporter.history.rows import AWAITING_NOTIFICATION, Key, Row, expiry, key_of
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Update
from task_reporter.notifying.compose import compose_notices
from task_reporter.notifying.notice import Notice
from task_reporter.notifying.task_notice import minimal_task_notice
from task_reporter.notifying.topic import Topic
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline
from task_reporter.runtime.metrics import COUNT, Metric
from task_reporter.times import now, to_text

MARK_SECONDS = 2 * USE_TABLE.max_seconds
"""Time to mark a row: one write, and one read after a lost response."""


@dataclass(frozen=True, slots=True)
class NotificationPolicy:
    """The settings of the stack that govern notices."""

    digest_above: int
    """More tasks than this in one batch and scope become a digest."""
    retention_days: int = 0
    """Days after its notice on which a row expires; 0 keeps rows for ever."""


@dataclass(slots=True)
class AnnounceResult:
    """The result of announcing some tasks."""

    notices: list[Notice] = field(default_factory=list)
    """The notices that SNS accepted."""
    failed: dict[Key, Exception] = field(default_factory=dict)
    """Tasks whose notice was refused or never sent. Lambda delivers their stream records again."""
    unmarked: dict[Key, Exception] = field(default_factory=dict)
    """Tasks whose notice SNS may have accepted: its response, or the mark, is missing.

    They are not reported as failed, because retries by the stream would send many emails within minutes. Redriving
    sends them again, or the stream, where it delivers the batch again because of an earlier record that failed.
    """
    waiting: list[Key] = field(default_factory=list)
    """Tasks that wait until somebody has confirmed a subscription."""
    problems: dict[Key, str] = field(default_factory=dict)
    """Tasks announced in the minimal form, with the reason: their notice couldn't be composed."""

    def metrics(self) -> Iterator[Metric]:
        """Count accepted messages, their tasks, and tasks not announced or not marked."""
        yield Metric("NoticesPublished", COUNT, len(self.notices))
        yield Metric("TasksAnnounced", COUNT, sum(len(notice.rows) for notice in self.notices))
        yield Metric("TasksNotAnnounced", COUNT, len(self.failed) + len(self.unmarked))


def announce(
    keys: Iterable[Key],
    history: HistoryTable,
    topic: Topic,
    policy: NotificationPolicy,
    deadline: Deadline = NO_DEADLINE,
    clock: Callable[[], datetime] = now,
    must_wait: Callable[[], bool] = lambda: False,
) -> AnnounceResult:
    """Announce those ``keys`` whose rows await notification, and mark each row.

    ``must_wait`` tells whether SNS would drop the notices because nobody has confirmed a subscription. It is called
    only where there is something to announce. Raises HistoryError, OutOfTimeError and botocore's errors where the rows
    can't be read.
    """
    rows = [row for row in history.read(keys, deadline).values() if row.get("awaiting") == AWAITING_NOTIFICATION]
    incomplete = {key_of(row): IncompleteRowError("no outcome") for row in rows if "outcome" not in row}
    result = AnnounceResult(failed=dict(incomplete))
    rows = [row for row in rows if "outcome" in row]
    if rows:
        deadline.check("counting subscribers", COUNT_SUBSCRIBERS.max_seconds)
        if must_wait():
            result.waiting = [key_of(row) for row in rows]
            return result
    for notice in _compose(rows, policy.digest_above, result):
        _publish_and_mark(notice, history, topic, policy, deadline, clock, result)
    return result


def _publish_and_mark(
    notice: Notice,
    history: HistoryTable,
    topic: Topic,
    policy: NotificationPolicy,
    deadline: Deadline,
    clock: Callable[[], datetime],
    result: AnnounceResult,
) -> None:
    """Publish ``notice`` and mark its rows; what fails is noted in ``result``.

    The mark is tried once however little time is left, because without the mark the notice would be repeated.
    """

    def check_time() -> None:
        deadline.check("announcing", PUBLISH.max_seconds + MARK_SECONDS)

    try:
        published = topic.publish(notice, check_time)
    except Exception as error:  # no failure may cost the notices that follow
        failures = result.unmarked if answer_is_missing(error) else result.failed
        failures |= _failures(notice.rows, error)
        return
    result.notices.append(published)
    try:
        history.apply(_marks(notice.rows, policy, clock()), deadline.after_first_try())
    except EXPECTED_ERRORS as error:
        result.unmarked |= _failures(notice.rows, error)


def _compose(rows: Sequence[Row], digest_above: int, result: AnnounceResult) -> list[Notice]:
    """Compose the notices for ``rows``.

    A row that makes composing fail gets the minimal notice.
    """
    try:
        return compose_notices(rows, digest_above)
    except Exception as error:
        if len(rows) == 1:
            result.problems[key_of(rows[0])] = describe(error)
            return [minimal_task_notice(rows[0])]
        middle = len(rows) // 2
        halves = rows[:middle], rows[middle:]
        return [notice for half in halves for notice in _compose(half, digest_above, result)]


def _marks(rows: Sequence[Row], policy: NotificationPolicy, announced_at: datetime) -> list[Update]:
    """Return the marks, conditional on the row still awaiting notification of its outcome.

    A lost task that was corrected meanwhile does not meet the condition, and its correction is announced next.
    """
    mark: Row = {"notified_at": to_text(announced_at)}
    if policy.retention_days:
        mark["expires_at"] = expiry(announced_at, policy.retention_days)
    settled = ("awaiting", "awaiting_since", "redriven_at", "redrives")
    return [
        Update(key_of(row), mark, {"awaiting": AWAITING_NOTIFICATION, "outcome": row["outcome"]}, remove=settled)
        for row in rows
    ]


def _failures(rows: Sequence[Row], error: Exception) -> dict[Key, Exception]:
    """Return ``error`` for each of ``rows``, or for those alone that a HistoryError names."""
    keys = [key_of(row) for row in rows]
    if isinstance(error, HistoryError):
        keys = [key for key in keys if key in error.problems]
    return {key: NotAnnouncedError(describe(error)) for key in keys}
