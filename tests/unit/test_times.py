"""Times: one width, one zone, and no ugly time that costs a task."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter import times
from tests.unit.cases import cases

CASES = cases("times")
ZONES = st.builds(timezone, st.integers(-1439, 1439).map(lambda minutes: timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9999, 12, 30), timezones=ZONES)


@pytest.mark.parametrize("case", CASES["normalised"], ids=lambda case: repr(case["text"]))
def test_time_is_normalized_or_dropped(case):
    assert times.normalize(case["text"]) == case["kept"]


@pytest.mark.parametrize("case", CASES["spoken_length"], ids=lambda case: str(case["said"]))
def test_duration_is_written_in_two_units(case):
    assert times.format_duration(case["start"], case["end"]) == case["said"]


def test_time_for_people_has_no_milliseconds():
    assert times.format_for_people("2026-11-23T12:00:00.123Z") == "2026-11-23 12:00:00 UTC"


def test_now_is_in_utc():
    before = datetime.now(UTC)
    assert before <= times.now() <= datetime.now(UTC)
    assert times.now().utcoffset() == timedelta()


@given(MOMENTS, MOMENTS)
def test_order_of_text_is_the_order_of_time(one, other):
    one_text, other_text = times.to_text(one), times.to_text(other)
    assert len(one_text) == len(other_text) == 24
    assert (one_text < other_text) == (times.parse(one_text) < times.parse(other_text))
    assert one_text <= other_text or one > other


@given(MOMENTS)
def test_stored_time_is_read_back_to_the_millisecond(moment):
    read = times.parse(times.to_text(moment))
    assert timedelta() <= moment - read < timedelta(milliseconds=1)
    assert times.normalize(times.to_text(moment)) == times.to_text(moment)


@given(st.text() | st.from_regex(r"\A\d{1,5}-?\d\d-?\d\d([T ]\d\d:?\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?\Z"))
def test_normalized_text_is_of_one_width_or_none(text):
    kept = times.normalize(text)
    assert kept is None or len(kept) == 24
