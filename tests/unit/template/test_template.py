"""The template's interface, least privilege, and what it and the code must agree on."""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

import task_reporter
from local.environments import ROOT, SUPPORTED
from task_reporter.aws.request_limits import COUNT_SUBSCRIBERS, LIST_TASKS, PUBLISH, USE_TABLE, RequestLimits
from task_reporter.errors import SettingError
from task_reporter.history.backlog import Backlog
from task_reporter.history.rows import Key, Row
from task_reporter.history.writes import Insert
from task_reporter.kinds.kind import OUTCOMES
from task_reporter.kinds.table import KINDS
from task_reporter.notifying.announce_result import AnnounceResult, Delivery
from task_reporter.notifying.marks import TURN_SECONDS
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ListResult
from task_reporter.recording.poll_lists import PollResult
from task_reporter.runtime.deadline import MARGIN_SECONDS
from task_reporter.runtime.metrics import NAMESPACE
from task_reporter.runtime.settings import ALL_REGIONS, notifier_settings, planner_settings, recorder_settings
from task_reporter_cli.estimate import prices
from task_reporter_cli.estimate.prices import MILLION
from tests.support.cloudformation import Stack
from tests.support.functions import RECORDER
from tests.support.polled import figures_of
from tests.support.template import default, event_properties, properties, table_properties, template

PARAMETERS: Mapping[str, dict[str, Any]] = template()["Parameters"]
RESOURCES: Mapping[str, dict[str, Any]] = template()["Resources"]


def of_type(name: str) -> dict[str, dict[str, Any]]:
    return {logical_id: resource for logical_id, resource in RESOURCES.items() if resource["Type"] == name}


def arn(logical_id: str, attribute: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, attribute]}


def walk(node: Any) -> Iterator[Any]:
    """Yield ``node`` and everything in it."""
    yield node
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in inside:
        yield from walk(child)


# The stack as a whole


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "eu-west-1.console.aws.amazon.com"),
        ("aws-us-gov", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ("aws-cn", "cn-north-1.console.amazonaws.cn"),
    ],
)
def test_dashboard_url_opens_the_console_of_the_partition(partition: str, host: str) -> None:
    stack = Stack(partition)
    url = f"https://{host}/cloudwatch/home?region={stack.region}#dashboards:name={stack.ref('Dashboard')}"
    assert stack.output("DashboardUrl") == url


def test_template_names_no_single_partition() -> None:
    """The names of service principals are the same everywhere."""
    texts = [node for name in ("Resources", "Outputs") for node in walk(template()[name]) if isinstance(node, str)]
    assert not [text for text in texts if "arn:aws:" in text]
    principals = {text for text in texts if text.endswith(".amazonaws.com")}
    assert {text.count(".") for text in principals} == {2}, "no endpoint of a region"


NAMES = {"AlarmName", "FunctionName", "LogGroupName", "QueueName", "RoleName", "TableName", "TopicName"}


def test_second_stack_in_an_account_has_no_name_in_common() -> None:
    """CAPABILITY_IAM suffices as long as no role has a name."""
    own = {name: one for name, one in RESOURCES.items() if one["Type"] != "AWS::Lambda::EventSourceMapping"}
    assert not [name for name, resource in own.items() if NAMES & resource.get("Properties", {}).keys()]
    assert event_properties("RecorderFunction", "PollInGroup")["OmitName"] is True
    assert "AWS::StackName" in properties("CoreLayer")["LayerName"]["Fn::Sub"]


