"""Redriving of rows that await notification too long: time, order, number."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from task_reporter.history.rows import Key
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.notifying.announce import NotificationPolicy, announce
from task_reporter.notifying.topic import Topic
from task_reporter.recording.context import PollContext
from task_reporter.recording.redrive import MAX_ROWS_PER_POLL, overdue, redrive_writes
from task_reporter.times import parse, to_text
from tests.support.canned_ec2 import canned_ec2, no_pauses, told
from tests.support.cloudformation import stream_mapping
from tests.support.dynamodb import DynamoDb, Table
from tests.support.filter_patterns import matches, parse_pattern
from tests.support.finished import SCOPE, key, row
from tests.support.inline import INLINE
from tests.support.polled import poll_kinds
from tests.support.sns import TOPIC, FakeSns
from tests.unit.cases import full

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ABSENT = None


def poll_at(time="12:00", minutes=10):
    return PollContext(SCOPE, parse(full(time)), redrive_after=timedelta(minutes=minutes))


def waiting(number=1, since="11:00", **more):
    return row(number, **{"awaiting_since": full(since), **{name: full(value) for name, value in more.items()}})


def touched(rows, poll=None):
    return [write.key for write in redrive_writes(rows, poll or poll_at())]


# When

DUE = {
    "just ended": ("11:59", ABSENT, 10, False),
    "a second before": ("11:50:01", ABSENT, 10, False),
    "at the minute": ("11:50", ABSENT, 10, True),
    "long ago": ("01:00", ABSENT, 10, True),
    "sent a moment ago": ("11:00", "11:59", 10, False),
    "sent, a second before": ("11:00", "11:50:01", 10, False),
    "sent, at the minute": ("11:00", "11:50", 10, True),
    "corrected after it was sent": ("11:55", "11:40", 10, False),
    "other minutes, before": ("10:00:01", ABSENT, 120, False),
    "other minutes, at the minute": ("10:00", ABSENT, 120, True),
    "0 minutes": ("12:00", ABSENT, 0, True),
    "0 minutes, sent at this moment": ("11:00", "12:00", 0, True),
    "it does not say since when": (ABSENT, ABSENT, 10, True),
    "since an ugly time": ("soon", ABSENT, 10, True),
    "since an empty time": ("", ABSENT, 10, True),
    "since a number": (12, ABSENT, 10, True),
    "sent at an ugly time": ("11:00", "soon", 10, True),
    "since a little ahead, as where clocks differ": ("12:09", ABSENT, 10, False),
    "since far ahead": ("9999-12-31T00:00:00.000Z", ABSENT, 10, True),
    "sent far ahead": ("11:00", "9999-12-31T00:00:00.000Z", 10, True),
    "it says not since when, and was sent a moment ago": (ABSENT, "11:59", 10, False),
}
"""Awaiting since, redriven at, RedriveAfterMinutes; whether a poll at 12:00 sends it."""


@pytest.mark.parametrize("case", DUE.values(), ids=DUE)
def test_what_is_due(case):
    since, redriven_at, minutes, is_due = case
    assert touched([waiting(since=since, redriven_at=redriven_at)], poll_at(minutes=minutes)) == [key()] * is_due


def test_held_rows_ask_for_one_digest_of_each_account():
    held = [waiting(1, held_for="digest"), waiting(2, held_for="digest"), waiting(3), waiting(4) | {"redrives": 2}]
    held.append(waiting(5, held_for="digest") | {"scope": "111111111111/eu-west-1"})
    tired = waiting(6, held_for="digest") | {"scope": "222222222222/eu-west-1", "redrives": 1}
    without_event = waiting(7, held_for="digest", notified_at="11:30") | {"scope": "333333333333/eu-west-1"}
    writes = redrive_writes([*held, tired, without_event], poll_at())
    digests = {write.key.task_id: write.set for write in writes if write.key.scope == "roster"}
    assert digests.keys() == {"123456789012", "111111111111"}
    assert digests["111111111111"] == {"digest": "due", "digest_at": full("12:00")}
    assert len(writes) == 7 + 2


def test_each_at_most_once_per_time():
    """A poll every minute for two hours."""
    table, sent = Table(waiting(since="12:00")), []
    for minute in range(121):
        poll = PollContext(SCOPE, NOON + timedelta(minutes=minute))
        sent += [minute] * len(table.apply(redrive_writes(table.awaiting(SCOPE, "notification"), poll)).written)
    assert sent == list(range(10, 121, 10))


# In what order


def test_the_oldest_first():
    ages = {1: "11:10", 2: "11:05", 3: "11:30", 4: "10:00", 5: "11:59"}
    assert touched([waiting(number, since) for number, since in ages.items()]) == [key(n) for n in (4, 2, 1, 3)]


def test_the_oldest_five_hundred_at_a_time_and_then_the_next():
    assert MAX_ROWS_PER_POLL == 500
    start = NOON - timedelta(days=1)
    table = Table(*(waiting(n, to_text(start + timedelta(seconds=n))) for n in reversed(range(1200))))
    for sent in (range(500), range(500, 1000), range(1000, 1200), []):
        due = redrive_writes(table.awaiting(SCOPE, "notification"), poll_at())
        assert [write.key for write in due] == [key(number) for number in sent]
        table.apply(due)


def test_rows_that_can_not_be_announced_hold_up_no_others():
    """The event bus is gone, so ever more rows lack their event."""
    table = Table(*(waiting(number, "10:00", notified_at="10:01") for number in range(3 * MAX_ROWS_PER_POLL)))
    table.put(waiting(5000, "11:00"))
    for minute in range(0, 25, 5):
        poll = PollContext(SCOPE, NOON + timedelta(minutes=minute))
        table.apply(redrive_writes(table.awaiting(SCOPE, "notification"), poll))
    assert table.rows[key(5000)]["redrives"] == 1


# What is written


@pytest.mark.parametrize(("before", "count"), [(ABSENT, 1), (0, 1), (4, 5), (5, 6), ("4", 1), ("many", 1)], ids=str)
def test_redrives_are_counted(before, count):
    [write] = redrive_writes([waiting(redrives=before)], poll_at())
    assert write.set == {"redriven_at": full("12:00"), "redrives": count}
    assert write.remove == ()


MEANWHILE = {
    "it was told": {"awaiting": None, "awaiting_since": None, "notified_at": full("11:59")},
    "another poll was first": {"redriven_at": full("11:59"), "redrives": 1},
    "it awaits its outcome": {"awaiting": "outcome"},
    "it is gone": None,
}


@pytest.mark.parametrize("redriven_at", [ABSENT, "11:30"], ids=["never sent", "sent before"])
@pytest.mark.parametrize("changes", MEANWHILE.values(), ids=MEANWHILE)
def test_where_somebody_was_first_nothing_is_touched(changes, redriven_at):
    before = waiting(redriven_at=redriven_at)
    table = Table(before)
    writes = redrive_writes([before], poll_at())
    if changes is None:
        table.expire(key())
    else:
        table.change(key(), **changes)
    rows, records = dict(table.rows), len(table.records)
    applied = table.apply(writes)
    assert (applied.written, applied.overtaken) == ([], writes)
    assert (table.rows, len(table.records)) == (rows, records)


def test_two_polls_at_once_send_it_once():
    """Also where their clocks say the same."""
    table = Table(waiting())
    rows = table.awaiting(SCOPE, "notification")
    one, other = redrive_writes(rows, poll_at()), redrive_writes(rows, poll_at())
    written = [len(table.apply(writes).written) for writes in (one, other)]
    assert written == [1, 0]
    assert (table.rows[key()]["redrives"], len(table.records)) == (1, 2)


# How many wait in spite of it

OVERDUE = {
    "just ended": ("11:59", 10, False),
    "after one redrive": ("11:45", 10, False),
    "a second before": ("11:30:01", 10, False),
    "after two, and what they take": ("11:30", 10, True),
    "0 minutes, a second before": ("11:50:01", 0, False),
    "0 minutes": ("11:50", 0, True),
    "long minutes": ("10:00", 60, False),
    "longer than those": ("09:50", 60, True),
    "it does not say since when": (ABSENT, 10, True),
    "an ugly time": ("soon", 10, True),
    "a little ahead": ("12:05", 10, False),
    "far ahead": ("9999-12-31T00:00:00.000Z", 10, True),
}


@pytest.mark.parametrize("case", OVERDUE.values(), ids=OVERDUE)
def test_what_is_overdue(case):
    since, minutes, is_overdue = case
    assert overdue([waiting(since=since) | {"redrives": 2}], poll_at(minutes=minutes)) == is_overdue


def test_a_row_that_was_not_sent_twice_is_not_overdue():
    """It waited for a subscriber, or behind very many others."""
    long_ago = waiting(since="01:00")
    rows = [long_ago, *(long_ago | {"redrives": number} for number in (0, 1, "many", 2, 9))]
    assert overdue(rows, poll_at()) == 2
    assert overdue([], poll_at()) == 0


RELEASED = {"just ended": ({}, True), "sent long ago": ({"redriven_at": "11:50"}, True)}
RELEASED |= {"sent a moment ago": ({"redriven_at": "11:59"}, False)}


@pytest.mark.parametrize("case", RELEASED.values(), ids=RELEASED)
def test_rows_that_waited_for_a_subscriber_are_due_at_once(case):
    more, is_due = case
    assert bool(redrive_writes([waiting(since="11:59", **more)], poll_at(), released=True)) == is_due


# In polls


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def history(table):
    return HistoryTable(DynamoDb(table), "history", pause=lambda seconds: None)


def poll(history, *answers, minutes=0):
    """Poll at 12:00 and later; return each poll's result."""
    with canned_ec2(*answers) as ec2:
        client = ec2.client()
        return [
            poll_kinds(
                [BUNDLE], client, history, PollContext(SCOPE, NOON + timedelta(minutes=minutes + 5 * number)), INLINE
            )
            for number in range(len(answers))
        ]


