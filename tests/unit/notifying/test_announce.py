"""Telling: each finished task is announced once and marked, whatever fails in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from task_reporter.aws.request_limits import PUBLISH, USE_TABLE
from task_reporter.errors import HistoryError, IncompleteRowError, NotAnnouncedError, OutOfTimeError
from task_reporter.history.rows import Key, Row, key_of
from task_reporter.history.table import ApplyResult, HistoryTable
from task_reporter.history.writes import Update, Write
from task_reporter.notifying import task_notice as single
from task_reporter.notifying.announce import NotificationPolicy, announce, announce_groups
from task_reporter.notifying.announce_result import AnnounceResult
from task_reporter.notifying.marks import MARK_SECONDS
from task_reporter.notifying.notice import Notice
from task_reporter.notifying.pace import Pace
from task_reporter.notifying.topic import Topic
from task_reporter.runtime.deadline import MARGIN_SECONDS, Deadline
from tests.support.broken_notices import break_composing, numbers_in, unless_plain
from tests.support.dynamodb import DynamoDb, Table
from tests.support.finished import key, row
from tests.support.sns import TOPIC, FakeSns, is_plain, told_in

NOW = datetime(2026, 11, 23, 12, 1, 5, 120_000, UTC)
STAMP = "2026-11-23T12:01:05.120Z"
SINGLY = NotificationPolicy(digest_above=10)
AWAITING = ("awaiting", "awaiting_since", "redriven_at", "redrives", "held_for")


def tell(
    table: Any, sns: FakeSns, keys: Sequence[Key], policy: NotificationPolicy = SINGLY, **options: Any
) -> AnnounceResult:
    return announce(keys, table, Topic(sns, TOPIC), policy, clock=lambda: NOW, **options)


def table_of(count: int) -> Table:
    return Table(*(row(number) for number in range(count)))


def keys(count: int) -> list[Key]:
    return [key(number) for number in range(count)]


def about(number: int, code: str | Exception = "InternalError") -> Any:
    """SNS fails for every notice that is about one task."""
    return lambda request: code if number in numbers_in(request) else None


def told_numbers(sns: FakeSns) -> list[int]:
    return [number for request in sns.accepted for number in numbers_in(request)]


# Announced once, and marked


def test_announces_and_marks() -> None:
    table, sns = Table(row(1, redriven_at="2026-11-23T12:00:30.000Z", redrives=3, missing_since="x")), FakeSns()
    announced = tell(table, sns, [key(1)])
    assert sns.told == [("bun-00000001", "complete")]
    assert table.rows[key(1)] == row(1, awaiting=None, awaiting_since=None, notified_at=STAMP, missing_since="x")
    assert [told.rows[0]["task_id"] for told in announced.notices] == ["bun-00000001"]
    assert announced.failed == {}


def test_marks_after_sns_has_taken_the_notice() -> None:
    table, sns = table_of(1), FakeSns()
    order: list[str] = []
    sns.error = lambda request: order.append("published")
    table.before = lambda writes: order.append("marked")
    tell(table, sns, keys(1))
    assert order == ["published", "marked"]


def test_the_time_is_that_of_the_notice() -> None:
    table, sns = table_of(2), FakeSns()
    times = iter([NOW, NOW.replace(second=9)])
    announce(keys(2), table, Topic(sns, TOPIC), SINGLY, clock=lambda: next(times))
    assert [row["notified_at"] for row in table.rows.values()] == [STAMP, "2026-11-23T12:01:09.120Z"]


@pytest.mark.parametrize(("retention_days", "expires_at"), [(0, None), (90, 1_803_211_265), (99_999, 10_435_348_865)])
def test_retention(retention_days: int, expires_at: int | None) -> None:
    table = table_of(1)
    tell(table, FakeSns(), keys(1), NotificationPolicy(5, retention_days))
    assert table.rows[key(0)]["notified_at"] == STAMP
    assert table.rows[key(0)].get("expires_at") == expires_at


NOTHING_TO_TELL = {
    "told already": row(1, awaiting=None, notified_at=STAMP),
    "still running": row(1, outcome=None, awaiting="outcome"),
    "awaits something new": row(1, awaiting="registration"),
    "awaits nothing": row(1, awaiting=None),
}


@pytest.mark.parametrize("case", NOTHING_TO_TELL)
def test_what_awaits_nothing_is_left_alone(case: str) -> None:
    table, sns = Table({k: v for k, v in NOTHING_TO_TELL[case].items() if v is not None}), FakeSns()
    assert tell(table, sns, [key(1)]) == AnnounceResult()
    assert (sns.requests, table.written) == ([], [])


def test_a_row_that_is_gone_is_left_alone() -> None:
    sns = FakeSns()
    assert tell(table_of(1), sns, [key(7)]) == AnnounceResult()
    assert sns.requests == []


def test_a_row_without_an_outcome_fails_alone() -> None:
    table, sns = table_of(3), FakeSns()
    table.change(key(1), outcome=None)
    announced = tell(table, sns, keys(3))
    assert {key: type(error) for key, error in announced.failed.items()} == {key(1): IncompleteRowError}
    assert told_numbers(sns) == [0, 2]
    assert table.untold() == {"bun-00000001"}


@pytest.mark.parametrize(("count", "published"), [(4, 4), (5, 5), (6, 1), (12, 1)])
def test_digest(count: int, published: int) -> None:
    table, sns = table_of(count), FakeSns()
    tell(table, sns, keys(count), NotificationPolicy(digest_above=5))
    assert len(sns.accepted) == published
    assert sorted(told_numbers(sns)) == list(range(count))
    assert all(told["notified_at"] == STAMP and not set(AWAITING) & set(told) for told in table.rows.values())


def test_only_what_still_awaits_counts_for_a_digest() -> None:
    table, sns = table_of(6), FakeSns()
    table.change(key(0), awaiting=None)
    tell(table, sns, keys(6), NotificationPolicy(digest_above=5))
    assert [len(numbers_in(request)) for request in sns.accepted] == [1] * 5


# Where something fails


@pytest.mark.parametrize("error", ["InternalError", "Throttled", EndpointConnectionError(endpoint_url="x")])
def test_publish_fails(error: str | Exception) -> None:
    table, sns = table_of(3), FakeSns()
    sns.error = about(1, error)
    announced = tell(table, sns, keys(3))
    assert {key: type(reason) for key, reason in announced.failed.items()} == {key(1): NotAnnouncedError}
    assert told_numbers(sns) == [0, 2]
    assert table.rows[key(1)] == row(1)
    assert table.untold() == {"bun-00000001"}


def test_publish_of_a_digest_fails() -> None:
    table, sns = table_of(7), FakeSns()
    sns.error = lambda request: "InternalError"
    announced = tell(table, sns, keys(7), NotificationPolicy(digest_above=5))
    assert set(announced.failed) == set(keys(7))
    assert announced.notices == []
    assert table.written == []


def test_refused_as_invalid_is_told_plainly_and_marked() -> None:
    table, sns = table_of(3), FakeSns()
    sns.error = lambda request: None if is_plain(request) else about(1, "InvalidParameter")(request)
    assert tell(table, sns, keys(3)).failed == {}
    assert [(numbers_in(request), is_plain(request)) for request in sns.accepted] == [
        ([0], False),
        ([1], True),
        ([2], False),
    ]
    assert table.untold() == set()


def test_both_forms_refused() -> None:
    table, sns = table_of(3), FakeSns()
    sns.error = about(1, "InvalidParameter")
    assert set(tell(table, sns, keys(3)).failed) == {key(1)}
    assert table.untold() == {"bun-00000001"}


MARK_FAILS = {
    "refused": HistoryError({key(1): "ValidationError"}, ApplyResult()),
    "broken": ClientError({"Error": {"Code": "InternalServerError", "Message": "no"}}, "TransactWriteItems"),
    "unreachable": EndpointConnectionError(endpoint_url="x"),
}


@pytest.mark.parametrize("case", MARK_FAILS)
def test_mark_fails_after_publish(case: str) -> None:
    """The notice is sent, so the row waits for redriving without a retry."""
    table, sns = table_of(3), FakeSns()
    table.before = fail_once(1, MARK_FAILS[case])
    first = tell(table, sns, keys(3))
    assert {key: type(reason) for key, reason in first.unmarked.items()} == {key(1): NotAnnouncedError}
    assert first.failed == {}
    assert table.untold() == {"bun-00000001"}
    assert tell(table, sns, keys(3)) == AnnounceResult([sent(1)])
    assert told_numbers(sns) == [0, 1, 2, 1]


def sent(number: int) -> Notice:
    return single.task_notice(row(number))


MISSING = [
    ReadTimeoutError(endpoint_url="x"),
    ConnectionClosedError(endpoint_url="x"),
    ResponseParserError("not well-formed"),
]


@pytest.mark.parametrize("error", MISSING, ids=lambda error: type(error).__name__)
def test_a_late_lost_or_garbled_answer_waits_for_redriving(error: Exception) -> None:
    """SNS may have accepted the notice, so a quick retry would repeat emails."""
    table, sns = table_of(3), FakeSns()
    sns.error = about(1, error)
    announced = tell(table, sns, keys(3))
    assert {key: type(reason) for key, reason in announced.unmarked.items()} == {key(1): NotAnnouncedError}
    assert (announced.failed, told_numbers(sns), table.untold()) == ({}, [0, 2], {"bun-00000001"})


def test_some_marks_of_a_digest_fail() -> None:
    """The history names the rows that it could not write; others are marked."""
    table, sns = table_of(7), FakeSns()

    class Partly(Table):
        def apply(self, writes: Sequence[Write], *_: Any) -> Any:
            applied = table.apply([write for write in writes if write.key not in {key(2), key(5)}])
            raise HistoryError({key(2): "Throttled", key(5): "Throttled"}, applied)

    partly = Partly()
    partly.rows = table.rows
    assert set(tell(partly, sns, keys(7), NotificationPolicy(5)).unmarked) == {key(2), key(5)}
    assert table.untold() == {"bun-00000002", "bun-00000005"}
    assert tell(table, sns, keys(7), NotificationPolicy(5)).failed == {}
    assert [sorted(numbers_in(request)) for request in sns.accepted] == [list(range(7)), [2], [5]]


def fail_once(number: int, error: Exception) -> Any:
    """Return the first mark of one task fails."""
    left = [error]

    def before(writes: Sequence[Write]) -> None:
        if left and key(number) in {write.key for write in writes}:
            raise left.pop()

    return before


def test_reading_fails() -> None:
    class Unreadable(Table):
        def read(self, *_: Any) -> Any:
            raise HistoryError({key(1): "UnprocessedKeys"})

    sns = FakeSns()
    with pytest.raises(HistoryError):
        tell(Unreadable(), sns, [key(1)])
    assert sns.requests == []


def test_a_defect_in_publishing_is_reported_for_its_row_alone() -> None:
    table, sns = table_of(3), FakeSns()
    sns.error = about(1, ZeroDivisionError("a payload"))
    announced = tell(table, sns, keys(3))
    assert (told_numbers(sns), table.untold()) == ([0, 2], {"bun-00000001"})
    [(failed, reason)] = announced.failed.items()
    assert (failed, "payload" in str(reason)) == (key(1), False)
    assert "unexpected ZeroDivisionError at sns.py" in str(reason)


# The minimal form


def stubborn(number: int = 1, outcome: str = "complete", redrives: Any = 5, **more: Any) -> Row:
    return row(number, outcome, redriven_at="2026-11-23T12:51:03.412Z", redrives=redrives, **more)


def forms(sns: FakeSns) -> list[tuple[list[int], bool]]:
    """Which tasks each accepted notice tells, and whether plainly."""
    return [(sorted(numbers_in(request)), is_plain(request)) for request in sns.accepted]


PASSING = ["InternalError", "Throttled", EndpointConnectionError(endpoint_url="x"), ReadTimeoutError(endpoint_url="x")]
INVALID = ["InvalidParameter", ParamValidationError(report="no")]


@pytest.mark.parametrize("failure", INVALID, ids=str)
@pytest.mark.parametrize("redrives", [None, 1, 5])
def test_what_is_refused_as_invalid_is_told_plainly(failure: Any, redrives: int | None) -> None:
    table, sns = Table(stubborn(redrives=redrives)), FakeSns()
    sns.error = unless_plain(failure, 1)
    announced = tell(table, sns, [key(1)])
    assert (announced.failed, forms(sns)) == ({}, [([1], True)])
    assert [is_plain(request) for request in sns.requests] == [False, True]
    assert [notice.data["type"] for notice in announced.notices] == ["plain"]
    assert table.rows[key(1)]["notified_at"] == STAMP


@pytest.mark.parametrize("failure", PASSING, ids=str)
@pytest.mark.parametrize("redrives", [None, 5, 1000])
def test_no_other_failure_makes_a_notice_plain(failure: Any, redrives: int | None) -> None:
    """A lost answer or throttling says nothing against the full notice."""
    table, sns = Table(stubborn(redrives=redrives)), FakeSns()
    sns.error = unless_plain(failure, 1)
    announced = tell(table, sns, [key(1)])
    assert announced.failed.keys() | announced.unmarked.keys() == {key(1)}
    assert (sns.accepted, len(sns.requests)) == ([], 1)


@pytest.mark.parametrize("digest_above", [2, 10])
@pytest.mark.parametrize("failure", INVALID, ids=str)
def test_where_neither_form_is_taken_the_others_are_told(failure: Any, digest_above: int) -> None:
    table, sns = Table(stubborn(1), row(2)), FakeSns()
    sns.error = about(1, failure)
    assert set(tell(table, sns, [key(1), key(2)], NotificationPolicy(digest_above)).failed) == {key(1)}
    assert told_numbers(sns) == [2]


@pytest.mark.parametrize("digest_above", [1, 10])
def test_a_notice_that_can_not_be_composed_is_plain_and_named(
    digest_above: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_composing(monkeypatch, 1)
    table, sns = table_of(3), FakeSns()
    announced = tell(table, sns, keys(3), NotificationPolicy(digest_above))
    assert announced.failed == {}
    assert forms(sns) == [([0], False), ([1], True), ([2], False)]
    assert table.untold() == set()
    assert announced.problems.keys() == {key(1)}
    assert "unexpected ZeroDivisionError at broken_notices.py" in announced.problems[key(1)]


def test_one_of_many_that_can_not_be_composed_leaves_the_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    break_composing(monkeypatch, 77)
    table, sns = table_of(400), FakeSns()
    assert tell(table, sns, keys(400), NotificationPolicy(digest_above=5)).failed == {}
    assert [numbers for numbers, plainly in forms(sns) if plainly] == [[77]]
    assert sorted(told_numbers(sns)) == list(range(400))
    assert len(sns.accepted) < 16


def test_after_a_long_outage_all_come_in_digests() -> None:
    table, sns = Table(*(stubborn(number) for number in range(500))), FakeSns()
    assert tell(table, sns, keys(500), NotificationPolicy(digest_above=5)).failed == {}
    assert len(sns.accepted) <= 5
    assert sorted(told_numbers(sns)) == list(range(500))


# Many accounts at the same time


SHARDS = 4
"""Shards in the stream of a new table, each with its own notifier."""


class Time:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pace = Pace(clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def of_accounts(count: int) -> list[Row]:
    return [row(number, scope=f"{number:012d}/eu-west-1") for number in range(count)]


@pytest.mark.parametrize("batches", [[1, 1, 1, 1], [10, 11], [200]])
def test_an_email_subscription_never_gets_ten_notices_a_second(batches: list[int]) -> None:
    """SNS would suspend it, whether the notices are of one batch or of several."""
    time, rows, published = Time(), of_accounts(sum(batches)), list[float]()
    table, sns, keys = Table(*rows), FakeSns(), [key_of(each) for each in rows]
    sns.error = lambda request: published.append(time.now)  # type: ignore[func-returns-value]
    for count in batches:
        assert tell(table, sns, [keys.pop() for _ in range(count)], pace=time.pace).failed == {}
    assert len(sns.accepted) == len(rows)
    shortest = min(after - before for before, after in pairwise(published))
    assert SHARDS / shortest < 10


def test_notices_without_time_are_delivered_again_and_no_failure() -> None:
    time, rows = Time(), of_accounts(400)
    deadline = Deadline(lambda: int(1000 * (180 - time.now)))
    told = tell(Table(*rows), FakeSns(), [key_of(each) for each in rows], deadline=deadline, pace=time.pace)
    assert 0 < len(told.notices) < 400
    assert len(told.notices) + len(told.failed) == 400
    assert told.failed == told.postponed
    assert told.by_notice.failed == {}
    assert time.now < 180 - MARGIN_SECONDS


# Tasks that ended before the first poll of their account

ACCOUNT = "123456789012"


def held(number: int, **more: Any) -> Row:
    return row(number, held_for="digest", scope=f"{ACCOUNT}/{'eu-west-1' if number % 2 else 'us-east-2'}", **more)


def test_held_rows_wait_for_the_digest_of_their_account() -> None:
    rows, sns = [held(number) for number in range(3)], FakeSns()
    table = Table(*rows, row(7))
    keys = [key_of(each) for each in rows]
    assert told_numbers(sns) == []
    assert tell(table, sns, [*keys, key(7)]).failed == {}
    assert tell(table, sns, [Key("roster", "999999999999")]).failed == {}
    assert told_numbers(sns) == [7]
    assert tell(table, sns, [Key("roster", ACCOUNT)]).failed == {}
    assert [len(told_in(request)) for request in sns.accepted] == [1, 3]
    assert not any({"held_for", "awaiting"} & each.keys() for each in table.rows.values())


def test_held_rows_and_news_never_share_a_digest() -> None:
    rows, sns = [held(0), held(1), row(7), row(8)], FakeSns()
    tell_group = partial(tell, Table(*rows), sns, policy=NotificationPolicy(1))
    list(announce_groups([Key("roster", ACCOUNT), key(7), key(8)], tell_group))
    assert [numbers_in(request) for request in sns.accepted] == [[7, 8], [0, 1]]


@pytest.mark.parametrize("failure", [HistoryError({key(1): "UnprocessedKeys"}), RuntimeError("a defect")])
def test_group_that_fails_leaves_the_others(failure: Exception) -> None:
    digests = [Key("roster", f"{number}" * 12) for number in range(2)]

    def announce(keys: Sequence[Key]) -> AnnounceResult:
        if key(1) in keys:
            raise failure
        if digests[0] in keys:
            raise OutOfTimeError("reading")
        return AnnounceResult(waiting=list(keys))

    unread, late, fine = announce_groups([digests[0], key(1), digests[1], key(2)], announce)
    assert set(unread.failed) == set(unread.by_notice.failed) == {key(1), key(2)}
    assert (set(late.failed), set(late.postponed), late.by_notice.failed) == ({digests[0]}, {digests[0]}, {})
    assert (fine.waiting, fine.failed) == ([digests[1]], {})


def test_digests_without_time_come_next() -> None:
    digests, left = [Key("roster", f"{number}" * 12) for number in range(3)], iter([120, 300])
    deadline = Deadline(lambda: next(left) * 1000)
    results = list(announce_groups(digests, lambda keys: AnnounceResult(waiting=list(keys)), deadline))
    assert [result.waiting for result in results] == [[digests[0]], [], [digests[2]]]
    assert [set(result.failed) for result in results] == [set(), {digests[1]}, set()]


def test_digest_that_sns_refuses_is_delivered_again() -> None:
    sns = FakeSns()
    sns.error = lambda request: "InternalError"
    told = tell(Table(held(0), held(1)), sns, [Key("roster", ACCOUNT)])
    assert told.failed.keys() == {Key("roster", ACCOUNT)}
    assert told.by_notice.failed.keys() == {key_of(held(0)), key_of(held(1))}


def test_row_that_a_late_index_calls_held_is_left_to_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another notifier may announce it at this moment."""
    monkeypatch.setattr("task_reporter.history.backlog.held_keys", lambda *_: [key_of(held(0))])
    sns = FakeSns()
    tell(Table(held(0, redrives=2)), sns, [Key("roster", ACCOUNT)])
    assert sns.accepted == []


