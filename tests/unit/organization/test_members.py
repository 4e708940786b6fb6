"""The members in the roster: reads, and concurrent writes."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.errors import MalformedAnswerError, OutOfTimeError
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Insert, Update
from task_reporter.organization.members import (
    NAMES_KEY,
    ORGANIZATION_KEY,
    Account,
    Member,
    announced_write,
    member_key,
    membership_writes,
    names_write,
    organization_write,
    parse_names,
    read_roster,
    without_role_write,
)
from task_reporter.recording.context import PollContext
from task_reporter.recording.roster import ListRecord, parse_lists, roster_write
from task_reporter.runtime.deadline import Deadline
from task_reporter.times import parse, to_text
from tests.support.dynamodb import DynamoDb, Table
from tests.support.roster import account_row

NOW = parse("2026-11-26T12:00:00Z")
ACCOUNT, OTHER = "111111111111", "222222222222"
KEY = member_key(ACCOUNT)


def at(minutes):
    return NOW + timedelta(minutes=minutes)


def poll(minutes=0):
    return PollContext(f"{ACCOUNT}/us-east-1", at(minutes), member=True)


def account(status="ACTIVE", name="web", number=ACCOUNT):
    return Account(number, name, status)


def row(**more):
    return {"scope": "roster", "task_id": ACCOUNT, **more}


# Reading


def test_the_roster_is_read_by_one_query_in_pages():
    table = Table(*(account_row(f"{number:012d}", NOW) for number in range(25)), row(scope=f"{ACCOUNT}/us-east-1"))
    dynamodb = DynamoDb(table, page=10)
    members, own = read_roster(HistoryTable(dynamodb, "history"))
    assert list(members) == [f"{number:012d}" for number in range(25)]
    assert (own, dynamodb.calls) == ({}, ["query"] * 3)
    assert members["000000000007"].lists["us-east-1"]["bundle"].at == int(NOW.timestamp()) - 180


def test_rows_of_other_programs_are_no_members():
    rows = [
        row(task_id=text) for text in ("1", "organisation", "11111111111x", "1111111111111", "１１１１１１１１１１１１")
    ]
    members, own = read_roster(Table(*rows, row(task_id="organization", round_at="x")))
    assert (members, own["round_at"]) == ({}, "x")


def test_a_roster_without_rows_is_malformed():
    class Broken(DynamoDb):
        def query(self, **request):
            return {}

    with pytest.raises(MalformedAnswerError):
        read_roster(HistoryTable(Broken(Table()), "history"))


def test_the_roster_is_not_read_beyond_the_deadline():
    with pytest.raises(OutOfTimeError):
        read_roster(Table(), Deadline(lambda: 1000))


UGLY = (
    st.text(max_size=8) | st.integers(-5, 10**30) | st.sampled_from(["[]", "{}", '{"a": []}', "null", "1", "[" * 9999])
)
ATTRIBUTES = (
    "name", "status", "unreadable", "tries", "regions", "announced", "regions_at", "asked_at", "lists",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(ATTRIBUTES), UGLY))
def test_any_row_is_a_member(attributes):
    member = Member(ACCOUNT, row(**attributes), parse_lists(attributes))
    texts = (member.name, member.status, member.unreadable, *member.regions, *member.announced.values())
    assert all(isinstance(text, str) for text in texts)
    assert all(
        isinstance(number, int) for number in (member.tries, member.epoch("regions_at"), member.epoch("asked_at"))
    )


@pytest.mark.parametrize(
    ("text", "epoch"),
    [("2026-11-26T12:00:00.000Z", int(NOW.timestamp())), ("", 0), ("x", 0), ("1970-01-01T00:00:00.000Z", 0)],
)
def test_times_are_epoch_seconds(text, epoch):
    assert Member(ACCOUNT, {"asked_at": text}).epoch("asked_at") == epoch


# Accounts that join, leave, come back, change name or state


def listed(table, *accounts, minutes=0):
    """Let Organizations list ``accounts``; return the members after it, as the planner has them."""
    members, _ = read_roster(table)
    changes = membership_writes(members, accounts, at(minutes))
    assert not table.apply([write for _, write in changes]).overtaken
    after = members | {member.account: member for member, _ in changes}
    assert after == read_roster(table)[0], "what the planner goes by is what is written"
    return after


def test_an_account_joins():
    table = Table()
    member = listed(table, account())[ACCOUNT]
    assert member.row == row(status="ACTIVE", name="web", joined_at=to_text(NOW))
    assert listed(table, account(), minutes=60)[ACCOUNT] == member
    assert len(table.written) == 1, "nothing is written without a change"


def test_an_account_without_a_name_joins():
    assert listed(Table(), account(name=""))[ACCOUNT].row == row(status="ACTIVE", joined_at=to_text(NOW))


def test_an_account_leaves_and_its_rows_stay():
    before = account_row(ACCOUNT, NOW, "web", announced='{"us-east-1":"denied"}', polled_at=to_text(NOW))
    table = Table(before)
    assert listed(table, account(number=OTHER))[ACCOUNT].row == before | {"status": "LEFT", "left_at": to_text(NOW)}
    listed(table, account(number=OTHER), minutes=60)
    assert table.rows[KEY]["left_at"] == to_text(NOW), "it leaves once"


REFUSED = {"unreadable": "no-role", "unreadable_since": to_text(NOW), "tries": 9, "asked_at": to_text(NOW)}


def test_an_account_comes_back_and_is_asked_at_once():
    before = account_row(ACCOUNT, NOW, "web", **REFUSED, announced='{"*":"left"}')
    back = before | {"joined_at": to_text(at(9999))}
    table = Table(before | {"status": "LEFT", "left_at": to_text(NOW)})
    member = listed(table, account(), minutes=9999)[ACCOUNT]
    assert member.row == {name: value for name, value in back.items() if name not in REFUSED}
    assert member.lists == parse_lists(before)


def test_a_suspended_account_becomes_active_again():
    table = Table(account_row(ACCOUNT, NOW, "web", **REFUSED))
    suspended = listed(table, account("SUSPENDED"))[ACCOUNT]
    assert (suspended.status, suspended.tries) == ("SUSPENDED", 9)
    active = listed(table, account(), minutes=60)[ACCOUNT]
    assert (active.status, active.unreadable, active.tries) == ("ACTIVE", "", 0)
    assert active.row["joined_at"] == account_row(ACCOUNT, NOW)["joined_at"]


@pytest.mark.parametrize(
    ("before", "after"),
    [("ACTIVE", "SUSPENDED"), ("ACTIVE", "PENDING_CLOSURE"), ("SUSPENDED", "CLOSED"), ("LEFT", "SUSPENDED")],
)
def test_a_state_is_written_as_it_is(before, after):
    table = Table(account_row(ACCOUNT, NOW, "web", status=before, left_at=to_text(NOW)))
    assert (listed(table, account(after))[ACCOUNT].row.keys() & {"left_at"}, table.rows[KEY]["status"]) == (
        set(),
        after,
    )


def test_a_new_name_changes_nothing_else():
    before = account_row(ACCOUNT, NOW, "web", **REFUSED)
    assert listed(Table(before), account(name="shop"))[ACCOUNT].row == before | {"name": "shop"}


def test_a_row_that_the_recorder_made_gets_a_state():
    table = Table(row(lists="{}", polled_at=to_text(NOW)))
    assert listed(table, account())[ACCOUNT].row["joined_at"] == to_text(NOW)


def test_a_row_of_the_time_before_the_hub_leaves_too():
    """Nobody polls the account any more, so it would be overdue for ever."""
    table = Table(row(lists="{}"))
    left = row(lists="{}", status="LEFT", left_at=to_text(NOW))
    assert listed(table, account(number=OTHER))[ACCOUNT].row == left


# The row of an account whose role can't be assumed


def test_refusals_in_a_row_are_counted():
    table = Table()
    for minutes in (0, 5, 65):
        table.apply([without_role_write(ACCOUNT, table.rows.get(KEY), poll(minutes))])
    refused = {"unreadable": "no-role", "tries": 3, "asked_at": to_text(at(65)), "unreadable_since": to_text(NOW)}
    assert table.rows[KEY] == row(**refused)


def test_the_first_list_that_is_read_ends_the_refusals():
    table = Table(account_row(ACCOUNT, NOW, **REFUSED))
    records = {"us-east-1": {"bundle": ListRecord(at=1)}}
    table.apply([roster_write(table.rows[KEY], records, poll(5))])
    assert not REFUSED.keys() & table.rows[KEY].keys()


def test_of_two_refusals_at_the_same_time_one_counts():
    table = Table(account_row(ACCOUNT, NOW))
    writes = [without_role_write(ACCOUNT, table.rows[KEY], poll(minutes)) for minutes in (0, 5)]
    assert [len(table.apply([write]).written) for write in writes] == [1, 0]
    assert table.rows[KEY]["tries"] == 1


# Problems that were announced


def test_announced_problems_are_read_as_they_were_written():
    table = Table(account_row(ACCOUNT, NOW))
    for announced in ({"*": "no-role"}, {"eu-west-1": "denied", "us-east-1/bundle": "malformed"}, {}):
        table.apply([announced_write(read_roster(table)[0][ACCOUNT], announced)])
        assert read_roster(table)[0][ACCOUNT].announced == announced
    assert "announced" not in table.rows[KEY]


# The planner's own row


def test_the_planners_row_keeps_its_times():
    table = Table()
    for news in ({"round_at": "1", "accounts_at": "1"}, {"round_at": "2", "unheard_since": "2"}, {"round_at": "3"}):
        table.apply([organization_write(read_roster(table)[1], news)])
    assert table.rows[ORGANIZATION_KEY] == row(task_id="organization", round_at="3", accounts_at="1")


def test_of_two_planners_at_the_same_time_one_writes():
    table = Table(row(task_id="organization", round_at="1"))
    writes = [organization_write(table.rows[ORGANIZATION_KEY], {"round_at": text}) for text in ("2", "3")]
    assert [len(table.apply([write]).written) for write in writes] == [1, 0]


# Concurrent writes

PLANNERS = {"name", "status", "joined_at", "left_at", "announced"}
RESET = {"unreadable", "unreadable_since", "tries", "asked_at"}
RECORDERS = {"polled_at", "lists", "regions", "regions_at", "slow_since"} | RESET

WRITERS = {
    "active": lambda before, number: of_planner(before, account("ACTIVE", f"name-{number}")),
    "suspended": lambda before, number: of_planner(before, account("SUSPENDED")),
    "left": lambda before, number: of_planner(before),
    "announced": lambda before, number: before and announced_write(Member(ACCOUNT, before), {"*": f"reason-{number}"}),
    "nothing announced": lambda before, number: before and announced_write(Member(ACCOUNT, before), {}),
    "no role": lambda before, number: without_role_write(ACCOUNT, before, poll(number)),
    "read": lambda before, number: of_recorder(before, number, True),
    "denied": lambda before, number: of_recorder(before, number, False),
}


def of_planner(before, *accounts):
    members = {ACCOUNT: Member(ACCOUNT, before)} if before else {}
    changes = membership_writes(members, accounts, NOW)
    return changes[0][1] if changes else None


def of_recorder(before, number, has_read):
    lists = {"us-east-1": {"bundle": ListRecord(at=number if has_read else 0)}}
    more = {"regions": "us-east-1", "regions_at": to_text(at(number)), "slow_since": to_text(at(number))}
    return roster_write(before, lists, poll(number), has_read=has_read, more=more if number % 2 else {})


def attributes(write):
    """Return the attributes that a write sets, and those that it removes."""
    if isinstance(write, Insert):
        return write.row.keys() - {"scope", "task_id"}, set()
    assert isinstance(write, Update)
    return set(write.set), set(write.remove)


STEPS = st.lists(st.tuples(st.sampled_from(list(WRITERS)), st.integers(0, 3)), min_size=1, max_size=12)


@given(st.booleans(), STEPS)
def test_planner_and_recorder_never_undo_each_other(is_new, steps):
    """Each writer decides by a row as it was up to three writes ago."""
    table = Table(*([] if is_new else [account_row(ACCOUNT, NOW)]))
    history = [table.rows.get(KEY)]
    for number, (writer, age) in enumerate(steps):
        before = history[max(0, len(history) - 1 - age)]
        write = WRITERS[writer](before and dict(before), number)
        now = dict(table.rows.get(KEY, {}))
        if write is None or not table.apply([write]).written:
            assert table.rows.get(KEY, {}) == now
            continue
        after = table.rows[KEY]
        own = RECORDERS if writer in ("no role", "read", "denied") else PLANNERS
        changed, removed = attributes(write)
        assert changed <= own
        assert removed <= own | (RESET if writer == "active" else set())
        foreign = now.keys() - own - {"scope", "task_id"} - removed
        assert {name: after.get(name) for name in foreign} == {name: now[name] for name in foreign}
        history.append(dict(after))


@given(st.permutations(["active", "announced", "no role", "read"]))
def test_writes_from_one_reading_lose_nothing_in_any_order(order):
    table = Table(account_row(ACCOUNT, NOW, status="SUSPENDED"))
    before = dict(table.rows[KEY])
    for number, writer in enumerate(order, start=1):
        table.apply([WRITERS[writer](dict(before), number)])
    member = read_roster(table)[0][ACCOUNT]
    assert (member.status, bool(member.announced)) == ("ACTIVE", True)
    assert member.lists["us-east-1"]["bundle"].at == order.index("read") + 1


# The row of names


def named(*names):
    return [Member(f"{number:012}", {"name": name} if name else {}) for number, name in enumerate(names)]


def test_names_are_read_as_they_were_written():
    table = Table()
    for names in (("web", "", "ops"), ("web", "", "ops", "lab"), ("web",)):
        table.apply([names_write(named(*names), table.rows.get(NAMES_KEY))])
        assert list(parse_names(table.rows[NAMES_KEY]).values()) == [name for name in names if name]


def test_unchanged_names_are_not_written():
    table = Table()
    table.apply([names_write(named("web"), None)])
    assert names_write(named("web", ""), table.rows[NAMES_KEY]) is None


def test_names_that_are_too_many_are_left_out():
    write = names_write(named(*["x" * 50] * 6000), None)
    assert parse_names(write.row) == {}


@pytest.mark.parametrize("text", ["", "x", "[]", "1", "null", 7])
def test_names_of_another_form_are_none(text):
    assert parse_names({"names": text}) == {}
