"""A row's life: cases as data, then what must hold whatever EC2 lists and in whatever order polls meet."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.kinds import BUNDLE, CANCELLED, COMPLETE, FAILED, KINDS, LOST
from task_reporter.life import Insert, Poll, Update, next_write, outcome_of
from task_reporter.rows import AWAITING_NOTIFICATION, AWAITING_OUTCOME, Key
from task_reporter.times import moment, stamp
from tests.models.table import Table
from tests.unit.cases import cases

KEY = Key("123456789012/us-east-2", "bun-2a4e041c")
IDENTITY = {"scope": KEY.scope, "task_id": KEY.task_id, "kind": "bundle"}
SHORT_TIME = re.compile(r"\d\d:\d\d(:\d\d)?")


def full(value):
    """``12:05`` as the time of the cases' day; all else as it is."""
    if not isinstance(value, str) or not SHORT_TIME.fullmatch(value):
        return value
    return f"2026-11-23T{value if len(value) == 8 else value + ':00'}.000Z"


def full_row(row):
    return {name: full(value) for name, value in row.items()}


def notified(row, now, retention_days=0):
    """The notifier's mark."""
    mark = {"notified_at": stamp(now)} | ({"expires_at": int(now.timestamp()) + 1} if retention_days else {})
    wanted = {"awaiting": AWAITING_NOTIFICATION, "outcome": row["outcome"]}
    return Update(KEY, mark, wanted, remove=("awaiting", "awaiting_since"))


def lost(row, now):
    """What declares a task lost, as far as a later correction sees it."""
    end = {"outcome": LOST, "finished_at": stamp(now), "awaiting": AWAITING_NOTIFICATION, "awaiting_since": stamp(now)}
    return Update(KEY, end, {"outcome": None, "awaiting": AWAITING_OUTCOME})


def difference(before, after):
    """What changed from one row to the other; None stands for removed."""
    names = before.keys() | after.keys()
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


class Runner:
    """Runs the steps of a case on a table."""

    def __init__(self, case):
        self.retention_days = case.get("retention_days", 0)
        self.table = Table()
        if "row" in case:
            first = {"first_seen_at": "11:00", "awaiting": AWAITING_OUTCOME, "awaiting_since": "11:00"}
            self.table = Table(IDENTITY | full_row(first | case["row"]))
        self.seen = {"nothing": None, "start": self.row}

    @property
    def row(self):
        return self.table.read([KEY]).get(KEY)

    def run(self, step):
        before, now = self.row, moment(full(step["at"]))
        write = self.write(step, now)
        applied = self.table.apply([write] if write else [])
        after = self.row
        self.seen[step["at"]] = after
        if "news" not in step:
            assert applied.written == [write]
            return
        assert difference(before or {}, after or {}) == self.news(step["news"], before)
        assert len(applied.written) == (1 if step["news"] else 0)
        assert len(applied.overtaken) == (1 if step.get("overtaken") else 0)

    def write(self, step, now):
        if "notified" in step:
            return notified(self.row, now, self.retention_days)
        if "lost" in step:
            return lost(self.row, now)
        task = {"task_id": KEY.task_id} | full_row(step["listed"])
        row = self.seen[step["read"]] if "read" in step else self.row
        return next_write(BUNDLE, task, row, Poll(KEY.scope, now, self.retention_days))

    def news(self, news, before):
        return full_row(news) | (IDENTITY if news and before is None else {})


@pytest.mark.parametrize("case", cases("life")["cases"], ids=lambda case: case["name"])
def test_a_life(case):
    runner = Runner(case)
    for step in case["steps"]:
        runner.run(step)


def test_an_insert_and_an_update_say_which_row_they_are_about():
    poll = Poll(KEY.scope, datetime(2026, 11, 23, 12, tzinfo=UTC))
    insert = next_write(BUNDLE, {"task_id": KEY.task_id, "state": "bundling"}, None, poll)
    update = next_write(BUNDLE, {"task_id": KEY.task_id, "state": "storing"}, insert.row, poll)
    assert insert.key == update.key == KEY


