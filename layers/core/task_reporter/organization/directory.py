"""The accounts of the organization, as AWS Organizations lists them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

from task_reporter.aws.request_limits import LIST_ACCOUNTS
from task_reporter.errors import MalformedAnswerError
from task_reporter.history.rows import ACCOUNT
from task_reporter.organization.members import ACTIVE, Account
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline

ALL_ACCOUNTS = "all"
"""The selection without units and excluded accounts."""


def list_accounts(
    client: Any, units: Sequence[str] = (), excluded: Iterable[str] = (), deadline: Deadline = NO_DEADLINE
) -> list[Account]:
    """Return the accounts of the organization, or those below ``units``, without the ``excluded`` ones.

    The requests run one after the other, because Organizations allows few. Raises MalformedAnswerError where a page
    has no list, or all pages have no account, because then accounts would count as ones that have left, OutOfTimeError,
    and botocore's errors.
    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
    """
    pages = _below(client, units, deadline) if units else _pages(client.get_paginator("list_accounts"), deadline)
    accounts = {str(item.get("Id")): _account(item) for page in pages for item in _items(page, "Accounts")}
    found = [account for account in accounts.values() if ACCOUNT.fullmatch(account.id)]
    if not found:
        raise MalformedAnswerError("ListAccounts", "it lists no account")
    left_out = set(excluded)
    return [account for account in found if account.id not in left_out]


def _items(page: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    if not isinstance(items := page.get(name), list):
        raise MalformedAnswerError("ListAccounts", f"a page does not hold the {name}")
    return items


def _account(item: Mapping[str, Any]) -> Account:
    # Status is being retired: https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
    status = item.get("State") or item.get("Status") or ACTIVE
    return Account(str(item.get("Id")), str(item.get("Name", "")), str(status))


def _pages(paginator: Any, deadline: Deadline, **request: str) -> Iterator[Mapping[str, Any]]:
    """Yield the pages of a list."""
    deadline.check("listing accounts", LIST_ACCOUNTS.max_seconds)
    for page in paginator.paginate(**request):
        yield page
        if page.get("NextToken"):
            deadline.check("listing accounts", LIST_ACCOUNTS.max_seconds)


def _below(client: Any, units: Sequence[str], deadline: Deadline) -> Iterator[Mapping[str, Any]]:
    """Yield the pages of accounts in ``units`` and all units below them."""
    waiting, seen = list(units), set[str]()
    while waiting:
        unit = waiting.pop()
        if unit in seen:
            continue
        seen.add(unit)
        yield from _pages(client.get_paginator("list_accounts_for_parent"), deadline, ParentId=unit)
        for page in _pages(client.get_paginator("list_organizational_units_for_parent"), deadline, ParentId=unit):
            waiting += [str(child["Id"]) for child in _items(page, "OrganizationalUnits")]


def selection_name(units: Sequence[str], excluded: Iterable[str]) -> str:
    """Return a short name of the parameters that select accounts."""
    selected = f"{' '.join(units)}/{' '.join(excluded)}"
    return ALL_ACCOUNTS if selected == "/" else f"{crc32(selected.encode()):08x}"
