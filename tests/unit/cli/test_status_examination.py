"""All checks of `status` together: one that fails costs the others nothing."""

import json
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.parsers import ResponseParserError

from task_reporter.errors import HistoryError
from task_reporter.history.rows import Key, Row
from task_reporter.history.table import HistoryTable
from task_reporter.times import parse
from task_reporter_cli.errors import NoStackError
from task_reporter_cli.history.stack import Stack
from task_reporter_cli.status import examination
from task_reporter_cli.status.examination import run_checks
from task_reporter_cli.status.findings import UNKNOWN, WELL, WRONG, Finding
from tests.support.dynamodb import DynamoDb, Table
from tests.support.subscriptions import PENDING, Subscriptions

NOW = parse("2026-11-23T12:00:00Z")
SCOPE = "123456789012/us-east-2"
SNS = "arn:aws:sns:us-east-2:123456789012"
READER = "ops@example.com"
DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "for a test"}}, "AnOperation")


def failing(error: Exception) -> Any:
    """Return a function that raises ``error``, whatever it is called with."""

    def fail(**_: Any) -> Any:
        raise error

    return fail


ERRORS = {
    "refused": (DENIED, "no permission for AnOperation"),
    "unreachable": (EndpointConnectionError(endpoint_url="http://x"), "AWS can't be reached"),
    "answered by somebody else": (ResponseParserError("<html>"), "what answers is not AWS"),
    "unread": (HistoryError({Key("roster", "123456789012"): "UnprocessedKeys"}), "1 rows could not be"),
    "no output": (NoStackError("no output AlarmTopicArn"), "no output AlarmTopicArn"),
    "not in the stack": (KeyError("RecorderFunctionPollInGroup"), "the stack has no 'RecorderFunctionPollInGroup'"),
}


@pytest.mark.parametrize(("error", "text"), ERRORS.values(), ids=ERRORS)
def test_a_failed_check_is_unknown_and_the_others_run(error: Exception, text: str) -> None:
    def begin() -> Iterator[Finding]:
        yield Finding("third", WELL, "half seen")
        raise error

    first, last = Finding("first", WELL, "fine"), Finding("last", WRONG, "broken")
    checks = {"first": lambda: first, "second": failing(error), "third": lambda: list(begin()), "last": lambda: [last]}
    found = run_checks(checks)
    assert [finding.part for finding in found] == ["first", "second", "third", "last"]
    assert (found[0], found[3]) == (first, last)
    assert [finding.level for finding in found[1:3]] == [UNKNOWN, UNKNOWN]
    assert all(text in finding.text for finding in found[1:3])


def test_a_mistake_in_a_check_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_checks({"part": failing(ZeroDivisionError())})


DELETED = {
    "GetSchedule": ("ResourceNotFoundException", "the schedule is gone"),
    "GetEventSourceMapping": ("ResourceNotFoundException", "the stream mapping is gone"),
    "GetQueueAttributes": ("AWS.SimpleQueueService.NonExistentQueue", "the queue is gone"),
    "Query": ("ResourceNotFoundException", "the table is gone"),
}


@pytest.mark.parametrize(("operation", "code", "text"), [(name, *gone) for name, gone in DELETED.items()])
def test_a_deleted_part_is_wrong_and_not_unknown(operation: str, code: str, text: str) -> None:
    [found] = run_checks({"part": failing(ClientError({"Error": {"Code": code}}, operation))})
    assert (found.level, found.text) == (WRONG, text)
    assert "make takeover" in found.todo


def resource(name: str, kind: str = "AWS::SNS::Topic", **more: str) -> dict[str, str]:
    return {"LogicalResourceId": name, "ResourceType": kind} | more


def test_resources_and_alarms_are_read_from_every_page() -> None:
    pages = {
        "": [resource("Silence", examination.ALARM, PhysicalResourceId="x-Silence-1"), resource("NotYet")],
        "2": [
            resource("Late", examination.ALARM, PhysicalResourceId="x-Late-1"),
            resource("Old", examination.ALARM, PhysicalResourceId="x-Old-1", ResourceStatus="DELETE_COMPLETE"),
        ],
    }

    def list_stack_resources(StackName: str, NextToken: str = "") -> dict[str, Any]:
        return {"StackResourceSummaries": pages[NextToken]} | ({} if NextToken else {"NextToken": "2"})

    found = examination.read_resources(SimpleNamespace(list_stack_resources=list_stack_resources), "arn")
    assert found.physical == {"Silence": "x-Silence-1", "NotYet": "", "Late": "x-Late-1"}
    assert found.alarms == ["x-Silence-1", "x-Late-1"]


