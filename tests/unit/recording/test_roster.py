"""The roster: time of polls, longest gap, longest listing of ended tasks, unreadable lists."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.history.writes import Insert, Update
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.import_image import IMPORT_IMAGE
from task_reporter.kinds.table import KINDS
from task_reporter.recording.context import PollContext
from task_reporter.recording.roster import (
    ListRecord,
    blind_seconds,
    lists_of,
    parse_lists,
    read_record,
    roster_key,
    roster_write,
    unreadable_record,
)
from task_reporter.times import to_text

SCOPE = "123456789012/us-east-2"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
POLL = PollContext(SCOPE, NOW)
FIRST = ListRecord(at=EPOCH)
ROW = {"scope": "roster", "task_id": "123456789012", "polled_at": to_text(NOW), "lists": "{}"}


def at(minutes, **more):
    return PollContext(SCOPE, NOW + timedelta(minutes=minutes), **more)


def task(state="complete", minutes=0, **more):
    return {"task_id": "bun-1", "state": state, "updated_at": to_text(NOW - timedelta(minutes=minutes)), **more}


def after(minutes, before=FIRST, tasks=(), kind=BUNDLE):
    return read_record(kind, tasks, before, at(minutes))


# The row


def test_the_first_row_is_inserted_without_index_keys():
    write = roster_write(None, {"us-east-2": {"bundle": read_record(BUNDLE, [], ListRecord(), POLL)}}, POLL)
    assert write == Insert(ROW | {"lists": f'{{"us-east-2":{{"bundle":{{"at":{EPOCH}}}}}}}'})


def test_the_next_row_is_written_only_over_what_was_read():
    write = roster_write(ROW, {}, at(5))
    assert isinstance(write, Update)
    assert (write.key, write.expected) == (roster_key(SCOPE), {"polled_at": ROW["polled_at"]})
    assert write.set["polled_at"] == "2026-11-23T12:05:00.000Z"


def test_lists_that_were_not_polled_and_other_regions_stay():
    before = ROW | {"lists": '{"eu-west-1":{"bundle":{"at":1}},"us-east-2":{"bundle":{"at":2},"store-image":{"at":3}}}'}
    lists = parse_lists(roster_write(before, {"us-east-2": {"bundle": ListRecord(at=9)}}, POLL).set)
    assert lists == {
        "eu-west-1": {"bundle": ListRecord(at=1)},
        "us-east-2": {"bundle": ListRecord(at=9), "store-image": ListRecord(at=3)},
    }


@pytest.mark.parametrize("text", ["", "x", "[]", "1", "null", '{"us-east-2": 1}', '{"us-east-2": {"bundle": []}}'])
def test_text_that_is_no_roster_counts_for_nothing(text):
    assert lists_of(ROW | {"lists": text}, SCOPE) == {}
    assert isinstance(roster_write(ROW | {"lists": text}, {}, POLL), Update)


@given(st.dictionaries(st.sampled_from(["at", "n", "gap", "unreadable", "x"]), st.none() | st.integers() | st.text()))
def test_a_record_takes_only_values_of_its_types(values):
    record = lists_of({"lists": json.dumps({"us-east-2": {"bundle": values}})}, SCOPE)["bundle"]
    assert all(type(getattr(record, name)) is type(getattr(ListRecord(), name)) for name in ListRecord.__slots__)


@pytest.mark.parametrize(
    ("number", "is_taken"), [(0, True), (EPOCH, True), (2**53, True), (2**53 + 1, False), (-1, False)]
)
def test_a_record_takes_only_numbers_with_which_one_can_reckon(number, is_taken):
    [records] = parse_lists({"lists": json.dumps({"us-east-2": {"bundle": {"n": 7, "at": number}}})}).values()
    assert records["bundle"] == ListRecord(n=7, at=number if is_taken else 0)


def test_a_slow_account_keeps_the_time_since_which_it_is():
    first = roster_write(None, {}, POLL, more={"slow_since": to_text(NOW)}).row
    later = roster_write(first, {}, at(5), more={"slow_since": to_text(NOW + timedelta(minutes=5))})
    assert later.set["slow_since"] == to_text(NOW)
    assert "slow_since" in roster_write(first, {}, at(10)).remove


def test_nine_lists_fit_into_one_write_unit():
    full = ListRecord(EPOCH, 10_000, 2_592_000, 43_200, EPOCH, EPOCH, EPOCH)
    write = roster_write(None, {"us-east-2": dict.fromkeys(KINDS, full)}, POLL)
    assert sum(len(name) + len(value) for name, value in write.row.items()) < 2048


REGIONS = [f"eu-{name}-{number}" for name in ("west", "central", "north", "south") for number in range(1, 5)]


def test_equal_lists_of_many_regions_share_their_keys():
    lists = {region: dict.fromkeys(KINDS, ListRecord(at=EPOCH, gap=300)) for region in REGIONS}
    lists["eu-west-2"] = {**lists["eu-west-2"], "bundle": ListRecord(unreadable="denied", unreadable_since=EPOCH)}
    row = roster_write(None, lists, POLL).row
    assert parse_lists(row) == lists
    assert len(row["lists"]) < 1024, "one write unit"
    [own] = parse_lists(roster_write(None, {"eu-west-1": lists["eu-west-1"]}, POLL).row).items()
    assert own == ("eu-west-1", lists["eu-west-1"])


REGION_LISTS = st.dictionaries(
    st.sampled_from(REGIONS),
    st.dictionaries(st.sampled_from(list(KINDS)), st.builds(ListRecord, at=st.integers(0, 2), n=st.integers(0, 1))),
)


@given(REGION_LISTS)
def test_lists_of_any_regions_are_read_as_they_were_written(lists):
    assert parse_lists(roster_write(None, lists, POLL).row) == lists


def test_a_layer_without_bytecode_is_noted_as_long_as_it_is():
    first = roster_write(None, {}, at(0, without_bytecode="python3.13")).row
    assert first["without_bytecode"] == "python3.13"
    mended = roster_write(first, {}, at(5))
    assert (mended.remove, "without_bytecode" in mended.set) == (("without_bytecode",), False)


@pytest.mark.parametrize(("minutes", "goes_back"), [(-1, False), (-15, False), (-16, True), (-600, True)])
def test_a_later_row_stays_unless_far_in_the_future(minutes, goes_back):
    assert (roster_write(ROW, {}, at(minutes)) is not None) == goes_back


# One list


@pytest.mark.parametrize(
    ("longest", "minutes", "kept"), [(0, 5, (300, 300)), (300, 5, (300, 0)), (300, 6, (360, 360)), (360, 5, (360, 0))]
)
def test_the_longest_gap_is_kept_with_its_end(longest, minutes, kept):
    record = after(minutes, ListRecord(at=EPOCH, gap=longest))
    assert (record.gap, record.gap_at and record.gap_at - EPOCH) == kept


def test_a_list_that_was_never_read_has_no_gap():
    assert after(5, ListRecord()).gap == 0


@pytest.mark.parametrize(
    ("tasks", "seconds"),
    [
        ([], 0),
        ([task("bundling", 90)], 0),
        ([task(minutes=90)], 5400),
        ([task("failed", 90)], 5400),
        ([task(minutes=9), task(minutes=90), task(minutes=40)], 5400),
        ([task(minutes=1, finished_at=to_text(NOW - timedelta(minutes=3)))], 180),
        ([task(minutes=-1)], 0),
        ([task(minutes=61 * 24 * 60)], 0),
        ([{"task_id": "bun-1", "state": "complete"}], 0),
        ([task(updated_at="ugly")], 0),
    ],
    ids=["none", "running", "complete", "failed", "the longest", "its own end", "ahead", "absurd", "no time", "ugly"],
)
def test_how_long_ended_tasks_are_listed_is_observed(tasks, seconds):
    assert after(0, tasks=tasks).listed_for == seconds


@pytest.mark.parametrize(("longest", "kept"), [(5000, 5400), (6000, 6000)])
def test_the_longest_observed_listing_is_kept(longest, kept):
    assert after(0, ListRecord(at=EPOCH, listed_for=longest), [task(minutes=90)]).listed_for == kept


@pytest.mark.parametrize(
    ("kind", "minutes", "listed_for", "blind"),
    [
        (BUNDLE, 15, 0, 0),
        (BUNDLE, 16, 0, 960),
        (BUNDLE, 60, 3600, 0),
        (BUNDLE, 61, 3600, 3660),
        (BUNDLE, 16, 600, 960),
        (BUNDLE, -60, 0, 0),
        (IMPORT_IMAGE, 7 * 1440, 0, 0),
        (IMPORT_IMAGE, 7 * 1440 + 1, 0, 604_860),
    ],
)
def test_a_gap_is_blind_beyond_listing_time_and_schedule(kind, minutes, listed_for, blind):
    before = ListRecord(at=EPOCH, listed_for=listed_for)
    assert blind_seconds(kind, before, at(minutes)) == blind
    record = after(minutes, before, kind=kind)
    assert (record.blind_from, record.blind_until) == ((EPOCH, EPOCH + 60 * minutes) if blind else (0, 0))


def test_nothing_was_blind_before_the_first_poll():
    assert blind_seconds(BUNDLE, ListRecord(), POLL) == 0


def test_an_unreadable_list_keeps_its_last_good_answer():
    denied = unreadable_record("denied", ListRecord(at=5, n=2), POLL)
    assert denied == ListRecord(at=5, n=2, unreadable="denied", unreadable_since=EPOCH)
    assert unreadable_record("denied", denied, at(5)) == denied
    assert unreadable_record("malformed", denied, at(5)).unreadable_since == EPOCH + 300
    assert read_record(BUNDLE, [], denied, at(5)).unreadable == ""
