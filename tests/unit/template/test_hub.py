"""The stack of a hub, and one without a hub, which is as before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from task_reporter.organization.members import Member
from task_reporter.organization.planning import DEFAULT_ROUND, plan
from task_reporter_cli.estimate.costs import ALARMS
from tests.support.cloudformation import ACCOUNT, NAME, REGIONS, Stack
from tests.support.policies import Request, allowed
from tests.support.template import event_properties, member_template, properties, template
from tests.unit.cases import cases

PARAMETERS: dict[str, dict[str, Any]] = template()["Parameters"]
HUB = {"OrganizationId": "o-a1b2c3d4e5", "ExternalId": "hub-of/acme:1"}
OF_A_HUB = {
    "AssignmentMapping", "AssignmentQueue", "AssignmentQueuePolicy", "NewlyDeniedScopesAlarm", "OverdueScopesAlarm",
    "PlannerErrorsAlarm", "PlannerFunction", "PlannerLogs", "PlannerRole",
}  # fmt: skip
"""Resources that only a hub has."""
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


# Without an organization

SCOPE = f"{ACCOUNT}/eu-west-1"
ROWS = {"dynamodb:LeadingKeys": [SCOPE, "roster"]}
DEAD_LETTERS = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{NAME}-DeadLetterQueue"
MISSING = "missing"
CHANGES: dict[str, tuple[Any, Any]] = {
    "NotifierFunction.Properties.Environment.Variables.SCOPE": (SCOPE, MISSING),
    "NotifierFunction.Properties.Environment.Variables.SCOPES": (MISSING, SCOPE),
    "RecorderFunction.Properties.Environment.Variables.REGIONS": (MISSING, ""),
    "RecorderFunction.Properties.Environment.Variables.MEMBER_ROLE": (MISSING, ""),
    "RecorderFunction.Properties.Environment.Variables.EXTERNAL_ID": (MISSING, ""),
    "RecorderFunction.Properties.Environment.Variables.QUIET_MINUTES": (MISSING, "360"),
    "RecorderFunction.Properties.MemorySize": (MISSING, 256),  # as in the globals
    "RecorderFunction.Properties.Events.PollInGroup.Properties.State": (MISSING, "ENABLED"),  # the default
    **{
        f"{role}.Properties.Policies.0.PolicyDocument.Statement.{number}.Condition.ForAllValues:{operator}": change
        for role, number in (("RecorderRole", 1), ("RecorderRole", 3), ("NotifierRole", 2), ("NotifierRole", 3))
        for operator, change in (("StringEquals", (ROWS, MISSING)), ("StringLike", (MISSING, ROWS)))
    },
    # One value is the same as a list of it.
    "RecorderRole.Properties.Policies.0.PolicyDocument.Statement.8.Condition.StringEquals"
    ".kms:EncryptionContext:aws:sqs:arn": (DEAD_LETTERS, [DEAD_LETTERS]),
}
"""Path in the stack → its value before hubs and regions, and now."""


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            yield from differences(before.get(key, MISSING), after.get(key, MISSING), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{path}.{number}")
    elif before != after:
        yield path, (before, after)


def test_stack_without_a_hub_is_what_it_was() -> None:
    """The file holds the stack before the parameters Regions and OrganizationId.

    Another change of the stack belongs into the file, or, as long as stacks of that time are updated, into CHANGES.
    """
    assert dict(differences(cases("stack-without-a-hub"), Stack().resources())) == CHANGES


def test_only_a_hub_has_the_planner_and_its_queue() -> None:
    assert Stack(**HUB).resources().keys() - Stack().resources().keys() == OF_A_HUB
    assert Stack().resources().keys() - Stack(**HUB).resources().keys() == {"UnreadableListAlarm"}


def test_hub_has_the_alarms_of_the_estimate() -> None:
    alarms = [one for one in Stack(**HUB).resources().values() if one.get("Type") == "AWS::CloudWatch::Alarm"]
    assert len(alarms) == ALARMS


def test_outputs_of_the_hub_have_its_condition() -> None:
    conditions = {name: one.get("Condition") for name, one in template()["Outputs"].items()}
    assert {name for name, condition in conditions.items() if condition == "IsHub"} == {
        "PlannerFunctionName",
        "AssignmentQueueUrl",
    }


CHOICES: list[dict[str, str]] = [
    {**hub, **bus, **others}
    for hub, bus, others in product(
        [{}, HUB],
        [{}, {"EventBusName": ""}, {"ChatNotices": "true"}],
        [{}, {"NotificationEmail": "ops@example.com", "AlarmEmail": "oncall@example.com", "Regions": "all"}],
    )
]


@pytest.mark.parametrize("given", CHOICES, ids=lambda given: ",".join(given) or "defaults")
@pytest.mark.parametrize("partition", REGIONS)
def test_no_resource_refers_to_one_that_is_missing(given: dict[str, str], partition: str) -> None:
    assert Stack(partition, **given).resources()


def test_model_refuses_a_reference_to_nothing() -> None:
    class Dangling(Stack):
        template = staticmethod(
            lambda: {
                **template(),
                "Resources": {**template()["Resources"], "Other": {"Type": "x", "Properties": {"Ref": "PlannerLogs"}}},
            }
        )

    assert Dangling(**HUB).resources()
    with pytest.raises(ValueError, match="PlannerLogs"):
        Dangling().resources()


# Parameters


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        ({}, []),
        (HUB, []),
        ({"ExternalId": "unused"}, []),
        ({"OrganizationId": HUB["OrganizationId"]}, ["AHubNeedsAnExternalId"]),
        ({"ChatNotices": "true"}, []),
        ({"ChatNotices": "true", "EventBusName": ""}, ["ChatNeedsAnEventBus"]),
    ],
)
def test_parameters_that_need_others_are_refused(given: dict[str, str], broken: list[str]) -> None:
    assert Stack(**given).broken_rules() == broken


@pytest.mark.parametrize("name", ["OrganizationId", "ExternalId", "MemberRoleName"])
def test_hub_and_member_accept_the_same_values(name: str) -> None:
    """In the hub's template the first two may also be empty."""
    ours, theirs = PARAMETERS[name], member_template()["Parameters"][name]
    assert ours["AllowedPattern"].removeprefix("^$|") == theirs["AllowedPattern"]
    assert ours["Default"] == theirs.get("Default", "")


