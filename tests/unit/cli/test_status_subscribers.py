"""Findings of `status` about the subscribers of notices and of alarms."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from task_reporter_cli.actions.audience import ABSENT, CONFIRMED, PENDING, UNREADABLE, Audience
from task_reporter_cli.status import subscribers
from task_reporter_cli.status.findings import UNKNOWN, WELL, WRONG
from tests.support import subscriptions
from tests.support.subscriptions import Subscriptions

TOPIC = "arn:aws:sns:us-east-2:123456789012:ec2-task-reporter-NotificationTopic-1A2B"
ALARM_TOPIC = "arn:aws:sns:us-east-2:123456789012:ec2-task-reporter-AlarmTopic-1A2B"
READER = "ops@example.com"
SUBSCRIBE = f"aws sns subscribe --topic-arn {TOPIC} --protocol email --notification-endpoint"
CONFIRM = f"confirm the email that SNS sent to {READER}"

NOTICES = {
    "told": (Audience(TOPIC, 1, 0, READER, CONFIRMED), WELL, "1 confirmed", ""),
    "told, and another pending": (
        Audience(TOPIC, 1, 1, READER, CONFIRMED), WELL, "1 confirmed, 1 pending, which misses notices", ""
    ),
    "told, list denied": (Audience(TOPIC, 2, 0, READER, UNREADABLE), WELL, "2 confirmed", ""),
    "one of two, list denied": (
        Audience(TOPIC, 1, 1, READER, UNREADABLE), UNKNOWN,
        f"1 confirmed, 1 pending; {READER} may be the one that misses notices", "sns:ListSubscriptionsByTopic",
    ),
    "pending": (
        Audience(TOPIC, 0, 1, READER, PENDING), WRONG,
        "0 confirmed, 1 pending; notices wait until one is confirmed", CONFIRM,
    ),
    "gone": (
        Audience(TOPIC, 0, 0, READER, ABSENT), WRONG,
        "0 confirmed; notices wait until one is confirmed", f"{SUBSCRIBE} {READER}, then confirm",
    ),
    "pending beside another": (
        Audience(TOPIC, 1, 1, READER, PENDING), WRONG,
        f"1 confirmed, 1 pending; {READER} has not confirmed and misses notices", CONFIRM,
    ),
    "gone beside another": (
        Audience(TOPIC, 1, 0, READER, ABSENT), WRONG,
        f"1 confirmed; {READER} is not subscribed any more and misses notices", f"{SUBSCRIBE} {READER}, then confirm",
    ),
    "no address, others": (Audience(TOPIC, 3, 0), WELL, "3 confirmed", ""),
    "no address, nobody": (Audience(TOPIC, 0, 0), WRONG, "0 confirmed; notices go to nobody", f"{SUBSCRIBE} ADDRESS"),
    "no address, one pending": (
        Audience(TOPIC, 0, 1), WRONG,
        "0 confirmed, 1 pending; notices wait until one is confirmed", "confirm the email that SNS sent within",
    ),
}  # fmt: skip


ALARMS = {
    "told": (Audience(ALARM_TOPIC, 1, 0, READER, CONFIRMED), WELL, "1 confirmed", ""),
    "nobody wants to be": (
        Audience(ALARM_TOPIC, 0, 0), WELL,
        "none, so nobody is told of alarms; the parameter AlarmEmail subscribes an address", "",
    ),
    "never confirmed": (
        Audience(ALARM_TOPIC, 0, 1, READER, PENDING), WRONG,
        "0 confirmed, 1 pending; nobody is told of alarms", CONFIRM,
    ),
    "gone": (
        Audience(ALARM_TOPIC, 0, 0, READER, ABSENT), WRONG,
        "0 confirmed; nobody is told of alarms", f"--topic-arn {ALARM_TOPIC} --protocol email",
    ),
    "somebody's is pending": (
        Audience(ALARM_TOPIC, 0, 1), WRONG, "0 confirmed, 1 pending; nobody is told of alarms", "confirm the email"
    ),
    "gone beside another": (
        Audience(ALARM_TOPIC, 1, 0, READER, ABSENT), WRONG,
        f"1 confirmed; {READER} is not subscribed any more and misses alarms", "aws sns subscribe",
    ),
    "others, no address": (Audience(ALARM_TOPIC, 2, 0), WELL, "2 confirmed", ""),
}  # fmt: skip


JUDGED = [
    *(pytest.param(subscribers.judge_notice_audience, "subscribers", *case, id=name) for name, case in NOTICES.items()),
    *(
        pytest.param(subscribers.judge_alarm_audience, "alarm subscribers", *case, id=name)
        for name, case in ALARMS.items()
    ),
]


@pytest.mark.parametrize(("judge", "part", "audience", "level", "text", "todo"), JUDGED)
def test_an_audience_is_judged(judge: Any, part: str, audience: Audience, level: str, text: str, todo: str) -> None:
    found = judge(audience)
    assert (found.part, found.level, found.text) == (part, level, text)
    assert todo in found.todo
    assert bool(found.todo) == (level != WELL)


def test_each_topic_is_asked_about_its_own_address() -> None:
    parameters = {"NotificationEmail": READER, "AlarmEmail": "oncall@example.com"}
    sns = Subscriptions((READER, ""), ("oncall@example.com", subscriptions.PENDING))
    assert subscribers.check_notice_subscribers(sns, TOPIC, parameters).level == WELL
    found = subscribers.check_alarm_subscribers(sns, ALARM_TOPIC, parameters)
    assert found.text == "1 confirmed, 1 pending; oncall@example.com has not confirmed and misses alarms"


def test_a_stack_without_the_name_of_its_alarm_topic_is_well() -> None:
    found = subscribers.check_alarm_subscribers(Subscriptions(), None, {"AlarmEmail": READER})
    assert (found.level, "deploy this version" in found.text) == (WELL, True)


@pytest.mark.parametrize("code", ["NotFound", "NotFoundException"])
@pytest.mark.parametrize("look", [subscribers.check_notice_subscribers, subscribers.check_alarm_subscribers])
def test_a_topic_that_is_gone_is_wrong_and_not_unknown(look: Any, code: str) -> None:
    found = look(Subscriptions(get_topic_attributes=code), TOPIC, {})
    assert (found.level, found.text) == (WRONG, "the topic is gone")
    assert "aws sns create-topic --name ec2-task-reporter-NotificationTopic-1A2B" in found.todo


def test_a_topic_that_may_not_be_seen_is_raised() -> None:
    with pytest.raises(ClientError):
        subscribers.check_notice_subscribers(Subscriptions(get_topic_attributes="AuthorizationError"), TOPIC, {})
