"""Accounts that are named by id or name, and their scopes."""

import json

import pytest

from task_reporter.history.rows import Row
from task_reporter_cli.errors import NoAccountError
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.scopes import find_scopes
from tests.support.dynamodb import Table
from tests.support.target import target_on

HUB, PAYMENTS, TEAM, TWIN = "111111111111", "222222222222", "333333333333", "444444444444"


def account(number: str, name: str = "", **more: str) -> Row:
    return {"scope": "roster", "task_id": number, **({"name": name} if name else {}), **more}


ROWS = (
    account(HUB, "hub", lists=json.dumps({"eu-west-1": {"bundle": {"at": 1}}})),
    account(PAYMENTS, "Payments", regions="us-east-1 ap-south-1", lists=json.dumps({"eu-north-1,us-east-1": {}})),
    account(TEAM, "team", regions="? eu-west-1", lists=json.dumps({"nonsense": {}})),
    account(TWIN, "Team"),
    {"scope": "roster", "task_id": "organization", "name": "payments"},
)
OF_PAYMENTS = [f"{PAYMENTS}/{region}" for region in ("ap-south-1", "eu-north-1", "eu-west-1", "us-east-1")]
FOUND = {
    "nothing": ((), (), []),
    "an id": ((PAYMENTS,), (), OF_PAYMENTS),
    "a name": (("payments",), (), OF_PAYMENTS),
    "an id in a region": ((PAYMENTS,), ("sa-east-1",), [f"{PAYMENTS}/sa-east-1"]),
    "a region alone": ((), ("sa-east-1",), []),
    "a name of several accounts": (("TEAM",), (), [f"{TEAM}/eu-west-1", f"{TWIN}/eu-west-1"]),
    "an account twice": ((PAYMENTS, "Payments"), ("eu-west-1",), [f"{PAYMENTS}/eu-west-1"]),
    "accounts in regions": (
        ("hub", TEAM),
        ("eu-west-1", "us-east-1"),
        [f"{number}/{region}" for number in (HUB, TEAM) for region in ("eu-west-1", "us-east-1")],
    ),
}


@pytest.mark.parametrize("scope", ["", f"{HUB}/eu-west-1"], ids=["of a table", "of a stack"])
@pytest.mark.parametrize(("accounts", "regions", "scopes"), FOUND.values(), ids=FOUND)
def test_scopes_are_found(accounts: tuple[str, ...], regions: tuple[str, ...], scopes: list[str], scope: str) -> None:
    assert list(find_scopes(target_on(Table(*ROWS), scope), Place(accounts, regions))) == scopes


def test_an_id_needs_one_read_of_its_row() -> None:
    table = Table(*ROWS)
    find_scopes(target_on(table), Place((PAYMENTS, HUB)))
    assert table.client.calls == ["batch_get_item"]


def test_a_name_needs_the_row_of_names_and_its_own() -> None:
    table = Table(*ROWS, {"scope": "roster", "task_id": "names", "names": json.dumps({PAYMENTS: "Payments"})})
    scopes = find_scopes(target_on(table), Place(("payments",)))
    assert list(scopes) == OF_PAYMENTS
    assert table.client.calls == ["batch_get_item", "batch_get_item"]


def test_without_the_row_of_names_ids_and_names_are_queried() -> None:
    table = Table(*ROWS)
    find_scopes(target_on(table), Place(("payments", "hub")))
    assert table.client.calls == ["batch_get_item", "query", "batch_get_item"]
    assert table.client.requests[1]["ProjectionExpression"] == "#scope, task_id, #name"


def test_the_account_of_the_stack_needs_no_row() -> None:
    """No poll has written it yet."""
    assert find_scopes(target_on(Table(), f"{HUB}/eu-west-1"), Place((HUB,))) == (f"{HUB}/eu-west-1",)


UNKNOWN = {
    "a similar name": ("paymnets", "similar: Payments"),
    "a similar id": ("222222222223", f"similar: {PAYMENTS}"),
    "a short id": ("22222", "give an id of 12 digits, or its name in Organizations"),
    "the row of the organization": ("organization", "no account 'organization' in the roster; "),
    "nothing": ("", "no account ''"),
}


@pytest.mark.parametrize(("named", "text"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_account_is_named_with_similar_ones(named: str, text: str) -> None:
    with pytest.raises(NoAccountError, match="no account") as raised:
        find_scopes(target_on(Table(*ROWS)), Place(("hub", named)))
    assert text in str(raised.value)
