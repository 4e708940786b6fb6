"""Notice and event of a task: neither costs or repeats the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from task_reporter.errors import HistoryError, NotAnnouncedError
from task_reporter.history.rows import Row
from task_reporter.history.table import ApplyResult
from task_reporter.history.writes import Update, Write
from task_reporter.notifying.announce import NotificationPolicy, announce
from task_reporter.notifying.announce_result import AnnounceResult
from task_reporter.notifying.topic import Topic
from task_reporter.recording.transitions import REMOVED_BY_CORRECTION
from task_reporter.times import parse
from tests.support.broken_notices import break_composing
from tests.support.dynamodb import Table
from tests.support.event_bus import BUS, FakeEventBridge, detail, refusal
from tests.support.finished import key, row
from tests.support.inline import INLINE
from tests.support.sns import TOPIC, FakeSns

STAMP = "2026-11-23T12:01:05.120Z"
EARLIER = "2026-11-23T12:00:30.000Z"
BOTH = {"notified_at": STAMP, "event_sent_at": STAMP}
SINGLY = NotificationPolicy(digest_above=10)
TASK = ("bun-00000001", "complete")


class Ways:
    """A history, SNS, EventBridge, and a notifier between them."""

    def __init__(self, *rows: Row) -> None:
        self.table, self.sns, self.bridge = Table(*rows), FakeSns(), FakeEventBridge()

    def announce(self, policy: NotificationPolicy = SINGLY, **options: Any) -> AnnounceResult:
        topic, options = Topic(self.sns, TOPIC), {"bus": self.bridge.bus(), "pool": INLINE} | options
        return announce(list(self.table.rows), self.table, topic, policy, clock=lambda: parse(STAMP), **options)

    @property
    def row(self) -> Row:
        return self.table.rows[key(1)]

    @property
    def sent(self) -> tuple[int, int]:
        """Return how many notices and how many events were accepted."""
        return len(self.sns.accepted), len(self.bridge.accepted)


def test_a_row_with_both_marks_awaits_nothing() -> None:
    ways = Ways(row(1, redriven_at=EARLIER, redrives=1))
    result = ways.announce(NotificationPolicy(10, retention_days=90))
    assert (ways.sns.told, ways.bridge.sent) == ([TASK], [TASK])
    assert ways.row == row(1, awaiting=None, awaiting_since=None, expires_at=1_803_211_265, **BOTH)
    assert (result.failed, result.unmarked) == ({}, {})
    assert ways.announce() == AnnounceResult()
    assert ways.sent == (1, 1)


def test_without_a_bus_the_notice_is_enough() -> None:
    ways = Ways(row(1))
    ways.announce(bus=None)
    assert ways.row == row(1, awaiting=None, awaiting_since=None, notified_at=STAMP)
    assert ways.sent == (1, 0)


@pytest.mark.parametrize(
    ("mark", "sent"), [("notified_at", (0, 1)), ("event_sent_at", (1, 0))], ids=["no event yet", "no notice yet"]
)
def test_only_what_lacks_its_mark_is_sent(mark: str, sent: tuple[int, int]) -> None:
    ways = Ways(row(1, **{mark: EARLIER}))
    ways.announce()
    assert ways.sent == sent
    assert ways.row == row(1, awaiting=None, awaiting_since=None, **BOTH | {mark: EARLIER})


def test_a_row_settles_if_its_bus_is_no_longer_wanted() -> None:
    ways = Ways(row(1, notified_at=EARLIER))
    ways.announce(bus=None)
    assert ways.row == row(1, awaiting=None, awaiting_since=None, notified_at=EARLIER)
    assert ways.sent == (0, 0)


def test_a_row_that_can_not_be_settled_costs_no_other() -> None:
    ways = Ways(row(1, notified_at=EARLIER), row(2))

    def before(writes: Sequence[Write]) -> None:
        if key(1) in {write.key for write in writes}:
            raise HistoryError({key(1): "ValidationError"}, ApplyResult())

    ways.table.before = before
    assert set(ways.announce(bus=None).unmarked) == {key(1)}
    assert ways.sns.told == [("bun-00000002", "complete")]


FAILURES: list[Any] = [refusal("AccessDeniedException"), EndpointConnectionError(endpoint_url="x"), "InternalFailure"]


@pytest.mark.parametrize("failure", FAILURES, ids=["denied", "unreachable", "refused"])
def test_a_failing_bus_neither_costs_nor_repeats_a_notice(failure: Any) -> None:
    ways = Ways(row(1))
    ways.bridge.error = lambda entry: failure
    for _ in range(3):
        result = ways.announce()
        assert {key: type(reason) for key, reason in result.by_event.failed.items()} == {key(1): NotAnnouncedError}
        assert result.failed == {}  # the stream must go on with the notices of later tasks
    assert (ways.sent, ways.row) == ((1, 0), row(1, notified_at=STAMP))
    ways.bridge.error = lambda entry: None
    assert ways.announce().failed == {}
    assert (ways.sent, "awaiting" in ways.row) == ((1, 1), False)


@pytest.mark.parametrize("failure", ["InternalError", EndpointConnectionError(endpoint_url="x")])
def test_a_failing_topic_neither_costs_nor_repeats_an_event(failure: Any) -> None:
    ways = Ways(row(1))
    ways.sns.error = lambda request: failure
    for _ in range(3):
        assert set(ways.announce().failed) == {key(1)}
    assert (ways.sent, ways.row) == ((0, 1), row(1, event_sent_at=STAMP))
    ways.sns.error = lambda request: None
    assert ways.announce().failed == {}
    assert (ways.sent, "awaiting" in ways.row) == ((1, 1), False)


def test_stream_delivers_a_row_again_if_nothing_was_sent() -> None:
    ways = Ways(row(1))
    ways.sns.error = ways.bridge.error = lambda request: "InternalError"
    assert set(ways.announce().failed) == {key(1)}
    assert (ways.sent, ways.row) == ((0, 0), row(1))


def test_a_missing_bus_is_a_failure_whatever_putevents_says() -> None:
    ways = Ways(row(1))
    ways.bridge.buses.clear()
    assert "ResourceNotFoundException" in str(ways.announce().by_event.failed[key(1)])
    assert (ways.bridge.requests, ways.sent) == ([], (1, 0))
    ways.bridge.buses.add(BUS)
    assert ways.announce().failed == {}
    assert ways.sent == (1, 1)


def test_events_do_not_wait_for_a_subscriber() -> None:
    ways = Ways(row(1))
    result = ways.announce(must_wait=lambda: True)
    assert (result.waiting, result.failed) == ([key(1)], {})
    assert (ways.sent, ways.row) == ((0, 1), row(1, event_sent_at=STAMP))
    ways.announce()
    assert ways.sent == (1, 1)


def test_a_lost_answer_waits_for_redriving() -> None:
    ways = Ways(row(1))
    ways.bridge.error = lambda entry: ReadTimeoutError(endpoint_url="x")
    result = ways.announce()
    assert (result.failed, set(result.by_event.unmarked)) == ({}, {key(1)})
    assert ways.row == row(1, notified_at=STAMP)


@pytest.mark.parametrize("mark", ["notified_at", "event_sent_at"])
def test_a_mark_that_fails_repeats_its_own_message_only(mark: str) -> None:
    ways, failing = Ways(row(1)), [HistoryError({key(1): "ValidationError"}, ApplyResult())]

    def before(writes: Sequence[Write]) -> None:
        if failing and any(mark in write.set for write in writes if isinstance(write, Update)):
            raise failing.pop()

    ways.table.before = before
    result = ways.announce()
    assert (result.failed, set(result.unmarked)) == ({}, {key(1)})
    ways.announce()
    assert ways.sent == ((2, 1) if mark == "notified_at" else (1, 2))
    assert "awaiting" not in ways.row


def test_a_mark_whose_answer_was_lost_does_not_hide_the_other() -> None:
    """The event's mark was written, but its response was lost."""
    ways = Ways(row(1))

    class Deaf(Table):
        def apply(self, writes: Sequence[Write], *rest: Any) -> Any:
            result = super().apply(writes, *rest)
            if any("event_sent_at" in write.set for write in writes if isinstance(write, Update)):
                raise HistoryError({key(1): "lost"}, ApplyResult())
            return result

    ways.table = Deaf(row(1))
    assert set(ways.announce().by_event.unmarked) == {key(1)}
    assert ways.row == row(1, **BOTH)
    assert ways.announce() == AnnounceResult()
    assert ways.row == row(1, awaiting=None, awaiting_since=None, **BOTH)
    assert ways.sent == (1, 1)


