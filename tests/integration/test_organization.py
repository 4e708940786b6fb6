"""Tests of the local organization, and of the policies that the local AWS enforces."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.organization import (
    EXTERNAL_ID,
    HUB,
    MEMBER_ROLE,
    Organization,
    local_organization,
    session_credentials,
    trust_policy,
)

NAMES = [f"account-{number}" for number in range(22)]
SNAPSHOT = {"DiskContainer": {"UserBucket": {"S3Bucket": "exports", "S3Key": "wiki.vmdk"}}}
READER, STRANGER = ("reader", "/ec2-task-reporter/"), ("stranger", "/")
ROW = {"id": {"S": "1"}, "kind": {"S": "export"}}


@pytest.fixture(scope="module")
def organization(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organization]:
    with local_organization(tmp_path_factory.mktemp("organization"), NAMES, seed=1) as organization:
        allowed = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": f"arn:aws:iam::*:role/{MEMBER_ROLE}",
            "Condition": {"StringEquals": {"aws:ResourceOrgID": organization.organization_id}},
        }
        for name, path in (READER, STRANGER):
            add_role(organization, name, path, allowed)
        yield organization


def add_role(organization: Organization, name: str, path: str, *statements: dict[str, Any]) -> None:
    """Add a role of the hub."""
    iam = organization.cloud.client("iam")
    iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trust_policy())
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=policy)


def as_role(organization: Organization, role: tuple[str, str], service: str) -> Any:
    """Return a client of the hub with the credentials of one of its roles."""
    name, path = role
    arn = f"arn:aws:iam::{HUB}:role{path}{name}"
    session = organization.cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="session")
    return organization.cloud.client(service, credentials=session_credentials(session))


def assume_member(
    organization: Organization, name: str, role: tuple[str, str] = READER, external_id: str = EXTERNAL_ID
) -> dict[str, str]:
    """Return credentials of an account's member role, assumed as a role of the hub."""
    arn = f"arn:aws:iam::{organization.accounts[name]}:role/{MEMBER_ROLE}"
    sts = as_role(organization, role, "sts")
    return session_credentials(sts.assume_role(RoleArn=arn, RoleSessionName="session", ExternalId=external_id))


def listed_accounts(organization: Organization) -> dict[str, str]:
    """Return the ids and states of all accounts."""
    pages = organization.cloud.client("organizations").get_paginator("list_accounts").paginate()
    return {account["Id"]: account["State"] for page in pages for account in page["Accounts"]}


def test_members_are_read_with_the_credentials_of_their_role(organization: Organization) -> None:
    started = organization.client("account-1", "ec2", "us-east-1").import_snapshot(**SNAPSHOT)["ImportTaskId"]
    found = {}
    for name in ("account-1", "account-2"):
        ec2 = organization.cloud.client("ec2", "us-east-1", assume_member(organization, name))
        assert len(ec2.describe_regions()["Regions"]) == 17
        found[name] = [task["ImportTaskId"] for task in ec2.describe_import_snapshot_tasks()["ImportSnapshotTasks"]]
    assert found == {"account-1": [started], "account-2": []}
    assert organization.ec2.calls[organization.accounts["account-2"], "us-east-1", "DescribeRegions"] == 1


def test_an_account_plays_a_denial(organization: Organization) -> None:
    ec2 = organization.cloud.client("ec2", "ap-south-1", assume_member(organization, "account-3"))
    with (
        organization.ec2.play("denied-by-scp", organization.accounts["account-3"], "ap-*"),
        pytest.raises(ClientError, match="explicit deny in a service control policy"),
    ):
        ec2.describe_export_tasks()
    assert ec2.describe_export_tasks()["ExportTasks"] == []


def test_a_member_trusts_only_roles_of_the_hubs_path(organization: Organization) -> None:
    for wrong in ({"role": STRANGER}, {"external_id": "another"}):
        with pytest.raises(ClientError, match="AccessDenied"):
            assume_member(organization, "account-1", **wrong)  # type: ignore[arg-type]


def test_a_member_role_is_removed_and_made_again(organization: Organization) -> None:
    organization.remove_member_role("account-4")
    with pytest.raises(ClientError, match="AccessDenied"):
        assume_member(organization, "account-4")
    organization.add_member_role("account-4")
    assert assume_member(organization, "account-4")


def test_the_hub_reads_no_account_that_left(organization: Organization) -> None:
    organization.leave("account-9")
    organization.add_member_role("account-9")
    with pytest.raises(ClientError, match="AccessDenied"):
        assume_member(organization, "account-9")


def test_accounts_are_listed_in_pages(organization: Organization) -> None:
    organizations = organization.cloud.client("organizations")
    first = organizations.list_accounts()
    assert len(first["Accounts"]) == 20
    rest = organizations.list_accounts(NextToken=first["NextToken"])
    assert len(rest["Accounts"]) <= 3
    assert "NextToken" not in rest
    assert len(organizations.list_accounts(MaxResults=3)["Accounts"]) == 3
    for wrong in ({"MaxResults": 21}, {"NextToken": "x"}):
        with pytest.raises(ClientError, match="InvalidInput"):
            organization.cloud.client("organizations").list_accounts(**wrong)


