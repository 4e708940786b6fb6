"""Announce rows that await notification: a notice to SNS, an event to EventBridge.

A stream record only says which row to look at. The message is about the row as it is in the history at that moment, so
a record that is delivered twice, late or out of order changes nothing. A row is marked after SNS accepts its notice,
and after the bus accepts its event. Only what lacks its mark is sent, so a failure of one never repeats the other.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from math import inf
from typing import TypeVar

from task_reporter.aws.failures import EXPECTED_ERRORS, answer_is_missing, describe
from task_reporter.aws.request_limits import COUNT_SUBSCRIBERS, PUBLISH, USE_TABLE
from task_reporter.errors import (
    HistoryError,
    IncompleteRowError,
    MalformedAnswerError,
    NotAnnouncedError,
    OutOfTimeError,
)
from task_reporter.history.rows import (
    AWAITING_NOTIFICATION,
    EVENT_SENT_AT,
    NOTIFIED_AT,
    ROSTER_SCOPE,
    Key,
    Row,
    is_held,
    key_of,
)
from task_reporter.history.table import WRITES_PER_TRANSACTION, HistoryTable
from task_reporter.notifying.bus import Bus
from task_reporter.notifying.compose import compose_events, compose_notices
from task_reporter.notifying.event import Event, minimal_event
from task_reporter.notifying.marks import MARK_SECONDS, Marker
from task_reporter.notifying.notice import Notice
from task_reporter.notifying.task_notice import minimal_task_notice
from task_reporter.notifying.topic import Topic
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline
from task_reporter.runtime.metrics import COUNT, Metric
from task_reporter.times import now

SENDER = ThreadPoolExecutor(1)
"""The thread that sends events."""
Message = TypeVar("Message", Notice, Event)

GROUP_SECONDS = 2 * USE_TABLE.max_seconds + COUNT_SUBSCRIBERS.max_seconds + PUBLISH.max_seconds + MARK_SECONDS
"""Time to read the rows of a group, and to send its first notice."""
PAUSE_SECONDS = 0.5
"""Time between two notices of one notifier.

SNS suspends an email subscription that receives more than ten messages a second. Several notifiers may run at the same
time, one for each shard of the stream: some four in a new table.
https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
"""


class Pace:
    """Keeps a distance in time between notices, also of several batches."""

    def __init__(
        self,
        seconds: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds, self._clock, self._sleep = seconds, clock, sleep
        self._next = -inf

    def wait(self) -> None:
        """Wait until the next notice may be sent."""
        if (early := self._next - self._clock()) > 0:
            self._sleep(early)
        self._next = self._clock() + self._seconds


NO_PACE = Pace(0)


@dataclass(frozen=True, slots=True)
class NotificationPolicy:
    """The settings of the stack that govern notices and events."""

    digest_above: int
    """More tasks than this of one account in a batch become a digest."""
    retention_days: int = 0
    """Days from a row's last mark to its expiry; 0 keeps rows for ever."""
    chat: bool = False
    """Events carry a message for a chat."""


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
        failures = self.unmarked if is_uncertain else self.failed
        failures |= _failures(rows, error)

    def mark(self, rows: Sequence[Row], mark: Callable[[Sequence[Row]], None]) -> None:
        """Mark ``rows``, whose message was accepted."""
        try:
            mark(rows)
        except EXPECTED_ERRORS as error:
            self.unmarked |= _failures(rows, error)


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
        """The tasks whose stream records Lambda must deliver again.

        While Lambda retries a batch, the notices of later tasks wait. So a task that lacks only its event is left to
        redriving.
        """
        failed = self.by_notice.failed | self.postponed
        return failed | ({self.digest: next(iter(failed.values()))} if self.digest and failed else {})

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


def announce_groups(
    keys: Sequence[Key], announce: Callable[[Sequence[Key]], AnnounceResult], deadline: Deadline = NO_DEADLINE
) -> Iterator[AnnounceResult]:
    """Announce the tasks of ``keys`` together, and then each digest.

    A key of the roster stands for the digest of its account, and one digest is in memory at a time. A group that fails
    does not affect the others. A group for which no time is left is postponed.
    """
    tasks = [key for key in keys if key.scope != ROSTER_SCOPE]
    groups = [tasks, *([key] for key in keys if key.scope == ROSTER_SCOPE)]
    for number, group in enumerate(filter(None, groups)):
        result = AnnounceResult()
        try:
            if number:
                deadline.check("announcing", GROUP_SECONDS)
            result = announce(group)
        except OutOfTimeError as error:
            result.postponed = dict.fromkeys(group, error)
        except EXPECTED_ERRORS as error:
            result.by_notice.failed = dict.fromkeys(group, error)
        yield result


