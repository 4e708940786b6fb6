"""Tasks that EC2 does not list any more.

``cases/life.json`` has their whole lives.
"""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from task_reporter.history.rows import Key
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import COMPLETE, LOST, Kind
from task_reporter.recording.context import PollContext
from task_reporter.recording.missing import write_for_unlisted
from task_reporter.recording.transitions import next_write
from task_reporter.times import parse, to_text
from tests.support.canned_ec2 import canned_ec2, no_pauses, told
from tests.support.dynamodb import DynamoDb, Table
from tests.support.inline import INLINE
from tests.support.polled import poll_kinds
from tests.unit.cases import KEY, cases, full, full_row

SCOPE = KEY.scope
USUAL = {
    "scope": SCOPE, "task_id": KEY.task_id, "kind": "bundle", "state": "storing", "updated_at": "11:50",
    "first_seen_at": "11:00", "awaiting": "outcome", "awaiting_since": "11:00",
}  # fmt: skip


def row_of(case):
    row = full_row({**USUAL, **case["row"]})
    return {name: value for name, value in row.items() if value is not None}


def poll_at(time, minutes=15):
    return PollContext(SCOPE, parse(full(time)), lost_after=timedelta(minutes=minutes))


@pytest.mark.parametrize("case", cases("vanishing")["cases"], ids=lambda case: case["name"])
def test_one_good_answer_without_it(case):
    row = row_of(case)
    write = write_for_unlisted(BUNDLE, row, poll_at(case["at"], case.get("minutes", 15)))
    news = case["news"]
    assert (write and (write.key, write.set)) == (news and (KEY, full_row(news)))
    assert not write or write.remove == ()


@pytest.mark.parametrize("minutes", [0, 15])
def test_one_answer_never_makes_it_lost(minutes):
    """The same for a second question at once, and for two kinds of poll."""
    table = Table(row_of({"row": {}}))
    for _ in range(3):
        write = write_for_unlisted(BUNDLE, table.rows[KEY], poll_at("12:00", minutes))
        table.apply([write] if write else [])
    assert "outcome" not in table.rows[KEY]


def test_a_lost_row_keeps_its_attributes_and_has_a_time():
    row = row_of({"row": {"progress": 80, "bucket": "b", "prefix": "p", "missing_since": "12:00"}})
    table = Table(row)
    table.apply([write_for_unlisted(BUNDLE, row, poll_at("12:20"))])
    declared = to_text(parse(full("12:20")))
    assert table.rows[KEY] == row | {
        "outcome": "lost", "finished_at": declared, "awaiting": "notification", "awaiting_since": declared
    }  # fmt: skip


# Somebody else was first

MEANWHILE = {
    "its state was seen to change": {"state": "complete"},
    "its time was": {"updated_at": full("11:59")},
    "it ended": {"outcome": "complete", "awaiting": "notification"},
    "it ended and was told": {"outcome": "complete", "awaiting": None},
    "it awaits something else": {"awaiting": "notification"},
    "it was seen missing at another time": {"missing_since": full("11:59")},
    "it is gone": None,
}


def after(row, changes):
    """Return a table on which somebody changed ``row``, or removed it."""
    if changes is None:
        return Table()
    return Table({name: value for name, value in (row | changes).items() if value is not None})


@pytest.mark.parametrize("changes", MEANWHILE.values(), ids=MEANWHILE)
@pytest.mark.parametrize("missing_since", [None, "11:40"], ids=["first answer", "lost"])
def test_what_was_decided_has_no_effect_where_somebody_was_first(missing_since, changes):
    row = row_of({"row": {"missing_since": missing_since}})
    table = after(row, changes)
    before = dict(table.rows)
    applied = table.apply([write_for_unlisted(BUNDLE, row, poll_at("12:00"))])
    assert (len(applied.written), len(applied.overtaken)) == (0, 1)
    assert table.rows == before


FAILED = {"state": "failed", "updated_at": "11:50"}
OF_A_FAILURE = {name: changes for name, changes in MEANWHILE.items() if "missing" not in name}


