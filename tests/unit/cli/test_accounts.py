"""The command `accounts`: states of a hub's accounts, their selection and output."""

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import click
import pytest

from task_reporter.history.rows import Row
from task_reporter.kinds.table import KINDS
from task_reporter.times import now as current_time
from task_reporter.times import parse, to_text
from task_reporter_cli.errors import NoAccountError
from task_reporter_cli.organization.accounts import AccountState, account_states, summarize
from task_reporter_cli.organization.hub import read_hub
from task_reporter_cli.organization.places import format_places
from task_reporter_cli.organization.selection import select_states
from task_reporter_cli.organization.states import STATES
from task_reporter_cli.output import accounts as output
from tests.support.canned_ec2 import Answer, canned_ec2
from tests.support.cli import Said, Terminal, in_environment, run, somewhere
from tests.support.documents import ROOT, blocks
from tests.support.dynamodb import to_item
from tests.support.roster import REGIONS, account_row, example_rows, lists_row, members_of, refused, unpolled_row

NOW = parse("2026-11-26T12:00:00Z")
YESTERDAY = NOW - timedelta(days=1)
FIRST, SECOND = "111111111111", "222222222222"


def states_of(*rows: Row, **parameters: str) -> list[AccountState]:
    return account_states(members_of(*rows), read_hub({"Regions": "all", **parameters}, "eu-west-1"), NOW)


def refused_everywhere(reason: str) -> str:
    return lists_row(NOW, **{region.replace("-", "_"): refused(reason, YESTERDAY) for region in REGIONS})


ROWS = {
    "watched": account_row(FIRST, NOW),
    "overdue": account_row(FIRST, NOW, lists=lists_row(NOW, eu_west_1={"at": int(YESTERDAY.timestamp())})),
    "no-role": account_row(FIRST, NOW, unreadable="no-role", unreadable_since=to_text(YESTERDAY)),
    "denied": account_row(FIRST, NOW, lists=refused_everywhere("denied")),
    "denied-by-scp": account_row(FIRST, NOW, lists=refused_everywhere("denied-by-scp")),
    "region-disabled": account_row(FIRST, NOW, lists=lists_row(NOW, eu_west_1=refused("region-disabled", YESTERDAY))),
    "malformed": account_row(
        FIRST, NOW, lists=lists_row(NOW, **{"eu_west_1/store_image": refused("malformed", YESTERDAY)})
    ),
    "pending-activation": account_row(FIRST, NOW, status="PENDING_ACTIVATION"),
    "suspended": account_row(FIRST, NOW, status="SUSPENDED"),
    "pending-closure": account_row(FIRST, NOW, status="PENDING_CLOSURE"),
    "closed": account_row(FIRST, NOW, status="CLOSED"),
    "left": account_row(FIRST, NOW, status="LEFT", left_at=to_text(YESTERDAY)),
    "not-polled-yet": unpolled_row(FIRST, NOW),
}  # fmt: skip
PASSING = {
    reason: account_row(FIRST, NOW, lists=lists_row(NOW, eu_west_1={"unreadable": reason, "unreadable_since": 1}))
    for reason in ("error", "throttled")
}


@pytest.mark.parametrize(("state", "row"), (ROWS | PASSING).items(), ids=ROWS | PASSING)
def test_an_account_has_one_state(state: str, row: Row) -> None:
    [found] = states_of(row)
    assert (found.account, found.state) == (FIRST, state)


def test_every_state_has_a_case() -> None:
    assert {*STATES} == {*ROWS, *PASSING}


def test_an_account_that_was_never_polled_is_overdue() -> None:
    [found] = states_of(unpolled_row(FIRST, YESTERDAY))
    assert (found.state, found.since, found.places) == ("overdue", to_text(YESTERDAY), ())


def test_an_account_has_several_states_with_their_places() -> None:
    lists = lists_row(
        NOW,
        us_east_1=refused("denied-by-scp", YESTERDAY),
        **{"us_east_2/bundle": refused("denied", NOW), "eu_west_1/bundle": refused("throttled", NOW)},
    )
    found = [(state.state, state.since, state.places) for state in states_of(account_row(FIRST, NOW, lists=lists))]
    assert found == [
        ("denied", to_text(NOW), ("us-east-2/bundle",)),
        ("denied-by-scp", to_text(YESTERDAY), ("us-east-1",)),
        ("throttled", to_text(NOW), ("eu-west-1/bundle",)),
    ]


@pytest.mark.parametrize(("pattern", "watched"), [("*/us-*", True), (f"{FIRST}/us-east-1", True), ("*/ap-*", False)])
def test_an_accepted_denial_leaves_the_account_watched(pattern: str, watched: bool) -> None:
    row = account_row(FIRST, NOW, lists=lists_row(NOW, us_east_1=refused("denied-by-scp", YESTERDAY)))
    found = states_of(row, AcceptedDenials=f"1/x, {pattern}")
    assert [state.state for state in found] == ["denied-by-scp", *(["watched"] if watched else [])]
    assert (found[0].accepted, found[0].is_problem) == (watched, not watched)


