"""The role of member accounts: who may assume it, and its permissions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from local.environments import ROOT
from task_reporter.kinds.table import KINDS
from tests.support.cloudformation import ACCOUNT, REGIONS, MemberStack
from tests.support.documents import commands
from tests.support.policies import Request, Statement, allowed, as_list
from tests.support.template import member_template, template

HUB, OTHER = "999988887777", "555566667777"
GIVEN = {"HubAccountId": HUB, "OrganizationId": "o-a1b2c3d4e5", "ExternalId": "hub-of/acme:1"}
PARAMETERS: dict[str, dict[str, Any]] = member_template()["Parameters"]


@pytest.fixture(params=list(REGIONS))
def stack(request: pytest.FixtureRequest) -> MemberStack:
    return MemberStack(request.param, **GIVEN)


def role(stack: MemberStack) -> dict[str, Any]:
    return stack.properties("MemberRole")


def test_role_is_the_only_resource() -> None:
    """A StackSet brings it to every account, and none may fail for another reason."""
    assert {name: one["Type"] for name, one in member_template()["Resources"].items()} == {
        "MemberRole": "AWS::IAM::Role"
    }
    assert "Transform" not in member_template()


# Trust


def assumes(stack: MemberStack, principal: str, action: str = "sts:AssumeRole", **context: str | None) -> bool:
    """Tell whether ``principal`` may assume the role.

    A key of ``context`` that is None is missing.
    """
    usual = {"PrincipalArn": principal, "PrincipalOrgID": GIVEN["OrganizationId"], "ExternalId": GIVEN["ExternalId"]}
    keys = {f"{'sts' if name == 'ExternalId' else 'aws'}:{name}": value for name, value in (usual | context).items()}
    known = {key: value for key, value in keys.items() if value is not None}
    trust = [{**one, "Resource": "*"} for one in role(stack)["AssumeRolePolicyDocument"]["Statement"]]
    return allowed(trust, Request(action, stack.arn("MemberRole"), known, principal))


def hub_role(stack: MemberStack, path: str = "ec2-task-reporter/hub-RecorderRole-1A2B", account: str = HUB) -> str:
    return f"arn:{stack.partition}:iam::{account}:role/{path}"


def test_role_is_assumed_by_the_roles_of_the_hub(stack: MemberStack) -> None:
    for name in ("hub-RecorderRole-1A2B", "made-anew"):
        assert assumes(stack, hub_role(stack, f"ec2-task-reporter/{name}"))


OUTSIDERS = {
    "another role": ("admin", HUB),
    "a role that only begins like the path": ("ec2-task-reporter-admin", HUB),
    "a role whose own name is the path": ("ec2-task-reporter", HUB),
    "a role on a longer path": ("teams/ec2-task-reporter/admin", HUB),
    "the same path in another account": ("ec2-task-reporter/hub-RecorderRole-1A2B", OTHER),
    "the same path in the member itself": ("ec2-task-reporter/hub-RecorderRole-1A2B", ACCOUNT),
}


@pytest.mark.parametrize(("path", "account"), OUTSIDERS.values(), ids=OUTSIDERS)
def test_role_is_assumed_by_no_other_role(path: str, account: str, stack: MemberStack) -> None:
    assert not assumes(stack, hub_role(stack, path, account))


@pytest.mark.parametrize("kind", ["user/ec2-task-reporter/someone", "root"])
def test_role_is_assumed_by_no_user_of_the_hub(kind: str, stack: MemberStack) -> None:
    assert not assumes(stack, f"arn:{stack.partition}:iam::{HUB}:{kind}")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PrincipalOrgID", "o-z9y8x7w6v5"),
        ("PrincipalOrgID", None),  # the hub's account has left its organization
        ("ExternalId", "hub-of/another:1"),
        ("ExternalId", ""),
        ("ExternalId", None),
    ],
)
def test_wrong_organization_or_external_id_is_refused(key: str, value: str | None, stack: MemberStack) -> None:
    assert not assumes(stack, hub_role(stack), **{key: value})


def test_hub_of_another_partition_is_refused() -> None:
    """Organizations do not span partitions."""
    principal = f"arn:aws-cn:iam::{HUB}:role/ec2-task-reporter/hub"
    assert not assumes(MemberStack(**GIVEN), principal)


@pytest.mark.parametrize("action", ["sts:TagSession", "sts:SetSourceIdentity", "sts:AssumeRoleWithWebIdentity"])
def test_session_is_only_assumed(action: str, stack: MemberStack) -> None:
    assert not assumes(stack, hub_role(stack), action)


@pytest.mark.parametrize("condition", [{"StringLike": {"aws:PrincipalOrgID": "*"}}, {"ArnNotLike": {"a:b": "c"}}])
@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:TagSession"])
def test_model_refuses_an_operator_that_it_does_not_know(condition: dict[str, Any], action: str) -> None:
    known = {"StringEquals": {"sts:ExternalId": "another"}}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*", "Condition": known | condition}
    with pytest.raises(ValueError, match="not modelled"):
        allowed([statement], Request(action, "any"))


@pytest.mark.parametrize("arn", ["arn:aws:iam::1:role/x/r", "arn:aws:iam::1:y:role/x/r", "arn:aws:iam:1:role/x/r"])
def test_model_compares_the_parts_of_an_arn(arn: str) -> None:
    """A ``*`` matches no colon, except in the last part."""
    like = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x/*"}}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*", "Condition": like}
    request = Request("sts:AssumeRole", "any", {"aws:PrincipalArn": arn})
    assert allowed([statement], request) is (arn == "arn:aws:iam::1:role/x/r")


# Permissions


def statements(stack: MemberStack) -> list[Statement]:
    return [one for policy in role(stack)["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def test_role_may_list_tasks_and_regions_and_nothing_else(stack: MemberStack) -> None:
    actions = [action for one in statements(stack) for action in as_list(one["Action"])]
    assert sorted(actions) == sorted(["ec2:DescribeRegions", *(f"ec2:{kind.operation}" for kind in KINDS.values())])
    assert all(allowed(statements(stack), Request(action, "*")) for action in actions)
    assert role(stack).keys().isdisjoint({"ManagedPolicyArns"})


def test_role_lists_what_the_recorder_lists(stack: MemberStack) -> None:
    [policy] = template()["Resources"]["RecorderRole"]["Properties"]["Policies"]
    [lists] = [one for one in policy["PolicyDocument"]["Statement"] if one.get("Sid") == "ListTasks"]
    [ours] = [one for one in statements(stack) if one["Sid"] == "ListTasks"]
    assert ours == lists


def test_role_lasts_as_long_as_a_chained_session_may(stack: MemberStack) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining"""
    assert role(stack)["MaxSessionDuration"] == 3600


