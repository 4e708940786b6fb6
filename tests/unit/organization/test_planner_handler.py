"""The planner's handler, in the environment that the template gives it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from task_reporter.aws import clients
from task_reporter.aws.request_limits import COUNT_SUBSCRIBERS, LIST_ACCOUNTS, SEND_ASSIGNMENTS, USE_TABLE
from task_reporter.errors import OutOfTimeError, PollError, SettingError
from task_reporter.organization.assignment import parse_assignment
from task_reporter.organization.members import member_key
from task_reporter.organization.planner import FINISHING_SECONDS, LATER_STEPS_SECONDS
from task_reporter.runtime.deadline import MARGIN_SECONDS
from tests.support.cloudformation import Stack
from tests.support.dynamodb import Table
from tests.support.functions import load
from tests.support.organization import ACCOUNT, OTHER

STACK = Stack(OrganizationId="o-a1b2c3d4e5", ExternalId="hub-of/acme:1", ExcludedAccounts="444444444444")
ENVIRONMENT: dict[str, str] = {
    name: str(value)
    for variables in (STACK.resources()["Globals"]["Function"], STACK.properties("PlannerFunction"))
    for name, value in variables["Environment"]["Variables"].items()
}
MAY_BE_EMPTY = {"ACCEPTED_DENIALS", "EVENT_BUS", "EXCLUDED_ACCOUNTS", "ORGANIZATIONAL_UNITS", "REGIONS"}
REQUIRED = sorted(ENVIRONMENT.keys() - MAY_BE_EMPTY - {"POWERTOOLS_SERVICE_NAME"})
TIMEOUT = STACK.properties("PlannerFunction")["Timeout"]
CONTEXT = SimpleNamespace(
    function_name="planner",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:planner",
    aws_request_id="52fdfc07-2182-454f-963f-5f0f9a621d72",
    get_remaining_time_in_millis=lambda: TIMEOUT * 1000,
)


class Services:
    """The services of the planner, of which some operations refuse.

    made     the services for which the handler has made a client
    refused  operation → code of the error
    """

    def __init__(self) -> None:
        self.table, self.made = Table(), list[str]()
        self.refused: dict[str, str] = {}
        self.sent: list[str] = []

    def client(self, service: str, limits: Any = None) -> Any:
        self.made.append(service)
        return self.table.client if service == "dynamodb" else self

    def _begin(self, operation: str) -> None:
        if code := self.refused.get(operation):
            raise ClientError({"Error": {"Code": code, "Message": "refused"}}, operation)

    def get_paginator(self, operation: str) -> Services:
        assert operation == "list_accounts"
        return self

    def paginate(self) -> Iterator[dict[str, Any]]:
        self._begin("ListAccounts")
        yield {"Accounts": [{"Id": number, "Status": "ACTIVE"} for number in (ACCOUNT, OTHER, "444444444444")]}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert QueueUrl == STACK.ref("AssignmentQueue")
        self._begin("SendMessageBatch")
        self.sent += [parse_assignment(entry["MessageBody"]).account for entry in Entries]
        return {}

    def get_topic_attributes(self, TopicArn: str) -> dict[str, Any]:
        assert TopicArn == STACK.arn("NotificationTopic")
        self._begin("GetTopicAttributes")
        return {"Attributes": {"SubscriptionsConfirmed": "1", "SubscriptionsPending": "0"}}


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    services = Services()
    monkeypatch.setattr(clients, "client", services.client)
    return services


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, services: Services) -> ModuleType:
    """Return the handler's module, imported anew for each test."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return load("planner")


@pytest.fixture
def entries(app: ModuleType) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return a function that returns the handler's log lines."""
    stream = io.StringIO()
    before = app.logger.registered_handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    app.logger.registered_handler.setStream(before)


