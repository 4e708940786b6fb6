"""The notifier behind its stream mapping, with the template's properties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from task_reporter.history import backlog
from task_reporter.history.backlog import held_keys
from task_reporter.history.rows import Row
from task_reporter.recording.context import PollContext
from task_reporter.recording.redrive import redrive_writes
from tests.support.broken_notices import break_composing, unless_plain
from tests.support.cloudformation import HUB, stream_mapping
from tests.support.deployed_notifier import deployed
from tests.support.dynamodb import Table
from tests.support.finished import SCOPE, key, row
from tests.support.sns import FakeSns, Request, is_plain, refusal, told_in
from tests.support.stream_mapping import FakeClock, StreamMapping
from tests.support.stream_records import sequence_of

HISTORY = stream_mapping(**HUB)


class Crash(SystemExit):
    """The function's process dies."""


class Stack:
    """Table, stream, mapping, function and topic, on one clock."""

    def __init__(self, function: Callable[[Any], Any], table: Table, sns: FakeSns, clock: FakeClock) -> None:
        self.table, self.sns, self.clock = table, sns, clock
        self.mapping = StreamMapping(HISTORY, function, clock)
        self._fed = 0

    def record(self, *rows: Row) -> None:
        """Insert an ended row, as the recorder does."""
        for each in rows:
            self.table.put(each)

    def flow(self) -> None:
        """Everything in the stream is served, and what that writes to the stream too."""
        while self._fed < len(self.table.records):
            fresh = self.table.records[self._fed :]
            self._fed += len(fresh)
            self.mapping.feed(fresh)
            self.mapping.drain()

    def redrive(self) -> None:
        """Redrive the rows that still await notification, as a later poll does."""
        self.clock.advance(1200)
        waiting = self.table.awaiting(SCOPE, "notification")
        self.table.apply(redrive_writes(waiting, PollContext(SCOPE, datetime.fromtimestamp(self.clock(), UTC))))
        self.flow()

    @property
    def told(self) -> Counter[str]:
        return Counter(task_id for task_id, _ in self.sns.told)


@contextmanager
def stack() -> Iterator[Stack]:
    clock, sns = FakeClock(), FakeSns()
    table = Table(clock=clock)
    with deployed(table, sns, SCOPES="*/*") as function:
        yield Stack(function, table, sns, clock)


@pytest.fixture
def world() -> Iterator[Stack]:
    with stack() as made:
        yield made


def once(numbers: Sequence[int]) -> Counter[str]:
    return Counter(f"bun-{number:08x}" for number in numbers)


def down_until(clock: FakeClock, seconds: float) -> Callable[[Request], str | None]:
    back = clock() + seconds
    return lambda request: "InternalError" if clock() < back else None


# Every task once, in as few notices as can be


@pytest.mark.parametrize(("count", "notices"), [(1, 1), (5, 5), (6, 1), (600, 2), (2500, 10)])
def test_what_ends_together_is_gathered(world: Stack, count: int, notices: int) -> None:
    """600 tasks become a few digests; SNS suspends emails above ten a second."""
    world.record(*(row(number, "failed" if number % 7 == 0 else "complete") for number in range(count)))
    world.flow()
    assert world.told == once(range(count))
    assert len(world.sns.accepted) == notices
    assert world.table.untold() == set()
    assert world.mapping.discarded == []


def test_what_ends_within_the_window_is_gathered(world: Stack) -> None:
    for number in range(6):
        world.record(row(number))
        world.mapping.feed(world.table.records[-1:])
        world.mapping.run()
        world.clock.advance(0.5)
    world.mapping.drain()
    assert world.told == once(range(6))
    assert len(world.sns.accepted) == 1


def test_first_poll_of_an_account_becomes_one_digest(world: Stack) -> None:
    world.table.put({"scope": "roster", "task_id": SCOPE.partition("/")[0]})
    world.record(*(row(number, held_for="digest") for number in range(3)))
    world.flow()
    assert world.sns.accepted == []
    world.redrive()
    assert world.told == once(range(3))
    assert len(world.sns.accepted) == 1
    world.redrive()
    assert len(world.sns.accepted) == 1
    assert world.table.untold() == set()


