"""The template asks AWS for all that the design promises, and for no right that the code does not use."""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

import task_reporter
from local.environments import ROOT, SUPPORTED
from task_reporter.aws.request_limits import COUNT_SUBSCRIBERS, LIST_TASKS, PUBLISH, USE_TABLE, RequestLimits
from task_reporter.errors import SettingError
from task_reporter.history.backlog import Backlog
from task_reporter.history.rows import AWAITING_NOTIFICATION, AWAITING_OUTCOME, Row
from task_reporter.history.writes import Insert
from task_reporter.kinds.kind import OUTCOMES
from task_reporter.kinds.table import KINDS
from task_reporter.notifying.announce import AnnounceResult
from task_reporter.recording.context import PollContext
from task_reporter.recording.poll_kind import KindResult
from task_reporter.recording.poll_kinds import PollResult
from task_reporter.runtime.deadline import MARGIN_SECONDS
from task_reporter.runtime.metrics import NAMESPACE
from task_reporter.runtime.settings import notifier_settings, recorder_settings
from tests.support.cloudformation import Stack
from tests.support.filter_patterns import matches, parse_pattern
from tests.support.polled import figures_of
from tests.support.template import default, event_properties, properties, table_properties, template

TEXT = (ROOT / "template.yaml").read_text()
PARAMETERS: Mapping[str, dict[str, Any]] = template()["Parameters"]
RESOURCES: Mapping[str, dict[str, Any]] = template()["Resources"]
NO_VALUE = {"Ref": "AWS::NoValue"}


def of_type(name: str) -> dict[str, dict[str, Any]]:
    return {logical_id: resource for logical_id, resource in RESOURCES.items() if resource["Type"] == name}


def arn(logical_id: str, attribute: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, attribute]}


def walk(node: Any) -> Iterator[Any]:
    """``node`` and everything in it."""
    yield node
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in inside:
        yield from walk(child)


# The stack's interface

INTERFACE = {
    "NotificationEmail": "",
    "PollSchedule": "rate(5 minutes)",
    "TaskKinds": "bundle",
    "NotifyOutcomes": "complete,failed,cancelled,lost",
    "RetentionDays": "0",
    "LogRetentionDays": 30,
    "KmsKeyArn": "",
    "DigestAbove": "5",
    "AlarmEmail": "",
    "LostAfterMinutes": "15",
    "RedriveAfterMinutes": "10",
    "SilentAfterMinutes": "15",
    "PermissionsBoundaryArn": "",
    "PythonRuntime": "python3.13",
}
"""Parameter → default. People's scripts name them: one may be added, none renamed or removed."""

OUTPUTS = {
    "HistoryTableName": {"Ref": "HistoryTable"},
    "NotificationTopicArn": {"Ref": "NotificationTopic"},
    "AlarmTopicArn": {"Ref": "AlarmTopic"},
    "RecorderFunctionName": {"Ref": "RecorderFunction"},
    "NotifierFunctionName": {"Ref": "NotifierFunction"},
    "DeadLetterQueueUrl": {"Ref": "DeadLetterQueue"},
}


def test_parameters_keep_their_names_and_defaults() -> None:
    assert {name: default(name) for name in INTERFACE} == INTERFACE


def test_outputs_keep_their_names_and_meaning() -> None:
    outputs = template()["Outputs"]
    assert {name: outputs[name]["Value"] for name in OUTPUTS} == OUTPUTS
    assert all(output["Description"] for output in outputs.values())


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "eu-west-1.console.aws.amazon.com"),
        ("aws-us-gov", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ("aws-cn", "cn-north-1.console.amazonaws.cn"),
    ],
)
def test_the_dashboards_link_opens_the_partitions_console(partition: str, host: str) -> None:
    stack = Stack(partition)
    url = f"https://{host}/cloudwatch/home?region={stack.region}#dashboards:name={stack.ref('Dashboard')}"
    assert stack.output("DashboardUrl") == url