# Kinds are data: what the bundle's entry leaves open must work for the next ones.

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
JUST_FAILED = {"state": "failed", "updated_at": stamp(NOW), "first_seen_at": stamp(NOW)}


def test_a_kind_without_a_code_for_cancelled_does_not_wait():
    assert outcome_of(replace(BUNDLE, cancelled_code=None), JUST_FAILED, {}, NOW) == FAILED


def test_a_kind_without_a_state_for_being_cancelled_is_not_cancelled_for_it():
    kind = replace(BUNDLE, cancelling_state=None)
    assert outcome_of(kind, JUST_FAILED, {}, NOW) is None
    assert outcome_of(kind, JUST_FAILED | {"error_code": "Client.S3Error"}, {}, NOW) == FAILED
    assert outcome_of(kind, JUST_FAILED | {"error_code": "Client.Cancelled"}, {}, NOW) == CANCELLED


def test_a_kind_that_names_its_cancelled_state_needs_no_code():
    kind = replace(BUNDLE, endings={"completed": COMPLETE, "cancelled": CANCELLED}, cancelled_code=None)
    assert outcome_of(kind, {"state": "cancelled"}, {}, NOW) == CANCELLED
    assert outcome_of(kind, {"state": "failed"}, {}, NOW) is None


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_state_that_ends_a_task_has_its_outcome(kind):
    for state, outcome in kind.endings.items():
        assert outcome_of(kind, {"state": state, "error_code": "x", "updated_at": stamp(NOW)}, {}, NOW) == outcome


# What holds whatever EC2 lists.

STATES = ["pending", "bundling", "storing", "cancelling", "complete", "failed", "failed", "unknown", "defragmenting"]
TIMES = st.integers(-5, 70).map(lambda minute: stamp(NOW + timedelta(minutes=minute))) | st.sampled_from(
    ["9999-12-31T00:00:00.000Z", "2020-01-01T00:00:00.000Z"]
)
LISTED = st.fixed_dictionaries(
    {"state": st.sampled_from(STATES), "task_id": st.just(KEY.task_id)},
    optional={
        "updated_at": TIMES,
        "started_at": TIMES,
        "progress": st.integers(0, 100),
        "error_code": st.sampled_from(["Client.Cancelled", "Client.S3Error"]),
        "error_message": st.sampled_from(["One.", "Other."]),
    },
)
EVENTS = st.lists(LISTED | st.sampled_from(["notified", "lost"]), min_size=1, max_size=12)
RETENTION = st.sampled_from([0, 90])


class World:
    """A table on which polls and the notifier work, with a clock and what was written of outcomes."""

    def __init__(self, retention_days=0):
        self.table = Table()
        self.now = NOW
        self.retention_days = retention_days
        self.outcomes = []

    @property
    def row(self):
        return self.table.read([KEY]).get(KEY)

    def decide(self, event):
        """The write that follows ``event`` now, or None."""
        row = self.row
        if event == "notified":
            return notified(row, self.now, self.retention_days) if row and "outcome" in row else None
        if event == "lost":
            return lost(row, self.now) if row and "outcome" not in row else None
        return next_write(BUNDLE, event, row, Poll(KEY.scope, self.now, self.retention_days))

    def do(self, write):
        """Apply ``write`` where it can be, and check that the row is as legal as before."""
        before = self.row
        [*written] = self.table.apply([write] if write else []).written
        if written:
            assert difference(before or {}, self.row), "a write without news"
            change = write.row if isinstance(write, Insert) else write.set
            self.outcomes += [change["outcome"]] if "outcome" in change else []
        if self.row:
            check_legal(self.row)
            check_step(before or {}, self.row)

    def run(self, events, pace=timedelta(minutes=2)):
        for event in events:
            self.do(self.decide(event))
            self.now += pace


def check_legal(row):
    assert IDENTITY.items() <= row.items()
    assert row["state"]
    assert row.get("awaiting") in {AWAITING_OUTCOME, AWAITING_NOTIFICATION, None}
    assert (row.get("awaiting") == AWAITING_OUTCOME) == ("outcome" not in row)
    assert (row.get("awaiting") == AWAITING_NOTIFICATION) == ("outcome" in row and "notified_at" not in row)
    assert ("awaiting_since" in row) == ("awaiting" in row)
    assert ("finished_at" in row) == ("outcome" in row)
    assert "notified_at" in row or "expires_at" not in row
    times = {name: value for name, value in row.items() if name.endswith(("_at", "_since")) and name != "expires_at"}
    assert {"updated_at", "first_seen_at"} <= times.keys()
    for value in times.values():
        assert len(value) == 24
        assert stamp(moment(value)) == value