def test_held_rows_that_a_late_index_lacks_come_with_the_redrive(world: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    late = iter([[key(1)]])
    monkeypatch.setattr(backlog, "held_keys", lambda *given: next(late, None) or held_keys(*given))
    world.record(*(row(number, held_for="digest") for number in range(4)))
    world.table.put({"scope": "roster", "task_id": SCOPE.partition("/")[0], "digest": "due"})
    world.flow()
    assert world.told == once([1])
    world.redrive()
    assert world.told == once(range(4))
    assert len(world.sns.accepted) == 2


def test_refused_digest_repeats_no_notice_of_another_account(world: Stack) -> None:
    """SNS accepts that notice, but its answer is lost."""
    refusals = iter(["InternalError"] * 3)

    def error(request: Request) -> str | Exception | None:
        if told_in(request) != [("bun-00000003", "complete")]:
            return next(refusals, None)
        world.sns.accepted.append(request)
        return ReadTimeoutError(endpoint_url="x")

    world.sns.error = error
    world.record(row(1, held_for="digest"), row(2, held_for="digest"), row(3, scope="111111111111/eu-west-1"))
    world.table.put({"scope": "roster", "task_id": SCOPE.partition("/")[0], "digest": "due"})
    world.flow()
    assert world.told == once([1, 2, 3])


def test_held_rows_are_announced_without_a_hub_too(world: Stack) -> None:
    """Nothing asks for a digest where the stack is no hub any more."""
    world.record(row(1, held_for="digest"), row(2, held_for="digest"))
    for _ in range(2):
        world.flow()
        assert world.sns.accepted == []
        world.redrive()
    assert world.told == once([1, 2])


def test_nothing_but_what_awaits_notification_wakes_the_function(world: Stack) -> None:
    running = row(1, outcome=None, finished_at=None, awaiting="outcome")
    world.record(running, running | {"state": "storing"}, {"scope": "roster", "task_id": "123456789012"})
    world.flow()
    assert world.mapping.invocations == []
    world.record(row(1))
    world.flow()
    finished = world.table.records[3]
    assert world.mapping.invocations == [[sequence_of(finished)]]
    world.table.change(key(1), error_code="Client.Late")
    world.table.expire(key(1))
    world.flow()
    assert len(world.mapping.invocations) == 1
    assert world.told == once([1])


def test_a_correction_is_told_after_the_loss(world: Stack) -> None:
    world.record(row(1, "lost"))
    world.flow()
    world.record(row(1, "complete"))
    world.flow()
    assert world.sns.told == [("bun-00000001", "lost"), ("bun-00000001", "complete")]


def test_a_correction_in_the_same_batch_is_told_alone(world: Stack) -> None:
    world.record(row(1, "lost"), row(1, "complete"))
    world.flow()
    assert world.sns.told == [("bun-00000001", "complete")]


# SNS fails


@pytest.mark.parametrize("count", [1, 3, 12, 150])
def test_sns_is_down_for_a_while(world: Stack, count: int) -> None:
    world.sns.error = down_until(world.clock, 200)
    world.record(*(row(number) for number in range(count)))
    world.flow()
    assert world.told == once(range(count))
    assert world.table.untold() == set()
    assert world.mapping.discarded == []
    assert len(world.sns.accepted) <= 15


def test_sns_is_down_for_longer_than_the_mapping_retries(world: Stack) -> None:
    world.sns.error = down_until(world.clock, 1200)
    world.record(*(row(number) for number in range(12)))
    world.flow()
    given_up = len(world.mapping.discarded_records)
    assert 0 < given_up < 12
    assert len(world.table.untold()) == given_up
    assert sum(world.told.values()) == 12 - given_up
    world.redrive()
    assert world.told == once(range(12))
    assert world.table.untold() == set()


def test_one_task_that_sns_never_takes(world: Stack) -> None:
    world.sns.error = lambda request: "InternalError" if "bun-00000003" in str(told_in(request)) else None
    world.record(*(row(number) for number in range(30)))
    world.flow()
    assert world.told == once([number for number in range(30) if number != 3])
    assert world.table.untold() == {"bun-00000003"}
    assert len(world.mapping.discarded_records) == 1


def test_one_task_that_sns_refuses_as_invalid(world: Stack) -> None:
    def error(request: Request) -> str | None:
        return "InvalidParameter" if "bun-00000003" in str(told_in(request)) and not is_plain(request) else None

    world.sns.error = error
    world.record(*(row(number) for number in range(30)))
    world.flow()
    assert world.told == once(range(30))
    assert world.mapping.discarded == []


# Records and rows that are no good


@pytest.mark.parametrize("bad", [0, 13, 29])
def test_an_unreadable_record_costs_its_neighbours_nothing(world: Stack, bad: int) -> None:
    world.record(*(row(number) for number in range(30)))
    unreadable = world.table.records[bad]
    del unreadable["dynamodb"]["Keys"]
    world.flow()
    assert world.told == once([number for number in range(30) if number != bad])
    assert world.mapping.discarded_records == [sequence_of(unreadable)]
    (message,) = world.mapping.discarded
    assert message["DDBStreamBatchInfo"]["batchSize"] == 1
    world.redrive()
    assert world.told == once(range(30))


@pytest.mark.parametrize("bad", [0, 13, 29])
def test_a_row_without_an_outcome_costs_its_neighbours_nothing(world: Stack, bad: int) -> None:
    world.record(*(row(number, outcome=None if number == bad else "failed") for number in range(30)))
    world.flow()
    assert world.told == once([number for number in range(30) if number != bad])
    assert world.mapping.discarded_records == [sequence_of(world.table.records[bad])]


@pytest.mark.parametrize("bad", [0, 2, 4])
@pytest.mark.parametrize("count", [5, 30], ids=["singly", "in a digest"])
def test_a_row_that_breaks_composing_spares_its_neighbours(
    world: Stack, bad: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_composing(monkeypatch, bad)
    world.record(*(row(number) for number in range(count)))
    world.flow()
    assert (world.told, world.table.untold(), world.mapping.discarded) == (once(range(count)), set(), [])
    assert sum(map(is_plain, world.sns.accepted)) == 1


@pytest.mark.parametrize("bad", [0, 2, 4])
@pytest.mark.parametrize("count", [5, 30], ids=["singly", "in a digest"])
@pytest.mark.parametrize("failure", ["InternalError", ZeroDivisionError("a bug")], ids=["SNS", "a defect of ours"])
def test_a_row_that_breaks_publishing_spares_its_neighbours(world: Stack, bad: int, count: int, failure: Any) -> None:
    """It waits and is counted during the fault, and is then announced fully."""
    world.sns.error = unless_plain(failure, bad)
    world.record(*(row(number) for number in range(count)))
    world.flow()
    assert world.told == once(range(count)) - once([bad])
    assert world.mapping.discarded_records == [sequence_of(world.table.records[bad])]
    for redriven in range(6):
        assert world.table.untold() == {f"bun-{bad:08x}"}
        assert world.table.rows[key(bad)].get("redrives", 0) == redriven
        world.redrive()
    world.sns.error = lambda request: None
    world.redrive()
    assert (world.told, world.table.untold()) == (once(range(count)), set())
    assert not is_plain(world.sns.accepted[-1])


@pytest.mark.parametrize("missing", [ReadTimeoutError, ConnectionClosedError])
def test_lost_answers_of_sns_repeat_one_email_per_redrive(world: Stack, missing: Any) -> None:
    """SNS accepts each notice, but its answer is lost, so no mark follows."""
    slow = {"at": True}

    def accept_and_time_out(request: Request) -> Exception | None:
        if slow["at"]:
            world.sns.accepted.append(request)
        return missing(endpoint_url="x") if slow["at"] else None

    world.sns.error = accept_and_time_out
    world.record(row(1))
    world.flow()
    assert (world.told, world.mapping.discarded) == (once([1]), [])
    world.redrive()
    assert world.told == Counter({"bun-00000001": 2})
    slow["at"] = False
    world.redrive()
    assert (world.told, world.table.untold()) == (Counter({"bun-00000001": 3}), set())


@pytest.mark.parametrize("subscribed", [(0, 1), (0, 3)])
def test_rows_wait_for_a_subscriber_without_using_up_retries(world: Stack, subscribed: tuple[int, int]) -> None:
    world.sns.subscribed = subscribed
    world.record(*(row(number) for number in range(30)))
    world.flow()
    assert (world.sns.requests, len(world.mapping.invocations), world.mapping.discarded) == ([], 1, [])
    world.sns.subscribed = (1, 0)
    world.redrive()
    assert (world.told, world.table.untold(), world.sns.dropped) == (once(range(30)), set(), [])


UNANSWERED = [ReadTimeoutError(endpoint_url="x"), refusal("AuthorizationError"), refusal("NotFound"), KeyError("x")]


@pytest.mark.parametrize("subscribed", [(1, 3), (0, 0), *UNANSWERED], ids=repr)
def test_otherwise_notices_go_out(world: Stack, subscribed: Any) -> None:
    """The same without SNS's answer, and without any email subscription."""
    world.sns.subscribed = subscribed
    world.record(row(1))
    world.flow()
    assert (world.told, world.table.untold()) == (once([1]), set())


def test_with_an_email_subscription_none_at_all_is_none_yet(world: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """SNS deletes an unconfirmed subscription after 48 hours."""
    monkeypatch.setenv("EMAIL_SUBSCRIPTION", "true")
    world.sns.subscribed = (0, 0)
    world.record(row(1))
    world.flow()
    assert (world.sns.requests, world.table.untold()) == ([], {"bun-00000001"})


def test_after_an_outage_of_hours_what_waits_comes_in_digests(world: Stack) -> None:
    world.sns.error = lambda request: "InternalError"
    world.record(*(row(number) for number in range(40)))
    world.flow()
    for _ in range(6):
        world.redrive()
    assert world.told == Counter()
    world.sns.error = lambda request: None
    world.redrive()
    assert world.told == once(range(40))
    assert len(world.sns.accepted) == 1


# The function dies


@pytest.mark.parametrize("count", [1, 4, 12, 30])
@pytest.mark.parametrize("dies_at", range(5))
def test_a_crash_between_publish_and_mark(world: Stack, count: int, dies_at: int) -> None:
    """Never lost; repeated only where the mark did not follow the notice."""
    marking = iter(range(100))
    unmarked: set[str] = set()

    def before(writes: Sequence[Any]) -> None:
        if next(marking) == dies_at:
            unmarked.update(write.key.task_id for write in writes)
            raise Crash

    world.table.before = before
    world.record(*(row(number) for number in range(count)))
    world.flow()
    assert set(world.told) == set(once(range(count)))
    assert {task_id for task_id, times in world.told.items() if times > 1} == unmarked
    assert max(world.told.values()) <= 2
    assert world.table.untold() == set()
    assert world.mapping.discarded == []


@pytest.mark.parametrize("count", [1, 4, 12, 30])
@pytest.mark.parametrize("dies_at", range(5))
def test_a_crash_before_publish_repeats_nothing(world: Stack, count: int, dies_at: int) -> None:
    publishing = iter(range(100))

    def error(_request: Request) -> None:
        if next(publishing) == dies_at:
            raise Crash

    world.sns.error = error
    world.record(*(row(number) for number in range(count)))
    world.flow()
    assert world.told == once(range(count))
    assert world.table.untold() == set()


FAULTS = st.sampled_from([None, None, None, "InternalError", "InvalidParameter", "crash"])
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("finish"), st.integers(0, 30), st.integers(1, 9)),
        st.tuples(st.just("lose"), st.integers(0, 30), st.integers(1, 9)),
        st.tuples(st.just("wait"), st.integers(1, 400), st.just(0)),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=30)
@given(EVENTS, st.lists(FAULTS, max_size=40), st.lists(FAULTS, max_size=40))
def test_whatever_fails_nothing_is_lost(
    events: list[tuple[str, int, int]], publishing: list[str | None], marking: list[str | None]
) -> None:
    """Tasks end, are lost and corrected during faults; then everything recovers."""
    with stack() as world:
        unmarked: set[str] = set()
        world.sns.error = lambda request: _fault(publishing)

        def before(writes: Sequence[Any]) -> None:
            if marking and marking.pop():
                unmarked.update(write.key.task_id for write in writes)
                raise Crash

        world.table.before = before
        for what, first, many in events:
            if what == "wait":
                world.flow()
                world.clock.advance(first)
                continue
            for number in range(first, first + many):
                _end(world, number, "lost" if what == "lose" else "complete")
        world.flow()
        publishing.clear()
        marking.clear()
        world.redrive()
        last = {(task_id, str(row["outcome"])) for (_, task_id), row in world.table.rows.items()}
        assert world.table.untold() == set()
        assert last <= set(world.sns.told)
        times = Counter(world.sns.told)
        assert {task_id for (task_id, _), count in times.items() if count > 1} <= unmarked


def test_a_missing_bus_delays_no_notice() -> None:
    clock, sns = FakeClock(), FakeSns()
    table = Table(clock=clock)
    with deployed(table, sns, EVENT_BUS="gone") as function:
        world = Stack(function, table, sns, clock)
        start = clock()
        for number in range(3):
            world.record(row(number))
            world.flow()
        assert len(sns.told) == len(world.table.untold()) == 3
        assert world.mapping.discarded == []
        assert clock() - start < HISTORY["MaximumBatchingWindowInSeconds"] * 6 + 1, "no retries"


def _fault(faults: list[str | None]) -> str | Exception | None:
    fault = faults.pop() if faults else None
    if fault == "crash":
        raise Crash
    return fault


def _end(world: Stack, number: int, outcome: str) -> None:
    """As the recorder writes: an outcome once, and only a loss is corrected."""
    before = world.table.rows.get(key(number))
    if before is None or (before["outcome"] == "lost" and outcome != "lost"):
        world.record(row(number, outcome))
