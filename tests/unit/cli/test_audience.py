"""The audience of a topic, and the step that gives it a subscriber."""

import json
import shlex

import pytest

from task_reporter_cli.actions.audience import (
    ABSENT,
    CONFIRMED,
    PENDING,
    UNREADABLE,
    Audience,
    read_audience,
    subscribe_command,
)
from task_reporter_cli.actions.audience import read_notice_audience as of_notices
from tests.support import subscriptions
from tests.support.subscriptions import Subscriptions

TOPIC = "arn:aws:sns:us-east-2:123456789012:notices"
READER = "ops@example.com"
SUBSCRIBE = f"aws sns subscribe --topic-arn {TOPIC} --protocol email --notification-endpoint {READER}"

STATES = {
    "confirmed": (Subscriptions((READER, "")), CONFIRMED),
    "written otherwise": (Subscriptions(("Ops@Example.com", "")), CONFIRMED),
    "pending": (Subscriptions((READER, subscriptions.PENDING)), PENDING),
    "another's": (Subscriptions(("boss@example.com", "")), ABSENT),
    "unsubscribed": (Subscriptions((READER, subscriptions.DELETED)), ABSENT),
    "none": (Subscriptions(), ABSENT),
    "on a later page": (Subscriptions((READER, ""), others=250), CONFIRMED),
    "denied": (Subscriptions((READER, ""), list_subscriptions_by_topic="AuthorizationError"), UNREADABLE),
}


@pytest.mark.parametrize(("sns", "state"), STATES.values(), ids=STATES)
def test_the_state_of_the_stacks_own_address(sns: Subscriptions, state: str) -> None:
    assert read_audience(sns, TOPIC, READER).address_state == state


def test_without_an_address_nobody_is_listed() -> None:
    sns = Subscriptions((READER, ""), others=1)
    assert read_audience(sns, TOPIC, "") == Audience(TOPIC, 2, 0)
    assert sns.calls == ["get_topic_attributes"]


def test_late_counts_do_not_hide_a_confirmed_address() -> None:
    class Late(Subscriptions):
        def get_topic_attributes(self, TopicArn: str) -> dict[str, dict[str, str]]:
            return {"Attributes": {"SubscriptionsConfirmed": "0", "SubscriptionsPending": "1"}}

    assert not read_audience(Late((READER, "")), TOPIC, READER).holds_notices


CONFIRM = f"confirm the email that SNS sent to {READER} within 48 hours; this sends another: {SUBSCRIBE}"
ANEW = f"{SUBSCRIBE}, then confirm the email that SNS sends"
AUDIENCES = {
    "pending": (Audience(TOPIC, 0, 1, READER, PENDING), True, CONFIRM),
    "pending beside another": (Audience(TOPIC, 1, 1, READER, PENDING), False, CONFIRM),
    "another is pending": (Audience(TOPIC, 0, 1, READER), True, ANEW),
    "deleted": (Audience(TOPIC, 0, 0, READER), True, ANEW),
    "unseen, one pending": (Audience(TOPIC, 0, 1, READER, UNREADABLE), True, CONFIRM),
    "unseen, none pending": (Audience(TOPIC, 0, 0, READER, UNREADABLE), True, ANEW),
    "somebody's is pending": (
        Audience(TOPIC, 0, 1), True, CONFIRM.replace(f" to {READER}", "").replace(READER, "ADDRESS")
    ),
    "nobody's": (Audience(TOPIC, 0, 0), False, ANEW.replace(READER, "ADDRESS")),
}  # fmt: skip


@pytest.mark.parametrize(("audience", "holds", "remedy"), AUDIENCES.values(), ids=AUDIENCES)
def test_an_audience_may_hold_notices_and_has_a_remedy(audience: Audience, holds: bool, remedy: str) -> None:
    assert (audience.holds_notices, audience.remedy) == (holds, remedy)


def test_an_address_is_quoted_for_a_shell() -> None:
    assert shlex.split(subscribe_command(TOPIC, "o'neil&co@example.com"))[-1] == "o'neil&co@example.com"


def test_an_address_is_subscribed_to_its_outcomes_only() -> None:
    parameters = {"NotificationEmail": READER, "NotifyOutcomes": "failed, lost"}
    audience = of_notices(Subscriptions(), TOPIC, parameters)
    words = shlex.split(subscribe_command(TOPIC, READER, audience.outcomes))
    assert words[-2] == "--attributes"
    assert json.loads(json.loads(words[-1])["FilterPolicy"]) == {"outcome": ["failed", "lost"]}


@pytest.mark.parametrize("outcomes", ["complete,failed,cancelled,lost", ""])
def test_an_address_that_is_told_all_outcomes_needs_no_policy(outcomes: str) -> None:
    parameters = {"NotificationEmail": READER, "NotifyOutcomes": outcomes}
    assert of_notices(Subscriptions(), TOPIC, parameters).remedy == ANEW