@pytest.mark.parametrize("changes", OF_A_FAILURE.values(), ids=OF_A_FAILURE)
def test_a_failure_is_settled_only_while_it_is_what_was_read(changes):
    row = row_of({"row": FAILED})
    table = after(row, changes)
    before = dict(table.rows)
    assert table.apply([write_for_unlisted(BUNDLE, row, poll_at("12:00"))]).written == []
    assert table.rows == before


@pytest.mark.parametrize("name", ["missing_since", "unreachable_since"])
def test_a_task_listed_again_is_not_missing_in_any_order(name):
    """Its write has the condition on the row that was read."""
    row = row_of({"row": {name: "11:55"}})
    listed = {"task_id": KEY.task_id, "state": "storing", "updated_at": full("11:50")}
    write = next_write(BUNDLE, listed, row, poll_at("12:00"))
    assert (write.set, write.remove) == ({}, (name,))
    for changes in ({"outcome": LOST, "awaiting": "notification"}, {"state": "complete"}):
        table = after(row, changes)
        assert table.apply([write]).written == []
    table = after(row, {})
    assert [len(table.apply([write]).written) for _ in range(2)] == [1, 0], "twice the same is a write without news"


def test_what_was_first_seen_after_the_poll_began_is_not_missing():
    """Another poll recorded it, while EC2 was asked or just after."""
    row = row_of({"row": {"first_seen_at": "12:00"}})
    assert write_for_unlisted(BUNDLE, row, poll_at("11:59")) is None
    assert write_for_unlisted(BUNDLE, row, poll_at("12:00")) is not None
    assert write_for_unlisted(BUNDLE, row, poll_at("11:44")) is not None, "no poll lasts that long: a clock was wrong"


# In polls

NOW = datetime(2026, 11, 23, 12, 40, tzinfo=UTC)
TASK = Key(SCOPE, "bun-2a4e041c")
OTHER = Kind("import-image", "DescribeImportImageTasks", "ImportImageTasks[].{task_id: X}", {"completed": COMPLETE})
LISTED, GONE = told("bundling"), told("empty")


@pytest.fixture
def table():
    return Table()


def polls(table, *answers, minutes=15, every=5, dynamodb=DynamoDb):
    """Poll such answers of EC2, minutes apart; return each poll's result."""
    history = HistoryTable(dynamodb(table), "history", pause=lambda seconds: None)
    with canned_ec2(*answers) as ec2:
        client = ec2.client()
        return [
            poll_kinds(
                [BUNDLE],
                client,
                history,
                PollContext(SCOPE, NOW + timedelta(minutes=every * number), lost_after=timedelta(minutes=minutes)),
                INLINE,
            )
            for number in range(len(answers))
        ]


def test_a_vanished_task_is_lost_after_the_limit(table):
    done = polls(table, LISTED, GONE, GONE, GONE, GONE, GONE)
    assert [[recorded.ended for recorded in poll.done] for poll in done] == [[{}]] * 4 + [
        [{"bun-2a4e041c": "lost"}], [{}]
    ]  # fmt: skip
    row = table.rows[TASK]
    assert (row["outcome"], row["finished_at"]) == ("lost", "2026-11-23T13:00:00.000Z")
    assert row["missing_since"] == "2026-11-23T12:45:00.000Z"


def test_without_patience_the_second_answer_makes_it_lost(table):
    done = polls(table, LISTED, GONE, GONE, minutes=0)
    assert [poll.done[0].ended for poll in done] == [{}, {}, {"bun-2a4e041c": "lost"}]


def test_a_task_that_is_listed_again_is_not_missing(table):
    polls(table, LISTED, GONE, GONE, LISTED)
    assert "missing_since" not in table.rows[TASK]
    [again] = polls(table, GONE)
    assert (again.done[0].ended, table.rows[TASK].get("outcome")) == ({}, None)