def figures(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the figures of the last round."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return lines[-1]


@pytest.mark.parametrize("event", [{}, None, [], "x", {"Records": []}], ids=str)
def test_whatever_the_event_a_round_is_planned(event: Any, app: ModuleType, services: Services) -> None:
    answer = app.handler(event, CONTEXT)
    assert json.loads(json.dumps(answer)) == {"accounts": 2, "sent": 2, "lists_due": 0}
    assert sorted(services.sent) == sorted([ACCOUNT, OTHER])
    assert services.table.rows[member_key(ACCOUNT)]["status"] == "ACTIVE"


def test_warm_function_keeps_its_settings_and_clients(app: ModuleType, services: Services) -> None:
    app.handler({}, CONTEXT)
    settings = app.settings()
    app.handler({}, CONTEXT)
    assert sorted(services.made) == sorted(app.SERVICES)
    assert app.settings() is settings


def test_round_is_logged_and_counted_under_the_stack(
    app: ModuleType, entries: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    app.handler({}, CONTEXT)
    [line] = entries()
    assert {"message": "planned", "accounts": 2, "sent": 2, "overdue": []}.items() <= line.items()
    assert line["function_request_id"] == CONTEXT.aws_request_id
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None
    counted = figures(capsys)
    assert (counted["service"], counted["GoodPolls"]) == (STACK.ref("AWS::StackName"), [1])


STEPS = {
    "ListAccounts": "accounts: .*AWSOrganizationsNotInUseException",
    "SendMessageBatch": "assignments: .*2 assignments were not sent",
}


@pytest.mark.parametrize("operation", STEPS)
def test_step_that_fails_fails_the_round_at_its_end(
    operation: str, app: ModuleType, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    app.handler({}, CONTEXT)
    services.refused[operation] = "AWSOrganizationsNotInUseException"
    del services.table.rows[member_key("organization")]
    with pytest.raises(PollError, match=STEPS[operation]):
        app.handler({}, CONTEXT)
    assert services.table.rows[member_key("organization")]["round_at"]
    assert figures(capsys)["GoodPolls"] == [0]


def test_known_accounts_are_polled_while_none_are_listed(app: ModuleType, services: Services) -> None:
    app.handler({}, CONTEXT)
    services.sent.clear()
    services.refused["ListAccounts"] = "TooManyRequestsException"
    del services.table.rows[member_key("organization")]
    with pytest.raises(PollError):
        app.handler({}, CONTEXT)
    assert sorted(services.sent) == sorted([ACCOUNT, OTHER])


@pytest.mark.parametrize(("code", "counted"), [("NotFound", [0]), ("AuthorizationError", None)])
def test_subscribers_that_sns_does_not_count_fail_no_round(
    code: str,
    counted: Any,
    app: ModuleType,
    services: Services,
    entries: Callable[[], Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    services.refused["GetTopicAttributes"] = code
    assert app.handler({}, CONTEXT)["sent"] == 2
    assert figures(capsys).get("ConfirmedSubscribers") == counted
    assert entries()[0]["message"] == "subscribers were not counted"


def test_planner_does_not_know_the_external_id() -> None:
    """It assumes no role."""
    assert STACK.parameters["ExternalId"] not in ENVIRONMENT.values()


@pytest.mark.parametrize("name", REQUIRED)
def test_missing_setting_is_named(
    name: str, app: ModuleType, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(SettingError, match=f"the environment variable {name} is missing"):
        app.handler({}, CONTEXT)
    assert services.sent == []


def test_all_missing_settings_are_named_at_once(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REQUIRED:
        monkeypatch.delenv(name)
    with pytest.raises(SettingError) as caught:
        app.handler({}, CONTEXT)
    assert all(name in str(caught.value) for name in REQUIRED)


# The time that is left


def left(seconds: float) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(CONTEXT), "get_remaining_time_in_millis": lambda: int(seconds * 1000)})


def test_timeout_covers_every_step_of_a_slow_round() -> None:
    """A step is begun only where it and all later ones can end."""
    longest = {
        TIMEOUT - LATER_STEPS_SECONDS: [USE_TABLE, LIST_ACCOUNTS],  # the roster, one page of accounts
        LATER_STEPS_SECONDS - FINISHING_SECONDS: [SEND_ASSIGNMENTS],  # one batch
        FINISHING_SECONDS: [COUNT_SUBSCRIBERS, USE_TABLE, COUNT_SUBSCRIBERS],  # publish, mark, count
    }
    for seconds, steps in longest.items():
        assert sum(step.max_seconds for step in steps) + MARGIN_SECONDS <= seconds


def test_round_without_time_for_accounts_asks_the_known_ones(app: ModuleType, services: Services) -> None:
    app.handler({}, CONTEXT)
    services.sent.clear()
    del services.table.rows[member_key("organization")]
    with pytest.raises(PollError, match=r"accounts: .*out of time while listing accounts"):
        app.handler({}, left(LATER_STEPS_SECONDS + LIST_ACCOUNTS.max_seconds))
    assert sorted(services.sent) == sorted([ACCOUNT, OTHER])


def test_round_without_time_for_assignments_sends_none(app: ModuleType, services: Services) -> None:
    app.handler({}, CONTEXT)
    services.sent.clear()
    with pytest.raises(PollError, match=r"assignments: .*out of time while sending assignments"):
        app.handler({}, left(FINISHING_SECONDS + SEND_ASSIGNMENTS.max_seconds))
    assert services.sent == []


def test_round_without_time_for_the_roster_does_nothing(app: ModuleType, services: Services) -> None:
    with pytest.raises(OutOfTimeError):
        app.handler({}, left(1))
    assert services.sent == []
    assert services.table.rows == {}
