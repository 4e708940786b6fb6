"""A listener's queue, subscriptions and rule, and what a killed one left behind."""

from __future__ import annotations

from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from task_reporter_cli.actions.listen import EVENT, NOTICE, PREFIX, Arrival, listening
from task_reporter_cli.commands.test_ import _show_arrivals
from task_reporter_cli.errors import RefusedError
from task_reporter_cli.history.stack import Stack

PLACE = "us-east-2:123456789012"
NOTICES, CHAT = f"arn:aws:sns:{PLACE}:notices", f"arn:aws:sns:{PLACE}:chat"
STALE, FRESH = f"{PREFIX}1700000000-killed", f"{PREFIX}99999999999-running"
STACK = Stack(
    "reporter",
    f"arn:aws:cloudformation:{PLACE}:stack/reporter/1",
    "CREATE_COMPLETE",
    {"NotificationTopicArn": NOTICES, "ChatTopicArn": CHAT},
    {"EventBusName": "tasks"},
)


class Account:
    """SQS, SNS and EventBridge of one account.

    made    the names of queues and rules, and (topic, queue) of each subscription
    denied  the operations that AWS refuses
    """

    def __init__(self, *made: Any, denied: tuple[str, ...] = ()) -> None:
        self.made, self.denied = list(made), denied

    def client(self, _service: str) -> Any:
        return self

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)

        def call(**parameters: Any) -> Any:
            if name in self.denied:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, name)
            return found(**parameters)

        return call if "_" in name.strip("_") or name in ("subscribe", "unsubscribe") else found

    def _listed(self, kind: str) -> list[str]:
        return [name for what, name in self.made if what == kind]

    def list_queues(self, QueueNamePrefix: str) -> dict[str, Any]:
        return {"QueueUrls": [f"https://sqs/{name}" for name in self._listed("queue")]}

    def create_queue(self, QueueName: str, Attributes: Any) -> dict[str, str]:
        self.made.append(("queue", QueueName))
        return {"QueueUrl": f"https://sqs/{QueueName}"}

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: Any) -> dict[str, Any]:
        return {"Attributes": {"QueueArn": f"arn:aws:sqs:{PLACE}:{QueueUrl.rpartition('/')[2]}"}}

    def set_queue_attributes(self, QueueUrl: str, Attributes: Any) -> None:
        """Accept the policy."""

    def delete_queue(self, QueueUrl: str) -> None:
        self.made.remove(("queue", QueueUrl.rpartition("/")[2]))

    def list_subscriptions_by_topic(self, TopicArn: str) -> dict[str, Any]:
        names = self._listed(TopicArn)
        found = [{"Endpoint": f"arn:aws:sqs:{PLACE}:{name}", "SubscriptionArn": f"{TopicArn}:{name}"} for name in names]
        return {"Subscriptions": found}

    def subscribe(self, TopicArn: str, Endpoint: str, **_rest: Any) -> dict[str, str]:
        name = Endpoint.rpartition(":")[2]
        self.made.append((TopicArn, name))
        return {"SubscriptionArn": f"{TopicArn}:{name}"}

    def unsubscribe(self, SubscriptionArn: str) -> None:
        topic, _, name = SubscriptionArn.rpartition(":")
        self.made.remove((topic, name))

    def list_rules(self, NamePrefix: str, EventBusName: str) -> dict[str, Any]:
        return {"Rules": [{"Name": name} for name in self._listed("rule")]}

    def put_rule(self, Name: str, EventBusName: str, EventPattern: str) -> dict[str, str]:
        self.made.append(("rule", Name))
        return {"RuleArn": f"arn:aws:events:{PLACE}:rule/{EventBusName}/{Name}"}

    def put_targets(self, **_parameters: Any) -> None:
        """Accept the target."""

    def remove_targets(self, **_parameters: Any) -> None:
        """Remove the target."""

    def delete_rule(self, Name: str, EventBusName: str) -> None:
        self.made.remove(("rule", Name))


def listen(account: Account) -> Any:
    return listening(SimpleNamespace(account=account), STACK, "complete")  # type: ignore[arg-type]


def everything(name: str) -> list[tuple[str, str]]:
    return [("queue", name), ("rule", name), (NOTICES, name), (CHAT, name)]


def test_all_that_a_killed_command_left_is_removed() -> None:
    account = Account(*everything(STALE), *everything(FRESH))
    with listen(account) as listener:
        assert listener.expected == ("notice", "event", "chat message")
        assert len(account.made) == 8
    assert account.made == everything(FRESH)


@pytest.mark.parametrize("denied", ["list_queues", "delete_queue", "list_subscriptions_by_topic", "list_rules"])
def test_what_can_not_be_removed_does_not_prevent_a_test(denied: str, capsys: pytest.CaptureFixture[str]) -> None:
    account = Account(*everything(STALE), denied=(denied,))
    with listen(account) as listener:
        account.denied = ()
    assert len(listener.expected) == 3
    assert "What killed tests left behind was not removed: " in capsys.readouterr().err
    assert {name for _, name in account.made} == {STALE}


@pytest.mark.parametrize("denied", ["put_rule", "put_targets", "set_queue_attributes", "subscribe"])
def test_a_listener_that_is_denied_midway_leaves_nothing(denied: str) -> None:
    account = Account(denied=(denied,))
    with pytest.raises(ClientError, match="AccessDenied"), listen(account):
        pass
    assert account.made == []


@pytest.mark.parametrize("timeout", [0, 0.1])
def test_what_does_not_arrive_is_named(timeout: float, capsys: pytest.CaptureFixture[str]) -> None:
    """The time may end while SQS is asked."""
    answers = [[Arrival(NOTICE, {"Message": "It ended."})]]

    def receive(_task_id: str) -> list[Arrival]:
        if not answers:
            Event().wait()  # for ever
        return answers.pop()

    listener: Any = SimpleNamespace(expected=(NOTICE, EVENT), receive=receive)
    with pytest.raises(RefusedError, match=rf"within {timeout:g} seconds: event$"):
        _show_arrivals(listener, "bun-1", timeout)
    assert "It ended." in capsys.readouterr().out