def test_history_outlives_the_stack() -> None:
    table = RESOURCES["HistoryTable"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["DeletionProtectionEnabled"] is True


def test_table_has_the_documented_keys_and_indexes() -> None:
    table = table_properties()
    keyed = {index["IndexName"]: index["KeySchema"] for index in table["GlobalSecondaryIndexes"]}
    assert {name: [key["AttributeName"] for key in keys] for name, keys in keyed.items()} == {
        "by-kind": ["kind", "updated_at"],
        "by-outcome": ["outcome", "finished_at"],
        "by-resource": ["resource_id", "updated_at"],
        "by-awaiting": ["awaiting", "scope"],
        "by-scope": ["scope", "updated_at"],
    }
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["scope", "task_id"]


@pytest.mark.parametrize(("days", "expires"), [("0", False), ("90", True), ("99999", True)])
def test_rows_expire_where_a_retention_is_given(days: str, expires: bool) -> None:
    """CloudFormation needs the attribute also to disable TTL: https://github.com/aws/aws-cdk/issues/25655."""
    expected = {"AttributeName": "expires_at", "Enabled": expires}
    assert Stack(RetentionDays=days).properties("HistoryTable")["TimeToLiveSpecification"] == expected


def test_failed_polls_and_batches_go_to_the_dead_letter_queue() -> None:
    on_failure = {"OnFailure": {"Type": "SQS", "Destination": arn("DeadLetterQueue")}}
    assert properties("RecorderFunction")["EventInvokeConfig"]["DestinationConfig"] == on_failure
    assert event_properties("NotifierFunction", "History")["DestinationConfig"] == on_failure
    assert event_properties("RecorderFunction", "PollInGroup")["DeadLetterConfig"] == {"Arn": arn("DeadLetterQueue")}


def test_schedule_without_a_group_can_be_updated() -> None:
    """CloudFormation looks for a schedule in its new group, and fails: https://github.com/aws/aws-cdk/issues/34216"""
    assert "Poll" not in properties("RecorderFunction")["Events"], "the name of the schedule without a group"


KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY_ARN = f"arn:aws:kms:eu-west-1:123456789012:key/{KEY}"
STORES_DATA = {"AWS::DynamoDB::Table", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::Logs::LogGroup"}


@pytest.mark.parametrize("logical_id", [name for name, one in RESOURCES.items() if one["Type"] in STORES_DATA])
def test_stored_data_is_encrypted_with_the_key_of_the_owner(logical_id: str) -> None:
    assert KEY_ARN in walk(Stack(KmsKeyArn=KEY_ARN).properties(logical_id))
    assert not [name for name in walk(Stack().properties(logical_id)) if "kms" in str(name).lower()]


def test_queue_without_a_key_is_encrypted() -> None:
    assert Stack().properties("DeadLetterQueue")["SqsManagedSseEnabled"] is True


# Parameters


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_explains_itself(name: str) -> None:
    parameter = PARAMETERS[name]
    assert len(parameter["Description"]) > 20
    if {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue", "MinLength", "MaxLength"} & parameter.keys():
        assert parameter["ConstraintDescription"].startswith("must be ")


def test_console_shows_every_parameter_once_with_a_label() -> None:
    shown = template()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in shown["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(PARAMETERS) == sorted(shown["ParameterLabels"])


CASES: Mapping[str, tuple[list[str], list[str]]] = {
    "NotificationEmail": (
        ["", "ops@example.com", "first.last+aws@mail.example.co.uk"],
        ["ops", "ops@", "@example.com", "ops@example", "a@b@example.com", "ops @example.com", "a@x.com,b@x.com\n", " "],
    ),
    "NotifyOutcomes": (
        [*OUTCOMES, ",".join(OUTCOMES), "failed, lost", "lost ,failed"],
        ["", "success", "Failed", "complete,", ",lost", "complete;failed", "complete failed", "lost,,failed"],
    ),
    "AlarmEmail": (["", "oncall@example.com"], ["oncall", "oncall@example", "a@x.com,b@x.com", " "]),
    "LostAfterMinutes": (["0", "1", "15", "9999"], ["", "-1", "05", "10000", "1.5", "15 ", "ten"]),
    "RedriveAfterMinutes": (["0", "1", "10", "9999"], ["", "-1", "00", "10000", "1.5", "10m"]),
    # CloudWatch looks back one day of single minutes at most.
    "SilentAfterMinutes": (["1", "9", "15", "99", "100", "1399", "1440"], ["", "0", "-1", "015", "1441", "9999"]),
    "DigestAbove": (["1", "5", "10"], ["0", "11", "-1", "", "five", "2.5", "5.0"]),
    "EventBusName": (["", "default", "my-bus", "partners/acme.1_2"], [" ", "my bus", "arn:aws:events:x", "b" * 257]),
    "ChatNotices": (["true", "false"], ["", "True", "yes"]),
    "TaskKinds": ([*KINDS, ",".join(KINDS)], ["", "bundles", "Bundle", "bundle,", "bundle,unknown", "*"]),
    "Regions": (
        ["", "all", "eu-west-1", "eu-west-1,us-gov-east-1", "ap-southeast-10 , cn-north-1", "us-iso-west-1"],
        ["ALL", "*", "eu-west", "eu-west-1;eu-west-2", "EU-WEST-1", "eu-west-1a", "eu_west_1"],
    ),
    "OrganizationId": (["", "o-a1b2c3d4e5"], ["a1b2c3d4e5", "o-", "o-A1B2C3D4E5", "r-a1b2", "o-a1b2c3d4e5 "]),
    "MemberRoleName": (["reader", "a_b+c=d,e.f@g-h", "x" * 64], ["", "x" * 65, "path/reader", "a b"]),
    "ExternalId": (["", "ab", "org/2026:hub@x", "e" * 1224], ["x", "two words", "e" * 1225, "semi;colon"]),
    "OrganizationalUnits": (
        ["", "r-ab12", "ou-ab12-cdef3456", "ou-ab12-cdef3456, ou-ab12-cdef3457"],
        ["ou-ab12", "ou-AB12-CDEF3456", "123456789012", "all"],
    ),
    "ExcludedAccounts": (["", "123456789012", "123456789012 , 210987654321"], ["12345678901", "1234567890123", "x"]),
    "QuietMinutes": (["5", "9", "60", "360", "999", "1440"], ["", "0", "4", "1441", "06", "1.5", "-5"]),
    "AcceptedDenials": (
        ["", "*/ap-*", "123456789012/eu-west-1", "1111*/*, */me-south-?"],
        ["*", "ap-*", "1234567890123/*", "*/AP-*", "x/*", "*/ap-*;*/me-*"],
    ),
    "AnnounceHistory": (["digest", "none"], ["", "Digest", "all", "true"]),
    "PollSchedule": (
        [
            "rate(1 minute)", "rate(2 minutes)", "rate(5 minutes)", "rate(10 minutes)", "rate(99 minutes)",
            "rate(100 minutes)", "rate(699 minutes)", "rate(700 minutes)", "rate(719 minutes)", "rate(720 minutes)",
            "rate(1 hour)", "rate(2 hours)", "rate(9 hours)", "rate(10 hours)", "rate(12 hours)",
            "cron(0/5 * * * ? *)", "cron(0 8 ? * MON-FRI *)",
        ],
        [
            "", "5 minutes", "rate(5)", "rate(0 minutes)", "rate(1 minutes)", "rate(5 minute)", "rate(05 minutes)",
            "rate(-5 minutes)", "rate(5 seconds)", "rate(5 minutes) ", "rate(5  minutes)", "at(2026-11-23T12:00:00)",
            "rate(721 minutes)", "rate(730 minutes)", "rate(800 minutes)", "rate(1440 minutes)", "rate(13 hours)",
            "rate(20 hours)", "rate(24 hours)", "rate(1 day)", "rate(2 days)", "rate(1 hours)", "rate(12 hour)",
            "cron()", "cron(0/5 * * * ? *", "rate(5 minutes)\n",
        ],
    ),
    "RetentionDays": (
        ["0", "90", "99", "100", "365", "3653", "99999"],
        ["", "1", "7", "89", "-1", "-90", "00", "090", "100000", "90.5", "90 ", "ninety", "1e3"],
    ),
    "LogRetentionDays": (["1", "7", "30", "365", "3653"], ["0", "2", "31", "366", "-1", ""]),
    "KmsKeyArn": (
        [
            "", KEY_ARN, f"arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/{KEY}",
            "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        ],
        [
            KEY, "alias/aws/sns", "arn:aws:kms:eu-west-1:123456789012:alias/mine", f"arn:aws:kms:eu-west-1::key/{KEY}",
            "arn:aws:kms:eu-west-1:123456789012:key/", f"arn:aws:sns:eu-west-1:123456789012:key/{KEY}", "*",
            f"arn:aws:kms:*:123456789012:key/{KEY}", f"{KEY_ARN}/*",
        ],
    ),
    "PermissionsBoundaryArn": (
        [
            "", "arn:aws:iam::123456789012:policy/limits", "arn:aws:iam::aws:policy/PowerUserAccess",
            "arn:aws-cn:iam::123456789012:policy/teams/apps/limits",
            "arn:aws-us-gov:iam::123456789012:policy/a+b=c,d.e@f-g_h",
        ],
        [
            "limits", "arn:aws:iam::123456789012:role/limits", "arn:aws:iam::123456789012:policy/", "*",
            "arn:aws:iam::123456789012:policy/*", "arn:aws:iam:eu-west-1:123456789012:policy/limits",
            "arn:aws:iam::12345:policy/limits", "arn:aws:iam::123456789012:policy//limits",
            "arn:aws:iam::123456789012:policy/teams/", "arn:aws:iam::123456789012:policy/limits\n",
        ],
    ),
    "PythonRuntime": (
        [f"python{major}.{minor}" for major, minor in SUPPORTED],
        ["", "python3", "python3.10", "python3.9", "python3.13 ", "nodejs22.x"],
    ),
}  # fmt: skip
"""Parameter → values that CloudFormation must accept, and values that it must refuse."""

GOOD = [(name, value) for name in PARAMETERS for value in (*CASES[name][0], str(default(name)))]
BAD = [(name, value) for name in PARAMETERS for value in CASES[name][1]]


def accepts(name: str, value: str) -> bool:
    """Return whether CloudFormation accepts ``value`` for a parameter.

    A pattern must match the whole of a value, and of a list each of its values; local stacks hold it against the
    whole list. Both must give the same answer.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/parameters-section-structure.html
    """
    parameter = PARAMETERS[name]
    if parameter["Type"] == "Number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return False
    answers = {_is_allowed(parameter, value)}
    if parameter["Type"] == "CommaDelimitedList":
        answers.add(all(_is_allowed(parameter, part.strip()) for part in value.split(",")))
    [answer] = answers
    return answer


def _is_allowed(parameter: Mapping[str, Any], value: str) -> bool:
    if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value):
        return False
    return "AllowedValues" not in parameter or value in map(str, parameter["AllowedValues"])


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_good_value_is_accepted(name: str, value: str) -> None:
    assert accepts(name, value)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_bad_value_is_refused_before_the_deployment(name: str, value: str) -> None:
    assert not accepts(name, value)


def test_silent_alarm_covers_two_rounds_of_the_longest_rate() -> None:
    longest = "rate(12 hours)"
    assert longest in PARAMETERS["PollSchedule"]["ConstraintDescription"]
    assert accepts("PollSchedule", longest)
    assert accepts("SilentAfterMinutes", str(2 * 12 * 60))


VARIABLES = {
    "TaskKinds": "TASK_KINDS",
    "Regions": "REGIONS",
    "ExternalId": "EXTERNAL_ID",
    "MemberRoleName": "MEMBER_ROLE",
    "QuietMinutes": "QUIET_MINUTES",
    "OrganizationalUnits": "ORGANIZATIONAL_UNITS",
    "ExcludedAccounts": "EXCLUDED_ACCOUNTS",
    "AcceptedDenials": "ACCEPTED_DENIALS",
    "PollSchedule": "POLL_SCHEDULE",
    "AnnounceHistory": "ANNOUNCE_HISTORY",
    "RetentionDays": "RETENTION_DAYS",
    "DigestAbove": "DIGEST_ABOVE",
    "EventBusName": "EVENT_BUS",
    "ChatNotices": "CHAT_NOTICES",
    "LostAfterMinutes": "LOST_AFTER_MINUTES",
    "RedriveAfterMinutes": "REDRIVE_AFTER_MINUTES",
    "SilentAfterMinutes": "SILENT_AFTER_MINUTES",
}
"""Parameter → the variable in which the functions receive it."""


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, value in GOOD if name in VARIABLES])
def test_functions_accept_what_the_template_accepts(name: str, value: str) -> None:
    variables = {variable: str(default(parameter)) for parameter, variable in VARIABLES.items()}
    variables |= {"SCOPE": "123456789012/eu-west-1", "SCOPES": "123456789012/eu-west-1"}
    variables |= {"HISTORY_TABLE": "history", "EMAIL_SUBSCRIPTION": "true"}
    variables |= {"TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:notices", VARIABLES[name]: value}
    variables |= {"ALARM_TOPIC_ARN": variables["TOPIC_ARN"], "ASSIGNMENT_QUEUE_URL": "https://sqs.example/queue"}
    recorder_settings(variables)
    notifier_settings(variables)
    planner_settings(variables)


# Functions

# One request after another, each at its longest
POLL_STEPS = [LIST_TASKS, *[USE_TABLE] * 5]  # open business, read, write, roster, redrive
BATCH_STEPS = [*[USE_TABLE] * 2, COUNT_SUBSCRIBERS, *[PUBLISH] * 2, *[USE_TABLE] * 2]  # find, read, ask, publish, mark
EVENT_STEPS = [USE_TABLE, *[PUBLISH] * 3, *[USE_TABLE] * 2]  # read, find the bus, send twice, mark


STEPS = [("RecorderFunction", POLL_STEPS), ("NotifierFunction", BATCH_STEPS), ("NotifierFunction", EVENT_STEPS)]


@pytest.mark.parametrize(("function", "steps"), STEPS)
def test_timeout_covers_the_slowest_run(function: str, steps: Sequence[RequestLimits]) -> None:
    longest = sum(step.max_seconds for step in steps) + TURN_SECONDS + MARGIN_SECONDS
    assert longest <= properties(function)["Timeout"] <= 900, longest


class AskedVariables(dict[str, str]):
    """An empty environment that records the names of the variables that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, otherwise: Any = None) -> Any:
        self.names.add(name)
        return otherwise

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)


@pytest.mark.parametrize(
    ("function", "read"),
    [
        ("RecorderFunction", recorder_settings),
        ("NotifierFunction", notifier_settings),
        ("PlannerFunction", planner_settings),
    ],
)
def test_function_gets_the_settings_that_it_reads(function: str, read: Any) -> None:
    variables = AskedVariables()
    with pytest.raises(SettingError):
        read(variables)
    shared = template()["Globals"]["Function"]["Environment"]["Variables"].keys() - {"POWERTOOLS_SERVICE_NAME"}
    assert variables.names == shared | properties(function)["Environment"]["Variables"].keys()


@pytest.mark.parametrize(("email", "expected"), [("", "false"), ("ops@example.com", "true")])
@pytest.mark.parametrize("function", ["RecorderFunction", "NotifierFunction", "PlannerFunction"])
def test_function_knows_if_there_is_an_email_subscription(function: str, email: str, expected: str) -> None:
    stack = Stack(NotificationEmail=email)
    variables = stack.properties(function)["Environment"]["Variables"]
    assert variables["EMAIL_SUBSCRIPTION"] == expected
    assert stack.condition(RESOURCES["EmailSubscription"]["Condition"]) is bool(email)


@pytest.mark.parametrize(("regions", "scopes"), [("", "eu-west-1"), ("us-east-1", "*"), ("all", "*")])
def test_functions_and_roles_know_the_same_scopes(regions: str, scopes: str) -> None:
    stack, watched = Stack(Regions=regions), f"123456789012/{scopes}"
    assert stack.properties("RecorderFunction")["Environment"]["Variables"]["SCOPE"] == "123456789012/eu-west-1"
    assert stack.properties("NotifierFunction")["Environment"]["Variables"]["SCOPES"] == watched
    for role in ("RecorderRole", "NotifierRole"):
        keys = [value for value in walk(stack.properties(role)) if str(value).startswith("123456789012/")]
        assert keys == [watched, watched]


@pytest.mark.parametrize("regions", ["", "all", "eu-west-1", "eu-west-1,all", "all , eu-west-1"])
def test_recorder_may_find_regions_where_it_does(regions: str) -> None:
    stack = Stack(Regions=regions)
    variables = stack.properties("RecorderFunction")["Environment"]["Variables"]
    finds = recorder_settings({**RECORDER, "REGIONS": variables["REGIONS"]}).regions == ALL_REGIONS
    assert ("ec2:DescribeRegions" in set(map(str, walk(stack.properties("RecorderRole"))))) is finds
    hub = Stack(Regions=regions, OrganizationId="o-a1b2c3d4e5").properties("RecorderRole")
    assert "ec2:DescribeRegions" in set(map(str, walk(hub))), "a hub asks in each account, its own included"


def test_plain_sam_build_compiles_for_the_default_runtime() -> None:
    makefile = (ROOT / "layers" / "core" / "Makefile").read_text()
    assert re.findall(r"^LAYER_RUNTIME \?= (.*)$", makefile, re.MULTILINE) == [default("PythonRuntime")]
    assert "build-CoreLayer:" in makefile


# Rights

FUNCTIONS = {"recorder": "RecorderRole", "notifier": "NotifierRole", "planner": "PlannerRole"}
ROLES = of_type("AWS::IAM::Role")

WRITES = {"TransactWriteItems", "PutItem", "UpdateItem"}
WRITE_RIGHTS = {
    "recorder": {"PutItem", "UpdateItem"}, "notifier": {"UpdateItem"}, "planner": {"PutItem", "UpdateItem"}
}  # fmt: skip
"""Actions of each role's transactions: recorder and planner insert and update, the notifier marks.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
"""

LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
PLATFORM_RIGHTS = {
    "RecorderRole": LOGS | {"sqs:SendMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
    "PlannerRole": LOGS | {"sqs:SendMessage"},
    "NotifierRole": LOGS
    | {"sqs:SendMessage", "dynamodb:ListStreams"}
    | {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"},
    "ScheduleRole": {"lambda:InvokeFunction", "sqs:SendMessage"},
}
"""Role → actions of Lambda and Scheduler in its name, without the project's code."""

TRUSTED = {
    "RecorderRole": "lambda.amazonaws.com",
    "NotifierRole": "lambda.amazonaws.com",
    "PlannerRole": "lambda.amazonaws.com",
    "ScheduleRole": "scheduler.amazonaws.com",
}
UNBOUND = {
    ("RecorderRole", "ListTasks"),
    ("RecorderRole", "FindRegions"),
    ("NotifierRole", "FindStream"),
    ("PlannerRole", "FindAccounts"),
}
"""Statements whose actions IAM cannot narrow to a resource."""

STATEMENTS = [
    (role, statement["Fn::If"][1] if "Fn::If" in statement else statement)
    for role, resource in ROLES.items()
    for policy in resource["Properties"]["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]
]


def as_list(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions


def granted(role: str) -> set[str]:
    """Return the actions that ``role`` allows, without those of the key, which test_policies.py checks."""
    actions = {action for owner, one in STATEMENTS if owner == role for action in as_list(one["Action"])}
    return {action for action in actions if not action.startswith("kms:")}


def operations_of(function: str) -> set[tuple[str, str]]:
    """Find the AWS calls, also by paginators, in the modules that ``function`` imports."""
    nodes = [
        node
        for module in imported(ROOT / "functions" / function / "app.py")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    calls = {node.func.attr for node in nodes}
    calls |= {str(node.args[0].value) for node in nodes if node.func.attr == "get_paginator" and is_text(node.args[0])}
    services = ("dynamodb", "ec2", "events", "organizations", "sns", "sqs", "sts")
    models = [ServiceModel(Loader().load_service_model(name, "service-2"), name) for name in services]
    methods = {xform_name(name): (model.service_name, name) for model in models for name in model.operation_names}
    return {methods[call] for call in calls & methods.keys()}


def is_text(node: ast.expr) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def imported(start: Path) -> set[Path]:
    """Return ``start`` and each module of the package that it imports, directly or not."""
    package = Path(task_reporter.__file__).parent
    found, waiting = set(), [start]
    while waiting:
        module = waiting.pop()
        found.add(module)
        for node in ast.walk(ast.parse(module.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("task_reporter"):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names if alias.name.startswith("task_reporter.")]
            paths = {package / f"{name.removeprefix('task_reporter.').replace('.', '/')}.py" for name in names}
            waiting += [path for path in paths if path.is_file() and path not in found]
    return found


def needed(function: str) -> set[str]:
    """Return the IAM actions behind the calls of ``function``."""
    actions = set()
    for service, operation in operations_of(function):
        rights = WRITE_RIGHTS[function] if operation in WRITES else {operation.removesuffix("Batch")}
        actions |= {f"{service}:{name}" for name in rights}
    if function == "recorder":
        actions |= {f"ec2:{kind.operation}" for kind in KINDS.values()}
    return actions


def test_calls_of_the_functions_are_found() -> None:
    """The tests of rights below depend on it."""
    assert {("dynamodb", name) for name in {"BatchGetItem", *WRITES}} <= operations_of("recorder")
    assert ("sns", "Publish") in operations_of("notifier")
    assert ("sns", "Publish") not in operations_of("recorder"), "it never publishes"
    assert ("sts", "AssumeRole") in operations_of("recorder")
    for function in ("notifier", "planner"):
        assert not {action for action in needed(function) if action.startswith(("ec2:", "sts:"))}, "it never calls EC2"
    modules = {module.name for module in imported(ROOT / "functions" / "planner" / "app.py")}
    assert not {"worker.py", "credentials.py"} & modules


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_may_do_what_it_calls_and_nothing_else(function: str) -> None:
    role = FUNCTIONS[function]
    assert granted(role) == needed(function) | PLATFORM_RIGHTS[role]
    asked = properties(f"{function.title()}Function")
    assert asked["Role"] == arn(role), "with a role SAM makes none of its own"
    assert "Policies" not in asked


def test_schedule_may_do_what_a_schedule_needs() -> None:
    assert granted("ScheduleRole") == PLATFORM_RIGHTS["ScheduleRole"]


BUS_ARN = {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"}
RESOURCE_OF = {
    "dynamodb:BatchGetItem": arn("HistoryTable"),
    "dynamodb:PutItem": arn("HistoryTable"),
    "dynamodb:Query": {"Fn::Sub": "${HistoryTable.Arn}/index/by-awaiting"},
    "dynamodb:UpdateItem": arn("HistoryTable"),
    "dynamodb:DescribeStream": arn("HistoryTable", "StreamArn"),
    "dynamodb:GetRecords": arn("HistoryTable", "StreamArn"),
    "dynamodb:GetShardIterator": arn("HistoryTable", "StreamArn"),
    "sns:GetTopicAttributes": {"Ref": "NotificationTopic"},
    "sns:Publish": {"Ref": "NotificationTopic"},
    "events:PutEvents": BUS_ARN,
    "events:DescribeEventBus": BUS_ARN,
    "sqs:SendMessage": arn("DeadLetterQueue"),
    "lambda:InvokeFunction": {"Fn::If": ["IsHub", arn("PlannerFunction"), arn("RecorderFunction")]},
}
RESOURCE_OF_SID = {
    "ReadRoster": arn("HistoryTable"),
    "SendAssignments": arn("AssignmentQueue"),
    "TakeAssignments": arn("AssignmentQueue"),
    "AnnounceProblems": {"Ref": "AlarmTopic"},
    "ReadMembers": {"Fn::Sub": "arn:${AWS::Partition}:iam::*:role/${MemberRoleName}"},
}
"""Statements of a hub, whose actions other statements allow for other resources."""


@pytest.mark.parametrize(("role", "statement"), STATEMENTS, ids=[f"{role}-{one['Sid']}" for role, one in STATEMENTS])
def test_statement_names_its_actions_and_one_resource(role: str, statement: dict[str, Any]) -> None:
    assert not {"NotAction", "NotResource"} & statement.keys()
    actions = as_list(statement["Action"])
    assert not [action for action in actions if "*" in action]
    if actions[0].startswith("kms:"):
        return  # bound to one resource by its encryption context, as test_policies.py shows
    if (role, statement["Sid"]) in UNBOUND:
        assert statement["Resource"] == "*"
    elif actions[0].startswith("logs:"):
        assert statement["Resource"] == arn(role.replace("Role", "Logs"))
    else:
        expected = [RESOURCE_OF_SID.get(statement["Sid"]) or RESOURCE_OF[action] for action in actions]
        assert expected == [statement["Resource"]] * len(actions)


def test_every_statement_has_its_reason_beside_its_sid() -> None:
    lines = [line for line in (ROOT / "template.yaml").read_text().splitlines() if re.match(r"\s*- Sid:", line)]
    assert len(lines) > len(STATEMENTS)
    assert [line for line in lines if not re.search(r"Sid: [A-Z][A-Za-z]+ # \S+ .{5,}", line)] == []


def test_roles_trust_their_service_and_have_no_other_policies() -> None:
    assert {name for name, one in RESOURCES.items() if one["Type"].startswith("AWS::IAM::")} == TRUSTED.keys()
    for role, service in TRUSTED.items():
        asked = properties(role)
        assert asked.keys() - {"Path"} == {"Description", "PermissionsBoundary", "AssumeRolePolicyDocument", "Policies"}
        (trust,) = asked["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Action"], trust["Principal"]) == ("sts:AssumeRole", {"Service": service})


# The email subscription


@pytest.mark.parametrize(
    ("wanted", "is_filtered"),
    [
        (",".join(OUTCOMES), False),
        (",".join(reversed(OUTCOMES)), False),
        (" , ".join(OUTCOMES), False),
        (",".join([*OUTCOMES, *OUTCOMES]), False),
        (f"lost,{','.join(OUTCOMES)},lost", False),
        *((outcome, True) for outcome in OUTCOMES),
        ("failed,cancelled", True),
        ("failed , failed, failed,failed", True),
        *((",".join(other for other in OUTCOMES if other != outcome), True) for outcome in OUTCOMES),
    ],
)
def test_email_is_filtered_where_not_all_outcomes_are_wanted(wanted: str, is_filtered: bool) -> None:
    assert accepts("NotifyOutcomes", wanted)
    filter_policy = Stack(NotifyOutcomes=wanted).properties("EmailSubscription").get("FilterPolicy")
    assert filter_policy == ({"outcome": [outcome.strip() for outcome in wanted.split(",")]} if is_filtered else None)


# The dashboard

HUB = {"OrganizationId": "o-a1b2c3d4e5", "ExternalId": "hub-of/acme:1"}
STACKS = pytest.mark.parametrize(
    "stack", [Stack(), Stack(EventBusName=""), Stack(**HUB), Stack(**HUB, EventBusName="")],
    ids=["alone", "alone, no bus", "hub", "hub, no bus"],
)  # fmt: skip


def widgets_of(stack: Stack) -> list[dict[str, Any]]:
    widgets: list[dict[str, Any]] = json.loads(stack.properties("Dashboard")["DashboardBody"])["widgets"]
    return widgets


@STACKS
def test_dashboard_shows_every_alarm(stack: Stack) -> None:
    [widget] = [widget for widget in widgets_of(stack) if widget["type"] == "alarm"]
    alarms = [stack.arn(name) for name in of_type("AWS::CloudWatch::Alarm") if stack.exists(name)]
    assert sorted(widget["properties"]["alarms"]) == sorted(alarms)


@STACKS
def test_dashboard_shows_the_errors_of_every_function(stack: Stack) -> None:
    functions = {stack.ref(name) for name in of_type("AWS::Serverless::Function") if stack.exists(name)}
    metrics = [metric for widget in widgets_of(stack) for metric in widget["properties"].get("metrics", [])]
    for name in ("Errors", "Duration"):
        assert {metric[3] for metric in metrics if metric[:2] == ["AWS/Lambda", name]} == functions
    [query] = [widget["properties"]["query"] for widget in widgets_of(stack) if widget["type"] == "log"]
    groups = {stack.ref(name) for name in of_type("AWS::Logs::LogGroup") if stack.exists(name)}
    assert set(re.findall(r"SOURCE '(.*?)'", query)) == groups
    assert (", account, task, reason |" in query) is stack.exists("PlannerFunction")


@STACKS
def test_widgets_of_the_dashboard_fill_its_grid(stack: Stack) -> None:
    """The grid is 24 wide; no widget overlaps another."""
    cells = [
        (x, y)
        for widget in widgets_of(stack)
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells)) == 24 * len({y for _, y in cells})


@STACKS
def test_dashboard_shows_all_metrics_that_the_functions_write(stack: Stack) -> None:
    metrics = [metric for widget in widgets_of(stack) for metric in widget["properties"].get("metrics", [])]
    ours = [metric for metric in metrics if metric[0] == NAMESPACE]
    row: Row = {"scope": "s", "task_id": "t", "finished_at": "2026-11-23T12:00:00.000Z"}
    ended = ListResult(
        "bundle",
        written=[Insert({**row, "outcome": outcome}) for outcome in OUTCOMES],
        unkeepable=["a task without an id"],
    )
    late: Row = {"awaiting_since": "2026-11-23T11:00:00.000Z"}
    polled = PollResult(["bundle"], Backlog(waiting=[late]), [ended], blind_seconds=7200)
    context = PollContext("123456789012/us-east-2", datetime(2026, 11, 23, 12, tzinfo=UTC), sends_events=True)
    announced = AnnounceResult(by_event=Delivery({Key("s", "t"): ValueError()}))
    names = {figure.name for figure in [*figures_of(polled, context, 1), *announced.metrics()]}
    assert {metric[1] for metric in ours} == names | (metrics_of_a_hub() if stack.exists("PlannerFunction") else set())
    assert all(metric[2:4] == ["service", stack.ref("AWS::StackName")] for metric in ours)


def test_prices_on_the_dashboard_are_those_of_the_estimate() -> None:
    metrics = [metric for widget in widgets_of(Stack(**HUB)) for metric in widget["properties"].get("metrics", [])]
    expressions = {metric[0]["id"]: metric[0]["expression"] for metric in metrics if isinstance(metric[0], dict)}
    a_million = {"guardduty": MILLION * prices.GUARDDUTY.each, "trail": MILLION * prices.TRAIL.each}
    assert expressions == {name: f"calls * {dollars:g} / {MILLION}" for name, dollars in a_million.items()}
    assert [metric[1] for metric in metrics if metric[-1].get("id") == "calls"] == ["CallsMade"]


def metrics_of_a_hub() -> set[str]:
    """Return the metrics in the sources of a hub."""
    sources = [path.read_text() for path in (Path(task_reporter.__file__).parent / "organization").glob("*.py")]
    return {name for source in sources for name in re.findall(r'Metric\("(\w+)"', source)}


def test_application_repository_accepts_the_metadata() -> None:
    """https://docs.aws.amazon.com/serverlessrepo/latest/devguide/serverlessrepo-publishing-applications.html"""
    about = template()["Metadata"]["AWS::ServerlessRepo::Application"]
    assert re.fullmatch(r"[A-Za-z0-9-]{1,140}", about["Name"])
    assert 1 <= len(about["Description"]) <= 256
    assert 1 <= len(about["Author"]) <= 127
    assert all((ROOT / about[name]).is_file() for name in ("LicenseUrl", "ReadmeUrl"))
    assert 1 <= len(about["Labels"]) <= 10
    assert all(re.fullmatch(r"[A-Za-z0-9+_:/@-]{1,127}", label) for label in about["Labels"])
