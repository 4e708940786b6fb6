"""Times that people type and read."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.times import parse, to_text
from task_reporter_cli import time_formats

NOW = datetime(2026, 11, 23, 12, 0, 0, 123_000, tzinfo=UTC)

ENDS = {
    "2026-11-18": "2026-11-18T23:59:59.999Z", "9999-12-31": "9999-12-31T23:59:59.999Z",
    "2026-11-18T00:00": "2026-11-18T00:00:00.000Z", "7d": "2026-11-16T12:00:00.123Z",
}  # fmt: skip
TYPED = {
    "2026-11-18": "2026-11-18T00:00:00.000Z", " 2026-11-18 ": "2026-11-18T00:00:00.000Z",
    "2026-11-18T09:30Z": "2026-11-18T09:30:00.000Z", "2026-11-18 09:30": "2026-11-18T09:30:00.000Z",
    "2026-11-18T09:30:15.5+02:00": "2026-11-18T07:30:15.500Z", "2026-11-18T23:00-05:00": "2026-11-19T04:00:00.000Z",
    "0m": "2026-11-23T12:00:00.123Z", "30m": "2026-11-23T11:30:00.123Z", "12h": "2026-11-23T00:00:00.123Z",
    "7d": "2026-11-16T12:00:00.123Z", "2 W": "2026-11-09T12:00:00.123Z",
}  # fmt: skip
NO_TIMES = ["", "yesterday", "7", "d", "-7d", "7d ago", "1.5h", "7y", "999999w", "2026-11-31", "2026-11-18T25:00", "٧d"]


@pytest.mark.parametrize(
    ("text", "end_of_day", "stored"),
    [*((text, False, stored) for text, stored in TYPED.items()), *((text, True, end) for text, end in ENDS.items())],
)
def test_a_typed_time_is_understood(text, end_of_day, stored):
    assert time_formats.parse_typed_time(text, NOW, end_of_day) == stored


@pytest.mark.parametrize("end_of_day", [False, True])
@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_named_and_told_what_would_be(text, end_of_day):
    with pytest.raises(ValueError, match=r"is no time; give a date .*2026-11-18") as raised:
        time_formats.parse_typed_time(text, NOW, end_of_day)
    assert repr(text) in str(raised.value)


@given(st.text(max_size=30), st.booleans())
def test_whatever_is_typed_is_a_stored_time_or_refused(text, end_of_day):
    try:
        stored = time_formats.parse_typed_time(text, NOW, end_of_day)
    except ValueError:
        return
    assert to_text(parse(stored)) == stored


@given(st.dates())
def test_a_day_has_every_stored_time_that_begins_with_its_date(date):
    begin, end = (
        time_formats.parse_typed_time(f"{date}", NOW),
        time_formats.parse_typed_time(f"{date}", NOW, end_of_day=True),
    )
    assert begin[:10] == end[:10] == f"{date}"
    assert (parse(end) - parse(begin)) == timedelta(days=1, milliseconds=-1)


AGES = {0: "just now", 0.9: "just now", 1: "1 second ago", 59: "59 seconds ago", 60: "1 minute ago",
        3599: "59 minutes ago", 3600: "1 hour ago", 7200: "2 hours ago", 86_399: "23 hours ago", 86_400: "1 day ago",
        200 * 86_400: "200 days ago", -1: "in 1 second", -7200: "in 2 hours"}  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), AGES.items())
def test_an_age_is_said_in_its_largest_unit(seconds, text):
    assert time_formats.format_age(to_text(NOW - timedelta(seconds=seconds)), NOW) == text


def test_a_stored_time_is_shown_in_a_column_or_with_its_age():
    assert time_formats.format_for_column("2026-11-23T12:00:00.999Z") == "2026-11-23 12:00:00"
    assert time_formats.format_with_age("2026-11-23T09:00:00.000Z", NOW) == "2026-11-23 09:00:00 UTC, 3 hours ago"


@pytest.mark.parametrize("text", ["", "soon", "2026-11-23", "2026-11-23T12:00:00Z", "2026-13-01T00:00:00.000Z"])
def test_what_is_no_stored_time_stays_as_it_is(text):
    assert time_formats.format_for_column(text) == time_formats.format_with_age(text, NOW) == text
