"""Findings of `status` about a hub."""

from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from task_reporter.history.rows import Row
from task_reporter.organization.overdue import OverdueScope
from task_reporter.times import parse, to_text
from task_reporter_cli.organization.accounts import account_states
from task_reporter_cli.organization.hub import read_hub
from task_reporter_cli.status import hub
from task_reporter_cli.status.findings import WELL, WRONG
from tests.support.dynamodb import Table
from tests.support.roster import account_row, example_rows, lists_row, members_of, refused, unpolled_row

NOW = parse("2026-11-26T12:00:00Z")
HUB, SILENT = read_hub({"Regions": "all"}, "eu-west-1"), timedelta(minutes=15)
FIRST, QUEUE = "111111111111", "https://sqs.eu-west-1.amazonaws.com/123456789012/mine-AssignmentQueue-1"


def ago(minutes: float) -> str:
    return to_text(NOW - timedelta(minutes=minutes))


ROUNDS: dict[str, tuple[Row, str, str, str]] = {
    "none": ({}, WRONG, "none yet", "planner's log and its schedule"),
    "recent": (
        {"round_at": ago(2), "accounts_at": ago(60)}, WELL, "2 minutes ago, accounts listed 1 hour ago", ""
    ),
    "late": (
        {"round_at": ago(16), "accounts_at": ago(60)}, WRONG, "16 minutes ago", "nothing for more than 15 minutes"
    ),
    "of old accounts": (
        {"round_at": ago(2), "accounts_at": ago(181)}, WRONG, "listed 3 hours ago", "Organizations does not list"
    ),
    "without accounts": ({"round_at": ago(2)}, WRONG, "listed never", "Organizations does not list"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "level", "text", "todo"), ROUNDS.values(), ids=ROUNDS)
def test_the_last_round(row: Row, level: str, text: str, todo: str) -> None:
    found = hub.check_round(row, SILENT, NOW)
    assert found.level == level
    assert text in found.text
    assert todo in found.todo