def test_units_hold_accounts(organization: Organization) -> None:
    outer = organization.add_unit("outer", "account-5")
    inner = organization.add_unit("inner", "account-6", parent=outer)
    organizations = organization.cloud.client("organizations")
    found = [organizations.list_accounts_for_parent(ParentId=unit)["Accounts"] for unit in (outer, inner)]
    assert [[account["Name"] for account in accounts] for accounts in found] == [["account-5"], ["account-6"]]
    [unit] = organizations.list_organizational_units_for_parent(ParentId=outer)["OrganizationalUnits"]
    assert unit["Id"] == inner


def test_closed_accounts_stay_listed_unlike_those_that_left(organization: Organization) -> None:
    organization.close("account-7")
    organization.leave("account-8")
    listed, ids = listed_accounts(organization), organization.accounts
    assert (listed[ids["account-7"]], listed[HUB]) == ("SUSPENDED", "ACTIVE")
    assert ids["account-8"] not in listed
    for name in ("account-7", "account-8"):
        with pytest.raises(ClientError, match="AccessDenied"):
            assume_member(organization, name)


def test_an_organization_is_made_once_and_keeps_its_hub(organization: Organization) -> None:
    organizations = organization.cloud.client("organizations")
    with pytest.raises(organizations.exceptions.AlreadyInOrganizationException):
        organizations.create_organization()
    with pytest.raises(organizations.exceptions.MasterCannotLeaveOrganizationException):
        organizations.remove_account_from_organization(AccountId=HUB)
    with pytest.raises(organizations.exceptions.AccountNotFoundException):
        organizations.remove_account_from_organization(AccountId="999999999999")


WRITER = ("writer", "/")
OWN_ROWS = {
    "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["1", "export"]},
    "Null": {"dynamodb:LeadingKeys": "false"},
}
OWN_EVENTS = {"ForAllValues:StringEquals": {"events:source": "mine"}, "Null": {"events:source": "false"}}
KEYS: dict[str, tuple[str, dict[str, Any]]] = {
    "a put": ("put_item", {"TableName": "rows", "Item": ROW}),
    "a get": ("get_item", {"TableName": "rows", "Key": {"id": {"S": "1"}}}),
    "a batch of gets": ("batch_get_item", {"RequestItems": {"rows": {"Keys": [{"id": {"S": "1"}}]}}}),
    "a batch of puts": ("batch_write_item", {"RequestItems": {"rows": [{"PutRequest": {"Item": ROW}}]}}),
    "a transaction": ("transact_write_items", {"TransactItems": [{"Put": {"TableName": "rows", "Item": ROW}}]}),
    "a query": ("query", {
        "TableName": "rows", "KeyConditionExpression": "#i = :i",
        "ExpressionAttributeNames": {"#i": "id"}, "ExpressionAttributeValues": {":i": {"S": "1"}},
    }),
    "a query of an index": ("query", {
        "TableName": "rows", "IndexName": "by-kind", "KeyConditionExpression": "kind = :i",
        "ExpressionAttributeValues": {":i": {"S": "export"}},
    }),
}  # fmt: skip
"""Requests for rows that the writer may use; with other keys they are denied."""


@pytest.fixture(scope="module")
def writer(organization: Organization) -> Organization:
    """Return the organization with a role for some rows and some events."""
    rows = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": OWN_ROWS}
    events = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*", "Condition": OWN_EVENTS}
    add_role(organization, *WRITER, rows, events)
    organization.cloud.client("dynamodb").create_table(
        TableName="rows",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ROW],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-kind",
                "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return organization


@pytest.mark.parametrize("name", KEYS)
def test_a_policy_limits_a_role_to_rows(writer: Organization, name: str) -> None:
    method, request = KEYS[name]
    call = getattr(as_role(writer, WRITER, "dynamodb"), method)
    call(**request)
    other = json.loads(json.dumps(request).replace('"1"', '"2"').replace('"export"', '"import"'))
    with pytest.raises(ClientError, match="AccessDenied"):
        call(**other)


def test_a_policy_that_names_rows_denies_a_scan(writer: Organization) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        as_role(writer, WRITER, "dynamodb").scan(TableName="rows")


def test_a_policy_limits_a_role_to_sources_of_events(writer: Organization) -> None:
    events = as_role(writer, WRITER, "events")
    entry = {"DetailType": "type", "Detail": "{}"}
    assert events.put_events(Entries=[{**entry, "Source": "mine"}])["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="AccessDenied"):
        events.put_events(Entries=[{**entry, "Source": "mine"}, {**entry, "Source": "other"}])
