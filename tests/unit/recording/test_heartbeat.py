"""The heartbeats: time of polls, longest gap, longest listing of ended tasks."""

from datetime import UTC, datetime, timedelta

import pytest

from task_reporter.history.writes import Insert, Update
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.recording.context import PollContext
from task_reporter.recording.heartbeat import blind_seconds, heartbeat_key, heartbeat_write
from task_reporter.times import to_text

SCOPE = "123456789012/us-east-2"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POLL = PollContext(SCOPE, NOW)
FIRST = {"scope": SCOPE, "task_id": "poll#bundle", "polled_at": to_text(NOW), "listed": 0}


def task(state="complete", minutes=0, **more):
    return {"task_id": "bun-1", "state": state, "updated_at": to_text(NOW - timedelta(minutes=minutes)), **more}


def after(minutes, before=FIRST, tasks=()):
    return heartbeat_write(BUNDLE, tasks, before, PollContext(SCOPE, NOW + timedelta(minutes=minutes)))


def test_the_first_one_is_inserted():
    assert heartbeat_write(BUNDLE, [], None, POLL) == Insert(FIRST)


def test_a_layer_without_bytecode_is_noted_as_long_as_it_is():
    lacking = PollContext(SCOPE, NOW, without_bytecode="python3.13")
    first = heartbeat_write(BUNDLE, [], None, lacking).row
    assert first == FIRST | {"without_bytecode": "python3.13"}
    assert heartbeat_write(BUNDLE, [], first, lacking).set["without_bytecode"] == "python3.13"
    mended = after(5, first)
    assert (mended.remove, "without_bytecode" in mended.set) == (("without_bytecode",), False)


def test_it_carries_no_index_key():
    row = heartbeat_write(BUNDLE, [task()], None, POLL).row
    assert not {"kind", "updated_at", "outcome", "finished_at", "resource_id", "awaiting"} & row.keys()


def test_the_next_one_is_written_only_over_what_was_read():
    write = after(5)
    assert isinstance(write, Update)
    assert write.key == heartbeat_key("bundle", SCOPE)
    assert write.expected == {"polled_at": FIRST["polled_at"]}
    assert write.set["polled_at"] == "2026-11-23T12:05:00.000Z"


@pytest.mark.parametrize(
    ("longest", "minutes", "kept"), [(None, 5, 300), (300, 5, None), (300, 6, 360), (360, 5, None)]
)
def test_the_longest_gap_is_kept_with_its_end(longest, minutes, kept):
    before = FIRST if longest is None else {**FIRST, "longest_gap_seconds": longest}
    told = after(minutes, before).set
    assert told.get("longest_gap_seconds") == kept
    assert told.get("longest_gap_at") == (to_text(NOW + timedelta(minutes=minutes)) if kept else None)


@pytest.mark.parametrize(("minutes", "goes_back"), [(-1, False), (-15, False), (-16, True), (-600, True)])
def test_a_later_heartbeat_stays_unless_far_in_the_future(minutes, goes_back):
    assert (after(minutes) is not None) == goes_back


@pytest.mark.parametrize("polled_at", ["", "soon", None])
def test_a_heartbeat_without_a_time_has_no_gap(polled_at):
    before = {**FIRST, "polled_at": polled_at} if polled_at is not None else {"scope": SCOPE, "task_id": "poll#bundle"}
    assert "longest_gap_seconds" not in after(5, before).set


@pytest.mark.parametrize(
    ("tasks", "seconds"),
    [
        ([], None),
        ([task("bundling", 90)], None),
        ([task(minutes=90)], 5400),
        ([task("failed", 90)], 5400),
        ([task(minutes=9), task(minutes=90), task(minutes=40)], 5400),
        ([task(minutes=1, finished_at=to_text(NOW - timedelta(minutes=3)))], 180),
        ([task(minutes=-1)], None),
        ([task(minutes=61 * 24 * 60)], None),
        ([{"task_id": "bun-1", "state": "complete"}], None),
        ([task(updated_at="ugly")], None),
    ],
    ids=["none", "running", "complete", "failed", "the longest", "its own end", "ahead", "absurd", "no time", "ugly"],
)
def test_how_long_ended_tasks_are_listed_is_observed(tasks, seconds):
    assert after(0, tasks=tasks).set.get("listed_for_seconds") == seconds


@pytest.mark.parametrize(("known", "kept"), [(5000, 5400), (6000, 6000)])
def test_the_longest_listing_that_was_ever_seen_is_kept(known, kept):
    assert after(0, {**FIRST, "listed_for_seconds": known}, [task(minutes=90)]).set["listed_for_seconds"] == kept


@pytest.mark.parametrize(
    ("minutes", "listed_for", "blind"),
    [(15, None, 0), (16, None, 960), (60, 3600, 0), (61, 3600, 3660), (16, 600, 960), (-60, None, 0)],
)
def test_a_gap_is_blind_beyond_listing_time_and_schedule(minutes, listed_for, blind):
    before = FIRST if listed_for is None else {**FIRST, "listed_for_seconds": listed_for}
    poll = PollContext(SCOPE, NOW + timedelta(minutes=minutes))
    assert blind_seconds(before, poll) == blind
    told = heartbeat_write(BUNDLE, [], before, poll).set
    kept = {name: told.get(name) for name in ("blind_from", "blind_until")}
    assert kept == {
        "blind_from": FIRST["polled_at"] if blind else None,
        "blind_until": to_text(poll.now) if blind else None,
    }


def test_nothing_was_blind_before_the_first_poll():
    assert blind_seconds(None, POLL) == 0