@pytest.mark.parametrize("given", [{}, {"MemberRoleName": "reader"}])
def test_role_has_the_name_that_the_hub_knows(given: dict[str, str]) -> None:
    expected = given.get("MemberRoleName", "ec2-task-reporter-member")
    assert role(MemberStack(**GIVEN, **given))["RoleName"] == expected
    assert "Path" not in role(MemberStack(**GIVEN, **given))


BOUNDARIES = {
    "": None,
    f"arn:aws:iam::{ACCOUNT}:policy/limits": f"arn:aws:iam::{ACCOUNT}:policy/limits",
    "arn:aws:iam::aws:policy/ReadOnlyAccess": "arn:aws:iam::aws:policy/ReadOnlyAccess",
    "arn:aws:iam::*:policy/teams/limits": f"arn:aws:iam::{ACCOUNT}:policy/teams/limits",
}


@pytest.mark.parametrize(("given", "boundary"), BOUNDARIES.items())
def test_boundary_may_be_one_of_each_account(given: str, boundary: str | None) -> None:
    stack = MemberStack(**GIVEN, PermissionsBoundaryArn=given)
    assert role(stack).get("PermissionsBoundary") == boundary


def test_output_is_the_role(stack: MemberStack) -> None:
    assert {name: stack.output(name) for name in member_template()["Outputs"]} == {
        "MemberRoleArn": stack.arn("MemberRole")
    }


