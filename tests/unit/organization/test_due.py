"""The times when lists are due, and the calls of a month."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import KINDS
from task_reporter.organization.due import SLACK, interval, is_due, pause
from task_reporter.recording.context import PollContext
from task_reporter.recording.roster import ListRecord, read_record, unreadable_record
from tests.support.organization import QUIET, REGIONS

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
BUNDLE, EXPORT = KINDS["bundle"], KINDS["export-image"]
ROUND, DAY = timedelta(minutes=5), timedelta(days=1)
HOURLY = {"export-image", "export-instance", "replace-root-volume"}
REASONS = ["denied", "denied-by-scp", "region-disabled", "malformed", "absent", "throttled", "error"]


def poll(now):
    return PollContext("111111111111/us-east-1", now, member=True)


def minutes_until_due(kind, record, quiet=QUIET):
    """Return the minutes after which the list is asked, in rounds of five minutes."""
    rounds = (number * 5 for number in range(3 * 24 * 12))
    return next(each for each in rounds if is_due(kind, record, quiet, NOW + timedelta(minutes=each)))


def ago(minutes):
    return EPOCH - 60 * minutes


def test_three_kinds_are_hourly():
    assert {kind.name for kind in KINDS.values() if kind.hourly} == HOURLY


@pytest.mark.parametrize(
    ("kind", "quiet", "minutes"),
    [(BUNDLE, 360, 360), (EXPORT, 360, 60), (BUNDLE, 30, 30), (EXPORT, 30, 30), (BUNDLE, 1, 0)],
)
def test_a_quiet_list_is_due_after_the_interval_of_its_kind(kind, quiet, minutes):
    assert minutes_until_due(kind, ListRecord(at=EPOCH), timedelta(minutes=quiet)) == minutes


RECORDS = {
    "never asked": (ListRecord(), 0),
    "just active": (ListRecord(at=EPOCH, active_at=EPOCH), 0),
    "active 59 minutes ago": (ListRecord(at=EPOCH, active_at=ago(59)), 0),
    "active 60 minutes ago": (ListRecord(at=EPOCH, active_at=ago(60)), 360),
    "active, and not asked for hours": (ListRecord(at=ago(300), active_at=ago(310)), 0),
    "denied once": (ListRecord(at=ago(5), unreadable="denied", asked=EPOCH, tries=1), 0),
    "hot and denied twice": (ListRecord(at=EPOCH, active_at=EPOCH, unreadable="denied", asked=EPOCH, tries=2), 60),
    "denied three times": (ListRecord(unreadable="denied", asked=EPOCH, tries=3), 120),
    "denied for a week": (ListRecord(unreadable="denied", asked=EPOCH, tries=12), 1440),
    "denied at another time": (ListRecord(unreadable="denied", asked=ago(30), tries=2), 30),
    "denied before it had tries": (ListRecord(at=EPOCH, unreadable="denied"), 0),
    "absent": (ListRecord(unreadable="absent", asked=EPOCH, tries=1), 1440),
    "throttled once": (ListRecord(unreadable="throttled", asked=EPOCH, tries=1), 5),
    "throttled thrice": (ListRecord(unreadable="throttled", asked=EPOCH, tries=3), 20),
    "failing for a week": (ListRecord(unreadable="error", asked=EPOCH, tries=99), 60),
    "answered by a wrong clock": (ListRecord(at=EPOCH + 7200), 0),
    "refused by a wrong clock": (ListRecord(unreadable="denied", asked=EPOCH + 7200, tries=9), 0),
}


@pytest.mark.parametrize(("record", "minutes"), RECORDS.values(), ids=RECORDS)
def test_the_record_decides(record, minutes):
    assert minutes_until_due(BUNDLE, record) == minutes


@pytest.mark.parametrize(
    ("reason", "minutes"),
    [
        ("denied", [0, 60, 120, 240, 480, 960, 1440, 1440]),
        ("denied-by-scp", [0, 60, 120, 240, 480, 960, 1440, 1440]),
        ("region-disabled", [0, 60, 120, 240, 480, 960, 1440, 1440]),
        ("malformed", [0, 60, 120, 240, 480, 960, 1440, 1440]),
        ("no-role", [0, 60, 60, 60]),
        ("throttled", [5, 10, 20, 40, 60, 60]),
        ("error", [5, 10, 20, 40, 60, 60]),
        ("absent", [1440, 1440]),
    ],
)
def test_pauses_double_up_to_a_limit(reason, minutes):
    assert [pause(reason, tries) / timedelta(minutes=1) for tries in range(1, len(minutes) + 1)] == minutes


NUMBERS = st.integers(0, 2**53) | st.integers(ago(9999), EPOCH + 9999)
ANY_RECORD = st.builds(
    ListRecord,
    at=NUMBERS,
    active_at=NUMBERS,
    asked=NUMBERS,
    tries=NUMBERS,
    unreadable=st.sampled_from(["", "x", *REASONS]),
)


@given(st.sampled_from(list(KINDS.values())), ANY_RECORD)
def test_no_list_waits_for_more_than_a_day(kind, record):
    skewed = timedelta(hours=1)  # a time that is a little ahead is believed
    assert any(is_due(kind, record, QUIET, now) for now in (NOW, NOW + DAY, NOW + DAY + skewed))


@given(st.sampled_from(list(KINDS.values())), st.integers(0, 3), st.sampled_from(REASONS), st.integers(1, 40))
def test_an_answer_counts_from_when_it_came(kind, late, reason, times):
    record = ListRecord()
    for _ in range(times):
        record = unreadable_record(reason, record, poll(NOW))
    assert record.tries == times
    assert minutes_until_due(kind, record) <= 1440
    assert minutes_until_due(kind, read_record(kind, [], record, poll(NOW))) == interval(kind, QUIET) / timedelta(
        minutes=1
    )


def asked_in_a_month(kind: Kind, delay: timedelta, active: bool = False, every: timedelta = ROUND) -> int:
    """Count the requests for a list that answers ``delay`` after each round began."""
    record, count = ListRecord(), 0
    for number in range(timedelta(days=30) // every):
        now = NOW + number * every
        if is_due(kind, record, QUIET, now):
            count += 1
            record = read_record(kind, [], record, poll(now + delay), active=active)
    return count


@pytest.mark.parametrize("delay", [0, 1, 59, 75, 149])
def test_late_answers_do_not_postpone_lists_each_time(delay):
    for kind in (BUNDLE, EXPORT):
        assert asked_in_a_month(kind, timedelta(seconds=delay)) == timedelta(days=30) / interval(kind, QUIET)


def test_the_slack_is_half_a_round():
    assert 2 * SLACK == ROUND


def test_a_month_of_17000_scopes_takes_50_million_calls():
    quiet = sum(asked_in_a_month(kind, timedelta(seconds=40)) for kind in KINDS.values())
    hot = sum(asked_in_a_month(kind, timedelta(seconds=40), active=True) for kind in KINDS.values())
    assert (quiet * len(REGIONS), hot) == (48_960, 9 * 8640)
    assert 49e6 < 16_983 * quiet + 17 * hot < 51e6


def test_what_ended_is_asked_for_another_hour():
    record = read_record(BUNDLE, [], ListRecord(), poll(NOW), active=True)
    asked = []
    for number in range(1, 24):
        now = NOW + number * ROUND
        if is_due(BUNDLE, record, QUIET, now):
            asked.append(number)
            record = read_record(BUNDLE, [], record, poll(now))
    assert asked == list(range(1, 13))