def announce(
    keys: Sequence[Key],
    history: HistoryTable,
    topic: Topic,
    policy: NotificationPolicy,
    deadline: Deadline = NO_DEADLINE,
    clock: Callable[[], datetime] = now,
    must_wait: Callable[[], bool] = lambda: False,
    bus: Bus | None = None,
    pool: Executor = SENDER,
    pace: Pace = NO_PACE,
) -> AnnounceResult:
    """Send what the rows of ``keys`` lack that await notification, and mark each row.

    ``keys`` are of tasks, or one of the roster: that stands for all rows that are held for the digest of its account.
    Events are sent in ``pool`` while notices are sent, so that neither delays the other. ``must_wait`` tells whether
    SNS would drop the notices because nobody has confirmed a subscription. It is called only where there is a notice to
    send. Raises HistoryError, OutOfTimeError, MalformedAnswerError and botocore's errors where the rows can't be read.
    """
    result = AnnounceResult()
    if any(key.scope == ROSTER_SCOPE for key in keys):
        [result.digest] = keys
        keys = _held_keys(result.digest.task_id, history, deadline)
    rows = [row for row in history.read(keys, deadline).values() if row.get("awaiting") == AWAITING_NOTIFICATION]
    result.by_notice.failed |= {key_of(row): IncompleteRowError("no outcome") for row in rows if "outcome" not in row}
    rows = [row for row in rows if "outcome" in row]
    needed = (NOTIFIED_AT, EVENT_SENT_AT) if bus else (NOTIFIED_AT,)
    marker = Marker(history, needed, policy.retention_days, deadline, clock)
    # A digest leaves events, and rows that are not held, to the records of the rows, which another notifier may have.
    unsent = [row for row in rows if not result.digest and marker.lacks(row, EVENT_SENT_AT)]
    sending = pool.submit(_send_events, unsent, bus, policy, marker, deadline, result) if bus and unsent else None
    try:
        ready = (row for row in rows if is_held(row) == bool(result.digest))
        if unannounced := [row for row in ready if marker.lacks(row, NOTIFIED_AT)]:
            _send_notices(unannounced, topic, policy, marker, deadline, must_wait, result, pace)
        if settled := [row for row in rows if not any(marker.lacks(row, mark) for mark in needed)]:
            result.by_notice.mark(settled, partial(marker.mark, mark=None))  # for example after the bus was given up
    finally:
        if sending:
            sending.result()  # Lambda freezes the function at the return, so no thread may be running then
    return result


def _held_keys(account: str, history: HistoryTable, deadline: Deadline) -> list[Key]:
    """Return the keys of the rows that are held for the digest of ``account``."""
    from task_reporter.history.backlog import held_keys  # of hubs alone, and each import slows the cold start

    return held_keys(history, account, deadline)


def _send_notices(
    rows: Sequence[Row],
    topic: Topic,
    policy: NotificationPolicy,
    marker: Marker,
    deadline: Deadline,
    must_wait: Callable[[], bool],
    result: AnnounceResult,
    pace: Pace,
) -> None:
    """Publish the notices about ``rows``, and mark the rows of each.

    What fails is noted in ``result``.
    """

    def check_time() -> None:
        deadline.check("announcing", PUBLISH.max_seconds + MARK_SECONDS)

    try:
        deadline.check("counting subscribers", COUNT_SUBSCRIBERS.max_seconds)
    except OutOfTimeError as error:
        result.by_notice.fail(rows, error)
        return
    if must_wait():
        result.waiting = [key_of(row) for row in rows]
        return
    notices = _compose(rows, partial(compose_notices, digest_above=policy.digest_above), minimal_task_notice, result)
    for number, notice in enumerate(notices):
        pace.wait()
        try:
            if number:
                check_time()
        except OutOfTimeError as error:
            result.postponed = _failures([row for later in notices[number:] for row in later.rows], error)
            return
        try:
            result.notices.append(topic.publish(notice, check_time))
        except Exception as error:  # no failure may cost the notices that follow
            result.by_notice.fail(notice.rows, error)
        else:
            result.by_notice.mark(notice.rows, partial(marker.mark, mark=NOTIFIED_AT))


def _send_events(
    rows: Sequence[Row],
    bus: Bus,
    policy: NotificationPolicy,
    marker: Marker,
    deadline: Deadline,
    result: AnnounceResult,
) -> None:
    """Send the events about ``rows``, and mark each row.

    What fails is noted in ``result``.
    """
    try:
        bus.check(deadline)
    except Exception as error:  # it must not cost the notices
        result.by_event.failed |= _failures(rows, error)
        return
    chat_digest_above = policy.digest_above if policy.chat else None
    compose = partial(compose_events, chat_digest_above=chat_digest_above)
    events = _compose(rows, compose, minimal_event, result)
    for start in range(0, len(events), WRITES_PER_TRANSACTION):
        batch = events[start : start + WRITES_PER_TRANSACTION]
        try:
            reasons = bus.send(batch, deadline)
        except Exception as error:  # no failure may cost the events that follow
            result.by_event.failed |= _failures([event.row for event in batch], error)
            continue
        for event, reason in zip(batch, reasons, strict=True):
            if reason:
                result.by_event.fail([event.row], reason)
        accepted = [event for event, reason in zip(batch, reasons, strict=True) if not reason]
        result.events += accepted
        if accepted:
            result.by_event.mark([event.row for event in accepted], partial(marker.mark, mark=EVENT_SENT_AT))


def _compose(
    rows: Sequence[Row],
    compose: Callable[[Sequence[Row]], list[Message]],
    minimal: Callable[[Row], Message],
    result: AnnounceResult,
) -> list[Message]:
    """Compose the messages about ``rows``.

    A row that makes composing fail gets the minimal message.
    """
    try:
        return compose(rows)
    except Exception as error:
        if len(rows) == 1:
            result.problems[key_of(rows[0])] = describe(error)
            return [minimal(rows[0])]
        middle = len(rows) // 2
        halves = rows[:middle], rows[middle:]
        return [message for half in halves for message in _compose(half, compose, minimal, result)]


def _failures(rows: Sequence[Row], error: Exception) -> dict[Key, Exception]:
    """Return ``error`` for each of ``rows``, or for those alone that a HistoryError names."""
    keys = [key_of(row) for row in rows]
    if isinstance(error, HistoryError):
        keys = [key for key in keys if key in error.problems]
    return {key: NotAnnouncedError(describe(error)) for key in keys}
