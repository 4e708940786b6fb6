"""The accounts that AWS Organizations lists."""

import pytest
from botocore.exceptions import ClientError

from task_reporter.errors import MalformedAnswerError, OutOfTimeError
from task_reporter.organization.directory import ALL_ACCOUNTS, list_accounts, selection_name
from task_reporter.organization.members import Account
from task_reporter.runtime.deadline import Deadline
from tests.support.scripted import Script

ONE, TWO, THREE = "111111111111", "222222222222", "333333333333"
ROOT, UNIT, INNER = "r-abcd", "ou-abcd-11111111", "ou-abcd-22222222"


def listed(*accounts, token=None, **more):
    items = [{"Id": account, "Name": f"name-{account[0]}", "Status": "ACTIVE", **more} for account in accounts]
    return {"Accounts": items} | ({"NextToken": token} if token else {})


@pytest.fixture
def organizations():
    return Script("organizations")


def accounts_of(script, *arguments):
    with script as client:
        return list_accounts(client, *arguments)


def ids(accounts):
    return [account.id for account in accounts]


def test_all_pages_are_read(organizations):
    organizations.answers("list_accounts", listed(ONE, token="next"))
    organizations.answers("list_accounts", listed(token="last"), NextToken="next")
    organizations.answers("list_accounts", listed(TWO), NextToken="last")
    assert accounts_of(organizations) == [Account(ONE, "name-1", "ACTIVE"), Account(TWO, "name-2", "ACTIVE")]


def tree(script, **units):
    """Answer for units in order: unit → accounts and inner units."""
    for unit, (accounts, inner) in units.items():
        parent = unit.replace("_", "-")
        script.answers("list_accounts_for_parent", listed(*accounts), ParentId=parent)
        children = [{"Id": child, "Name": "unit"} for child in inner]
        script.answers("list_organizational_units_for_parent", {"OrganizationalUnits": children}, ParentId=parent)
    return script


def test_units_include_those_below_them(organizations):
    tree(organizations, ou_abcd_11111111=([ONE], [INNER]), ou_abcd_22222222=([TWO], []))
    assert ids(accounts_of(organizations, [UNIT])) == [ONE, TWO]


def test_units_that_meet_again_are_read_once(organizations):
    tree(organizations, ou_abcd_11111111=([ONE, TWO], [INNER, UNIT]), ou_abcd_22222222=([TWO], [UNIT]))
    assert ids(accounts_of(organizations, [INNER, UNIT, UNIT])) == [ONE, TWO]


def test_a_root_may_hold_no_account_itself(organizations):
    tree(organizations, r_abcd=([], [UNIT]), ou_abcd_11111111=([ONE], []))
    assert ids(accounts_of(organizations, [ROOT])) == [ONE]


def test_excluded_accounts_are_left_out(organizations):
    organizations.answers("list_accounts", listed(ONE, TWO, THREE))
    assert ids(accounts_of(organizations, (), (TWO, "444444444444"))) == [ONE, THREE]


class Pages:
    """Organizations with answers that botocore's model does not know."""

    def __init__(self, *pages):
        self.pages = pages

    def get_paginator(self, _operation):
        return self

    def paginate(self, **_request):
        return iter(self.pages)


@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({"State": "SUSPENDED", "Status": "ACTIVE"}, "SUSPENDED"),
        ({"State": "PENDING_CLOSURE"}, "PENDING_CLOSURE"),
        ({"Status": "SUSPENDED"}, "SUSPENDED"),
        ({"State": "", "Status": "CLOSED"}, "CLOSED"),
        ({}, "ACTIVE"),
    ],
)
def test_the_state_counts_before_the_status(item, status):
    assert list_accounts(Pages({"Accounts": [{"Id": ONE, **item}]})) == [Account(ONE, "", status)]


@pytest.mark.parametrize(
    "pages",
    [
        [],
        [{}],
        [{"Accounts": []}],
        [{"Accounts": None}],
        [{"Accounts": [{"Id": "1"}, {"Name": "x"}]}],
        [{"Accounts": [{"Id": ONE}]}, {}],
        [{"Accounts": [{"Id": ONE}]}, {"Accounts": "x"}],
    ],
)
def test_an_answer_without_accounts_is_malformed(pages):
    with pytest.raises(MalformedAnswerError):
        list_accounts(Pages(*pages))


def test_an_answer_without_units_is_malformed():
    class Organizations(Pages):
        def get_paginator(self, operation):
            return Pages({"Accounts": [{"Id": ONE}]} if operation == "list_accounts_for_parent" else {})

    with pytest.raises(MalformedAnswerError):
        list_accounts(Organizations(), [UNIT])


def test_items_that_are_no_account_are_left_out():
    assert ids(list_accounts(Pages({"Accounts": [{"Id": "x"}, {}, {"Id": ONE}, {"Id": None}, {"Id": ONE}]}))) == [ONE]


def test_a_refusal_is_an_error(organizations):
    organizations.answers("list_accounts", listed(ONE, token="next")).refuses(
        "list_accounts", "TooManyRequestsException"
    )
    with organizations as client, pytest.raises(ClientError):
        list_accounts(client)


def test_listing_ends_before_the_round_runs_out_of_time(organizations):
    organizations.answers("list_accounts", listed(ONE, token="next"))
    times = iter([60_000])
    with pytest.raises(OutOfTimeError, match="listing accounts"):
        accounts_of(organizations, (), (), Deadline(lambda: next(times, 50_000)))


def test_listing_of_units_ends_before_the_round_does(organizations):
    """A function that times out would plan nothing, round after round."""
    tree(organizations, ou_abcd_11111111=([ONE], [INNER]))
    times = iter([80_000] * 2)
    with pytest.raises(OutOfTimeError, match="listing accounts"):
        accounts_of(organizations, (UNIT,), (), Deadline(lambda: next(times, 50_000)))


def test_each_selection_of_accounts_has_its_own_name():
    selections = [((), ()), (("ou-1",), ()), ((), ("ou-1",)), (("ou-1", "ou-2"), ()), (("ou-1",), ("ou-2",))]
    assert selection_name((), ()) == ALL_ACCOUNTS
    assert len({selection_name(*each) for each in selections}) == len(selections)