def test_a_correction_clears_both_marks() -> None:
    assert {"notified_at", "event_sent_at"} <= set(REMOVED_BY_CORRECTION)
    ways = Ways(row(1, "lost"))

    def correct(_writes: Sequence[Write]) -> None:
        ways.table.before = lambda writes: None
        ways.table.change(key(1), outcome="complete", state="complete")

    ways.table.before = correct
    ways.announce()
    ways.announce()
    assert [outcome for _, outcome in ways.sns.told] == [outcome for _, outcome in ways.bridge.sent]
    assert {outcome for _, outcome in ways.bridge.sent} == {"lost", "complete"}
    assert "awaiting" not in ways.row


def test_an_event_that_can_not_be_composed_is_minimal(monkeypatch: pytest.MonkeyPatch) -> None:
    break_composing(monkeypatch, 1)
    ways = Ways(row(0), row(1))
    result = ways.announce()
    assert (result.failed, ways.sent) == ({}, (2, 2))


def test_the_first_event_of_many_carries_the_chat_message() -> None:
    ways = Ways(*(row(number) for number in range(250)))
    ways.announce(NotificationPolicy(5, chat=True))
    with_chat = [entry for entry in ways.bridge.accepted if "chat" in detail(entry)]
    assert (len(with_chat), len(ways.bridge.accepted)) == (1, 250)
    assert not any("awaiting" in row for row in ways.table.rows.values())