# Wired together

RESOURCES = [
    resource("RecorderFunctionPollInGroup", PhysicalResourceId="poll"),
    resource("NotifierFunctionHistory", PhysicalResourceId="mapping"),
    resource("AlarmTopic", PhysicalResourceId=f"{SNS}:alarms-topic"),
    resource("Silence", examination.ALARM, PhysicalResourceId="silence"),
]
ALARM = {"AlarmName": "silence", "StateValue": "OK", "ActionsEnabled": True}
ANSWERS: dict[str, dict[str, dict[str, Any]]] = {
    "cloudformation": {"list_stack_resources": {"StackResourceSummaries": RESOURCES}},
    "scheduler": {"get_schedule": {"State": "ENABLED", "ScheduleExpression": "rate(5 minutes)"}},
    "lambda": {"get_event_source_mapping": {"State": "Enabled"}},
    "sqs": {"get_queue_attributes": {"Attributes": {}}},
    "events": {"describe_event_bus": {"Name": "tasks"}},
    "cloudwatch": {"describe_alarms": {"MetricAlarms": [ALARM]}, "get_metric_data": {"MetricDataResults": []}},
}
"""Answers where all is well, by service and operation."""
OUTPUTS = {
    "HistoryTableName": "history",
    "NotificationTopicArn": f"{SNS}:notices",
    "DeadLetterQueueUrl": "https://queue",
}
LISTS = {"us-east-2": {"bundle": {"at": int(parse("2026-11-23T11:57:00Z").timestamp()), "n": 7}}}
BEAT = {
    "scope": "roster", "task_id": "123456789012", "polled_at": "2026-11-23T11:57:00.000Z", "lists": json.dumps(LISTS)
}  # fmt: skip


class OneTable(DynamoDb):
    """The history's table as the template makes it."""

    def describe_table(self, TableName: str) -> dict[str, Any]:
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        usual = {"TableName": TableName, "TableStatus": "ACTIVE", "DeletionProtectionEnabled": True}
        return {"Table": usual | {"StreamSpecification": stream}}

    def describe_time_to_live(self, TableName: str) -> dict[str, Any]:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}


def examine(
    *rows: Row, outputs: Mapping[str, str] = OUTPUTS, clients: Mapping[str, Any] | None = None, **parameters: str
) -> dict[str, Finding]:
    """Return the findings of all checks, by part; ``clients`` replace the usual ones."""
    usual = {
        service: SimpleNamespace(**{name: lambda answer=answer, **_: answer for name, answer in operations.items()})
        for service, operations in ANSWERS.items()
    }
    cloud = {**usual, "sns": Subscriptions((READER, "")), **(clients or {})}
    dynamodb = OneTable(Table(*({"scope": SCOPE, **row} for row in (BEAT, *rows))))
    stack = Stack(
        "mine",
        "arn:aws:cloudformation:us-east-2:123456789012:stack/mine/1",
        "CREATE_COMPLETE",
        outputs,
        {"TaskKinds": "bundle", **parameters},
    )
    target: Any = SimpleNamespace(
        needs_stack=lambda: stack,
        account=SimpleNamespace(client=cloud.__getitem__),
        dynamodb=dynamodb,
        table="history",
        history=HistoryTable(dynamodb, "history"),
        flags="",
    )
    return {finding.part: finding for finding in examination.examine(target, NOW)}


def test_a_stack_in_which_all_is_well() -> None:
    found = examine(NotificationEmail=READER, AlarmEmail=READER)
    assert {part: finding for part, finding in found.items() if finding.level != WELL} == {}
    assert list(found) == [
        "stack", "schedule", "last poll", "gaps, last 24 hours", "kinds", "running tasks",
        "lost, last 24 hours", "not announced", "events not sent", "stream to notifier", "event bus", "chat topic",
        "subscribers", "undelivered, last 24 hours",
        "dead-letter queue", "alarms", "alarm subscribers", "table", "encryption", "retention",
    ]  # fmt: skip


def test_denied_resources_cost_the_other_parts_nothing() -> None:
    denied = {"cloudformation": SimpleNamespace(list_stack_resources=failing(DENIED))}
    outputs = OUTPUTS | {"AlarmTopicArn": f"{SNS}:alarms-topic"}
    found = examine(outputs=outputs, clients=denied, AlarmEmail=READER)
    unknown = [part for part, finding in found.items() if finding.level == UNKNOWN]
    assert unknown == ["schedule", "stream to notifier", "alarms"]
    assert all("no permission for AnOperation" in found[part].text for part in unknown)
    assert {finding.level for part, finding in found.items() if part not in unknown} == {WELL}


