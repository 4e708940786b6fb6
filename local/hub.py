"""The hub that watches an organization, as its stack and AWS Organizations describe it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.stacks import DeploymentError
from local.template import MEMBER_TEMPLATE, load_template
from task_reporter_cli.history.stack import find_stack

SHARED_PARAMETERS = ("OrganizationId", "ExternalId", "MemberRoleName")
"""Parameters that the hub's stack and the stacks of member accounts have in common."""
UNIT = re.compile(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32}")
"""Ids of organizational units and roots.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeploymentTargets.html
"""


@dataclass(frozen=True)
class Hub:
    """The stack that watches an organization.

    stack       its name
    region      its region
    account     the id of its account
    parameters  values of `SHARED_PARAMETERS`
    units       ids of the organizational units that it watches; none: the whole organization
    """

    stack: str
    region: str
    account: str
    parameters: Mapping[str, str]
    units: tuple[str, ...]

    @property
    def member_parameters(self) -> dict[str, str]:
        """Parameters of the stack of a member account."""
        return {"HubAccountId": self.account, **self.parameters}


@dataclass(frozen=True)
class Organization:
    """An organization as seen from the hub's account.

    management_account  the id of its management account
    call_as             in which role the hub's account uses StackSets
    """

    management_account: str
    call_as: str


def read_hub(cloudformation: Any, sts: Any, name: str) -> Hub:
    """Read the parameters of the hub's stack.

    Raises DeploymentError if the stack ``name`` is no hub, or if a value cannot be used.
    """
    region = cloudformation.meta.region_name
    stack = find_stack(cloudformation, name)
    if stack is None:
        raise DeploymentError(
            f"no stack {name!r} in {region}; deploy the hub first, or name it: make member STACK=name"
        )
    values = {
        parameter["ParameterKey"]: parameter.get("ParameterValue", "") for parameter in stack.get("Parameters", [])
    }
    if not values.get("OrganizationId"):
        raise DeploymentError(
            f"the stack {name} watches one account, because it has no OrganizationId; make it a hub first:"
            f" make deploy STACK={name} PARAMETERS='OrganizationId=o-… ExternalId=…'"
        )
    for parameter in SHARED_PARAMETERS:
        remedy = f"set it with make deploy STACK={name} PARAMETERS='{parameter}=…'"
        require_valid(parameter, values.get(parameter, ""), f"of the stack {name}", remedy)
    units = tuple(filter(None, (unit.strip() for unit in values.get("OrganizationalUnits", "").split(","))))
    for unit in units:
        if not UNIT.fullmatch(unit):
            raise DeploymentError(
                f"OrganizationalUnits of the stack {name} contains {unit!r}, which is not the id of an organizational"
                f" unit (ou-…) or of a root (r-…); set it with make deploy STACK={name}"
                " PARAMETERS='OrganizationalUnits=ou-…,ou-…'"
            )
    account = sts.get_caller_identity()["Account"]
    return Hub(name, region, account, {parameter: values[parameter] for parameter in SHARED_PARAMETERS}, units)


def read_organization(organizations: Any, hub: Hub) -> Organization:
    """Read the organization of the hub's account.

    Raises DeploymentError if it is not the one that the hub watches.
    """
    organization = organizations.describe_organization()["Organization"]
    expected = hub.parameters["OrganizationId"]
    if organization["Id"] != expected:
        raise DeploymentError(
            f"the stack {hub.stack} has OrganizationId {expected}, but the account {hub.account} belongs to"
            f" {organization['Id']}; set it with make deploy STACK={hub.stack}"
            f" PARAMETERS='OrganizationId={organization['Id']}'"
        )
    management = organization["MasterAccountId"]
    return Organization(management, "SELF" if management == hub.account else "DELEGATED_ADMIN")


def list_targets(organizations: Any, hub: Hub) -> list[str]:
    """Return the ids of the hub's organizational units, or those of all roots."""
    if hub.units:
        return list(hub.units)
    pages = organizations.get_paginator("list_roots").paginate()
    return [root["Id"] for page in pages for root in page["Roots"]]


def require_valid(name: str, value: str, where: str, remedy: str) -> None:
    """Raise DeploymentError if member.yaml does not accept ``value`` as its parameter ``name``."""
    parameter = load_template(MEMBER_TEMPLATE)["Parameters"][name]
    if not re.fullmatch(parameter["AllowedPattern"], value):
        constraint = parameter["ConstraintDescription"].rstrip(".")
        raise DeploymentError(f"{name} {where} is {value!r}: it {constraint}; {remedy}")
