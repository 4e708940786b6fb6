"""A row's life: cases as data, then invariants for any answers and polls."""

import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.history.rows import AWAITING_NOTIFICATION, AWAITING_OUTCOME
from task_reporter.history.writes import Insert, Update
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST, failed
from task_reporter.kinds.table import KINDS
from task_reporter.recording.context import PollContext
from task_reporter.recording.missing import write_for_unlisted
from task_reporter.recording.redrive import redrive_writes
from task_reporter.recording.transitions import next_write, outcome_of, without_notice
from task_reporter.times import parse, to_text
from tests.support.dynamodb import Table
from tests.unit.cases import KEY, cases, full, full_row

IDENTITY = {"scope": KEY.scope, "task_id": KEY.task_id, "kind": "bundle"}
STORED_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


POLLS_TO_THE_END = 6
"""Polls, 22 minutes apart, after which every wait is over.

EC2's times are believed up to an hour ahead of a poll.
"""


def notified(row, now, retention_days=0):
    """Return the notifier's mark."""
    mark = {"notified_at": to_text(now)}
    if retention_days:
        mark["expires_at"] = int(now.timestamp()) + retention_days * 86_400
    wanted = {"awaiting": AWAITING_NOTIFICATION, "outcome": row["outcome"]}
    return Update(KEY, mark, wanted, remove=("awaiting", "awaiting_since", "redriven_at", "redrives"))


def unlisted(row, now, minutes=15):
    """Return the write after a good answer without the task."""
    if row is None or row.get("awaiting") != AWAITING_OUTCOME:
        return None
    return write_for_unlisted(BUNDLE, row, PollContext(KEY.scope, now, lost_after=timedelta(minutes=minutes)))


def redriven(row, now):
    """Return a poll sends the row to the notifier again."""
    [write] = redrive_writes([row], PollContext(KEY.scope, now, redrive_after=timedelta(0)))
    return write


def difference(before, after):
    """Return the changed attributes between two rows; None stands for removed."""
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
        before, now = self.row, parse(full(step["at"]))
        write = self.write(step, now)
        applied = self.table.apply([write] if write else [])
        after = self.row
        self.seen[step["at"]] = after
        if "news" not in step:
            assert applied.written == [write] != [None]
            return
        assert difference(before or {}, after or {}) == self.news(step["news"], before)
        assert len(applied.written) == (1 if step["news"] else 0)
        assert len(applied.overtaken) == (1 if step.get("overtaken") else 0)

    def write(self, step, now):
        if "notified" in step:
            return notified(self.row, now, self.retention_days)
        if "redriven" in step:
            return redriven(self.row, now)
        row = self.seen[step["read"]] if "read" in step else self.row
        if "unlisted" in step:
            return unlisted(row, now)
        task = {"task_id": KEY.task_id} | full_row(step["listed"])
        return next_write(BUNDLE, task, row, PollContext(KEY.scope, now, self.retention_days))

    def news(self, news, before):
        return full_row(news) | (IDENTITY if news and before is None else {})


@pytest.mark.parametrize("case", cases("life")["cases"], ids=lambda case: case["name"])
def test_a_life(case):
    runner = Runner(case)
    for step in case["steps"]:
        runner.run(step)


def test_a_failed_task_never_runs_again_by_a_stale_replica():
    """It would be told as lost if EC2 forgot it then."""
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    failed = {"task_id": KEY.task_id, "state": "failed", "updated_at": "2026-11-23T12:00:00.000Z"}
    row = next_write(BUNDLE, failed, None, PollContext(KEY.scope, at)).row
    assert row["awaiting"] == AWAITING_OUTCOME, "its error code may still come"
    behind = failed | {"state": "storing", "updated_at": "2026-11-23T11:50:00.000Z"}
    assert next_write(BUNDLE, behind, row, PollContext(KEY.scope, at)) is None


def test_an_insert_and_an_update_say_which_row_they_are_about():
    poll = PollContext(KEY.scope, datetime(2026, 11, 23, 12, tzinfo=UTC))
    insert = next_write(BUNDLE, {"task_id": KEY.task_id, "state": "bundling"}, None, poll)
    update = next_write(BUNDLE, {"task_id": KEY.task_id, "state": "storing"}, insert.row, poll)
    assert insert.key == update.key == KEY


# Kinds are data: what the bundle's entry leaves open must work for the next ones.

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
JUST_FAILED = {"state": "failed", "updated_at": to_text(NOW), "first_seen_at": to_text(NOW)}


def test_a_kind_whose_state_decides_does_not_wait():
    assert outcome_of(replace(BUNDLE, failure=failed), JUST_FAILED, {}, NOW) == FAILED