def unreachable_bus() -> Any:
    def check(_deadline: Deadline) -> None:
        raise NotAnnouncedError("no bus")

    return SimpleNamespace(check=check)


def test_failed_event_of_a_held_row_is_left_to_redriving() -> None:
    told = tell(Table(held(1)), FakeSns(), [key_of(held(1))], bus=unreachable_bus())
    assert set(told.by_event.failed) == {key_of(held(1))}
    assert told.failed == {}


def test_digest_leaves_events_to_the_records_of_its_rows() -> None:
    """Two notifiers would send them twice."""
    told = tell(Table(held(0), held(1)), FakeSns(), [Key("roster", ACCOUNT)], bus=unreachable_bus())
    assert len(told.notices) == 1
    assert told.by_event.failed == {}


@pytest.mark.parametrize(("redrives", "told"), [(0, []), (1, []), (2, [1])])
def test_held_row_is_announced_alone_at_its_second_redrive(redrives: int, told: list[int]) -> None:
    """The digest failed, or the stack is no hub any more."""
    sns = FakeSns()
    tell(Table(held(1, redrives=redrives)), sns, [key_of(held(1))])
    assert told_numbers(sns) == told


# Nobody listens


def test_nothing_is_sent_without_a_confirmed_subscriber() -> None:
    table, sns = table_of(3), FakeSns()
    announced = tell(table, sns, keys(3), must_wait=lambda: True)
    assert announced == AnnounceResult(waiting=keys(3))
    assert (sns.requests, table.written, table.untold()) == ([], [], {f"bun-{number:08x}" for number in range(3)})
    assert tell(table, sns, keys(3)).failed == {}
    assert told_numbers(sns) == [0, 1, 2]


