"""Events of a deployed stack: the recipes of docs/events.md, and faults of the bus."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud
from local.deployment import Deployment, deploy
from local.ec2.response import format_response
from tests.e2e.aws_cli import paste, recipe
from tests.e2e.conftest import PATIENT, StagedEc2
from tests.e2e.steps import poll, row_of, setting, task, told_row
from tests.e2e.throttling import Throttled, throttled
from tests.support.canned_ec2 import Answer
from tests.support.policies import Request, allowed
from tests.support.queues import drain
from tests.support.sns import delivered_detail
from tests.support.subscriber import subscribed
from tests.support.waiting import eventually

BUS, READER, OPERATOR = "e2e-tasks", "events@example.com", "imports@example.com"
COLLECTOR = "210987654321"
"""The account that collects events."""
SERVICE = "events.amazonaws.com"
IMPORTS = "DescribeImportImageTasks"
REASON = "ClientError: Disk validation failed [Unsupported specified file format]"


@dataclass(frozen=True)
class Eventful:
    """A stack, with a queue that gets all its events."""

    stack: Deployment
    queue_url: str

    def client(self, service: str) -> Any:
        return self.stack.cloud.client(service)

    def events(self, task_id: str) -> list[dict[str, Any]]:
        """Remove the events from the queue, and return those about a task."""
        return [event for event in drain(self.client("sqs"), self.queue_url) if event["detail"]["task_id"] == task_id]

    def settled(self, task_id: str) -> dict[str, Any]:
        """Return the row of a task once it awaits nothing."""
        return eventually(lambda: (row := row_of(self.stack, task_id)) and "awaiting" not in row and row)

    def mails(self, to: str = READER) -> list[Any]:
        return [mail for mail in self.stack.cloud.inbox.new() if mail.to == to]

    def collect_events(self) -> None:
        """Follow the recipe for a queue; a deleted bus has lost its rules."""
        [commands] = recipe("Every event in a queue")
        paste(self.stack.cloud, commands, {"BUS": BUS})


@pytest.fixture(scope="module")
def deployed(cloud: Cloud, template: Path, ec2: StagedEc2) -> Eventful:
    cloud.client("events").create_event_bus(Name=BUS)
    parameters = {**PATIENT, "TaskKinds": "bundle,import-image", "RedriveAfterMinutes": "0", "EventBusName": BUS}
    ec2.lists()
    ec2.by_action[IMPORTS] = imports()
    stack = deploy(cloud, template, {"NotificationEmail": READER, **parameters}, "eventful")
    poll(stack)
    queue = cloud.client("sqs").create_queue(QueueName="ended-tasks")["QueueUrl"]
    eventful = Eventful(stack, queue)
    eventful.collect_events()
    return eventful


@pytest.fixture
def eventful(deployed: Eventful, ec2: StagedEc2) -> Iterator[Eventful]:
    """Yield the stack, with inbox and queue read and EC2's lists empty."""
    ec2.lists()
    ec2.by_action[IMPORTS] = imports()
    deployed.mails()
    deployed.events("")
    yield deployed
    ec2.lists()
    ec2.by_action.pop(IMPORTS)


def imports(*tasks: dict[str, Any]) -> Answer:
    """Return EC2's answer with these imports of images."""
    return Answer(format_response(IMPORTS, {"ImportImageTasks": list(tasks)}, "e2e"))


def failed_import(task_id: str) -> dict[str, Any]:
    return {"ImportTaskId": task_id, "Status": "deleted", "StatusMessage": REASON}


def complete_import(task_id: str) -> dict[str, Any]:
    return {"ImportTaskId": task_id, "Status": "completed", "ImageId": "ami-0b1c2d3e4f5061728"}


def rule(eventful: Eventful, name: str) -> str:
    """Return the ARN of a rule."""
    return eventful.client("events").describe_rule(Name=name, EventBusName=BUS)["Arn"]


def statements(policy: Any) -> list[dict[str, Any]]:
    return (json.loads(policy) if isinstance(policy, str) else policy)["Statement"]


def test_a_task_has_one_email_and_one_event(eventful: Eventful, ec2: StagedEc2) -> None:
    with subscribed(eventful.stack, "e2e-events-notices") as notices:
        ec2.lists(task("bun-e2e-event", "complete"))
        assert poll(eventful.stack)["ended"] == {"complete": 1}
        row = eventful.settled("bun-e2e-event")
        for _ in range(3):
            poll(eventful.stack)
        [notice] = notices()
    [event] = eventful.events("bun-e2e-event")
    assert event["detail"] == delivered_detail(notice)
    assert (event["source"], event["detail-type"]) == ("ec2-task-reporter", "EC2 Task Ended")
    assert (event["account"], event["region"]) == ("000000000000", "eu-west-1")
    assert event["resources"] == []  # its instance has no id of EC2's form
    assert [mail.subject for mail in eventful.mails()] == [event["detail"]["subject"]]
    assert {"notified_at", "event_sent_at"} <= row.keys()