def test_a_poll_sends_what_waits(table, history):
    table.put(waiting(1))
    table.put(waiting(2, "11:58"))
    table.put(row(3, outcome=None, finished_at=None, awaiting="outcome", awaiting_since=full("01:00")))
    table.put(row(4, awaiting=None, awaiting_since=None, notified_at=full("01:00")))
    [polled] = poll(history, told("bundling"))
    assert polled.redriven == 1
    assert {key.task_id for key, row in table.rows.items() if "redriven_at" in row} == {key(1).task_id}
    assert table.rows[key(1)] == waiting(1, redriven_at="12:00", redrives=1)


BAD = ["html-page", "error-unauthorized", "error-throttled"]


@pytest.mark.parametrize("name", BAD)
def test_a_poll_whose_ec2_failed_sends_what_waits_all_the_same(name, table, history, monkeypatch):
    no_pauses(monkeypatch)
    table.put(waiting(1))
    [polled] = poll(history, told(name))
    assert (polled.good, polled.redriven, len(polled.problems)) == ([], 1, 1)
    assert table.rows[key(1)]["redriven_at"] == full("12:00")


def test_what_this_poll_itself_recorded_is_not_sent_again(table, history):
    """The stream has it already."""
    [polled] = poll(history, told("complete"))
    assert (polled.done[0].ended, polled.redriven) == ({"bun-2a4e041c": "complete"}, 0)