def test_a_kind_without_a_cancelling_state_is_not_cancelled():
    kind = replace(BUNDLE, cancelling_state=None)
    assert outcome_of(kind, JUST_FAILED, {}, NOW) is None
    assert outcome_of(kind, JUST_FAILED | {"error_code": "Client.S3Error"}, {}, NOW) == FAILED
    assert outcome_of(kind, JUST_FAILED | {"error_code": "Client.Cancelled"}, {}, NOW) == CANCELLED


def test_a_kind_that_names_its_cancelled_state_needs_no_code():
    kind = replace(BUNDLE, endings={"completed": COMPLETE, "cancelled": CANCELLED})
    assert outcome_of(kind, {"state": "cancelled"}, {}, NOW) == CANCELLED
    assert outcome_of(kind, {"state": "failed"}, {}, NOW) is None


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_state_that_ends_a_task_has_its_outcome(kind):
    error = {"error_code": "x", "error_message": "x", "updated_at": to_text(NOW)}
    for state, outcome in kind.endings.items():
        assert outcome_of(kind, {"state": state, **error}, {}, NOW) == outcome


def test_a_row_stays_while_ec2_lists_its_task():
    """A year of daily polls with RetentionDays 90 makes one notice."""
    table, task, announced = Table(), {"task_id": KEY.task_id, "state": "complete"}, 0
    for day in range(366):
        now = NOW + timedelta(days=day)
        row = table.rows.get(KEY)
        if row and row.get("expires_at", math.inf) <= now.timestamp():
            del table.rows[KEY]
        write = next_write(BUNDLE, task, table.rows.get(KEY), PollContext(KEY.scope, now, retention_days=90))
        table.apply([write] if write else [])
        if table.rows[KEY].get("awaiting"):
            announced += 1
            expiry = {"notified_at": to_text(now), "expires_at": int((now + timedelta(days=90)).timestamp())}
            table.apply([Update(KEY, expiry, {}, remove=("awaiting", "awaiting_since"))])
    assert announced == 1
    assert len(table.written) in range(7, 9)


@pytest.mark.parametrize(("retention_days", "expires_at"), [(0, None), (90, int(NOW.timestamp()) + 90 * 86_400)])
def test_an_end_recorded_without_a_notice_awaits_nothing(retention_days, expires_at):
    poll = PollContext(KEY.scope, NOW, retention_days=retention_days)
    insert = next_write(BUNDLE, {"task_id": KEY.task_id, "state": "complete"}, None, poll)
    row = without_notice(insert, poll).row
    assert (row["outcome"], row.get("awaiting"), row.get("expires_at")) == ("complete", None, expires_at)
    running = next_write(BUNDLE, {"task_id": KEY.task_id, "state": "storing"}, None, poll)
    assert without_notice(running, poll) == running


# What holds whatever EC2 lists.