# The planner and the recorder


def test_rounds_take_the_place_of_polls() -> None:
    for hub in (Stack(), Stack(**HUB)):
        schedule = hub.properties("RecorderFunction")["Events"]["PollInGroup"]["Properties"]
        assert schedule["State"] == ("DISABLED" if hub.exists("PlannerFunction") else "ENABLED")
    rounds, polls = event_properties("PlannerFunction", "Round"), event_properties("RecorderFunction", "PollInGroup")
    apart = {"Description", "State"}
    assert "State" not in rounds, "enabled by default"
    assert {name: value for name, value in polls.items() if name not in apart} == {
        name: value for name, value in rounds.items() if name not in apart
    }


def test_failed_rounds_go_to_the_dead_letter_queue() -> None:
    planner, recorder = properties("PlannerFunction"), properties("RecorderFunction")
    assert planner["EventInvokeConfig"] == recorder["EventInvokeConfig"]


def test_each_account_of_the_hub_has_its_rows() -> None:
    hub = Stack(**HUB)
    assert hub.properties("NotifierFunction")["Environment"]["Variables"]["SCOPES"] == "*/*"
    assert hub.properties("RecorderFunction")["Environment"]["Variables"]["SCOPE"] == SCOPE
    assert hub.properties("PlannerFunction")["Environment"]["Variables"]["SCOPE"] == SCOPE


@pytest.mark.parametrize("given", [{}, {"MemberRoleName": "reader"}])
def test_recorder_knows_the_role_that_it_may_assume(given: dict[str, str]) -> None:
    hub = Stack(**HUB, **given)
    variables = hub.properties("RecorderFunction")["Environment"]["Variables"]
    role = given.get("MemberRoleName", PARAMETERS["MemberRoleName"]["Default"])
    assert (variables["MEMBER_ROLE"], variables["EXTERNAL_ID"]) == (role, HUB["ExternalId"])
    [policy] = hub.properties("RecorderRole")["Policies"]
    request = Request("sts:AssumeRole", f"arn:aws:iam::999999999999:role/{role}")
    assert allowed(policy["PolicyDocument"]["Statement"], request)