def test_subscribers_are_looked_up_only_for_rows_to_announce() -> None:
    def asked() -> bool:
        raise AssertionError("nothing waits")

    table = Table(*(row for row in NOTHING_TO_TELL.values()))
    assert tell(table, FakeSns(), [key(1)], must_wait=asked) == AnnounceResult()


# Corrected meanwhile


def test_a_correction_between_publish_and_mark_is_told_next() -> None:
    table, sns = Table(row(1, "lost")), FakeSns()

    def correct(_writes: Sequence[Write]) -> None:
        table.before = lambda writes: None
        table.change(key(1), outcome="complete", state="complete")

    table.before = correct
    assert tell(table, sns, [key(1)]).failed == {}
    assert table.rows[key(1)] == row(1, "complete")
    assert tell(table, sns, [key(1)]).failed == {}
    assert [outcome for _, outcome in sns.told] == ["lost", "complete"]
    assert table.untold() == set()


def test_somebody_else_marked_first() -> None:
    table, sns = table_of(1), FakeSns()

    def mark(_writes: Sequence[Write]) -> None:
        table.before = lambda writes: None
        table.change(key(0), awaiting=None, notified_at="2026-11-23T12:01:04.000Z")

    table.before = mark
    assert tell(table, sns, keys(1)).failed == {}
    assert table.rows[key(0)]["notified_at"] == "2026-11-23T12:01:04.000Z"


