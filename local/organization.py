"""An AWS organization on this machine, with accounts, units and member roles.

    with local_organization(folder, ["alpha", "beta"], speed=200) as organization:
        organization.client("alpha", "ec2").import_snapshot(...)
        with organization.ec2.play("denied-by-scp", organization.accounts["beta"], region="ap-*"):
            ...

The management account is the hub. Policies are enforced, but not service control policies: the local EC2 plays those.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.cloud import CREDENTIALS, REGION, Cloud, local_cloud
from local.ec2 import Ec2Server, StsAccounts
from local.ec2.account import ACCOUNT_ID
from local.processes import find_free_port
from local.template import MEMBER_TEMPLATE

HUB = ACCOUNT_ID
"""Id of the management account, in which the hub's stack is deployed."""
MEMBER_ROLE, EXTERNAL_ID = "ec2-task-reporter-member", "an-external-id"
MEMBER_STACK = MEMBER_ROLE
"""The stack of member.yaml in each account."""
ADMIN_ROLE = "OrganizationAccountAccessRole"
"""https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html"""
ADMIN_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
AT_ONCE = {"Delay": 1}
"""Seconds between two looks at a stack, which is usually complete at the first."""


@dataclass(frozen=True, slots=True)
class Organization:
    """A running organization."""

    cloud: Cloud
    """The local AWS of all accounts."""
    ec2: Ec2Server
    """The local EC2 of all accounts and regions."""
    organization_id: str
    root: str
    """Id of the root, the parent of all accounts without a unit."""
    accounts: dict[str, str] = field(default_factory=dict)
    """Name → id of each account but the hub."""

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of a hub's stack that belong to this organization."""
        return {
            "OrganizationId": self.organization_id,
            "MemberRoleName": MEMBER_ROLE,
            "ExternalId": EXTERNAL_ID,
        }

    def add_account(self, name: str) -> str:
        """Create an account with a member role, and return its id."""
        organizations = self.cloud.client("organizations")
        created = organizations.create_account(AccountName=name, Email=f"{name}@example.com")
        account = self.accounts[name] = str(created["CreateAccountStatus"]["AccountId"])
        iam = self._root_client(account, "iam")
        iam.create_role(RoleName=ADMIN_ROLE, AssumeRolePolicyDocument=trust_policy())
        iam.attach_role_policy(RoleName=ADMIN_ROLE, PolicyArn=ADMIN_POLICY)
        self.add_member_role(name)
        return account

    def add_unit(self, name: str, *accounts: str, parent: str = "") -> str:
        """Create an organizational unit, move accounts into it, and return its id."""
        organizations = self.cloud.client("organizations")
        created = organizations.create_organizational_unit(ParentId=parent or self.root, Name=name)
        unit = str(created["OrganizationalUnit"]["Id"])
        for account in accounts:
            self.move(account, unit)
        return unit

    def move(self, name: str, parent: str) -> None:
        """Move an account to a unit or to the root, by its id."""
        organizations, account = self.cloud.client("organizations"), self.accounts[name]
        [source] = organizations.list_parents(ChildId=account)["Parents"]
        organizations.move_account(AccountId=account, SourceParentId=source["Id"], DestinationParentId=parent)

    def add_member_role(self, name: str, **parameters: str) -> None:
        """Deploy member.yaml in an account; ``parameters`` replace those of this organization."""
        values = {
            "HubAccountId": HUB,
            "OrganizationId": self.organization_id,
            "ExternalId": EXTERNAL_ID,
            "MemberRoleName": MEMBER_ROLE,
        } | parameters
        stacks = self._root_client(self.accounts[name], "cloudformation")
        stacks.create_stack(
            StackName=MEMBER_STACK,
            TemplateBody=MEMBER_TEMPLATE.read_text(encoding="utf-8"),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        stacks.get_waiter("stack_create_complete").wait(StackName=MEMBER_STACK, WaiterConfig=AT_ONCE)

    def remove_member_role(self, name: str) -> None:
        """Delete the stack of member.yaml in an account."""
        stacks = self._root_client(self.accounts[name], "cloudformation")
        stacks.delete_stack(StackName=MEMBER_STACK)
        stacks.get_waiter("stack_delete_complete").wait(StackName=MEMBER_STACK, WaiterConfig=AT_ONCE)

    def close(self, name: str) -> None:
        """Close an account.

        Its member role is deleted, because nobody can assume a role of a closed account.
        """
        self.remove_member_role(name)
        self.cloud.client("organizations").close_account(AccountId=self.accounts[name])

    def leave(self, name: str) -> None:
        """Remove an account from the organization.

        Its member role is deleted, as a service-managed StackSet does.
        """
        self.remove_member_role(name)
        self.cloud.client("organizations").remove_account_from_organization(AccountId=self.accounts[name])

    def client(self, name: str, service: str, region: str = REGION) -> Any:
        """Make a client with the administrator's role of an account."""
        role = f"arn:aws:iam::{self.accounts[name]}:role/{ADMIN_ROLE}"
        session = self.cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="administrator")
        return self.cloud.client(service, region, session_credentials(session))

    def _root_client(self, account: str, service: str) -> Any:
        # For the local AWS, a key of twelve digits is the root of that account.
        return self.cloud.client(service, credentials={**CREDENTIALS, "aws_access_key_id": account})


@contextmanager
def local_organization(
    folder: Path, accounts: Iterable[str], port: int | None = None, **ec2_options: Any
) -> Iterator[Organization]:
    """Run an organization with the named accounts during the context.

    ``ec2_options`` are arguments of `Ec2Server`. Raises StepError if the local AWS does not start.
    """
    port = port or find_free_port()
    with (
        Ec2Server(account_of=StsAccounts(f"http://127.0.0.1:{port}"), **ec2_options) as ec2,
        local_cloud(folder, ec2.url, port, checks_access=True) as cloud,
    ):
        organizations = cloud.client("organizations")
        created = organizations.create_organization(FeatureSet="ALL")["Organization"]
        [root] = organizations.list_roots()["Roots"]
        organization = Organization(cloud, ec2, created["Id"], root["Id"])
        for name in accounts:
            organization.add_account(name)
        yield organization


def trust_policy() -> str:
    """Return a policy with which the hub's account may assume a role."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{HUB}:root"}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def session_credentials(session: Mapping[str, Any]) -> dict[str, str]:
    """Return the arguments of a client for an answer of AssumeRole."""
    credentials = session["Credentials"]
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