# Parameters

VALUES: dict[str, tuple[list[str], list[str]]] = {
    "HubAccountId": ([HUB], ["", "12345678901", "1234567890123", f"arn:aws:iam::{HUB}:root"]),
    "OrganizationId": (
        ["o-a1b2c3d4e5", f"o-{'a' * 32}"],
        ["", "o-short", f"o-{'a' * 33}", "O-A1B2C3D4E5", "r-ab12", "*"],
    ),
    "ExternalId": (["ab", GIVEN["ExternalId"], "a" * 1224], ["", "a", "a b", "a" * 1225, "*?", "ä-ä"]),
    "MemberRoleName": (
        ["ec2-task-reporter-member", "a", "A_b+c=d,e.f@g-1", "a" * 64],
        ["", "a" * 65, "path/name", "a b", "*"],
    ),
    "PermissionsBoundaryArn": (
        list(BOUNDARIES),
        ["limits", "arn:aws:iam::*:role/limits", "arn:aws:iam::*:policy/*", "arn:aws:iam::**:policy/a"],
    ),
}


def accepts(name: str, value: str) -> bool:
    return bool(re.fullmatch(PARAMETERS[name]["AllowedPattern"], value))


def test_parameters_have_good_and_bad_values() -> None:
    assert VALUES.keys() == PARAMETERS.keys()


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_accepts_good_values_and_no_bad_ones(name: str) -> None:
    good, bad = VALUES[name]
    assert [value for value in good if not accepts(name, value)] == []
    assert [value for value in bad if accepts(name, value)] == []


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_explains_itself(name: str) -> None:
    assert len(PARAMETERS[name]["Description"]) > 20
    assert PARAMETERS[name]["ConstraintDescription"].startswith("must be ")


def test_console_shows_every_parameter_once_with_a_label() -> None:
    shown = member_template()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in shown["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(PARAMETERS) == sorted(shown["ParameterLabels"])


# docs/organization.md and docs/enrolment.md

ORGANIZATION, ENROLMENT = ROOT / "docs" / "organization.md", ROOT / "docs" / "enrolment.md"


def section(document: Path, heading: str) -> str:
    """Return the part of ``document`` under ``heading``, up to the next heading."""
    _, _, below = document.read_text(encoding="utf-8").partition(f"# {heading}\n")
    assert below, heading
    return re.split(r"^#", below, maxsplit=1, flags=re.MULTILINE)[0]


def test_documented_parameters_are_those_of_the_template() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (?:`(.*?)`|none|empty) \|", section(ENROLMENT, "Parameters of member.yaml"), re.MULTILINE
    )
    assert dict(rows) == {name: parameter.get("Default", "") for name, parameter in PARAMETERS.items()}


def test_documented_actions_are_those_of_the_role() -> None:
    named = re.findall(r"`(ec2:\w+)`", section(ORGANIZATION, "What the roles may do and why"))
    assert sorted(named) == sorted(
        action for one in statements(MemberStack(**GIVEN)) for action in as_list(one["Action"])
    )


def test_documented_conditions_are_those_of_the_trust() -> None:
    [trust] = role(MemberStack(**GIVEN))["AssumeRolePolicyDocument"]["Statement"]
    keys = [key for values in trust["Condition"].values() for key in values]
    assert (
        re.findall(r"^\| `((?:aws|sts):\w+)` \|", section(ORGANIZATION, "What the roles may do and why"), re.MULTILINE)
        == keys
    )
    assert "role/ec2-task-reporter/*`" in section(ORGANIZATION, "What the roles may do and why")


def test_documented_deployment_gives_every_needed_parameter() -> None:
    [words] = [words for words in commands(ENROLMENT) if words[2] == "deploy"]
    given = dict(word.split("=", 1) for word in words[words.index("--parameter-overrides") + 1 :])
    assert given.keys() >= {name for name, parameter in PARAMETERS.items() if "Default" not in parameter}
    assert [name for name, value in given.items() if not accepts(name, value)] == []