def test_a_lost_task_is_corrected_only_when_listed_as_ended(table):
    done = polls(table, LISTED, GONE, GONE, LISTED, told("complete"), minutes=0)
    assert [poll.done[0].summary()["written"] for poll in done] == [1, 1, 1, 0, 1]
    row = table.rows[TASK]
    assert (row["outcome"], row["awaiting"], row["finished_at"]) == (
        "complete", "notification", "2026-11-23T12:34:10.000Z"
    )  # fmt: skip
    assert not {"missing_since", "notified_at"} & row.keys()


BAD = ["html-page", "no-xml", "nothing", "error-unauthorized", "error-throttled", "error-internal"]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_never_makes_a_task_missing_or_lost(name, table, monkeypatch):
    no_pauses(monkeypatch)
    polls(table, LISTED)
    before = dict(table.rows[TASK])
    for _ in range(3):
        [bad] = polls(table, *[told(name)], minutes=0)
        assert bad.problems
    assert table.rows[TASK] == before


@pytest.mark.parametrize("name", BAD[:3])
def test_a_bad_answer_between_good_ones_counts_for_nothing(name, table):
    polls(table, LISTED, GONE, told(name), told(name), minutes=0)
    assert table.rows[TASK]["missing_since"] == "2026-11-23T12:45:00.000Z"
    assert "outcome" not in table.rows[TASK]


def test_nothing_is_lost_without_the_running_rows(table):
    class Throttled(DynamoDb):
        def query(self, **_):
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")

    polls(table, LISTED, GONE)
    before = dict(table.rows[TASK])
    [unread] = polls(table, GONE, minutes=0, dynamodb=Throttled)
    assert [problem.split(":")[0] for problem in unread.problems] == ["history"]
    assert table.rows[TASK] == before


def test_a_kind_that_is_not_polled_is_not_touched(table):
    polls(table, LISTED)
    others = {**table.rows[TASK], "task_id": "import-1", "kind": OTHER.name, "state": "active"}
    table.rows[Key(SCOPE, "import-1")] = dict(others)
    polls(table, GONE, GONE, GONE, minutes=0)
    assert table.rows[Key(SCOPE, "import-1")] == others
    assert table.rows[TASK]["outcome"] == "lost"


def test_another_region_is_not_touched(table):
    polls(table, LISTED)
    elsewhere = {**table.rows[TASK], "scope": "123456789012/eu-west-1"}
    table.rows[Key("123456789012/eu-west-1", TASK.task_id)] = dict(elsewhere)
    polls(table, GONE, GONE, GONE, minutes=0)
    assert table.rows[Key("123456789012/eu-west-1", TASK.task_id)] == elsewhere


def test_an_index_that_is_behind_loses_nothing(table):
    """It still shows the task as running after its end was recorded."""

    class Behind(DynamoDb):
        def query(self, **asked):
            if asked["ExpressionAttributeValues"][":awaiting"]["S"] != "outcome":
                return {"Items": []}
            return {"Items": [{name: {"S": str(value)} for name, value in before.items()}]}

    polls(table, LISTED, GONE)
    before = {name: value for name, value in table.rows[TASK].items() if name != "progress"}
    polls(table, told("complete"))
    ended = dict(table.rows[TASK])
    [poll] = polls(table, GONE, minutes=0, dynamodb=Behind)
    assert (len(poll.done[0].overtaken), poll.problems) == (1, [])
    assert table.rows[TASK] == ended


def test_many_vanish_at_once(table):
    """More than one transaction takes, among them one that says too little."""
    for number in range(250):
        key = Key(SCOPE, f"bun-{number:08x}")
        table.rows[key] = full_row({**USUAL, "task_id": key.task_id})
    table.rows[Key(SCOPE, "bun-foreign")] = {
        "scope": SCOPE, "task_id": "bun-foreign", "kind": "bundle", "awaiting": "outcome"
    }  # fmt: skip
    done = polls(table, GONE, GONE, minutes=0)
    assert [len(poll.done[0].written) for poll in done] == [250, 250]
    tasks = [row for key, row in table.rows.items() if key.scope == SCOPE]
    assert sum(row.get("outcome") == "lost" for row in tasks) == 250
