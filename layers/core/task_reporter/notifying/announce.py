"""Announce rows that await notification: a notice to SNS, an event to EventBridge.

A stream record only says which row to look at. The message is about the row as it is in the history at that moment, so
a record that is delivered twice, late or out of order changes nothing. A row is marked after SNS accepts its notice,
and after the bus accepts its event. Only what lacks its mark is sent, so a failure of one never repeats the other.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from task_reporter.aws.failures import describe
from task_reporter.aws.request_limits import COUNT_SUBSCRIBERS, PUBLISH, USE_TABLE
from task_reporter.errors import IncompleteRowError, NotAnnouncedError, OutOfTimeError
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
from task_reporter.notifying.announce_result import AnnounceResult, failures
from task_reporter.notifying.bus import Bus
from task_reporter.notifying.compose import compose_events, compose_notices
from task_reporter.notifying.event import Event, minimal_event
from task_reporter.notifying.marks import MARK_SECONDS, Marker
from task_reporter.notifying.notice import Notice
from task_reporter.notifying.pace import NO_PACE, Pace
from task_reporter.notifying.task_notice import minimal_task_notice
from task_reporter.notifying.topic import Topic
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline
from task_reporter.times import now

SENDER = ThreadPoolExecutor(1)
"""The thread that sends events."""
Message = TypeVar("Message", Notice, Event)

GROUP_SECONDS = 2 * USE_TABLE.max_seconds + COUNT_SUBSCRIBERS.max_seconds + PUBLISH.max_seconds + MARK_SECONDS
"""Time to read the rows of a group, and to send its first notice."""


@dataclass(frozen=True, slots=True)
class NotificationPolicy:
    """The settings of the stack that govern notices and events."""

    digest_above: int
    """More tasks than this of one account in a batch become a digest."""
    retention_days: int = 0
    """Days from a row's last mark to its expiry; 0 keeps rows for ever."""
    chat: bool = False
    """Events carry a message for a chat."""


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
        except Exception as error:  # no failure may cost the groups that follow
            result.by_notice.failed = dict.fromkeys(group, NotAnnouncedError(describe(error)))
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
            result.postponed = failures([row for later in notices[number:] for row in later.rows], error)
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
        result.by_event.failed |= failures(rows, error)
        return
    chat_digest_above = policy.digest_above if policy.chat else None
    compose = partial(compose_events, chat_digest_above=chat_digest_above)
    events = _compose(rows, compose, minimal_event, result)
    for start in range(0, len(events), WRITES_PER_TRANSACTION):
        batch = events[start : start + WRITES_PER_TRANSACTION]
        try:
            reasons = bus.send(batch, deadline)
        except Exception as error:  # no failure may cost the events that follow
            result.by_event.failed |= failures([event.row for event in batch], error)
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