def check_step(before, after):
    """What no write may do to a row."""
    for once in ("first_seen_at", *IDENTITY):
        assert before.get(once, after[once]) == after[once]
    if before.get("outcome", LOST) != LOST:
        for settled in ("outcome", "finished_at", "state"):
            assert after[settled] == before[settled]
    for name in ("error_code", "error_message"):
        assert name in after or name not in before


@given(EVENTS, RETENTION)
def test_every_row_is_legal_and_its_outcome_is_written_once(events, retention_days):
    world = World(retention_days)
    world.run(events)
    told = [outcome for outcome in world.outcomes if outcome != LOST]
    assert len(told) <= 1
    assert world.outcomes in ([], told, [LOST], [LOST, *told])


@given(EVENTS)
def test_what_was_seen_before_is_no_news(events):
    world = World()
    world.run(events, pace=timedelta())
    last = [event for event in events if isinstance(event, dict)][-1:]
    for event in last:
        world.do(world.decide(event))
        row = world.row
        assert world.decide(event) is None
        assert world.row == row


@given(st.lists(LISTED, min_size=1, max_size=8), st.data())
def test_a_poll_that_was_interrupted_and_begun_again_changes_nothing_more(events, data):
    """The writes of any poll, sent again after it, are all refused: each is conditional on what it read."""
    world = World()
    done = []
    for event in events:
        write = world.decide(event)
        world.do(write)
        done += [write] if write and write in world.table.written else []
        world.now += timedelta(minutes=2)
    for write in data.draw(st.permutations(done)):
        if _restores_nothing(write):
            row = world.row
            world.do(write)
            assert world.row == row


def _restores_nothing(write):
    """Whether ``write`` can't apply twice: it moves the state or the time that it wants unchanged."""
    if isinstance(write, Insert):
        return True
    moved = {name for name, value in write.set.items() if name in write.expected and write.expected[name] != value}
    return "outcome" in moved or not {"state", "updated_at"} & moved and bool(moved)


@given(EVENTS, LISTED, LISTED, st.permutations(["read A", "write A", "read B", "write B"]), RETENTION)
def test_any_order_of_two_polls_ends_in_a_legal_row(events, listed_a, listed_b, order, retention_days):
    world = World(retention_days)
    world.run(events)
    outcomes = list(world.outcomes)
    seen, decided = {"A": listed_a, "B": listed_b}, {}
    for step in order:
        what, who = step.split()
        if what == "read" or who not in decided:
            decided[who] = world.decide(seen[who])
        else:
            world.do(decided[who])
    told = [outcome for outcome in world.outcomes if outcome != LOST]
    assert len(told) <= 1
    assert world.outcomes[: len(outcomes)] == outcomes


@given(EVENTS, LISTED)
def test_a_poll_settles_in_one_write(events, listed):
    """The same answer read again at the same moment finds nothing new."""
    world = World()
    world.run(events)
    world.do(world.decide(listed))
    assert world.decide(listed) is None


@given(st.lists(LISTED, max_size=6))
def test_the_recorder_announces_nothing_itself(events):
    world = World()
    world.run(events)
    for write in world.table.written:
        change = write.row if isinstance(write, Insert) else write.set
        assert not {"notified_at", "expires_at"} & change.keys()


@given(EVENTS, st.integers(1, 12))
def test_every_failure_is_told_in_the_end(events, minutes):
    """No wait goes on for ever: a task that stays failed gets its outcome."""
    world = World()
    world.run(events)
    failed = {"task_id": KEY.task_id, "state": "failed"}
    for _ in range(4):
        world.do(world.decide(failed))
        world.now += timedelta(minutes=minutes)
    if minutes >= 2:
        assert world.row["outcome"] != LOST