def test_a_kind_that_the_stack_does_not_watch_is_not_overdue() -> None:
    assert [state.state for state in states_of(ROWS["overdue"], TaskKinds="")] == ["watched"]


@pytest.mark.parametrize(
    ("regions", "states"), [("us-east-1", ["denied"]), ("", ["watched"]), ("sa-east-1", ["watched"])]
)
def test_regions_that_are_no_longer_watched_are_left_out(regions: str, states: list[str]) -> None:
    late = {"at": int(YESTERDAY.timestamp())}
    row = account_row(FIRST, NOW, lists=lists_row(NOW, us_east_1=refused("denied", YESTERDAY), us_east_2=late))
    assert [state.state for state in states_of(row, Regions=regions)] == states


def test_the_quiet_time_is_that_of_the_stack() -> None:
    assert [state.state for state in states_of(ROWS["overdue"], QuietMinutes="10000", TaskKinds="bundle")] == [
        "watched"
    ]


# Selection


BOTH = [
    account_row(FIRST, NOW, "Payments", lists=lists_row(NOW, us_east_1=refused("denied", YESTERDAY))),
    account_row(SECOND, NOW, "web"),
]  # fmt: skip


def selected(
    states: Sequence[AccountState], accounts: Sequence[str] = (), wanted: Sequence[str] = (), show_all: bool = False
) -> list[tuple[str, str]]:
    return [(each.account[0], each.state) for each in select_states(states, accounts, wanted, show_all, NOW)]


def test_only_accounts_with_news_are_shown() -> None:
    states = states_of(*BOTH)
    assert selected(states) == [("1", "denied")]
    assert selected(states, show_all=True) == [("1", "denied"), ("2", "watched")]
    assert selected(states, wanted=["watched"]) == [("2", "watched")]
    assert selected(states, accounts=[SECOND]) == selected(states, accounts=["WEB"]) == [("2", "watched")]
    assert selected(states, accounts=["web"], wanted=["denied"]) == []


def test_accepted_denials_are_shown_only_with_all_or_an_account() -> None:
    states = states_of(*BOTH, AcceptedDenials="*/us-*")
    assert selected(states) == selected(states, wanted=["denied"]) == []
    assert selected(states, accounts=["payments"]) == [("1", "denied"), ("1", "watched")]
    assert selected(states, show_all=True) == [("1", "denied"), ("1", "watched"), ("2", "watched")]


@pytest.mark.parametrize(("days", "shown"), [(6, 1), (8, 0)])
def test_an_account_that_left_is_news_for_a_week(days: int, shown: int) -> None:
    states = states_of(account_row(FIRST, NOW, status="LEFT", left_at=to_text(NOW - timedelta(days=days))))
    assert len(selected(states)) == shown
    assert selected(states, show_all=True) == [("1", "left")]


def test_an_id_is_no_name_of_another_account() -> None:
    states = states_of(*BOTH, account_row("333333333333", NOW, name=FIRST))
    assert {account for account, _ in selected(states, accounts=[FIRST])} == {"1"}


def test_an_unknown_account_is_named() -> None:
    with pytest.raises(NoAccountError, match="no account 'nobody' in the roster"):
        selected(states_of(*BOTH), accounts=["web", "nobody"])


# Output


PLACES = {
    "nothing": ([], 17, ""),
    "a region": (["us-east-1"], 17, "us-east-1"),
    "two of an area": (["us-east-1", "us-west-2"], 17, "us-east-1, us-west-2"),
    "areas": (["ap-a-1", "ap-b-1", "ap-c-1", "eu-north-1"], 17, "eu-north-1, ap-* (3 regions)"),
    "all": (["ap-a-1", "ap-b-1", "eu-north-1"], 3, "all 3 regions"),
    "a list": (["us-east-1/bundle"], 17, "us-east-1/bundle"),
    "one list in two regions": (["us-east-1/bundle", "us-east-2/bundle"], 17, "bundle in us-east-1, us-east-2"),
    "three lists": ([f"us-east-1/{kind}" for kind in [*KINDS][:3]], 17, "3 lists in us-east-1"),
    "lists and regions": (["eu-west-1", "us-east-1/bundle"], 17, "eu-west-1; us-east-1/bundle"),
}


@pytest.mark.parametrize(("places", "regions", "text"), PLACES.values(), ids=PLACES)
def test_places_are_short(places: list[str], regions: int, text: str) -> None:
    assert format_places(places, regions) == text