def test_the_queue_takes_events_of_its_rule_alone(eventful: Eventful) -> None:
    sqs = eventful.client("sqs")
    attributes = sqs.get_queue_attributes(QueueUrl=eventful.queue_url, AttributeNames=["All"])["Attributes"]
    for name, expected in ((rule(eventful, "ended-tasks"), True), ("arn:aws:events:eu-west-1:1:rule/x", False)):
        request = Request("sqs:SendMessage", attributes["QueueArn"], {"aws:SourceArn": name}, SERVICE)
        assert allowed(statements(attributes["Policy"]), request) is expected


def test_failed_imports_come_by_email(eventful: Eventful, ec2: StagedEc2) -> None:
    [commands] = recipe("Failed imports by email")
    paste(eventful.stack.cloud, commands, {"BUS": BUS, "EMAIL": OPERATOR})
    ec2.lists(task("bun-e2e-ends", "complete"))
    ec2.by_action[IMPORTS] = imports(failed_import("import-ami-e2e-bad"), complete_import("import-ami-e2e-good"))
    poll(eventful.stack)
    for task_id in ("import-ami-e2e-bad", "import-ami-e2e-good", "bun-e2e-ends"):
        eventful.settled(task_id)
    [mail] = eventful.mails(OPERATOR)
    subject = "EC2 import-image task import-ami-e2e-bad failed (000000000000/eu-west-1)"
    assert mail.text.strip() == f'"{subject}. The reason: task-reporter show import-ami-e2e-bad"'
    sns = eventful.client("sns")
    topic = next(one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":failed-imports"))
    policy = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    assert allowed(statements(policy), Request("sns:Publish", topic, {}, SERVICE))


def test_an_imported_image_starts_a_workflow(eventful: Eventful, ec2: StagedEc2) -> None:
    workflows = eventful.client("stepfunctions")
    definition = json.dumps({"StartAt": "Use", "States": {"Use": {"Type": "Pass", "End": True}}})
    role = "arn:aws:iam::000000000000:role/any"
    machine = workflows.create_state_machine(name="after-import", definition=definition, roleArn=role)[
        "stateMachineArn"
    ]
    [commands] = recipe("A workflow for each imported image")
    paste(eventful.stack.cloud, commands, {"BUS": BUS, "STATE_MACHINE": machine})
    ec2.by_action[IMPORTS] = imports(failed_import("import-ami-e2e-broken"), complete_import("import-ami-e2e-image"))
    poll(eventful.stack)
    eventful.settled("import-ami-e2e-broken")
    eventful.settled("import-ami-e2e-image")
    [execution] = workflows.list_executions(stateMachineArn=machine)["executions"]
    given = json.loads(workflows.describe_execution(executionArn=execution["executionArn"])["input"])
    assert (given["task_id"], given["image_id"]) == ("import-ami-e2e-image", "ami-0b1c2d3e4f5061728")
    assert given["run_command"].startswith("aws ec2 run-instances")
    check_role(eventful, "imported-images", Request("states:StartExecution", machine))


def check_role(eventful: Eventful, name: str, request: Request) -> None:
    """Check that a role allows ``request``, for the rule of its name alone."""
    iam = eventful.client("iam")
    trust = [
        {**one, "Resource": "*"} for one in statements(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
    ]
    [policy] = iam.list_role_policies(RoleName=name)["PolicyNames"]
    assert allowed(statements(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]), request)
    for source, expected in ((rule(eventful, name), True), ("arn:aws:events:eu-west-1:1:rule/x", False)):
        assert allowed(trust, Request("sts:AssumeRole", "", {"aws:SourceArn": source}, SERVICE)) is expected


def test_a_bus_of_another_account_is_a_target(eventful: Eventful) -> None:
    """The local AWS hands no event to another account, so policies are checked."""
    cloud = eventful.stack.cloud
    collect, send = recipe("A bus in another account")
    bus = paste(cloud, collect, {"SENDER": "000000000000"}, account=COLLECTOR).split()[0]
    assert bus == f"arn:aws:events:eu-west-1:{COLLECTOR}:event-bus/all-tasks"
    paste(cloud, send, {"BUS": BUS, "TARGET_BUS": bus})
    described = paste(cloud, "aws events describe-event-bus --name all-tasks", {}, account=COLLECTOR)
    put = Request("events:PutEvents", bus, {}, "arn:aws:iam::000000000000:role/any")
    [granted] = statements(json.loads(described)["Policy"])
    if granted["Principal"] == "000000000000":  # EventBridge writes an account id as its root
        granted["Principal"] = {"AWS": "arn:aws:iam::000000000000:root"}
    assert allowed([granted], put)
    check_role(eventful, "tasks-to-all-tasks", put)
    targets = eventful.client("events").list_targets_by_rule(Rule="tasks-to-all-tasks", EventBusName=BUS)["Targets"]
    assert [(target["Arn"], target["RoleArn"].rpartition("/")[2]) for target in targets] == [
        (bus, "tasks-to-all-tasks")
    ]


DENIED = json.dumps({"__type": "AccessDeniedException", "message": "is not authorized to perform this"}).encode()


