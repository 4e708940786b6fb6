"""Corrections of ministack's AWS Organizations.

- ministack ignores page sizes, and Organizations lists at most 20 accounts or units at once.
- ministack knows no ``State`` of an account, which replaces ``Status``.
- ministack has neither CreateOrganization nor RemoveAccountFromOrganization.
"""

import json
from collections.abc import Callable
from typing import Any

from ministack.services import organizations

Payload = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

PAGE_SIZE = 20
"""https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html"""
PAGED = {
    "ListAccounts": "Accounts",
    "ListAccountsForParent": "Accounts",
    "ListOrganizationalUnitsForParent": "OrganizationalUnits",
}
"""Operation → the list in its result."""


def correct_organizations() -> None:
    """Replace the functions, and add the two operations."""
    public_account = organizations._public_account
    organizations._public_account = lambda account: public_account(account) | {"State": account["Status"]}
    operations = organizations._DISPATCH
    operations |= {name: paged(operations[name], member) for name, member in PAGED.items()}
    operations["CreateOrganization"] = create_organization
    operations["RemoveAccountFromOrganization"] = remove_account


def paged(operation: Callable[[Payload], Response], member: str) -> Callable[[Payload], Response]:
    """Return the operation with pages."""

    def page(payload: Payload) -> Response:
        size, token = payload.get("MaxResults", PAGE_SIZE), payload.get("NextToken", "0")
        if not (1 <= size <= PAGE_SIZE and token.isdecimal()):
            return refuse("InvalidInputException", "MaxResults or NextToken is not valid.")
        status, headers, body = operation(payload)
        result = json.loads(body)
        first, items = int(token), result.get(member, [])
        result[member] = items[first : first + size]
        if first + size < len(items):
            result["NextToken"] = str(first + size)
        return status, headers, json.dumps(result).encode()

    return page


def create_organization(_payload: Payload) -> Response:
    """https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateOrganization.html"""
    if "self" in organizations._orgs:
        return refuse("AlreadyInOrganizationException", "The AWS account is already a member of an organization.")
    response: Response = organizations._describe_organization({})
    return response


def remove_account(payload: Payload) -> Response:
    """https://docs.aws.amazon.com/organizations/latest/APIReference/API_RemoveAccountFromOrganization.html"""
    account = payload.get("AccountId", "")
    if account not in organizations._accounts:
        return refuse("AccountNotFoundException", f"You specified an account that doesn't exist: {account}")
    if account == organizations.get_account_id():
        return refuse("MasterCannotLeaveOrganizationException", "The management account cannot leave.")
    del organizations._accounts[account]
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, b"{}"


def refuse(code: str, message: str) -> Response:
    """Return an error."""
    response: Response = organizations.error_response_json(code, message, 400)
    return response
