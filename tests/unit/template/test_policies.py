"""The deployed policies, evaluated as by IAM: necessary actions and no others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.environments import ROOT
from tests.support.cloudformation import ACCOUNT, NAME, REGIONS, MemberStack, Stack
from tests.support.documents import blocks
from tests.support.policies import Request, Statement, allowed, as_list
from tests.support.template import template

RESOURCES = template()["Resources"]
OTHER_ACCOUNT = "999999999999"
PARTITIONS = list(REGIONS)
ROLES = [name for name, one in RESOURCES.items() if one["Type"] == "AWS::IAM::Role"]
TOPICS = [name for name, one in RESOURCES.items() if one["Type"] == "AWS::SNS::Topic"]
SECURE, IN_THE_CLEAR = {"aws:SecureTransport": "true"}, {"aws:SecureTransport": "false"}


def statements_of(role: str, stack: Stack) -> list[Statement]:
    """Return the statements of a role's own policies."""
    policies = stack.properties(role)["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def resource_policies(kind: str, members: str, stack: Stack) -> dict[str, list[Statement]]:
    """Return the statements of one type of policies, by their resource's ``Ref``."""
    found = [stack.properties(name) for name, one in RESOURCES.items() if one["Type"] == kind]
    return {member: one["PolicyDocument"]["Statement"] for one in found for member in one[members]}


def topic_policy(topic: str, stack: Stack) -> list[Statement]:
    return resource_policies("AWS::SNS::TopicPolicy", "Topics", stack)[stack.ref(topic)]


def queue_policy(stack: Stack) -> list[Statement]:
    return resource_policies("AWS::SQS::QueuePolicy", "Queues", stack)[stack.ref("DeadLetterQueue")]


@pytest.fixture(params=PARTITIONS)
def stack(request: pytest.FixtureRequest) -> Stack:
    return Stack(request.param)


# Transport


EXPOSED = [
    *((name, f"sns:{action}") for name in TOPICS for action in ("Publish", "Subscribe", "DeleteTopic")),
    *(("DeadLetterQueue", f"sqs:{action}") for action in ("SendMessage", "ReceiveMessage", "PurgeQueue")),
]


@pytest.mark.parametrize(("name", "action"), EXPOSED)
def test_request_without_tls_is_denied(name: str, action: str, stack: Stack) -> None:
    policy = queue_policy(stack) if name == "DeadLetterQueue" else topic_policy(name, stack)
    anything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    for context, expected in ((SECURE, True), (IN_THE_CLEAR, False)):
        request = Request(action, stack.arn(name), context, f"arn:{stack.partition}:iam::{ACCOUNT}:role/any")
        assert allowed([*policy, *anything], request) is expected


# https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html
SNS_ACTIONS = {
    "AddPermission", "DeleteTopic", "GetDataProtectionPolicy", "GetTopicAttributes", "ListSubscriptionsByTopic",
    "ListTagsForResource", "Publish", "PutDataProtectionPolicy", "RemovePermission", "SetTopicAttributes", "Subscribe",
}  # fmt: skip


@pytest.mark.parametrize("topic", TOPICS)
def test_topic_policy_names_actions_that_sns_accepts(topic: str, stack: Stack) -> None:
    """SNS refuses a policy with another action, or with ``sns:*``."""
    for statement in topic_policy(topic, stack):
        assert {action.removeprefix("sns:") for action in as_list(statement["Action"])} <= SNS_ACTIONS


# Topics


ACTIONS = ("Publish", "Subscribe", "GetTopicAttributes", "AddPermission")
TOPIC_USES = [
    *((topic, action, "arn:{}:iam::{}:role/any", ACCOUNT, True) for topic in TOPICS for action in ACTIONS),
    *((topic, action, "arn:{}:iam::{}:role/any", OTHER_ACCOUNT, False) for topic in TOPICS for action in ACTIONS),
    ("AlarmTopic", "Publish", "cloudwatch.amazonaws.com", ACCOUNT, True),
    ("AlarmTopic", "Publish", "cloudwatch.amazonaws.com", OTHER_ACCOUNT, False),
    ("NotificationTopic", "Publish", "cloudwatch.amazonaws.com", ACCOUNT, False),
    ("NotificationTopic", "Publish", "s3.amazonaws.com", ACCOUNT, False),
    ("NotificationTopic", "Publish", "events.amazonaws.com", ACCOUNT, False),
    ("ChatTopic", "Publish", "events.amazonaws.com", ACCOUNT, True),
    ("ChatTopic", "Subscribe", "events.amazonaws.com", ACCOUNT, False),
    ("ChatTopic", "Publish", "cloudwatch.amazonaws.com", ACCOUNT, False),
]


@pytest.mark.parametrize(("topic", "action", "principal", "account", "expected"), TOPIC_USES)
def test_topic_serves_this_account_and_its_own_services_only(
    topic: str, action: str, principal: str, account: str, expected: bool, stack: Stack
) -> None:
    context = {**SECURE, "aws:SourceAccount": account, "aws:SourceArn": stack.arn("ChatRule")}
    request = Request(f"sns:{action}", stack.arn(topic), context, principal.format(stack.partition, account))
    assert allowed(topic_policy(topic, stack), request) is expected


# The dead-letter queue


@pytest.mark.parametrize("name", [name for name, one in RESOURCES.items() if one["Type"] == "AWS::SNS::Subscription"])
def test_undelivered_notice_goes_to_the_dead_letter_queue(name: str, stack: Stack) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-configure-dead-letter-queue.html"""
    subscription = stack.properties(name)
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": stack.arn("DeadLetterQueue")}
    context = {**SECURE, "aws:SourceArn": subscription["TopicArn"]}
    request = Request("sqs:SendMessage", stack.arn("DeadLetterQueue"), context, "sns.amazonaws.com")
    assert allowed(queue_policy(stack), request)


@pytest.mark.parametrize(
    ("action", "service", "topic"),
    [
        ("SendMessage", "sns.amazonaws.com", "another-topic"),
        ("SendMessage", "events.amazonaws.com", f"{NAME}-NotificationTopic"),
        ("ReceiveMessage", "sns.amazonaws.com", f"{NAME}-NotificationTopic"),
    ],
)
def test_queue_accepts_nothing_else(action: str, service: str, topic: str, stack: Stack) -> None:
    context = {**SECURE, "aws:SourceArn": f"arn:{stack.partition}:sns:{stack.region}:{ACCOUNT}:{topic}"}
    request = Request(f"sqs:{action}", stack.arn("DeadLetterQueue"), context, service)
    assert not allowed(queue_policy(stack), request)


@pytest.mark.parametrize(("rule", "expected"), [("ChatRule", True), ("another", False)])
def test_queue_accepts_messages_of_the_chat_rule_only(rule: str, expected: bool) -> None:
    stack = Stack(ChatNotices="true")
    context = {**SECURE, "aws:SourceArn": f"arn:aws:events:{stack.region}:{ACCOUNT}:rule/{NAME}-{rule}"}
    request = Request("sqs:SendMessage", stack.arn("DeadLetterQueue"), context, "events.amazonaws.com")
    assert allowed(queue_policy(stack), request) is expected


# Rows

SCOPE = "123456789012/eu-west-1"
ROWS = [("RecorderRole", "BatchGetItem"), ("RecorderRole", "PutItem"), ("RecorderRole", "UpdateItem")]
ROWS += [("NotifierRole", "BatchGetItem"), ("NotifierRole", "UpdateItem")]
KEYS: list[tuple[list[str] | None, bool]] = [
    ([SCOPE], True),
    (["roster"], True),
    ([SCOPE, "roster", SCOPE], True),
    (["123456789012/eu-west-2"], False),
    ([f"{OTHER_ACCOUNT}/eu-west-1"], False),
    ([SCOPE, "123456789012/eu-west-2"], False),
    (None, False),
]


@pytest.mark.parametrize(("role", "action"), ROWS)
@pytest.mark.parametrize(("keys", "expected"), KEYS, ids=str)
def test_function_reaches_rows_of_its_scope_only(
    role: str, action: str, keys: list[str] | None, expected: bool
) -> None:
    stack = Stack()
    context: dict[str, Any] = {} if keys is None else {"dynamodb:LeadingKeys": keys}
    request = Request(f"dynamodb:{action}", stack.arn("HistoryTable"), context)
    assert allowed(statements_of(role, stack), request) is expected


# Events

OURS, THEIRS = "ec2-task-reporter", "com.example"
SOURCES: list[tuple[Any, bool]] = [
    (OURS, True), ([OURS], True), ([OURS] * 10, True), (THEIRS, False), ([OURS, THEIRS], False), (None, False),
]  # fmt: skip


@pytest.mark.parametrize(("bus", "expected"), [("acme/tasks", True), ("default", False)])
@pytest.mark.parametrize(("sources", "permitted"), SOURCES, ids=str)
def test_notifier_sends_events_in_its_own_name(sources: Any, permitted: bool, bus: str, expected: bool) -> None:
    """IAM may see one source, or one for each entry of the request."""
    stack = Stack(EventBusName="acme/tasks")
    arn = f"arn:aws:events:{stack.region}:{ACCOUNT}:event-bus/{bus}"
    context: dict[str, Any] = {} if sources is None else {"events:source": sources}
    request = Request("events:PutEvents", arn, context)
    assert allowed(statements_of("NotifierRole", stack), request) is (permitted and expected)


# The key

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"
SHARED_KEY = f"arn:aws:kms:eu-west-1:{OTHER_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
READS_AND_WRITES = ("Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo")
USES = [
    *(("RecorderRole", "dynamodb", action) for action in READS_AND_WRITES),
    *(("NotifierRole", "dynamodb", action) for action in READS_AND_WRITES),
    ("RecorderRole", "sqs", "Decrypt"),
    ("RecorderRole", "sqs", "GenerateDataKey"),
    ("NotifierRole", "sns", "Decrypt"),
    ("NotifierRole", "sns", "GenerateDataKey"),
    ("NotifierRole", "sqs", "Decrypt"),
    ("NotifierRole", "sqs", "GenerateDataKey"),
    *(("PlannerRole", "dynamodb", action) for action in READS_AND_WRITES),
    ("PlannerRole", "alarms", "Decrypt"),
    ("PlannerRole", "alarms", "GenerateDataKey"),
    ("PlannerRole", "sqs", "Decrypt"),
    ("PlannerRole", "sqs", "GenerateDataKey"),
    ("PlannerRole", "assignments", "Decrypt"),
    ("PlannerRole", "assignments", "GenerateDataKey"),
    ("ScheduleRole", "sqs", "Decrypt"),
    ("ScheduleRole", "sqs", "GenerateDataKey"),
]
"""Role, service, and the action of the service in the role's name.

DynamoDB's guide shows only ``Decrypt`` in a caller's name, and names more as the minimum of a key's policy.
AWS's CDK grants those too to a role that writes to a table, and so does this template.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
"""


def context_of(service: str, stack: Stack) -> dict[str, str]:
    """Return a service's encryption context for the stack's resource in KMS."""
    encryption = {
        "dynamodb": {"aws:dynamodb:tableName": stack.ref("HistoryTable"), "aws:dynamodb:subscriberId": ACCOUNT},
        "sns": {"aws:sns:topicArn": stack.ref("NotificationTopic")},
        "alarms": {"aws:sns:topicArn": stack.ref("AlarmTopic")},
        "sqs": {"aws:sqs:arn": stack.arn("DeadLetterQueue")},
        "assignments": {"aws:sqs:arn": stack.arn("AssignmentQueue")},
    }[service]
    names = {"alarms": "sns", "assignments": "sqs"}
    via = f"{names.get(service, service)}.{stack.region}.{stack.pseudo['AWS::URLSuffix']}"
    return {"kms:ViaService": via, **{f"kms:EncryptionContext:{name}": value for name, value in encryption.items()}}


@pytest.mark.parametrize(("role", "service", "action"), USES)
@pytest.mark.parametrize("deployed", ["", KEY, OTHER_KEY])
@pytest.mark.parametrize("used", [KEY, OTHER_KEY, SHARED_KEY])
def test_change_of_the_key_is_allowed_in_every_order(
    role: str, service: str, action: str, deployed: str, used: str
) -> None:
    """CloudFormation changes roles and resources in turn, so old meets new."""
    stack = Stack(KmsKeyArn=deployed)
    assert allowed(statements_of(role, stack), Request(f"kms:{action}", used, context_of(service, stack)))


@pytest.mark.parametrize(("role", "service", "action"), USES)
def test_key_is_used_for_data_of_the_stack_only(role: str, service: str, action: str) -> None:
    stack = Stack(KmsKeyArn=KEY)
    context = context_of(service, stack)
    for name in context:
        wrong = {**context, name: "another"}
        missing = {key: value for key, value in context.items() if key != name}
        for changed in (wrong, missing):
            assert not allowed(statements_of(role, stack), Request(f"kms:{action}", KEY, changed)), name
    elsewhere = KEY.replace("eu-west-1", "eu-west-2")
    assert not allowed(statements_of(role, stack), Request(f"kms:{action}", elsewhere, context))


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize(("role", "service", "action"), USES)
def test_key_is_used_in_every_partition(role: str, service: str, action: str, partition: str) -> None:
    stack = Stack(partition)
    key = f"arn:{partition}:kms:{stack.region}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    assert allowed(statements_of(role, stack), Request(f"kms:{action}", key, context_of(service, stack)))


@pytest.mark.parametrize("role", ROLES)
def test_role_has_the_key_actions_of_its_services(role: str) -> None:
    stack = Stack(KmsKeyArn=KEY)
    named = {
        action
        for statement in statements_of(role, stack)
        for action in as_list(statement["Action"])
        if action.startswith("kms:")
    }
    assert named == {f"kms:{action}" for owner, _, action in USES if owner == role}


# A hub


HUB = {"OrganizationId": "o-a1b2c3d4e5", "ExternalId": "an-external-id"}
MEMBER = {"HubAccountId": ACCOUNT, **HUB}


@pytest.mark.parametrize(
    ("account", "role", "organization", "expected"),
    [
        (OTHER_ACCOUNT, "ec2-task-reporter-member", "o-a1b2c3d4e5", True),
        (OTHER_ACCOUNT, "ec2-task-reporter-member", None, True),
        (OTHER_ACCOUNT, "ec2-task-reporter-member", "o-another123", False),
        (OTHER_ACCOUNT, "Administrator", "o-a1b2c3d4e5", False),
        (OTHER_ACCOUNT, "path/ec2-task-reporter-member", "o-a1b2c3d4e5", False),
    ],
)
def test_recorder_assumes_the_member_role_only(
    account: str, role: str, organization: str | None, expected: bool
) -> None:
    """AWS does not document that STS knows a role's organization."""
    context = {"aws:ResourceOrgID": organization} if organization else {}
    request = Request("sts:AssumeRole", f"arn:aws:iam::{account}:role/{role}", context)
    assert allowed(statements_of("RecorderRole", Stack(**HUB)), request) is expected
    assert not allowed(statements_of("RecorderRole", Stack()), request), "no hub"
    for other in ("NotifierRole", "PlannerRole", "ScheduleRole"):
        assert not allowed(statements_of(other, Stack(**HUB)), request)


def test_member_role_trusts_the_recorder_and_no_other_role() -> None:
    hub = Stack(**HUB)
    trust = MemberStack(**MEMBER).properties("MemberRole")["AssumeRolePolicyDocument"]["Statement"]
    for role, expected in (("RecorderRole", True), ("PlannerRole", False), ("NotifierRole", False)):
        path = hub.properties(role).get("Path", "/")
        principal = f"arn:aws:iam::{ACCOUNT}:role{path}{role}"
        context = {
            "aws:PrincipalArn": principal,
            "aws:PrincipalOrgID": HUB["OrganizationId"],
            "sts:ExternalId": HUB["ExternalId"],
        }
        statements = [{**one, "Resource": "*"} for one in trust]
        assert allowed(statements, Request("sts:AssumeRole", "", context, principal)) is expected, role
    assert "Path" not in Stack().properties("RecorderRole")


@pytest.mark.parametrize("role", ["RecorderRole", "NotifierRole", "PlannerRole"])
def test_hub_writes_rows_of_all_accounts(role: str) -> None:
    hub = Stack(**HUB)
    for scope, expected in ((f"{OTHER_ACCOUNT}/us-east-1", True), ("roster", True), ("else", False)):
        request = Request("dynamodb:UpdateItem", hub.arn("HistoryTable"), {"dynamodb:LeadingKeys": [scope]})
        assert allowed(statements_of(role, hub), request) is expected


@pytest.mark.parametrize("action", ["Query", "PutItem"])
@pytest.mark.parametrize(("scope", "expected"), [("roster", True), (f"{OTHER_ACCOUNT}/us-east-1", False)])
def test_planner_queries_and_extends_the_roster_only(action: str, scope: str, expected: bool) -> None:
    hub = Stack(**HUB)
    request = Request(f"dynamodb:{action}", hub.arn("HistoryTable"), {"dynamodb:LeadingKeys": [scope]})
    assert allowed(statements_of("PlannerRole", hub), request) is expected


@pytest.mark.parametrize(("parameters", "function"), [({}, "RecorderFunction"), (HUB, "PlannerFunction")])
def test_schedule_starts_the_recorder_or_the_planner(parameters: dict[str, str], function: str) -> None:
    stack = Stack(**parameters)
    for name in ("RecorderFunction", "PlannerFunction"):
        request = Request("lambda:InvokeFunction", stack.arn(name))
        assert allowed(statements_of("ScheduleRole", stack), request) is (name == function)
    schedule = stack.properties("RecorderFunction")["Events"]["PollInGroup"]["Properties"]
    assert schedule["State"] == ("DISABLED" if parameters else "ENABLED")


# The schedule's role


@pytest.mark.parametrize(
    ("account", "group", "expected"),
    [
        (ACCOUNT, f"{NAME}-PollScheduleGroup", True),
        (ACCOUNT, "default", False),
        (ACCOUNT, "another", False),
        (OTHER_ACCOUNT, f"{NAME}-PollScheduleGroup", False),
    ],
)
def test_role_is_assumed_by_schedules_of_the_stack_only(account: str, group: str, expected: bool, stack: Stack) -> None:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html"""
    source = f"arn:{stack.partition}:scheduler:{stack.region}:{account}:schedule-group/{group}"
    context = {"aws:SourceAccount": account, "aws:SourceArn": source}
    trust = [
        {**one, "Resource": "*"} for one in stack.properties("ScheduleRole")["AssumeRolePolicyDocument"]["Statement"]
    ]
    assert allowed(trust, Request("sts:AssumeRole", "", context, "scheduler.amazonaws.com")) is expected


def test_schedule_is_in_the_group_that_its_role_trusts(stack: Stack) -> None:
    schedule = stack.properties("RecorderFunction")["Events"]["PollInGroup"]["Properties"]
    assert schedule["GroupName"] == stack.ref("PollScheduleGroup")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("boundary", ["", f"arn:aws:iam::{ACCOUNT}:policy/limits"])
def test_every_role_has_the_given_boundary(role: str, boundary: str) -> None:
    assert Stack(PermissionsBoundaryArn=boundary).properties(role).get("PermissionsBoundary", "") == boundary


# The key's own policy, as docs/encryption.md gives it

KEY_POLICY = json.loads(blocks(ROOT / "docs" / "encryption.md", "json")[0])["Statement"]
LOGS, EVENTBRIDGE = "logs.us-east-2.amazonaws.com", "events.amazonaws.com"
LOG_GROUP = {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-2:123456789012:log-group:mine"}
CHAT_TOPIC = "arn:aws:sns:us-east-2:{}:ec2-task-reporter-ChatTopic"
DEAD_LETTERS = "arn:aws:sqs:us-east-2:{}:ec2-task-reporter-DeadLetterQueue"
OURS, THEIRS = {"aws:SourceAccount": ACCOUNT}, {"aws:SourceAccount": OTHER_ACCOUNT}
KEY_USES: list[tuple[str, str, dict[str, str], bool]] = [
    ("sns.amazonaws.com", "GenerateDataKey", OURS, True),
    ("sns.amazonaws.com", "Decrypt", OURS, True),
    ("sns.amazonaws.com", "Decrypt", THEIRS, False),
    ("sns.amazonaws.com", "ScheduleKeyDeletion", OURS, False),
    ("cloudwatch.amazonaws.com", "GenerateDataKey", OURS, True),
    ("cloudwatch.amazonaws.com", "Decrypt", OURS, True),
    ("cloudwatch.amazonaws.com", "Decrypt", THEIRS, False),
    (LOGS, "Encrypt", LOG_GROUP, True),
    (LOGS, "Encrypt", {}, False),
    *(
        (EVENTBRIDGE, action, {f"kms:EncryptionContext:{name}": arn.format(account)}, account == ACCOUNT)
        for name, arn in (("aws:sns:topicArn", CHAT_TOPIC), ("aws:sqs:arn", DEAD_LETTERS))
        for action in ("Decrypt", "GenerateDataKey")
        for account in (ACCOUNT, OTHER_ACCOUNT)
    ),
    (EVENTBRIDGE, "Decrypt", OURS, False),
    (EVENTBRIDGE, "ScheduleKeyDeletion", {"kms:EncryptionContext:aws:sns:topicArn": CHAT_TOPIC.format(ACCOUNT)}, False),
    (f"arn:aws:iam::{ACCOUNT}:role/any", "Decrypt", {}, True),
    (f"arn:aws:iam::{OTHER_ACCOUNT}:role/any", "Decrypt", {}, False),
]


@pytest.mark.parametrize(("principal", "action", "context", "expected"), KEY_USES)
def test_documented_key_policy_serves_this_account(
    principal: str, action: str, context: dict[str, str], expected: bool
) -> None:
    assert allowed(KEY_POLICY, Request(f"kms:{action}", KEY, context, principal)) is expected


def test_documented_key_policy_names_no_source_for_chat() -> None:
    """SNS supports no such condition for EventBridge; messages would be dropped.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    for statement in KEY_POLICY:
        if statement["Principal"] == {"Service": EVENTBRIDGE}:
            assert "aws:Source" not in json.dumps(statement)