def test_a_row_that_vanished_before_its_mark_is_not_made_again() -> None:
    table, sns = table_of(1), FakeSns()
    table.before = lambda writes: table.rows.clear()
    assert tell(table, sns, keys(1)).failed == {}
    assert table.rows == {}


def test_every_mark_is_conditional_on_what_was_told() -> None:
    table, sns = Table(row(1, "lost"), row(2, "failed")), FakeSns()
    tell(table, sns, [key(1), key(2)])
    conditions = {write.key: write.expected for write in table.written if isinstance(write, Update)}
    assert conditions == {
        key(1): {"awaiting": "notification", "outcome": "lost"},
        key(2): {"awaiting": "notification", "outcome": "failed"},
    }


# Little time


class Clock:
    """Milliseconds left; each publish takes some."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, milliseconds: int) -> None:
        self.left -= milliseconds


NEEDED = (PUBLISH.max_seconds + MARK_SECONDS + MARGIN_SECONDS) * 1000
"""Milliseconds without which no notice is published."""


@pytest.mark.parametrize("left", [NEEDED, NEEDED + 5999, NEEDED + 6000])
def test_a_notice_goes_out_only_while_it_can_be_marked_in_time(left: int) -> None:
    """Published notices are marked with little time left; others are reported."""
    table, sns, clock = table_of(5), FakeSns(), Clock(left)
    sns.error = lambda request: clock.spend(3000)
    announced = tell(table, sns, keys(5), deadline=Deadline(lambda: clock.left))
    done = 1 + (left - NEEDED) // 3000
    assert (len(sns.requests), len(sns.accepted)) == (done, done)
    assert table.untold() == {f"bun-{number:08x}" for number in range(done, 5)}
    assert set(announced.failed) == {key(number) for number in range(done, 5)}
    assert "out of time" in str(announced.failed[key(4)])


def test_the_minimal_form_too_needs_time_for_its_mark() -> None:
    table, sns, clock = table_of(1), FakeSns(), Clock(NEEDED)
    sns.error = lambda request: clock.spend(1) or ("InvalidParameter" if not is_plain(request) else None)
    announced = tell(table, sns, keys(1), deadline=Deadline(lambda: clock.left))
    assert (len(sns.requests), list(announced.failed)) == (1, keys(1))
    assert tell(table, sns, keys(1)).failed == {}
    assert [is_plain(request) for request in sns.accepted] == [True]


class SlowTable(DynamoDb):
    """A DynamoDB with the slowest permitted answers; marks fail with ``error``."""

    def __init__(self, table: Table, clock: Clock, error: Exception) -> None:
        super().__init__(table)
        self._clock, self._error = clock, error

    def batch_get_item(self, RequestItems: Any) -> dict[str, Any]:
        if "update_item" in self.calls:
            self._clock.spend(USE_TABLE.max_seconds * 1000)
        return super().batch_get_item(RequestItems)

    def update_item(self, **request: Any) -> dict[str, Any]:
        self.calls.append("update_item")
        self._clock.spend(USE_TABLE.max_seconds * 1000)
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="x"),
        ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem"),
        ClientError(
            {"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}}, "UpdateItem"
        ),
    ],
    ids=["answer lost", "throttled", "server error"],
)
def test_a_mark_that_fails_at_its_slowest_is_reported_in_time(error: Exception) -> None:
    """Else Lambda ends the function after the notice, and brings the whole batch again."""
    table, sns, clock = table_of(1), FakeSns(), Clock(NEEDED)
    history = HistoryTable(
        SlowTable(table, clock, error), "history", pause=lambda seconds: clock.spend(int(seconds * 1000))
    )
    sns.error = lambda request: clock.spend(PUBLISH.max_seconds * 1000)
    announced = tell(history, sns, keys(1), deadline=Deadline(lambda: clock.left))
    assert (len(sns.accepted), list(announced.unmarked), announced.failed) == (1, keys(1), {})
    assert clock.left >= MARGIN_SECONDS * 1000


@pytest.mark.parametrize("left", [-5000, 0, 1000])
def test_a_mark_is_tried_once_however_little_time_is_left(left: int) -> None:
    table, sns, clock = table_of(1), FakeSns(), Clock(NEEDED)
    history = HistoryTable(DynamoDb(table), "history")
    sns.error = lambda request: clock.spend(NEEDED - left)
    assert tell(history, sns, keys(1), deadline=Deadline(lambda: clock.left)).unmarked == {}
    assert table.untold() == set()


def test_no_time_at_all() -> None:
    sns = FakeSns()
    with pytest.raises(OutOfTimeError):
        tell(table_of(1), sns, keys(1), deadline=Deadline(lambda: 100))
    assert sns.requests == []


# Whatever comes, in whatever order


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(0, 7), max_size=12), min_size=1, max_size=6),
    st.sets(st.integers(0, 7)),
    st.sets(st.integers(0, 7)),
    st.integers(1, 8),
)
def test_replayed_and_reordered_records_repeat_no_notice(
    batches: list[list[int]], failing: set[int], unmarkable: set[int], digest_above: int
) -> None:
    """Any tasks in any order; some can't be published, some not marked at first."""
    table, sns = table_of(8), FakeSns()
    outage = list(failing)
    sns.error = lambda request: "InternalError" if set(outage) & set(numbers_in(request)) else None
    refused = {key(number) for number in unmarkable}
    repeatable: set[str] = set()

    def before(writes: Sequence[Write]) -> None:
        if bad := {write.key for write in writes} & refused:
            repeatable.update(write.key.task_id for write in writes)
            refused.difference_update(bad)
            raise EndpointConnectionError(endpoint_url="x")

    table.before = before
    for batch in batches:
        tell(table, sns, [key(number) for number in batch], NotificationPolicy(digest_above))
    outage.clear()
    for _ in range(9):
        tell(table, sns, keys(8), NotificationPolicy(digest_above))
    assert table.untold() == set()
    assert set(told_numbers(sns)) == set(range(8))
    twice = {task_id for task_id, _ in sns.told if sum(task_id == other for other, _ in sns.told) > 1}
    assert twice <= repeatable
