"""One task, named by its id, or with its account and region."""

import click
import pytest

from task_reporter.history.rows import Key, Row
from task_reporter_cli.actions.find import explain_no_tasks, find_task, split_name
from task_reporter_cli.actions.redrive import name_tasks, select_keys
from task_reporter_cli.errors import NoAccountError, NoTaskError
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.target import Target
from tests.support.dynamodb import Table
from tests.support.finished import row
from tests.support.target import target_on

HUB, PAYMENTS = "111111111111", "222222222222"
HERE = f"{HUB}/eu-west-1"
FAR = f"{PAYMENTS}/us-east-1"
STORED = "ami-0a1b/2026-11-23T12:00:00.000Z"
ROSTER: list[Row] = [
    {"scope": "roster", "task_id": HUB, "name": "hub"},
    {"scope": "roster", "task_id": PAYMENTS, "name": "Payments", "regions": "ap-south-1 us-east-1"},
    {"scope": "roster", "task_id": "333333333333", "name": "odd/name", "regions": "us-east-1"},
]


def old_rows(number: int = 60) -> list[Row]:
    """Return newer tasks of the hub's account, behind which others are hidden."""
    return [row(1000 + each, scope=HERE, updated_at="2026-11-24T12:00:00.000Z") for each in range(number)]


def history(*rows: Row, scope: str = HERE) -> Target:
    return target_on(Table(*ROSTER, *old_rows(), *rows), scope, OrganizationId="o-1")


NAMES = {
    "by an account's id": (f"{FAR}/bun-00000001", Place()),
    "by an account's name": ("payments/us-east-1/bun-00000001", Place()),
    "with an account": ("bun-00000001", Place(("payments",))),
    "with an account and a region": ("bun-00000001", Place((PAYMENTS,), ("us-east-1",))),
    "with several accounts": ("bun-00000001", Place(("hub", "payments"))),
}


@pytest.mark.parametrize("scope", ["", HERE], ids=["of a table", "of a stack"])
@pytest.mark.parametrize(("named", "place"), NAMES.values(), ids=NAMES)
def test_a_task_of_an_account_is_found(named: str, place: Place, scope: str) -> None:
    assert find_task(history(row(1, scope=FAR), scope=scope), named, place)["scope"] == FAR


def test_all_regions_of_an_account_are_read_at_once() -> None:
    target = history(row(1, scope=FAR))
    find_task(target, "bun-00000001", Place((PAYMENTS,)))
    assert target.dynamodb.calls == ["batch_get_item", "batch_get_item", "get_item"], "roster, regions, whole row"


def test_an_id_with_slashes_is_no_place() -> None:
    assert split_name(STORED, Place()) == (STORED, Place())
    assert split_name(f"{FAR}/{STORED}", Place()) == (STORED, Place((PAYMENTS,), ("us-east-1",)))
    assert split_name("odd/eu-west-1/us-east-1/x", Place()) == ("x", Place(("odd/eu-west-1",), ("us-east-1",)))


def test_a_place_that_is_given_twice_is_refused() -> None:
    with pytest.raises(click.UsageError, match="leave out --account"):
        find_task(history(), f"{FAR}/x", Place(("hub",)))


def test_without_an_account_the_likely_scopes_are_searched() -> None:
    """A task that runs keeps its scope in sight."""
    finished = row(1, scope=FAR)
    running = row(2, scope=FAR, outcome=None, finished_at=None, awaiting="outcome")
    with pytest.raises(NoTaskError):
        find_task(history(finished), "bun-00000001", Place())
    assert find_task(history(finished, running), "bun-00000001", Place())["scope"] == FAR
    recent = row(3, scope=FAR, updated_at="2026-11-25T12:00:00.000Z")
    assert find_task(history(finished, recent), "bun-00000001", Place())["scope"] == FAR


def test_a_region_alone_is_that_of_the_stack_and_of_others() -> None:
    own = row(1, scope=f"{HUB}/us-east-1")
    assert find_task(history(own), "bun-00000001", Place((), ("us-east-1",))) == own


MISSING = {
    "anywhere": ("x", Place(), "name its account with --account, or the task as <account>/<region>/<id>"),
    "in an account": ("x", Place(("payments",)), "nothing under the 3 regions of payments"),
    "in a place": (f"{FAR}/x", Place(), f"nothing under {FAR};"),
    "in a region of an account": ("x", Place((PAYMENTS,), ("us-east-1",)), f"nothing under {FAR};"),
}


@pytest.mark.parametrize(("named", "place", "text"), MISSING.values(), ids=MISSING)
def test_a_missing_task_is_named_with_what_to_do(named: str, place: Place, text: str) -> None:
    running = row(2, scope=FAR, outcome=None, finished_at=None, awaiting="outcome")
    with pytest.raises(NoTaskError, match="no task ") as raised:
        find_task(history(running), named, place)
    assert text in str(raised.value)
    assert "up to QuietMinutes later" in str(raised.value)


def test_hub_names_the_command_that_shows_its_accounts() -> None:
    text = "`task-reporter accounts --stack mine --region eu-west-1` what is not watched"
    assert text in explain_no_tasks(history(), filtered=True)
    with pytest.raises(NoTaskError, match=text):
        find_task(history(), "x", Place(("payments",)))


@pytest.mark.parametrize(("named", "place"), [("nobody/us-east-1/x", Place()), ("x", Place(("nobody",)))])
def test_an_unknown_account_is_named(named: str, place: Place) -> None:
    with pytest.raises(NoAccountError, match="no account 'nobody'"):
        find_task(history(), named, place)


WAITING = {
    "all": (Place(), {HERE, FAR, f"{PAYMENTS}/ap-south-1"}),
    "an account": (Place(("payments",)), {FAR, f"{PAYMENTS}/ap-south-1"}),
    "a region of an account": (Place(("payments",), ("us-east-1",)), {FAR}),
    "a region": (Place((), ("eu-west-1",)), {HERE}),
}


@pytest.mark.parametrize(("place", "scopes"), WAITING.values(), ids=WAITING)
def test_rows_of_an_account_are_redriven(place: Place, scopes: set[str]) -> None:
    waiting = [row(number, scope=scope) for number, scope in enumerate((HERE, FAR, f"{PAYMENTS}/ap-south-1"))]
    target = target_on(Table(*ROSTER, *waiting), HERE)
    assert {key.scope for key in select_keys(target, (), place)} == scopes


LEFT = {
    "of the stack": ([Key(HERE, "a"), Key(HERE, "b")], "a, b"),
    "elsewhere": ([Key(FAR, "a")], f"{FAR}/a"),
    "many": ([Key(HERE, "a")] * 6, "a, a, a, a, a …"),
}


@pytest.mark.parametrize(("keys", "text"), LEFT.values(), ids=LEFT)
def test_tasks_that_wait_are_named_so_that_they_are_found(keys: list[Key], text: str) -> None:
    assert name_tasks(keys, HERE) == text