def test_nothing_names_one_partition_only() -> None:
    """The names of service principals are the same everywhere."""
    texts = [node for name in ("Resources", "Outputs") for node in walk(template()[name]) if isinstance(node, str)]
    assert not [text for text in texts if "arn:aws:" in text]
    principals = {text for text in texts if text.endswith(".amazonaws.com")}
    assert {text.count(".") for text in principals} == {2}, "no endpoint of a region"


# Parameters


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_explains_itself(name: str) -> None:
    parameter = PARAMETERS[name]
    assert len(parameter["Description"]) > 20
    assert {"Default", "AllowedPattern", "AllowedValues"} & parameter.keys()
    if {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue", "MinLength", "MaxLength"} & parameter.keys():
        assert parameter["ConstraintDescription"].startswith("must be ")


def test_the_console_shows_every_parameter_once_and_labelled() -> None:
    shown = template()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in shown["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(PARAMETERS)
    assert shown["ParameterLabels"].keys() == PARAMETERS.keys()
    assert all(label["default"] for label in shown["ParameterLabels"].values())
    assert all(group["Label"]["default"] for group in shown["ParameterGroups"])


KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
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
    # A day of single minutes is as far as CloudWatch looks back.
    "SilentAfterMinutes": (["1", "9", "15", "99", "100", "1399", "1440"], ["", "0", "-1", "015", "1441", "9999"]),
    "DigestAbove": (["1", "5", "10"], ["0", "11", "-1", "", "five", "2.5", "5.0"]),
    "TaskKinds": ([*KINDS, ",".join(KINDS)], ["", "bundles", "Bundle", "bundle,", "bundle,unknown", "*"]),
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
            "", f"arn:aws:kms:eu-west-1:123456789012:key/{KEY}",
            f"arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/{KEY}",
            "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        ],
        [
            KEY, "alias/aws/sns", "arn:aws:kms:eu-west-1:123456789012:alias/mine", f"arn:aws:kms:eu-west-1::key/{KEY}",
            "arn:aws:kms:eu-west-1:123456789012:key/", f"arn:aws:sns:eu-west-1:123456789012:key/{KEY}", "*",
            f"arn:aws:kms:*:123456789012:key/{KEY}", f"arn:aws:kms:eu-west-1:123456789012:key/{KEY}/*",
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
"""Parameter → values that CloudFormation must take, and values that it must not."""

GOOD = [(name, value) for name, (good, _) in CASES.items() for value in good]
BAD = [(name, value) for name, (_, bad) in CASES.items() for value in bad]


def accepts(name: str, value: str) -> bool:
    """Whether CloudFormation takes ``value``.

    A pattern must match the whole of a value, and of a list each of its values; local stacks hold it against the
    whole list. Both must say the same.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/parameters-section-structure.html
    """
    parameter = PARAMETERS[name]
    if parameter["Type"] == "Number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return False
    said = {_allowed(parameter, value)}
    if parameter["Type"] == "CommaDelimitedList":
        said.add(all(_allowed(parameter, one.strip()) for one in value.split(",")))
    assert len(said) == 1, f"whole or one by one makes a difference for {value!r}"
    return said.pop()


def _allowed(parameter: Mapping[str, Any], value: str) -> bool:
    if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value):
        return False
    if "AllowedValues" in parameter and value not in map(str, parameter["AllowedValues"]):
        return False
    if "MinValue" in parameter and float(value) < parameter["MinValue"]:
        return False
    return not ("MaxValue" in parameter and float(value) > parameter["MaxValue"])


def test_every_parameter_has_cases() -> None:
    assert CASES.keys() == PARAMETERS.keys()


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_a_good_value_is_taken(name: str, value: str) -> None:
    assert accepts(name, value)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_refused_before_anything_is_deployed(name: str, value: str) -> None:
    assert not accepts(name, value)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_default_is_a_good_value(name: str) -> None:
    assert accepts(name, str(default(name)))


def test_the_longest_rate_is_named_and_covered_by_the_silent_alarm() -> None:
    """CloudWatch evaluates one day at most, in which two polls must fall."""
    longest = "rate(12 hours)"
    assert longest in PARAMETERS["PollSchedule"]["ConstraintDescription"]
    assert accepts("PollSchedule", longest)
    assert accepts("SilentAfterMinutes", str(2 * 12 * 60))


VARIABLES = {
    "TaskKinds": "TASK_KINDS",
    "RetentionDays": "RETENTION_DAYS",
    "DigestAbove": "DIGEST_ABOVE",
    "LostAfterMinutes": "LOST_AFTER_MINUTES",
    "RedriveAfterMinutes": "REDRIVE_AFTER_MINUTES",
    "SilentAfterMinutes": "SILENT_AFTER_MINUTES",
}
PASSED_ON = [(name, value) for name, value in GOOD if name in VARIABLES]


@pytest.mark.parametrize(("name", "value"), PASSED_ON)
def test_what_the_template_takes_the_functions_take(name: str, value: str) -> None:
    right = {"HISTORY_TABLE": "history", "SCOPE": "123456789012/eu-west-1", "TASK_KINDS": "bundle"}
    right |= {"RETENTION_DAYS": "0", "DIGEST_ABOVE": "5", "TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:notices"}
    right |= {"LOST_AFTER_MINUTES": "15", "REDRIVE_AFTER_MINUTES": "10", "SILENT_AFTER_MINUTES": "15"}
    right |= {"EMAIL_SUBSCRIPTION": "true"}
    recorder_settings(right | {VARIABLES[name]: value})
    notifier_settings(right | {VARIABLES[name]: value})


# One request after another, each at its longest
IN_A_POLL = [LIST_TASKS, *[USE_TABLE] * 5]  # open business, read, write, heartbeat, redrive
IN_A_BATCH = [USE_TABLE, COUNT_SUBSCRIBERS, PUBLISH, PUBLISH, *[USE_TABLE] * 2]  # read, ask, publish twice, mark


@pytest.mark.parametrize(("function", "steps"), [("RecorderFunction", IN_A_POLL), ("NotifierFunction", IN_A_BATCH)])
def test_a_time_out_covers_a_whole_run(function: str, steps: Sequence[RequestLimits]) -> None:
    longest = sum(step.max_seconds for step in steps) + MARGIN_SECONDS
    assert longest <= properties(function)["Timeout"] <= 900, longest


# The table


def test_the_table_outlives_the_stack_and_mistakes() -> None:
    table = RESOURCES["HistoryTable"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert "TableName" not in table["Properties"], "a second stack in the same account must not clash with this one"


def test_the_table_has_the_keys_and_indexes_that_people_query() -> None:
    table = table_properties()
    assert keys(table) == ("scope", "task_id")
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    assert {name: keys(index) for name, index in indexes.items()} == {
        "by-kind": ("kind", "updated_at"),
        "by-outcome": ("outcome", "finished_at"),
        "by-resource": ("resource_id", "updated_at"),
        "by-awaiting": ("awaiting", "scope"),
    }
    assert all(index["Projection"] == {"ProjectionType": "ALL"} for index in indexes.values())
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table["AttributeDefinitions"]}
    assert set(types.values()) == {"S"}
    assert types.keys() == {name for keyed in (table, *indexes.values()) for name in keys(keyed)}


def keys(keyed: Mapping[str, Any]) -> tuple[str, ...]:
    named = {key["KeyType"]: key["AttributeName"] for key in keyed["KeySchema"]}
    return named["HASH"], named["RANGE"]


@pytest.mark.parametrize(("days", "expires"), [("0", False), ("90", True), ("99999", True)])
def test_rows_expire_where_a_retention_is_given(days: str, expires: bool) -> None:
    """CloudFormation wants the attribute also to disable: https://github.com/aws/aws-cdk/issues/25655."""
    expected = {"AttributeName": "expires_at", "Enabled": expires}
    assert Stack(RetentionDays=days).properties("HistoryTable")["TimeToLiveSpecification"] == expected


def test_the_table_bills_by_use_and_streams_what_rows_become() -> None:
    table = properties("HistoryTable")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}


# The stream mapping


def test_the_mapping_misses_nothing_and_blocks_nothing() -> None:
    mapping = event_properties("NotifierFunction", "History")
    assert mapping["Stream"] == arn("HistoryTable", "StreamArn")
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 1 <= mapping["MaximumRetryAttempts"] <= 100
    assert 60 <= mapping["MaximumRecordAgeInSeconds"] <= 6 * 60 * 60
    assert mapping["DestinationConfig"] == {"OnFailure": {"Type": "SQS", "Destination": arn("DeadLetterQueue")}}
    assert "ParallelizationFactor" not in mapping, "per task the stream is served one batch at a time"


def test_the_mapping_gathers_what_ends_together() -> None:
    mapping = event_properties("NotifierFunction", "History")
    assert mapping["BatchSize"] >= 500
    assert 1 <= mapping["MaximumBatchingWindowInSeconds"] <= 30


@pytest.mark.parametrize(
    ("image", "wakes"),
    [
        ({"awaiting": {"S": AWAITING_NOTIFICATION}}, True),
        ({"awaiting": {"S": AWAITING_NOTIFICATION}, "redriven_at": {"S": "2026-11-23T12:00:00.000Z"}}, True),
        ({"awaiting": {"S": AWAITING_OUTCOME}}, False),
        ({"notified_at": {"S": "2026-11-23T12:00:00.000Z"}, "outcome": {"S": "complete"}}, False),
        (None, False),
    ],
)
def test_only_a_row_that_awaits_notification_wakes_the_notifier(image: Any, wakes: bool) -> None:
    filters = event_properties("NotifierFunction", "History")["FilterCriteria"]["Filters"]
    record = {"dynamodb": {"NewImage": image} if image else {}}
    assert any(matches(parse_pattern(one["Pattern"]), record) for one in filters) is wakes


# The schedule


def test_the_schedule_retries_has_its_own_role_and_a_dead_letter_queue() -> None:
    schedule = event_properties("RecorderFunction", "PollInGroup")
    assert schedule["ScheduleExpression"] == {"Ref": "PollSchedule"}
    assert schedule["RoleArn"] == arn("ScheduleRole")
    assert schedule["DeadLetterConfig"] == {"Arn": arn("DeadLetterQueue")}
    assert 1 <= schedule["RetryPolicy"]["MaximumRetryAttempts"] <= 10
    assert 60 <= schedule["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 3600
    assert schedule["OmitName"] is True
    assert schedule.get("State", "ENABLED") == "ENABLED"


def test_a_stack_whose_schedule_has_no_group_can_be_updated() -> None:
    """CloudFormation looks for a schedule in its new group, and fails: https://github.com/aws/aws-cdk/issues/34216"""
    assert "Poll" not in properties("RecorderFunction")["Events"], "that was the schedule without a group"


def test_a_poll_that_failed_for_good_is_kept() -> None:
    invocation = properties("RecorderFunction")["EventInvokeConfig"]
    assert invocation["DestinationConfig"] == {"OnFailure": {"Type": "SQS", "Destination": arn("DeadLetterQueue")}}
    assert invocation["MaximumRetryAttempts"] <= 2
    assert properties("DeadLetterQueue")["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


# Rights

FUNCTIONS = {"recorder": "RecorderRole", "notifier": "NotifierRole"}
ROLES = of_type("AWS::IAM::Role")

WRITES = {"TransactWriteItems", "PutItem", "UpdateItem"}
WRITTEN_BY = {"recorder": {"PutItem", "UpdateItem"}, "notifier": {"UpdateItem"}}
"""A transaction needs the right to each of its actions: the recorder inserts and updates, the notifier only marks.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
"""

LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
BY_THE_PLATFORM = {
    "RecorderRole": LOGS | {"sqs:SendMessage"},
    "NotifierRole": LOGS
    | {"sqs:SendMessage", "dynamodb:ListStreams"}
    | {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"},
    "ScheduleRole": {"lambda:InvokeFunction", "sqs:SendMessage"},
}
"""What Lambda and Scheduler do in a role's name; no code of ours calls it."""

TRUSTED = {
    "RecorderRole": "lambda.amazonaws.com",
    "NotifierRole": "lambda.amazonaws.com",
    "ScheduleRole": "scheduler.amazonaws.com",
}
NO_RESOURCE_TO_NAME = {("RecorderRole", "ListTasks"), ("NotifierRole", "FindStream")}
"""Statements whose actions IAM lets nobody narrow to a resource."""

STATEMENTS = [
    (role, statement)
    for role, resource in ROLES.items()
    for policy in resource["Properties"]["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]
]
RESOURCE_STATEMENTS = [
    statement
    for kind in ("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")
    for resource in of_type(kind).values()
    for statement in resource["Properties"]["PolicyDocument"]["Statement"]
]


def listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions


def granted(role: str) -> set[str]:
    """The actions that ``role`` allows, without those of the key."""
    mine = [statement for owner, statement in STATEMENTS if owner == role]
    actions = {action for statement in mine for action in listed(statement["Action"])}
    return {action for action in actions if not action.startswith("kms:")}


def operations_of(function: str) -> set[tuple[str, str]]:
    """Service and operation of each AWS call that ``function`` can get to, found in the text of what it imports."""
    calls = {
        node.func.attr
        for module in imported(ROOT / "functions" / function / "app.py")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    models = [ServiceModel(Loader().load_service_model(name, "service-2"), name) for name in ("dynamodb", "sns")]
    known = {xform_name(name): (model.service_name, name) for model in models for name in model.operation_names}
    return {known[call] for call in calls & known.keys()}


def imported(start: Path) -> set[Path]:
    """``start`` and each module of the package that it imports, directly or not."""
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
    """The IAM actions behind what ``function`` calls."""
    actions = set()
    for service, operation in operations_of(function):
        single = WRITTEN_BY[function] if operation in WRITES else {operation}
        actions |= {f"{service}:{name}" for name in single}
    if any(module.name == "poll_kind.py" for module in imported(ROOT / "functions" / function / "app.py")):
        actions |= {f"ec2:{kind.operation}" for kind in KINDS.values()}
    return actions


def test_what_the_functions_call_is_found() -> None:
    """The derivation below stands on this."""
    assert {("dynamodb", name) for name in {"BatchGetItem", *WRITES}} <= operations_of("recorder")
    assert ("sns", "Publish") in operations_of("notifier")
    assert ("sns", "Publish") not in operations_of("recorder"), "it never publishes"
    assert not {action for action in needed("notifier") if action.startswith("ec2:")}, "it never calls EC2"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_what_it_calls_and_nothing_more(function: str) -> None:
    role = FUNCTIONS[function]
    assert granted(role) == needed(function) | BY_THE_PLATFORM[role]
    assert properties(f"{function.title()}Function")["Role"] == arn(role)


def test_the_schedule_may_do_what_a_schedule_does() -> None:
    assert granted("ScheduleRole") == BY_THE_PLATFORM["ScheduleRole"]


def test_every_role_is_looked_at() -> None:
    assert ROLES.keys() == BY_THE_PLATFORM.keys() == TRUSTED.keys()


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
    "sqs:SendMessage": arn("DeadLetterQueue"),
    "lambda:InvokeFunction": arn("RecorderFunction"),
}


@pytest.mark.parametrize(("role", "statement"), STATEMENTS, ids=[f"{role}-{one['Sid']}" for role, one in STATEMENTS])
def test_a_statement_names_its_actions_and_its_one_resource(role: str, statement: dict[str, Any]) -> None:
    assert statement["Effect"] == "Allow"
    assert "NotAction" not in statement
    assert "NotResource" not in statement
    actions = listed(statement["Action"])
    assert not [action for action in actions if "*" in action]
    if actions[0].startswith("kms:"):
        return  # bound to one resource by its encryption context, as test_policies.py shows
    if (role, statement["Sid"]) in NO_RESOURCE_TO_NAME:
        assert statement["Resource"] == "*"
    elif actions[0].startswith("logs:"):
        assert statement["Resource"] == arn(role.replace("Role", "Logs"))
    else:
        assert [RESOURCE_OF[action] for action in actions] == [statement["Resource"]] * len(actions)


def test_every_statement_has_a_sid_and_its_reason_on_that_line() -> None:
    lines = [line for line in TEXT.splitlines() if re.match(r"\s*- Sid:", line)]
    assert len(lines) == len(STATEMENTS) + len(RESOURCE_STATEMENTS)
    assert [line for line in lines if not re.search(r"Sid: [A-Z][A-Za-z]+ # \S+ .{5,}", line)] == []
    for role in ROLES:
        sids = [statement["Sid"] for owner, statement in STATEMENTS if owner == role]
        assert len(sids) == len(set(sids))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_no_name_no_managed_policy_and_trusts_its_service_only(role: str) -> None:
    asked = properties(role)
    assert asked.keys() == {"Description", "PermissionsBoundary", "AssumeRolePolicyDocument", "Policies"}
    (trust,) = asked["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Action"], trust["Principal"]) == ("sts:AssumeRole", {"Service": TRUSTED[role]})


def test_no_other_iam_resource_is_made_by_us_or_by_sam() -> None:
    """With a role of its own SAM makes a function none; CAPABILITY_IAM suffices while none has a name."""
    assert {one["Type"] for one in RESOURCES.values() if one["Type"].startswith("AWS::IAM::")} == {"AWS::IAM::Role"}
    for logical_id in of_type("AWS::Serverless::Function"):
        asked = properties(logical_id)
        assert "Role" in asked
        assert not {"Policies", "FunctionName"} & asked.keys()
    assert "arn:aws:iam::aws:policy" not in TEXT


# The functions


class Asked(dict[str, str]):
    """An environment that remembers what it was asked for."""

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
    ("function", "read"), [("RecorderFunction", recorder_settings), ("NotifierFunction", notifier_settings)]
)
def test_every_setting_that_a_function_reads_is_set_and_no_other(function: str, read: Any) -> None:
    asked = Asked()
    with pytest.raises(SettingError):
        read(asked)
    everywhere = template()["Globals"]["Function"]["Environment"]["Variables"]
    ours = everywhere.keys() - {"POWERTOOLS_SERVICE_NAME"} | properties(function)["Environment"]["Variables"].keys()
    assert asked.names == ours


@pytest.mark.parametrize(("email", "expected"), [("", "false"), ("ops@example.com", "true")])
@pytest.mark.parametrize("function", ["RecorderFunction", "NotifierFunction"])
def test_a_function_knows_its_scope_and_of_an_email_subscription(function: str, email: str, expected: str) -> None:
    variables = Stack(NotificationEmail=email).properties(function)["Environment"]["Variables"]
    assert variables["EMAIL_SUBSCRIPTION"] == expected
    assert variables["SCOPE"] == "123456789012/eu-west-1"


def test_two_stacks_of_an_account_share_no_layer() -> None:
    assert "AWS::StackName" in properties("CoreLayer")["LayerName"]["Fn::Sub"]


def test_the_dimension_of_the_metrics_is_the_stack() -> None:
    everywhere = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert everywhere["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def test_a_function_logs_in_json_to_its_own_group_which_forgets() -> None:
    for name in ("Recorder", "Notifier"):
        logging = properties(f"{name}Function")["LoggingConfig"]
        assert logging == {"LogGroup": {"Ref": f"{name}Logs"}, "LogFormat": "JSON"}
        assert properties(f"{name}Logs")["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_functions_and_layer_run_on_the_chosen_runtime() -> None:
    assert template()["Globals"]["Function"]["Runtime"] == {"Ref": "PythonRuntime"}
    assert properties("CoreLayer")["CompatibleRuntimes"] == [{"Ref": "PythonRuntime"}]
    assert PARAMETERS["PythonRuntime"]["AllowedValues"] == [f"python{major}.{minor}" for major, minor in SUPPORTED]


def test_a_plain_sam_build_compiles_for_the_default_runtime() -> None:
    makefile = (ROOT / "layers" / "core" / "Makefile").read_text()
    assert re.findall(r"^LAYER_RUNTIME \?= (.*)$", makefile, re.MULTILINE) == [default("PythonRuntime")]
    assert RESOURCES["CoreLayer"]["Metadata"] == {"BuildMethod": "makefile"}
    assert "build-CoreLayer:" in makefile


# Encryption and conditions

OWNERS_KEY = {"Ref": "KmsKeyArn"}
KEPT = {
    "AWS::DynamoDB::Table": ("SSESpecification", {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": OWNERS_KEY}),
    "AWS::SNS::Topic": ("KmsMasterKeyId", OWNERS_KEY),
    "AWS::SQS::Queue": ("KmsMasterKeyId", OWNERS_KEY),
    "AWS::Logs::LogGroup": ("KmsKeyId", OWNERS_KEY),
}
ENCRYPTED = [logical_id for logical_id, resource in RESOURCES.items() if resource["Type"] in KEPT]


def test_all_that_keeps_data_is_looked_at() -> None:
    data = ["AlarmTopic", "DeadLetterQueue", "HistoryTable", "NotificationTopic", "NotifierLogs", "RecorderLogs"]
    assert sorted(ENCRYPTED) == data


@pytest.mark.parametrize("logical_id", ENCRYPTED)
def test_all_that_keeps_data_is_encrypted_with_the_owners_key_where_there_is_one(logical_id: str) -> None:
    name, with_key = KEPT[RESOURCES[logical_id]["Type"]]
    assert properties(logical_id)[name] == {"Fn::If": ["HasKey", with_key, NO_VALUE]}


def test_without_a_key_the_queue_is_encrypted_too() -> None:
    assert properties("DeadLetterQueue")["SqsManagedSseEnabled"] == {"Fn::If": ["HasKey", NO_VALUE, True]}


@pytest.mark.parametrize(("condition", "parameter"), [("HasKey", "KmsKeyArn"), ("HasEmail", "NotificationEmail")])
def test_a_condition_is_that_the_parameter_is_given(condition: str, parameter: str) -> None:
    assert template()["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}


def test_every_condition_that_is_used_exists_and_the_other_way_round() -> None:
    used = {node["Fn::If"][0] for node in walk(template()) if isinstance(node, dict) and "Fn::If" in node}
    used |= {resource["Condition"] for resource in RESOURCES.values() if "Condition" in resource}
    assert used == template()["Conditions"].keys()


def test_every_parameter_is_used() -> None:
    used = {node["Ref"] for node in walk(template()) if isinstance(node, dict) and "Ref" in node}
    assert PARAMETERS.keys() - used == set()


def test_the_email_subscription_gets_the_outcomes_that_its_owner_wants() -> None:
    assert RESOURCES["EmailSubscription"]["Condition"] == "HasEmail"
    subscription = properties("EmailSubscription")
    assert subscription.get("FilterPolicyScope", "MessageAttributes") == "MessageAttributes"
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", {"Ref": "NotificationEmail"})


@pytest.mark.parametrize(
    "wanted",
    [
        ",".join(OUTCOMES),
        ",".join(reversed(OUTCOMES)),
        " , ".join(OUTCOMES),
        ",".join([*OUTCOMES, *OUTCOMES]),
        f"lost,{','.join(OUTCOMES)},lost",
    ],
)
def test_who_wants_every_outcome_has_no_filter(wanted: str) -> None:
    assert accepts("NotifyOutcomes", wanted)
    assert "FilterPolicy" not in Stack(NotifyOutcomes=wanted).properties("EmailSubscription")


@pytest.mark.parametrize(
    "wanted",
    [
        *OUTCOMES,
        "failed,cancelled",
        "failed , failed, failed,failed",
        "lost,lost,complete,failed",
        *(",".join(one for one in OUTCOMES if one != left_out) for left_out in OUTCOMES),
    ],
)
def test_who_wants_some_outcomes_has_a_filter_for_them(wanted: str) -> None:
    assert accepts("NotifyOutcomes", wanted)
    filtered = Stack(NotifyOutcomes=wanted).properties("EmailSubscription")["FilterPolicy"]
    assert filtered == {"outcome": [one.strip() for one in wanted.split(",")]}


# What is shown


def widgets() -> list[dict[str, Any]]:
    text = properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    told: list[dict[str, Any]] = json.loads(text)["widgets"]
    return told


def test_the_dashboard_is_json_about_resources_that_exist() -> None:
    named = set(re.findall(r"\$\{([A-Za-z]+)(?:\.[A-Za-z]+)?\}", json.dumps(widgets())))
    assert named <= RESOURCES.keys()
    assert all(widget["properties"]["title"] for widget in widgets())


def test_the_dashboard_shows_every_alarm() -> None:
    [widget] = [widget for widget in widgets() if widget["type"] == "alarm"]
    shown = [text.removeprefix("${").removesuffix(".Arn}") for text in widget["properties"]["alarms"]]
    assert sorted(shown) == sorted(of_type("AWS::CloudWatch::Alarm"))


def test_the_dashboards_widgets_do_not_overlap() -> None:
    """On a grid that is 24 wide."""
    cells = [
        (x, y)
        for widget in widgets()
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells)) == 24 * len({y for _, y in cells})


def test_the_dashboard_shows_every_figure_that_the_functions_write_and_no_other() -> None:
    metrics = [metric for widget in widgets() for metric in widget["properties"].get("metrics", [])]
    shown = {metric[1] for metric in metrics if metric[0] == NAMESPACE}
    row: Row = {"scope": "s", "task_id": "t", "finished_at": "2026-11-23T12:00:00.000Z"}
    ended = KindResult(
        "bundle",
        written=[Insert({**row, "outcome": outcome}) for outcome in OUTCOMES],
        unkeepable=["a task without an id"],
    )
    late: Row = {"awaiting_since": "2026-11-23T11:00:00.000Z"}
    polled = PollResult(["bundle"], Backlog(waiting=[late]), [ended], blind_seconds=7200)
    figures = figures_of(polled, PollContext("123456789012/us-east-2", datetime(2026, 11, 23, 12, tzinfo=UTC)), 1)
    figures += AnnounceResult().metrics()
    assert shown == {figure.name for figure in figures}
    ours = [metric[2:4] for metric in metrics if metric[0] == NAMESPACE]
    assert all(dimension == ["service", "${AWS::StackName}"] for dimension in ours)


def test_the_serverless_application_repository_has_all_that_it_wants() -> None:
    """https://docs.aws.amazon.com/serverlessrepo/latest/devguide/serverlessrepo-publishing-applications.html"""
    about = template()["Metadata"]["AWS::ServerlessRepo::Application"]
    assert re.fullmatch(r"[A-Za-z0-9-]{1,140}", about["Name"])
    assert 1 <= len(about["Description"]) <= 256
    assert 1 <= len(about["Author"]) <= 127
    assert about["SpdxLicenseId"] == "MIT"
    assert all((ROOT / about[name]).is_file() for name in ("LicenseUrl", "ReadmeUrl"))
    assert 1 <= len(about["Labels"]) <= 10
    assert all(re.fullmatch(r"[A-Za-z0-9+_:/@-]{1,127}", label) for label in about["Labels"])
    assert about["SemanticVersion"] == task_reporter.__version__
    assert f'version = "{task_reporter.__version__}"' in (ROOT / "pyproject.toml").read_text()