@pytest.mark.parametrize(("outputs", "topic"), [({"AlarmTopicArn": f"{SNS}:named"}, "named"), ({}, "alarms-topic")])
def test_the_alarm_topic_is_the_outputs_else_the_resources(outputs: dict[str, str], topic: str) -> None:
    asked: set[str] = set()

    class Sns(Subscriptions):
        def get_topic_attributes(self, TopicArn: str) -> dict[str, Any]:
            asked.add(TopicArn)
            return super().get_topic_attributes(TopicArn)

    examine(outputs=OUTPUTS | outputs, clients={"sns": Sns()})
    assert asked == {f"{SNS}:notices", f"{SNS}:{topic}"}


def test_a_missing_output_costs_the_other_parts_nothing() -> None:
    found = examine(outputs={name: value for name, value in OUTPUTS.items() if name != "DeadLetterQueueUrl"})
    assert "no output DeadLetterQueueUrl" in found["dead-letter queue"].text
    wrong = {part for part, finding in found.items() if finding.level != WELL}
    assert wrong == {"dead-letter queue", "undelivered, last 24 hours"}


def test_a_pending_address_excuses_waiting_rows() -> None:
    row = {"task_id": "bun-1", "awaiting": "notification", "awaiting_since": "2026-11-23T10:59:00.000Z"}
    found = examine(row, clients={"sns": Subscriptions((READER, PENDING))}, NotificationEmail=READER)
    assert (found["subscribers"].level, found["not announced"].level) == (WRONG, WELL)
    assert "1 wait until a subscription is confirmed" in found["not announced"].text


HUB_RESOURCES = [
    resource("PlannerFunctionRound", PhysicalResourceId="round"),
    resource("AssignmentMapping", PhysicalResourceId="assignments"),
    *RESOURCES[1:],
]
HUB_ANSWERS = {
    "cloudformation": SimpleNamespace(list_stack_resources=lambda **_: {"StackResourceSummaries": HUB_RESOURCES})
}
OWN_ROW: Row = {
    "scope": "roster", "task_id": "organization", "round_at": "2026-11-23T11:58:00.000Z",
    "accounts_at": "2026-11-23T11:58:00.000Z",
}  # fmt: skip


def test_a_hub_in_which_all_is_well() -> None:
    outputs = OUTPUTS | {"AssignmentQueueUrl": "https://queue/assignments"}
    settings = {"NotificationEmail": READER, "AlarmEmail": READER, "OrganizationId": "o-1"}
    found = examine(OWN_ROW, outputs=outputs, clients=HUB_ANSWERS, **settings)
    assert {part: finding for part, finding in found.items() if finding.level != WELL} == {}
    assert list(found) == [
        "stack", "schedule", "last round", "accounts", "overdue regions", "kinds", "running tasks",
        "lost, last 24 hours", "not announced", "events not sent", "assignments", "stream to notifier", "event bus",
        "chat topic", "subscribers", "undelivered, last 24 hours", "dead-letter queue", "alarms", "alarm subscribers",
        "table", "encryption", "retention",
    ]  # fmt: skip


def test_the_schedule_of_a_hub_is_the_planners() -> None:
    scheduler = SimpleNamespace(
        get_schedule=lambda Name: {"State": "ENABLED" if Name == "round" else "DISABLED", "ScheduleExpression": "rate"}
    )
    found = examine(OWN_ROW, clients={**HUB_ANSWERS, "scheduler": scheduler}, OrganizationId="o-1")
    assert found["schedule"].level == WELL


def test_a_deleted_mapping_of_assignments_is_not_the_streams() -> None:
    gone = ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetEventSourceMapping")
    [found] = run_checks({"assignments": failing(gone)})
    assert (found.level, found.text) == (WRONG, "the mapping is gone")


def test_rows_of_a_hub_may_wait_for_a_subscriber() -> None:
    row = {"task_id": "bun-1", "awaiting": "notification", "awaiting_since": "2026-11-23T10:59:00.000Z"}
    unheard = OWN_ROW | {"unheard_since": "2026-11-23T10:59:00.000Z"}
    found = examine(row, unheard, clients=HUB_ANSWERS, NotificationEmail=READER, OrganizationId="o-1")
    assert found["not announced"].level == WELL
    assert "go out with the next poll" in found["not announced"].text