def printed(states: Sequence[AccountState], screen: os.terminal_size | None = None) -> list[str]:
    text = io.StringIO()
    output.write_groups(states, screen, "task-reporter accounts", text)
    return text.getvalue().splitlines()


def test_a_large_group_is_cut_and_names_the_command_for_the_rest() -> None:
    rows = [unpolled_row(f"{number:012d}", YESTERDAY, unreadable="no-role") for number in range(1200)]
    lines = printed(states_of(*rows), os.terminal_size((200, 13)))
    assert len(lines) == 1 + 10 + 2
    assert lines[11] == "and 1,190 more: task-reporter accounts --state no-role"
    assert lines[12].startswith("→ its role can't be assumed: enrol the account with make member")
    assert len(printed(states_of(*rows))) == 1 + 1200 + 1


SCREENS = [(80, 24), (120, 24), (120, 40), (200, 60), (200, 120)]


@pytest.mark.parametrize("size", SCREENS, ids=str)
@pytest.mark.parametrize("kinds", [1, 3, len(ROWS) - 1])
def test_accounts_in_all_states_fit_on_a_screen(
    size: tuple[int, int], kinds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each state has an account, and what to do about it."""
    monkeypatch.setenv("COLUMNS", str(size[0]))
    monkeypatch.setenv("LINES", str(size[1]))
    chosen = [row for state, row in ROWS.items() if state != "watched"][:kinds]
    rows = [chosen[number % kinds] | {"task_id": f"{number:012d}", "name": f"team-{number}"} for number in range(1000)]
    states = states_of(*rows)
    selected, summary, out = select_states(states, (), (), False, NOW), summarize(states, NOW), Terminal()
    output.write_groups(selected, output.measure_screen(out, summary), "task-reporter accounts", out)
    lines = [summary, *map(click.unstyle, out.getvalue().splitlines())]
    assert sum(max(1, -(-len(line) // size[0])) for line in lines) < size[1]
    for state in {each.state for each in selected}:
        assert any(state in line and "team-" in line for line in lines), state
        assert any(STATES[state][:30] in line for line in lines), state
        assert any(f"--state {state}" in line or "--state STATE" in line for line in lines), state
    assert all(any(STATES[state] in line for line in lines) for state in ("overdue", "no-role") if kinds > 1)


def test_the_summary_of_all_states_is_short() -> None:
    rows = [row | {"task_id": f"{number:012d}"} for number, row in enumerate([*ROWS.values(), *PASSING.values()])]
    assert summarize(states_of(*rows), NOW) == (
        "1 of 14 accounts are watched, 1 overdue, 1 no-role, 1 denied, 1 denied-by-scp, 1 region-disabled,"
        " 1 malformed, 8 in 8 other states"
    )


@pytest.mark.parametrize(("height", "empty", "headings"), [(30, 9, 6), (29, 0, 6), (21, 0, 6), (20, 0, 4)])
def test_lines_between_groups_give_way_to_accounts(height: int, empty: int, headings: int) -> None:
    rows = [row | {"task_id": f"{number:012d}"} for number, row in enumerate([*ROWS.values()][1:11])]
    lines = printed(states_of(*rows), os.terminal_size((200, height)))
    assert (lines.count(""), len(re.split(" {2,}", lines[0]))) == (empty, headings)


def test_control_characters_in_a_name_do_not_reach_the_terminal() -> None:
    [_, line, *_] = printed(states_of(unpolled_row(FIRST, NOW, "a\x1b[31m\nb")))
    assert "a�[31m�b" in line


def test_summary_counts_accounts_by_state() -> None:
    states = states_of(*example_rows(NOW), AcceptedDenials="*/us-*")
    assert summarize(states, NOW) == (
        "995 of 1,000 accounts are watched, 1 overdue, 2 no-role, 1 denied-by-scp, 1 left, 1 not-polled-yet;"
        " 1 with accepted denials"
    )


def test_json_and_csv_hold_the_same() -> None:
    states = states_of(*BOTH, AcceptedDenials="*/us-*")
    as_json, as_csv = io.StringIO(), io.StringIO()
    output.write_json(states, as_json)
    output.write_csv(states, as_csv)
    denied, *_ = json.loads(as_json.getvalue())
    assert denied == {
        "account": FIRST, "name": "Payments", "state": "denied", "accepted": True, "since": to_text(YESTERDAY),
        "places": ["us-east-1"], "last_polled": "2026-11-26T11:57:00.000Z",
    }  # fmt: skip
    first, *_ = csv.DictReader(io.StringIO(as_csv.getvalue()))
    assert first == {name: "true" if value is True else value for name, value in denied.items()} | {
        "places": "us-east-1"
    }
    assert len(as_json.getvalue().splitlines()) == len(states) + 2


# The command


@contextmanager
def a_stack(rows: Sequence[Row], **parameters: str) -> Iterator[None]:
    """Set up a stack with these parameters, and a table with these rows."""
    members = "".join(
        f"<member><ParameterKey>{name}</ParameterKey><ParameterValue>{value}</ParameterValue></member>"
        for name, value in parameters.items()
    )
    described = (
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>mine</StackName><StackStatus>"
        "CREATE_COMPLETE</StackStatus><StackId>arn:aws:cloudformation:eu-west-1:123456789012:stack/mine/1</StackId>"
        f"<CreationTime>2026-11-23T12:00:00Z</CreationTime><Parameters>{members}</Parameters><Outputs><member>"
        "<OutputKey>HistoryTableName</OutputKey><OutputValue>history</OutputValue></member></Outputs></member></Stacks>"
        "</DescribeStacksResult></DescribeStacksResponse>"
    )
    found = {"Items": [to_item(row) for row in rows], "Count": len(rows), "ScannedCount": len(rows)}
    with (
        canned_ec2(Answer(described.encode())) as cloudformation,
        canned_ec2(Answer(json.dumps(found).encode())) as dynamodb,
        in_environment(somewhere(cloudformation=cloudformation.url, dynamodb=dynamodb.url)),
    ):
        yield


def accounts(rows: Sequence[Row], *arguments: str, **parameters: str) -> Said:
    with a_stack(rows, **{"OrganizationId": "o-1", "Regions": "all", **parameters}):
        return run("accounts", "--stack", "mine", *arguments)


def test_a_stack_of_one_account_is_refused() -> None:
    with a_stack(BOTH):
        result = run("accounts", "--stack", "mine")
    assert (result.status, result.out) == (1, "")
    assert result.error == "stack mine watches one account, not an organization; use task-reporter status --stack mine"


def test_a_table_alone_is_refused() -> None:
    with in_environment(somewhere()):
        result = run("accounts", "--table", "history")
    assert (result.status, result.out) == (2, "")
    assert "--stack" in result.error


def rows_now(build: Any = example_rows) -> list[Row]:
    rows: list[Row] = build(current_time())
    return rows


@pytest.mark.parametrize(
    ("arguments", "parameters", "status"),
    [
        ((), {}, 1),
        (("--state", "left"), {}, 0),
        (("--account", "team-7"), {}, 0),
        (("--account", "web"), {}, 1),
        (("--account", "web"), {"AcceptedDenials": "*/us-east-1"}, 0),
    ],
)
def test_the_exit_status_is_that_of_the_shown_accounts(
    arguments: tuple[str, ...], parameters: Mapping[str, str], status: int
) -> None:
    result = accounts(rows_now(), *arguments, **parameters)
    assert (result.status, result.err) == (status, "")


@pytest.mark.parametrize(("name", "lines"), [("json", 2 + 7), ("csv", 1 + 7), ("table", 20)])
def test_each_output_holds_the_accounts(name: str, lines: int) -> None:
    result = accounts(rows_now(), "--output", name)
    assert (len(result.out.splitlines()), "analytics" in result.out) == (lines, True)


def test_all_shows_every_account() -> None:
    shown = json.loads(accounts(rows_now(), "--all", "--output", "json").out)
    assert len(shown) == len(rows_now())


def test_an_empty_table_is_explained() -> None:
    result = accounts(rows_now(), "--state", "throttled")
    assert (result.status, result.out) == (0, "")
    assert result.err == "No such account; `task-reporter accounts --stack mine --all` shows all.\n"


def test_an_empty_roster_is_explained() -> None:
    result = accounts([])
    assert (result.status, result.out) == (0, "")
    assert "the planner writes it in its first round" in result.err


def test_the_documented_output_is_the_one_that_is_printed() -> None:
    [shown] = [
        block for block in blocks(ROOT / "docs" / "command-line.md", "") if block.startswith("$ task-reporter accounts")
    ]
    states = account_states(members_of(*example_rows(NOW)), read_hub({"Regions": "all"}, "eu-west-1"), NOW)
    lines = [summarize(states, NOW), *printed(select_states(states, (), (), False, NOW))]
    assert shown.splitlines()[1:] == lines


def test_the_documented_columns_are_those_of_the_output() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text().split("## accounts")[1].split("\n## ")[0]
    assert f"`{'`, `'.join(output.COLUMNS)}`" in " ".join(text.split())


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_documented(state: str) -> None:
    text = (ROOT / "docs" / "command-line.md").read_text()
    assert f"`{state}`" in text


def test_a_wrong_time_in_the_roster_is_no_time() -> None:
    row = account_row(FIRST, NOW, lists=lists_row(NOW, us_east_1=refused("denied", YESTERDAY)), polled_at="?")
    row["lists"] = str(row["lists"]).replace(str(int(YESTERDAY.timestamp())), str(10**18))
    [found] = states_of(row)
    assert (found.since, found.polled_at) == ("", "?")