ACCOUNTS = {
    "watched": ([account_row(FIRST, NOW)], WELL, "1 of 1 accounts are watched"),
    "denied": (
        [account_row(FIRST, NOW, lists=lists_row(NOW, us_east_1=refused("denied", NOW)))],
        WRONG,
        "0 of 1 accounts are watched, 1 denied",
    ),
    "overdue, which has a finding of its own": (
        [unpolled_row(FIRST, NOW - timedelta(days=1))], WELL, "0 of 1 accounts are watched, 1 overdue"
    ),
    "suspended": ([account_row(FIRST, NOW, status="SUSPENDED")], WELL, "0 of 1 accounts are watched, 1 suspended"),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "level", "text"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_the_accounts(rows: list[Row], level: str, text: str) -> None:
    found = hub.check_accounts(account_states(members_of(*rows), HUB, NOW), NOW, " --stack mine")
    assert (found.level, found.text) == (level, text)
    assert found.todo == ("" if level == WELL else "task-reporter accounts --stack mine")


LONGEST_FINDING = 160
"""Characters: two lines of an old terminal."""


def test_findings_about_a_thousand_bad_accounts_are_short() -> None:
    """Each says what to do."""
    yesterday = NOW - timedelta(days=1)
    troubles: list[dict[str, Any]] = [
        *({"lists": lists_row(NOW, us_east_1=refused(reason, yesterday))}
          for reason in ("denied", "denied-by-scp", "region-disabled", "malformed", "error", "throttled")),
        {"unreadable": "no-role"}, {"status": "SUSPENDED"}, {"status": "CLOSED"}, {"status": "PENDING_CLOSURE"},
        {"lists": lists_row(yesterday)},
    ]  # fmt: skip
    rows = [account_row(f"{number:012d}", NOW, **troubles[number % len(troubles)]) for number in range(1000)]
    own: Row = {"scope": "roster", "task_id": "organization", "round_at": ago(20), "accounts_at": ago(300)}
    found = list(hub.check_roster(Table(own, *rows), HUB, "000000000000/eu-west-1", SILENT, NOW, " --stack mine"))
    assert [(finding.part, finding.level) for finding in found] == [
        (part, WRONG) for part in (hub.ROUND, hub.ACCOUNTS, hub.OVERDUE_REGIONS)
    ]
    assert [finding for finding in found if not finding.todo] == []
    assert [text for finding in found for text in (finding.text, finding.todo) if len(text) > LONGEST_FINDING] == []


def test_a_roster_without_accounts_awaits_the_first_round() -> None:
    found = hub.check_accounts([], NOW, "")
    assert (found.level, found.text, found.todo) == (WRONG, "none yet", "the planner lists them in its first round")


def test_overdue_regions_are_named_and_counted() -> None:
    late = [OverdueScope(FIRST, f"us-east-{number}", int(NOW.timestamp()) - 3600 * number) for number in range(1, 6)]
    found = hub.check_overdue(late, NOW, " --stack mine")
    named = ", ".join(scope.name for scope in late[:3])
    assert (found.level, found.text) == (WRONG, f"5: {named} and 2 more, unread for up to 5 hours")
    assert found.todo.startswith("task-reporter accounts --state overdue --stack mine;")


def cloudwatch(*values: float) -> Any:
    def get_metric_data(MetricDataQueries: list[dict[str, Any]], **request: Any) -> dict[str, Any]:
        [query] = MetricDataQueries
        assert query["MetricStat"]["Metric"]["Dimensions"] == [
            {"Name": "QueueName", "Value": "mine-AssignmentQueue-1"}
        ]  # fmt: skip
        assert request["EndTime"] == NOW
        return {"MetricDataResults": [{"Id": "age", "Values": list(values)}]}

    return SimpleNamespace(get_metric_data=get_metric_data)


QUEUES: dict[str, tuple[str, dict[str, str], list[float], str, str, str]] = {
    "empty": ("Enabled", {}, [], WELL, "enabled", ""),
    "empty since a moment": ("Enabled", {}, [400.0], WELL, "enabled", ""),
    "in work": (
        "Enabled", {"ApproximateNumberOfMessages": "12"}, [120.0, 400.0], WELL,
        "enabled, 12 wait, the oldest for 2 minutes", "",
    ),
    "of unknown age": ("Enabled", {"ApproximateNumberOfMessages": "12"}, [], WELL, "enabled, 12 wait", ""),
    "too slow": (
        "Enabled", {"ApproximateNumberOfMessages": "1200"}, [301.0], WRONG,
        "enabled, 1,200 wait, the oldest for 5 minutes", "takes longer than a round",
    ),
    "disabled": ("Disabled", {}, [], WRONG, "disabled", "--enabled --uuid an-id"),
}  # fmt: skip


@pytest.mark.parametrize(("state", "counts", "ages", "level", "text", "todo"), QUEUES.values(), ids=QUEUES)
def test_the_assignments(
    state: str, counts: Mapping[str, str], ages: list[float], level: str, text: str, todo: str
) -> None:
    functions = SimpleNamespace(get_event_source_mapping=lambda UUID: {"State": state})
    sqs = SimpleNamespace(get_queue_attributes=lambda **_: {"Attributes": counts})
    services = (functions, sqs, cloudwatch(*ages))
    found = hub.check_assignments(*services, "an-id", QUEUE, timedelta(minutes=5), NOW)
    assert (found.level, found.text) == (level, text)
    assert todo in found.todo


def test_one_query_answers_about_the_whole_roster() -> None:
    own = {"scope": "roster", "task_id": "organization", "round_at": ago(2), "accounts_at": ago(2)}
    slow = account_row("123456789012", NOW, without_bytecode="python3.12")
    table = Table(*example_rows(NOW), own, slow)
    found = list(hub.check_roster(table, HUB, "123456789012/eu-west-1", SILENT, NOW, ""))
    assert [(finding.part, finding.level) for finding in found] == [
        ("last round", WELL), ("accounts", WRONG), ("overdue regions", WRONG), ("layer", WELL),
    ]  # fmt: skip
    assert set(table.client.calls) == {"query"}