def test_a_repeatedly_lost_task_is_not_redriven_early(table, history):
    polls = poll(history, told("complete"), told("complete"), told("complete"), told("complete"))
    assert [polled.redriven for polled in polls] == [0, 0, 1, 0]


def test_a_refused_redrive_is_reported_and_records_stay(table):
    class Refusing(DynamoDb):
        def update_item(self, **request):
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "UpdateItem")

    table.put(waiting(1))
    refusing = HistoryTable(Refusing(table), "history", pause=lambda seconds: None)
    [polled] = poll(refusing, told("bundling"))
    assert (polled.good, polled.redriven) == (["bundle"], 0)
    assert [problem.split(":")[0] for problem in polled.problems] == ["redrive"]
    assert table.rows[Key(SCOPE, "bun-2a4e041c")]["state"] == "bundling"


def test_where_nobody_can_say_what_waits_nothing_is_sent(table):
    class Throttled(DynamoDb):
        def query(self, **_):
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")

    table.put(waiting(1))
    unread = HistoryTable(Throttled(table), "history", pause=lambda seconds: None)
    [polled] = poll(unread, told("bundling"))
    assert polled.redriven == 0
    assert "redriven_at" not in table.rows[key(1)]


# Down the stream


def wakes(record):
    filters = stream_mapping()["FilterCriteria"]["Filters"]
    return any(matches(parse_pattern(one["Pattern"]), record) for one in filters)


def tell(table, records, sns):
    keys = [Key(*(record["dynamodb"]["Keys"][name]["S"] for name in ("scope", "task_id"))) for record in records]
    return announce(keys, table, Topic(sns, TOPIC), NotificationPolicy(digest_above=5))


def test_what_was_sent_again_is_told_once(table, history):
    """Whatever became of the records before."""
    table.put(waiting(1))
    table.records.clear()
    sns = FakeSns()
    poll(history, told("bundling"), told("bundling"), told("bundling"))
    records = [record for record in table.records if wakes(record)]
    assert {record["dynamodb"]["Keys"]["task_id"]["S"] for record in records} == {key(1).task_id}
    assert len(records) == 2
    for record in records:
        tell(table, [record], sns)
    assert sns.told == [(key(1).task_id, "complete")]
    assert not {"awaiting", "awaiting_since", "redriven_at", "redrives"} & table.rows[key(1)].keys()


def test_what_was_told_is_never_sent_again(table, history):
    table.put(waiting(1))
    tell(table, table.records, FakeSns())
    rows = dict(table.rows)
    assert [polled.redriven for polled in poll(history, told("empty"), told("empty"), minutes=600)] == [0, 0]
    assert table.rows[key(1)] == rows[key(1)]