@contextmanager
def denied(eventful: Eventful, refuses: Callable[[int], bool]) -> Iterator[Throttled]:
    """Deny the notifier's requests to EventBridge, by number; the local AWS has no IAM."""
    with (
        throttled(eventful.stack.cloud.endpoint) as bridge,
        setting(eventful.stack, "NotifierFunctionName", AWS_ENDPOINT_URL_EVENTBRIDGE=bridge.url),
    ):
        bridge.refusal, bridge.refuses = DENIED, refuses
        yield bridge


def waits_for(eventful: Eventful, task_id: str, mark: str, given: str) -> None:
    """Poll until a task with the mark ``given`` was redriven twice for ``mark``."""

    def redriven() -> bool:
        poll(eventful.stack)
        row = row_of(eventful.stack, task_id) or {}
        return given in row and int(row.get("redrives", 0)) >= 2

    eventually(redriven)
    row = row_of(eventful.stack, task_id) or {}
    assert (row["awaiting"], mark in row) == ("notification", False)


def test_a_bus_that_is_gone_and_comes_back(eventful: Eventful, ec2: StagedEc2) -> None:
    client = eventful.client("events")
    client.delete_event_bus(Name=BUS)
    ec2.lists(task("bun-e2e-no-bus", "complete"))
    poll(eventful.stack)
    waits_for(eventful, "bun-e2e-no-bus", "event_sent_at", given="notified_at")
    with denied(eventful, lambda number: True) as bridge:  # until the rules are back, so that they miss no event
        eventually(lambda: poll(eventful.stack) and bridge.refused)
        client.create_event_bus(Name=BUS)
        eventful.collect_events()
    poll(eventful.stack)
    eventful.settled("bun-e2e-no-bus")
    assert len(eventful.events("bun-e2e-no-bus")) == 1
    assert len(eventful.mails()) == 1


def test_a_topic_that_is_gone_delays_no_event(eventful: Eventful, ec2: StagedEc2) -> None:
    sns, topic = eventful.client("sns"), eventful.stack.outputs["NotificationTopicArn"]
    sns.delete_topic(TopicArn=topic)
    try:
        ec2.lists(task("bun-e2e-no-topic", "complete"))
        poll(eventful.stack)
        waits_for(eventful, "bun-e2e-no-topic", "notified_at", given="event_sent_at")
        assert len(eventful.events("bun-e2e-no-topic")) == 1
    finally:
        sns.create_topic(Name=topic.rpartition(":")[2])
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=READER)
    poll(eventful.stack)
    eventful.settled("bun-e2e-no-topic")
    assert eventful.events("bun-e2e-no-topic") == []
    assert len(eventful.mails()) == 1


DENIALS: dict[str, Callable[[int], bool]] = {
    "DescribeEventBus": lambda number: True,
    "PutEvents": lambda number: number % 2 == 1,
}
"""Operation → its requests, by number: each check precedes one request with an event."""


@pytest.mark.parametrize("operation", DENIALS)
def test_a_bus_that_is_denied_delays_no_email(eventful: Eventful, ec2: StagedEc2, operation: str) -> None:
    task_id = f"bun-e2e-{operation.lower()}"
    with denied(eventful, DENIALS[operation]) as bridge:
        ec2.lists(task(task_id, "complete"))
        poll(eventful.stack)
        waits_for(eventful, task_id, "event_sent_at", given="notified_at")
        assert set(bridge.refused) == {operation}
    poll(eventful.stack)
    eventful.settled(task_id)
    assert len(eventful.events(task_id)) == 1
    assert len(eventful.mails()) == 1


def test_a_slow_bus_delays_no_email(eventful: Eventful, ec2: StagedEc2) -> None:
    with denied(eventful, lambda number: False) as bridge:
        bridge.late = 5
        ec2.lists(task("bun-e2e-slow", "complete"))
        poll(eventful.stack)
        assert "event_sent_at" not in told_row(eventful.stack, "bun-e2e-slow")
        eventful.settled("bun-e2e-slow")
    assert len(eventful.events("bun-e2e-slow")) == 1
    assert len(eventful.mails()) == 1


def test_a_chat_topic_gets_the_message_of_the_event(cloud: Cloud, template: Path, ec2: StagedEc2) -> None:
    ec2.lists()
    stack = deploy(cloud, template, {"NotificationEmail": READER, **PATIENT, "ChatNotices": "true"}, "talkative")
    poll(stack)
    chat = Deployment(cloud, stack.stack, {"NotificationTopicArn": stack.outputs["ChatTopicArn"]})
    with subscribed(chat, "e2e-chat") as messages:
        ec2.lists(task("bun-e2e-chat", "complete"))
        poll(stack)
        [message] = [json.loads(one["Message"]) for one in eventually(messages)]
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert message["content"]["title"] == "EC2 bundle task bun-e2e-chat complete (000000000000/eu-west-1)"
    assert message["metadata"]["threadId"] == "000000000000/eu-west-1/bun-e2e-chat"
