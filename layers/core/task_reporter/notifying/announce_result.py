"""The result of announcing tasks: what was sent, what was not, and why."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from task_reporter.aws.failures import EXPECTED_ERRORS, answer_is_missing, describe
from task_reporter.errors import HistoryError, MalformedAnswerError, NotAnnouncedError
from task_reporter.history.rows import Key, Row, key_of
from task_reporter.notifying.event import Event
from task_reporter.notifying.notice import Notice
from task_reporter.runtime.metrics import COUNT, Metric


@dataclass(slots=True)
class Delivery:
    """The result of sending notices, or of sending events."""

    failed: dict[Key, Exception] = field(default_factory=dict)
    """Tasks whose message was refused or never sent."""
    unmarked: dict[Key, Exception] = field(default_factory=dict)
    """Tasks whose message may have been accepted: the response, or the mark, is missing.

    They are not reported as failed, because retries by the stream would send many messages within minutes. Redriving
    sends them again, or the stream, where it delivers the batch again because of an earlier record that failed.
    """

    def fail(self, rows: Sequence[Row], error: Exception) -> None:
        """Note that the message about ``rows`` was not accepted, or perhaps was."""
        is_uncertain = answer_is_missing(error) or isinstance(error, MalformedAnswerError)
        noted = self.unmarked if is_uncertain else self.failed
        noted |= failures(rows, error)

    def mark(self, rows: Sequence[Row], mark: Callable[[Sequence[Row]], None]) -> None:
        """Mark ``rows``, whose message was accepted."""
        try:
            mark(rows)
        except EXPECTED_ERRORS as error:
            self.unmarked |= failures(rows, error)


@dataclass(slots=True)
class AnnounceResult:
    """The result of announcing some tasks."""

    notices: list[Notice] = field(default_factory=list)
    """The notices that SNS accepted."""
    events: list[Event] = field(default_factory=list)
    """The events that the bus accepted."""
    by_notice: Delivery = field(default_factory=Delivery)
    by_event: Delivery = field(default_factory=Delivery)
    waiting: list[Key] = field(default_factory=list)
    """Tasks whose notice waits until somebody has confirmed a subscription."""
    postponed: dict[Key, Exception] = field(default_factory=dict)
    """Tasks for whose notice no time was left after others.

    Lambda delivers their records again at once.
    """
    problems: dict[Key, str] = field(default_factory=dict)
    """Tasks announced in the minimal form, with the reason: their message couldn't be composed."""
    digest: Key | None = None
    """The key of the roster whose digest this is; None for tasks."""

    @property
    def failed(self) -> dict[Key, Exception]:
        """The tasks, or the account, whose stream records Lambda must deliver again.

        While Lambda retries a batch, the notices of later tasks wait. So a task that lacks only its event is left to
        redriving. For a digest this is the record of the account alone: the records of its tasks may lie before those
        of other tasks, which Lambda would then deliver again, too.
        """
        failed = self.by_notice.failed | self.postponed
        return {self.digest: next(iter(failed.values()))} if self.digest and failed else failed

    @property
    def unmarked(self) -> dict[Key, Exception]:
        """The tasks whose notice or event may be repeated."""
        return self.by_notice.unmarked | self.by_event.unmarked

    def metrics(self) -> Iterator[Metric]:
        """Count messages, tasks, and tasks not announced, not sent or not marked.

        Counts of events are left out without any, because a metric costs for each hour in which it has a value.
        """
        yield Metric("NoticesPublished", COUNT, len(self.notices))
        yield Metric("TasksAnnounced", COUNT, sum(len(notice.rows) for notice in self.notices))
        yield Metric("TasksNotAnnounced", COUNT, len(self.by_notice.failed) + len(self.by_notice.unmarked))
        not_sent = len(self.by_event.failed) + len(self.by_event.unmarked)
        if self.events or not_sent:
            yield Metric("EventsSent", COUNT, len(self.events))
            yield Metric("EventsNotSent", COUNT, not_sent)


def failures(rows: Sequence[Row], error: Exception) -> dict[Key, Exception]:
    """Return ``error`` for each of ``rows``, or for those alone that a HistoryError names."""
    keys = [key_of(row) for row in rows]
    if isinstance(error, HistoryError):
        keys = [key for key in keys if key in error.problems]
    return {key: NotAnnouncedError(describe(error)) for key in keys}
