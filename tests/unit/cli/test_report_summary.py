"""Numbers of the report, also from malformed rows."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.times import parse, to_text
from task_reporter_cli.report.durations import MAX_BINS, Bin, format_edge, format_seconds, summarise_durations
from task_reporter_cli.report.labels import axis_ticks, period_labels, thin_out
from task_reporter_cli.report.periods import build_timeline
from task_reporter_cli.report.statistics import MAX_LISTED, MAX_SLOWEST
from task_reporter_cli.report.summary import MAX_CODES, MAX_KINDS, MIN_SAMPLE, summarise
from task_reporter_cli.report.tasks import EC2_LAUNCH, GROUPS, MAX_TEXT_BYTES, parse_task, read_text
from tests.support.report_rows import MADE_AT, ROWS, ended

TODAY = date(2026, 11, 23)
DAYS = st.dates(date(2006, 1, 1), TODAY)
SECONDS = st.lists(st.floats(0, 20 * 366 * 86400), min_size=1)


def task(**row):
    return parse_task(row, MADE_AT)


def test_tasks_are_counted_by_what_they_count_as():
    outcomes = ["complete", "complete", "failed", "cancelled", "lost", None, "", "paused", "Complete"]
    summary = summarise(({"outcome": outcome} for outcome in outcomes), MADE_AT)
    assert summary.total == 9
    assert [summary.groups[group] for group in GROUPS] == [2, 1, 1, 1, 2, 2]


def test_the_success_rate_needs_enough_tasks_that_can_fail():
    rows = [ended()] * 3 + [ended("failed")] + [ended("cancelled"), ended("lost"), ended("paused"), {}] * 9
    assert summarise(rows, MADE_AT).success_rate is None
    assert summarise([*rows, ended()], MADE_AT).success_rate == 0.8


def test_failures_are_grouped_by_code_with_their_last_time():
    rows = [
        ended("failed", "2026-11-20T00:00:00.000Z", error_code="A"),
        ended("failed", "2026-11-21T00:00:00.000Z", error_code="A"),
        ended("failed", "2026-11-19T00:00:00.000Z", error_code="A"),
        ended("failed", finished_at="soon", updated_at=None),
        ended("cancelled", error_code="Client.Cancelled"),
    ]
    failures = summarise(rows, MADE_AT).failures
    grouped = [(failure.code, failure.count, failure.last_at) for failure in failures]
    assert grouped == [("A", 3, "2026-11-21T00:00:00.000Z"), ("", 1, None)]


def test_the_most_frequent_codes_are_listed_and_others_counted():
    rows = [ended("failed", error_code=f"C{number % 40:02}") for number in range(41)]
    summary = summarise(rows, MADE_AT)
    assert [failure.code for failure in summary.failures] == [f"C{number:02}" for number in range(MAX_CODES)]
    assert summary.failures[0].count == 2
    assert summary.omitted_codes == 40 - MAX_CODES


def test_the_slowest_tasks_of_any_outcome_are_listed():
    lengths = [5, 900, 30, 700, 1, 800, 20, 600, 10, 500, 40, 900]
    rows = [ended("failed", took=took, task_id=f"bun-{place}") for place, took in enumerate(lengths)]
    slowest = summarise(rows, MADE_AT).slowest
    assert [task.seconds for task in slowest] == sorted(lengths, reverse=True)[:MAX_SLOWEST]
    assert [task.task_id for task in slowest[:2]] == ["bun-1", "bun-11"]


def test_the_newest_are_listed_and_all_are_counted():
    rows = ({"task_id": f"bun-{number}"} for number in range(MAX_LISTED + 2))
    summary = summarise(rows, MADE_AT)
    assert summary.total == MAX_LISTED + 2
    assert [len(summary.listed), summary.listed[0].task_id] == [MAX_LISTED, "bun-0"]
    assert summary.listed[-1].task_id == f"bun-{MAX_LISTED - 1}"


def test_lengths_are_those_of_complete_tasks_by_kind():
    rows = [ended(took=took) for took in (10, 20, 30, 40, 1000)] + [ended("cancelled", took=1)] * 9
    rows += [ended(kind="export", took=7)] * 6 + [ended(kind="rare")] * (MIN_SAMPLE - 1)
    lengths = summarise(rows, MADE_AT).durations
    assert [(kind.kind, kind.count, kind.median, kind.p90, kind.longest) for kind in lengths] == [
        ("export", 6, 7, 7, 7),
        ("bundle", 5, 30, 1000, 1000),
    ]


def test_no_more_kinds_than_a_page_bears_get_a_chart():
    rows = [ended(kind=f"kind-{number % 9}") for number in range(9 * MIN_SAMPLE)]
    assert len(summarise(rows, MADE_AT).durations) == MAX_KINDS


def test_nine_of_ten_is_the_ninth_of_ten():
    assert summarise_durations("bundle", [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).p90 == 9


@given(SECONDS)
def test_every_length_lies_in_its_bin(seconds):
    lengths = summarise_durations("bundle", seconds)
    assert sum(part.count for part in lengths.bins) == len(seconds) == lengths.count
    assert len(lengths.bins) <= MAX_BINS + 1
    assert all(earlier.end == later.start for earlier, later in pairwise(lengths.bins))
    for part in lengths.bins:
        inside = [length for length in seconds if part.start <= length and (part.end is None or length < part.end)]
        assert part.count == len(inside)
    assert min(seconds) <= lengths.median <= lengths.longest == max(seconds)


def test_one_very_slow_task_does_not_flatten_the_others():
    bins = summarise_durations("bundle", [*range(600, 900, 3), 90_000]).bins
    assert bins[0] == Bin(600, 630, 10)
    assert bins[-1] == Bin(900, None, 1)
    assert len(bins) == 11


LENGTHS = {0: "0 s", 59.9: "59 s", 2050: "34 min 10 s", 172_799: "47 h 59 min", 360_000: "4 d 4 h"}
EDGES = {0: "0 s", 45: "45 s", 90: "90 s", 300: "5 min", 7200: "2 h", 172800: "2 d"}


def test_lengths_have_two_units_and_edges_have_one():
    assert {seconds: format_seconds(seconds) for seconds in LENGTHS} == LENGTHS
    assert {seconds: format_edge(seconds) for seconds in EDGES} == EDGES


SPANS = {
    "2026-11-23": ("day", 1, "2026-11-23", "2026-11-23"), "2026-10-24": ("day", 31, "2026-10-24", "2026-10-24"),
    "2026-08-25": ("week", 14, "2026-08-24", "Week of 2026-08-24"),
    "2025-11-23": ("week", 54, "2025-11-17", "Week of 2025-11-17"),
    "2024-02-29": ("month", 34, "2024-02-01", "2024-02"),
}  # fmt: skip


@pytest.mark.parametrize("first", SPANS)
def test_the_longer_the_span_the_longer_the_periods(first):
    over = build_timeline({date.fromisoformat(first): {"complete": 1}}, TODAY)
    begin = over.periods[0]
    assert (over.unit, len(over.periods), f"{begin.start}", over.name(begin)) == SPANS[first]


@given(
    st.dictionaries(DAYS, st.fixed_dictionaries({"complete": st.integers(1, 9), "lost": st.integers(0, 9)}), min_size=1)
)
def test_periods_have_no_gap_and_lose_no_task(days):
    over = build_timeline(days, TODAY)
    assert sum(sum(period.counts.values()) for period in over.periods) == sum(
        sum(day.values()) for day in days.values()
    )
    steps = {(later.start - earlier.start).days for earlier, later in pairwise(over.periods)}
    assert steps <= {"day": {1}, "week": {7}, "month": {28, 29, 30, 31}}[over.unit]
    assert over.periods[0].start <= min(days)
    assert over.periods[-1].start <= TODAY
    assert len(period_labels(over, 9)) == len(over.periods)
    assert over.unit == "month" or len(over.periods) <= 58


def test_a_period_in_which_nothing_ended_is_there_and_empty():
    over = build_timeline({date(2026, 11, 20): {"lost": 2}, date(2026, 11, 22): {"complete": 1}}, TODAY)
    assert [dict(period.counts) for period in over.periods] == [{"lost": 2}, {}, {"complete": 1}, {}]


def test_the_first_label_and_each_january_name_the_year():
    over = build_timeline({date(2025, 11, 23): {"complete": 1}}, TODAY)
    assert [label for label in period_labels(over, 9) if label][:4] == ["Dec 2025", "Jan 2026", "Feb", "Mar"]
    days = build_timeline({date(2026, 11, 21): {"complete": 1}}, TODAY)
    assert period_labels(days, 9) == ["21 Nov 2026", "22 Nov", "23 Nov"]


def test_many_months_are_labelled_by_their_years_only():
    over = build_timeline({date(2024, 12, 1): {"complete": 1}}, TODAY)
    assert list(filter(None, period_labels(over, 8)))[:3] == ["Jan 2025", "Apr", "Jul"]
    assert list(filter(None, period_labels(over, 7))) == ["Jan 2025", "Jan 2026"]


def test_labels_are_thinned_to_what_fits():
    assert thin_out(["a", "", "b", "c", "d"], 2) == ["a", "", "", "c", ""]
    assert thin_out(["", ""], 2) == ["", ""]


@given(st.integers(0, 10**9))
def test_ticks_are_few_whole_and_reach_the_tallest_bar(tallest):
    marks = axis_ticks(tallest)
    assert marks[0] == 0
    assert marks[-2] < max(tallest, 1) <= marks[-1]
    assert len(marks) <= 6
    assert len({later - earlier for earlier, later in pairwise(marks)}) == 1


def test_a_chart_over_time_needs_enough_tasks_whose_end_is_known():
    rows = [ended()] * (MIN_SAMPLE - 1) + [ended(finished_at="?", updated_at="?"), {"updated_at": MADE_AT}]
    summary = summarise(rows, MADE_AT)
    assert [summary.timeline, summary.undated] == [None, 1]
    summary = summarise([*rows, ended(finished_at=None)], MADE_AT)
    assert summary.timeline.periods[0].counts == {"complete": MIN_SAMPLE}


@pytest.mark.parametrize(
    "text", [None, "", "yesterday", "1970-01-01", "9999-12-31T00:00:00Z", 1795435200, ["2026"], "2026-99-01"]
)
def test_an_ugly_time_is_an_unknown_one(text):
    read = task(outcome="complete", started_at=text, finished_at=MADE_AT, updated_at=text)
    assert [read.started_at, read.updated_at, read.seconds] == [None, None, None]


def test_a_time_in_another_form_is_read():
    read = task(outcome="complete", started_at="2026-11-23T12:00:00+01:00", finished_at=MADE_AT)
    assert [read.started_at, read.seconds] == ["2026-11-23T11:00:00.000Z", 3600]
    assert task(updated_at=EC2_LAUNCH).updated_at == EC2_LAUNCH


def test_a_length_needs_an_outcome_and_an_end_after_the_start():
    assert task(outcome="lost", started_at=MADE_AT, finished_at="2026-11-22").seconds is None
    assert task(started_at="2026-11-22", finished_at=MADE_AT).seconds is None


def test_a_clock_that_is_a_little_fast_is_believed():
    ahead = to_text(parse(MADE_AT) + timedelta(hours=20))
    summary = summarise([ended(at=ahead)] * MIN_SAMPLE, MADE_AT)
    assert summary.undated == 0
    assert summary.timeline.periods[-1].start == date(2026, 11, 24)


DETAILS = [
    ({"outcome": "failed", "error_code": "A", "error_message": "b", "image_location": "c"}, "A: b"),
    ({"outcome": "failed", "image_location": "c"}, ""),
    ({"kind": "bundle", "outcome": "complete", "image_location": "c"}, "c"), ({}, ""),
    ({"state": "bundling", "progress": 40}, "bundling, 40 %"), ({"state": "storing", "progress": "half"}, "storing"),
    ({"state": "bundling", "progress": 40.5}, "bundling, 40.5 %"),
    ({"state": "bundling", "progress": float("nan")}, "bundling"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "detail"), DETAILS)
def test_the_detail_is_the_error_the_image_or_the_state(row, detail):
    assert task(**row).detail == detail


def test_text_is_one_short_line_without_what_cannot_be_seen():
    assert read_text({"a": " x\n\ty\x00\u202e z "}, "a") == "x y z"
    assert read_text({"a": ["b"]}, "a") == "['b']"
    assert read_text({"a": 0}, "a") == "0"
    assert len(read_text({"a": "é" * 9999}, "a").encode()) <= MAX_TEXT_BYTES


@given(st.lists(ROWS, max_size=30))
def test_no_row_can_break_the_numbers(rows):
    summary = summarise(iter(rows), MADE_AT)
    assert summary.total == sum(summary.groups.values()) == len(summary.listed)
    assert set(summary.groups) <= set(GROUPS)
    for read in summary.listed:
        assert read.outcome.encode().decode().isprintable()
        assert read.seconds is None or read.seconds >= 0