STATES = ["pending", "bundling", "storing", "cancelling", "complete", "failed", "failed", "unknown", "defragmenting"]
TIMES = st.sampled_from(
    [to_text(NOW + timedelta(minutes=minute)) for minute in range(-5, 71)]
    + ["9999-12-31T00:00:00.000Z", "2020-01-01T00:00:00.000Z"]
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
ANYONE = LISTED | st.sampled_from(["notified", "redriven", "unlisted", "unlisted", "unlisted"])
EVENTS = st.lists(ANYONE, min_size=1, max_size=8)
LOST_AFTER = 3
"""Minutes; three events without the task, two minutes apart, make it lost."""
RETENTION = st.sampled_from([0, 90])


def completed(listed):
    return {**listed, "state": "complete"}


class World:
    """A table for polls and the notifier, with a clock and recorded outcomes."""

    def __init__(self, retention_days=0):
        self.table = Table()
        self.now = NOW
        self.retention_days = retention_days
        self.outcomes = []

    @property
    def row(self):
        return self.table.read([KEY]).get(KEY)

    @property
    def told(self):
        """The outcomes that stand for good."""
        return [outcome for outcome in self.outcomes if outcome != LOST]

    def decide(self, event):
        """Return the write that follows ``event`` now, or None."""
        row = self.row
        if event == "notified":
            return notified(row, self.now, self.retention_days) if row and "outcome" in row else None
        if event == "redriven":
            return redriven(row, self.now) if row and row.get("awaiting") == AWAITING_NOTIFICATION else None
        if event == "unlisted":
            return unlisted(row, self.now, LOST_AFTER)
        return next_write(BUNDLE, event, row, PollContext(KEY.scope, self.now, self.retention_days))

    def do(self, write):
        """Apply ``write`` where its condition holds, and check the row; answers what was written."""
        before = self.row
        written = self.table.apply([write] if write else []).written
        if written:
            change = write.row if isinstance(write, Insert) else write.set
            self.outcomes += [change["outcome"]] if "outcome" in change else []
        if self.row:
            check_legal(self.row)
            check_step(before or {}, self.row)
        return written

    def run(self, events):
        for event in events:
            before = self.row or {}
            if self.do(self.decide(event)):
                assert difference(before, self.row), "a write without news"
            self.now += timedelta(minutes=2)


def check_legal(row):
    assert IDENTITY.items() <= row.items()
    assert row["state"]
    assert row.get("awaiting") in {AWAITING_OUTCOME, AWAITING_NOTIFICATION, None}
    assert (row.get("awaiting") == AWAITING_OUTCOME) == ("outcome" not in row)
    assert (row.get("awaiting") == AWAITING_NOTIFICATION) == ("outcome" in row and "notified_at" not in row)
    assert ("awaiting_since" in row) == ("awaiting" in row)
    assert ("finished_at" in row) == ("outcome" in row)
    assert "notified_at" in row or "expires_at" not in row
    assert "missing_since" not in row or row.get("outcome", LOST) == LOST or row["state"] in BUNDLE.endings
    assert ("redrives" in row) == ("redriven_at" in row)
    assert row.get("awaiting") == AWAITING_NOTIFICATION or "redriven_at" not in row
    times = {name: value for name, value in row.items() if name.endswith(("_at", "_since")) and name != "expires_at"}
    assert {"updated_at", "first_seen_at"} <= times.keys()
    assert all(STORED_TIME.fullmatch(value) for value in times.values())


def check_step(before, after):
    """Check the invariants of every write to a row."""
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
    assert len(world.told) <= 1
    assert world.outcomes in (world.told, [LOST, *world.told])


@given(EVENTS)
def test_a_lost_task_was_missing_from_every_answer_long_enough(events):
    world, missing_since = World(), None
    for event in events:
        lost = LOST in world.outcomes
        if event not in ("notified", "redriven"):
            missing_since = (missing_since or world.now) if event == "unlisted" else None
        world.do(world.decide(event))
        if LOST in world.outcomes and not lost:
            assert world.now - missing_since >= timedelta(minutes=LOST_AFTER)
        world.now += timedelta(minutes=2)


@pytest.mark.parametrize("progress", [20, 30])
def test_progress_without_a_time_is_written_by_one_of_two_polls(progress):
    table, poll = Table(), PollContext(KEY.scope, NOW)
    task = {"task_id": KEY.task_id, "state": "active"}
    table.apply([next_write(KINDS["import-image"], task, None, poll)])
    first, second = (
        next_write(KINDS["import-image"], task | {"progress": number}, table.rows[KEY], poll)
        for number in (30, progress)
    )
    table.apply([first])
    assert table.apply([second]).overtaken == [second]
    assert table.rows[KEY]["progress"] == 30


@given(EVENTS, LISTED, RETENTION)
def test_a_write_that_is_sent_twice_changes_nothing_more(events, listed, retention_days):
    """As botocore sends it where an answer is lost."""
    world = World(retention_days)
    for event in [*events, listed]:
        write = world.decide(event)
        world.do(write)
        row = world.row
        world.table.apply([write] if write else [])
        assert world.row == row
        world.now += timedelta(minutes=2)


@given(st.lists(LISTED, min_size=1, max_size=8), LISTED.map(completed), st.data())
def test_answers_of_before_the_end_change_nothing_after_it(events, end, data):
    """Only a missing error text is added, whatever a stale replica or poll brings."""
    world = World()
    world.run([*events, end])
    row = world.row
    world.run(events[: data.draw(st.integers(0, len(events)))])
    assert difference(row, world.row).keys() <= {"error_code", "error_message"} - row.keys()


@given(EVENTS, ANYONE, ANYONE, st.permutations("AABB"), RETENTION)
def test_any_order_of_two_at_once_ends_in_a_legal_row(events, one, other, order, retention_days):
    """Each reads at its first turn and writes at its second."""
    world = World(retention_days)
    world.run(events)
    doing, decided = {"A": one, "B": other}, {}
    for who in order:
        if who in decided:
            world.do(decided[who])
        else:
            decided[who] = world.decide(doing[who])
    assert len(world.told) <= 1


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


@given(EVENTS)
def test_every_failure_is_told_in_the_end(events):
    """Every failed task gets its outcome in the end, whatever the times are."""
    world = World()
    world.run(events)
    for _ in range(POLLS_TO_THE_END):
        world.do(world.decide({"task_id": KEY.task_id, "state": "failed"}))
        world.now += timedelta(minutes=22)
    assert len(world.told) == 1


@given(st.lists(LISTED, min_size=1, max_size=6))
def test_every_task_that_vanishes_is_told_in_the_end(events):
    """A task whose end was seen is never lost, whatever the times are."""
    world = World()
    world.run(events)
    state = world.row["state"]
    for _ in range(POLLS_TO_THE_END):
        world.do(world.decide("unlisted"))
        world.now += timedelta(minutes=22)
    assert len(world.outcomes) == 1
    assert (world.outcomes == [LOST]) == (state not in BUNDLE.endings)
