"""The command `estimate`: calls, events and dollars of a month."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from task_reporter.kinds.table import KINDS
from task_reporter_cli.estimate import prices
from task_reporter_cli.estimate.calls import Workload, format_every, list_calls, other_calls
from task_reporter_cli.estimate.costs import hub_costs
from task_reporter_cli.estimate.result import to_data, to_lines
from tests.support.cli import run, run_program
from tests.support.documents import ROOT, blocks

LARGE: dict[str, Any] = {
    "accounts": 1000, "regions": 17, "kinds": 9, "hot": 0.001, "quiet": timedelta(hours=6),
    "every": timedelta(minutes=5),
}  # fmt: skip
ROUNDS = 30 * 24 * 12


def workload(**changes: Any) -> Workload:
    return Workload(**{**LARGE, **changes})


def single(**changes: Any) -> Workload:
    """Return the work of one account and region without hot lists."""
    return workload(**{"accounts": 1, "regions": 1, "hot": 0.0, **changes})


def counts(work: Workload) -> list[int]:
    return [round(calls.count) for calls in list_calls(work)]


def test_a_large_organization_takes_fifty_million_calls() -> None:
    calls = list_calls(workload())
    assert sum(each.count for each in calls) == pytest.approx(50.2e6, rel=0.005)
    assert sum(each.guardduty for each in calls) == pytest.approx(201, rel=0.005)
    assert sum(each.trail for each in calls) == pytest.approx(1005, rel=0.005)


def test_hourly_for_all_takes_twice_as_many_calls() -> None:
    calls = list_calls(workload(quiet=timedelta(hours=1)))
    assert sum(each.guardduty for each in calls) == pytest.approx(446, rel=0.005)


def test_all_lists_in_every_round_take_over_a_billion_calls() -> None:
    calls = list_calls(workload(hot=1.0))
    assert sum(each.count for each in calls) == 17_000 * 9 * ROUNDS
    assert sum(each.guardduty for each in calls) == pytest.approx(5288, rel=0.001)


SINGLE = {
    "quiet": ({}, [0, 3 * 720, 6 * 120]),
    "hot": ({"hot": 1.0}, [9 * ROUNDS, 0, 0]),
    "half hot": ({"hot": 0.5}, [9 * ROUNDS / 2, 3 * 360, 6 * 60]),
    "hourly": ({"quiet": timedelta(hours=1)}, [0, 9 * 720]),
    "more often than hourly": ({"quiet": timedelta(minutes=30)}, [0, 9 * 1440]),
    "more often than rounds": ({"quiet": timedelta(minutes=1)}, [0, 9 * ROUNDS]),
    "an hourly kind": ({"kinds": 1}, [0, 720]),
    "four kinds": ({"kinds": 4}, [0, 3 * 720, 120]),
    "slow rounds": ({"every": timedelta(hours=12)}, [0, 9 * 60]),
    "rounds that do not divide an hour": (
        {"every": timedelta(minutes=7)}, [0, round(3 * 30 * 24 * 60 / 63), round(6 * 30 * 24 * 60 / 364)]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "calls"), SINGLE.values(), ids=SINGLE)
def test_calls_of_one_account_and_region(changes: dict[str, Any], calls: list[int]) -> None:
    assert counts(single(**changes)) == calls


def test_regions_are_asked_for_daily_and_roles_are_assumed() -> None:
    regions, roles = other_calls(single())
    assert (regions.count, regions.events) == (30, 30)
    assert (roles.count, roles.events) == (720, 2 * 720)


def test_a_session_is_used_in_many_rounds() -> None:
    _, roles = other_calls(single(hot=1.0))
    assert 0.4 * ROUNDS < roles.count < 0.5 * ROUNDS


@pytest.mark.parametrize(
    ("work", "messages"),
    [
        (single(), 720),
        (single(hot=1.0), ROUNDS),
        (workload(), 153 * ROUNDS + 847 * 720),
        (workload(hot=0.0), 1000 * 720),
    ],
)
def test_assignments(work: Workload, messages: float) -> None:
    assert work.assignments == pytest.approx(messages)


def test_the_hub_costs_some_ten_dollars() -> None:
    work = workload()
    costs = {each.part: each.dollars for each in hub_costs(work, list_calls(work))}
    assert 10 < sum(costs.values()) <= 15
    assert costs["Scheduler"] == pytest.approx(0.00864)
    assert costs["SQS"] == pytest.approx((3 * work.assignments / 5 + 648_000) * 0.4e-6)


@pytest.mark.parametrize(
    ("minutes", "text"), [(1, "every minute"), (5, "every 5 minutes"), (60, "every hour"), (360, "every 6 hours")]
)
def test_pauses_are_words(minutes: int, text: str) -> None:
    assert format_every(timedelta(minutes=minutes)) == text


def test_json_holds_the_sums_the_reasons_and_the_prices() -> None:
    found = json.loads(run("estimate", "--accounts", "1000", "--output", "json").out)
    assert found == json.loads(json.dumps(to_data(workload())))
    assert found["events"] == sum(each["events"] for each in found["calls"])
    assert found["guardduty_dollars"] == pytest.approx(sum(each["guardduty_dollars"] for each in found["calls"]))
    assert found["hub_dollars"] == pytest.approx(sum(each["dollars"] for each in found["hub"]), abs=0.05)
    assert all(each["why"] for each in [*found["calls"], *found["hub"]])
    assert {each["source"].partition(".com/")[0] for each in found["prices"]} == {"https://aws.amazon"}


def test_the_options_reach_the_estimate() -> None:
    options = ("--regions", "2", "--kinds", "4", "--hot", "0.5", "--quiet-minutes", "120", "--schedule-minutes", "10")
    found = json.loads(run("estimate", "--accounts", "3", *options, "--output", "json").out)
    work = Workload(3, 2, 4, 0.5, timedelta(hours=2), timedelta(minutes=10))
    assert found == json.loads(json.dumps(to_data(work)))


def test_it_needs_no_account() -> None:
    result = run_program("estimate", "--accounts", "5", AWS_PROFILE="nobody", AWS_CONFIG_FILE="/nowhere")
    assert (result.status, result.err) == (0, "")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--accounts", "0"), ("--kinds", str(len(KINDS) + 1)), ("--hot", "nan"), ("--hot", "1.1"), ("--regions", "x")],
)
def test_a_wrong_number_is_named(option: str, value: str) -> None:
    result = run("estimate", "--accounts", "1", option, value)
    assert (result.status, result.out) == (2, "")
    assert option in result.error


def test_the_documented_estimate_is_the_one_that_is_printed() -> None:
    [shown] = [
        block
        for block in blocks(ROOT / "docs" / "command-line.md", "")
        if block.startswith("$ task-reporter estimate --accounts 1000\n")
    ]
    assert shown.splitlines()[1:] == list(to_lines(workload()))


@pytest.mark.parametrize("minutes", [360, 60, 5])
def test_the_documented_costs_are_those_of_the_estimate(minutes: int) -> None:
    """Of 1,000 accounts with 17 regions."""
    found = to_data(workload(quiet=timedelta(minutes=minutes)))
    calls = f"{sum(each['count'] for each in found['calls']) / prices.MILLION:,.0f} million"
    dollars = [f"${found[f'{part}_dollars']:,.0f}" for part in ("guardduty", "second_trail", "hub")]
    [row] = re.findall(rf"^\| {minutes}\b.*$", (ROOT / "docs" / "organization.md").read_text(), re.MULTILINE)
    assert row.split(" | ")[1:] == [calls, *dollars[:-1], f"{dollars[-1]} |"]


@pytest.mark.parametrize("document", ["README.md", "docs/performance.md"])
def test_documents_and_prices_have_the_same_age(document: str) -> None:
    text = " ".join((ROOT / document).read_text().split())
    assert re.search(rf"{prices.AS_OF}|list prices of {prices.REGION}", text)
    assert prices.AS_OF in text
