"""The CloudWatch metrics of the recorder."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from task_reporter.history.rows import EVENT_SENT_AT, NOTIFIED_AT, Row
from task_reporter.history.writes import Write
from task_reporter.kinds.kind import OUTCOMES
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ended_tasks
from task_reporter.recording.poll_lists import PollResult
from task_reporter.recording.redrive import lacking, overdue
from task_reporter.recording.unreadable import ABSENT
from task_reporter.runtime.metrics import COUNT, SECONDS, Metric
from task_reporter.times import seconds_since


def ended_task_metrics(written: Iterable[Write], now: datetime) -> Iterator[Metric]:
    """Count ended tasks in ``written`` by outcome, each with its delay until recorded.

    A metric costs for each hour in which it has a value, so zeros are left out.
    """
    ends = [attributes for _, attributes in ended_tasks(written)]
    counts = Counter(attributes["outcome"] for attributes in ends)
    for outcome in OUTCOMES:
        if counts[outcome]:
            yield Metric(f"Tasks{outcome.capitalize()}", COUNT, counts[outcome])
    yield from (Metric("CaptureDelay", SECONDS, delay) for delay in _ages(ends, "finished_at", now))


def poll_metrics(result: PollResult, poll: PollContext) -> Iterator[Metric]:
    """Emit the metrics of one poll, and of rows that awaited notification before it.

    ``GoodPolls`` is 1 where every list was recorded completely, or is known to be unreadable. ``ListsUnreadable`` does
    not count lists that the region lacks. ``OldestWaiting`` is the age of the oldest of the ``RowsWaiting``.
    ``RowsOverdue`` wait for their notice in spite of redriving; it is 0 while rows wait for a subscriber.
    ``EventsOverdue`` wait for their event; it is left out without an event bus. ``ConfirmedSubscribers`` is left out
    where SNS did not answer.
    """
    yield Metric("GoodPolls", COUNT, int(result.is_good))
    yield Metric("ListsUnreadable", COUNT, sum(reason != ABSENT for reason in result.unreadable.values()))
    yield Metric("TasksListed", COUNT, sum(len(kind_result.tasks) for kind_result in result.done))
    if unkeepable := sum(len(kind_result.unkeepable) for kind_result in result.done):
        yield Metric("TasksUnkeepable", COUNT, unkeepable)
    yield from waiting_metrics(result, poll)
    if result.blind_seconds:
        yield Metric("CoverageGap", SECONDS, result.blind_seconds)


def waiting_metrics(result: PollResult, poll: PollContext) -> Iterator[Metric]:
    """Emit the metrics of rows that awaited notification, and of their receivers."""
    waiting = result.backlog.waiting
    yield Metric("RowsWaiting", COUNT, len(waiting))
    yield Metric("OldestWaiting", SECONDS, max(_ages(waiting, "awaiting_since", poll.now), default=0))
    without_notice = [] if result.still_waiting else lacking(NOTIFIED_AT, waiting)
    yield Metric("RowsOverdue", COUNT, overdue(without_notice, poll))
    if poll.sends_events:
        yield Metric("EventsOverdue", COUNT, overdue(lacking(EVENT_SENT_AT, waiting), poll))
    if result.audience.confirmed is not None:
        yield Metric("ConfirmedSubscribers", COUNT, result.audience.confirmed)


def _ages(rows: Iterable[Row], attribute: str, now: datetime) -> Iterator[int]:
    ages = (seconds_since(str(row.get(attribute, "")), now) for row in rows)
    return (max(age, 0) for age in ages if age is not None)