@pytest.mark.parametrize("regions", ["", "all", "eu-west-1,us-east-1"])
def test_recorder_finds_the_regions_of_its_own_account(regions: str) -> None:
    """The worker asks each account for them, and its own with its own role."""
    [policy] = Stack(**HUB, Regions=regions).properties("RecorderRole")["Policies"]
    assert allowed(policy["PolicyDocument"]["Statement"], Request("ec2:DescribeRegions", "*"))


# The queue of assignments


def test_assignment_is_not_worked_on_twice_at_once() -> None:
    """Lambda wants at least the function's timeout.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    assert properties("AssignmentQueue")["VisibilityTimeout"] >= properties("RecorderFunction")["Timeout"]


def test_second_try_is_left_to_the_next_round() -> None:
    """The assignment is too old then, and no account is polled twice at once."""
    [(assignment, _)] = plan([Member("111122223333", {"status": "ACTIVE"})], (), (), "eu-west-1", timedelta(), NOON)
    assert PARAMETERS["PollSchedule"]["Default"] == f"rate({DEFAULT_ROUND // timedelta(minutes=1)} minutes)"
    assert properties("AssignmentQueue")["VisibilityTimeout"] > assignment.until - NOON.timestamp()


def test_assignment_that_keeps_failing_is_a_dead_letter() -> None:
    """Lambda wants five tries, because an invocation that is throttled counts as one."""
    queue, kept = Stack(**HUB).properties("AssignmentQueue"), properties("DeadLetterQueue")["MessageRetentionPeriod"]
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": DEAD_LETTERS, "maxReceiveCount": 5}
    tries = queue["RedrivePolicy"]["maxReceiveCount"]
    assert (tries + 1) * queue["VisibilityTimeout"] < queue["MessageRetentionPeriod"] < kept


def test_recorder_takes_assignments_from_its_queue() -> None:
    """Ten are the most without a waiting time, and new accounts have ten executions.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    hub = Stack(**HUB)
    mapping = hub.properties("AssignmentMapping")
    assert mapping["EventSourceArn"] == hub.arn("AssignmentQueue")
    assert mapping["FunctionName"] == hub.ref("RecorderFunction")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] <= 10
    assert 2 <= mapping["ScalingConfig"]["MaximumConcurrency"] <= 5


USES = [
    ("RecorderRole", "ReceiveMessage", True),
    ("RecorderRole", "DeleteMessage", True),
    ("RecorderRole", "SendMessage", False),
    ("PlannerRole", "SendMessage", True),
    ("PlannerRole", "ReceiveMessage", False),
    ("NotifierRole", "SendMessage", False),
    ("ScheduleRole", "SendMessage", False),
]


@pytest.mark.parametrize(("role", "action", "expected"), USES)
def test_only_the_planner_sends_assignments(role: str, action: str, expected: bool) -> None:
    """Whoever sends them chooses the accounts that the recorder reads."""
    hub = Stack(**HUB)
    [policy] = hub.properties(role)["Policies"]
    request = Request(f"sqs:{action}", hub.arn("AssignmentQueue"))
    assert allowed(policy["PolicyDocument"]["Statement"], request) is expected


@pytest.mark.parametrize("action", ["SendMessage", "ReceiveMessage", "PurgeQueue"])
@pytest.mark.parametrize("partition", REGIONS)
def test_assignments_are_refused_in_the_clear(action: str, partition: str) -> None:
    hub = Stack(partition, **HUB)
    policy = hub.properties("AssignmentQueuePolicy")
    assert policy["Queues"] == [hub.ref("AssignmentQueue")]
    anything = [*policy["PolicyDocument"]["Statement"], {"Effect": "Allow", "Action": "*", "Resource": "*"}]
    for secure in ("true", "false"):
        context = {"aws:SecureTransport": secure}
        principal = f"arn:{partition}:iam::{ACCOUNT}:role/any"
        request = Request(f"sqs:{action}", hub.arn("AssignmentQueue"), context, principal)
        assert allowed(anything, request) is (secure == "true")
