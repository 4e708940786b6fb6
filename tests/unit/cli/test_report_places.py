"""Accounts and regions of the report, compared in numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter_cli.report.places import MAX_FIRST, MIN_SAMPLE, Comparison, Place
from task_reporter_cli.report.summary import summarise
from task_reporter_cli.report.tasks import parse_task
from tests.support.report_rows import MADE_AT, ROWS, ended

A, B, C = "111111111111/us-east-2", "222222222222/us-east-2", "333333333333/eu-west-1"


def failed(scope, code="Client.S3Error", **others):
    return ended("failed", scope=scope, error_code=code, **others)


def place_of(*rows):
    place = Place("111111111111")
    for row in rows:
        place.add(parse_task(row, MADE_AT))
    return place


def test_places_come_by_failures_then_by_tasks():
    rows = [ended(scope=A)] * 9 + [ended(scope=B)] * 7 + [failed(B)] + [failed(C)] * 2
    summary = summarise(rows, MADE_AT)
    assert [account.key for account in summary.accounts] == [scope[:12] for scope in (C, B, A)]
    assert [(region.key, region.total) for region in summary.regions] == [("eu-west-1", 2), ("us-east-2", 17)]


def test_the_newest_name_of_an_account_counts():
    names = [None, "payments", "old-payments"]
    rows = [ended(scope=A, account_name=name) for name in names] + [ended(scope=B)]
    accounts = summarise(rows, MADE_AT).accounts
    assert [(account.key, account.name) for account in accounts] == [(A[:12], "payments"), (B[:12], "")]


@pytest.mark.parametrize("scope", ["", "here", None, ["a"]])
def test_a_scope_without_a_slash_is_an_account(scope):
    row = parse_task({"scope": scope}, MADE_AT)
    assert [row.account, row.region] == ["" if scope is None else str(scope), ""]


def test_a_rate_and_a_median_need_enough_tasks():
    few = [ended(took=took) for took in (10, 20, 30, 4000)]
    assert [place_of(*few).success_rate, place_of(*few).median] == [None, None]
    assert len(few) == MIN_SAMPLE - 1
    enough = place_of(*few, ended(took=40), ended("cancelled", took=9), failed(A, took=9))
    assert [enough.success_rate, enough.median] == [5 / 6, 30]


def test_the_main_code_is_the_most_frequent_one():
    assert place_of(ended(), ended("cancelled", error_code="X")).main_code is None
    assert place_of(failed(A, "B"), failed(A, "A"), failed(A, "C"), failed(A, "C")).main_code == "C"
    assert place_of(failed(A, "B"), failed(A, "A")).main_code == "A"
    assert place_of(ended("failed")).main_code == ""


def test_a_bar_shares_out_what_ended():
    rows = [ended()] * 3 + [ended("failed")] * 4 + [ended("paused"), ended(None)]
    assert place_of(*rows).shares == [(0, 0, 37.5), (1, 37.5, 50), (5, 87.5, 12.5)]
    assert place_of(ended(None)).shares == []


def test_further_places_are_summed_up():
    places = [place_of(ended(), failed(A), ended("lost")) for _ in range(MAX_FIRST + 4)]
    comparison = Comparison("account", places)
    assert [len(comparison.first), len(comparison.further)] == [MAX_FIRST, 4]
    assert [comparison.rest.total, comparison.rest.success_rate] == [12, 0.5]


def test_a_code_has_the_number_of_its_accounts_and_the_worst():
    rows = [failed(A, "X"), failed(B, "X"), failed(B, "X"), failed(C, "Y"), ended(scope=C)]
    first, second = summarise(rows, MADE_AT).failures
    assert [first.code, first.account_count, first.worst_account.key] == ["X", 2, B[:12]]
    assert [second.code, second.account_count, second.worst_account.key] == ["Y", 1, C[:12]]


@given(st.lists(ROWS, max_size=30))
def test_every_task_is_counted_in_one_account_and_one_region(rows):
    summary = summarise(iter(rows), MADE_AT)
    for places in (summary.accounts, summary.regions):
        assert sum(place.total for place in places) == summary.total
        assert len({place.key for place in places}) == len(places)
        assert all(
            sum(width for *_, width in place.shares) == pytest.approx(100) or not place.shares for place in places
        )
