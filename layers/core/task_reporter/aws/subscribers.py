"""The subscribers of the topic, and whether notices must wait for one."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from task_reporter.aws.failures import code_of, describe

NO_TOPIC_CODES = {"NotFound", "NotFoundException"}
"""SNS's error codes for a topic that does not exist."""


class Subscribers(NamedTuple):
    """The subscriptions of a topic. Only the confirmed ones receive notices."""

    confirmed: int
    pending: int


@dataclass(frozen=True, slots=True)
class Audience:
    """The subscribers of the topic, as far as a function could find out.

    Where SNS does not answer, or where the topic is gone, notices do not wait: publishing then says what is wrong.
    """

    confirmed: int | None = None
    """The confirmed subscriptions; None where SNS did not answer."""
    must_wait: bool = False
    """Notices must wait, because nobody would receive them."""
    problem: str | None = None
    """The reason why SNS did not answer."""


def count_subscribers(sns: Any, topic: str) -> Subscribers:
    """Count the subscriptions of ``topic``. Raises botocore's errors.

    https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
    """
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    return Subscribers(int(attributes["SubscriptionsConfirmed"]), int(attributes["SubscriptionsPending"]))


def must_wait(subscribers: Subscribers, email_subscription: bool) -> bool:
    """Tell whether notices must wait for a confirmed subscription.

    SNS accepts messages to a topic without one, and drops them.

    ``email_subscription`` tells whether the stack made a subscription. SNS deletes it after 48 hours without a
    confirmation, so the absence of pending subscriptions does not prove that nobody is meant to be told.
    """
    return subscribers.confirmed == 0 and (email_subscription or subscribers.pending > 0)


def find_audience(sns: Any, topic: str, email_subscription: bool) -> Audience:
    """Ask SNS for the subscribers of ``topic``. A failure is part of the result."""
    try:
        subscribers = count_subscribers(sns, topic)
    except Exception as error:  # an unanswered question must cost neither a poll nor a notice
        gone = code_of(error) in NO_TOPIC_CODES
        return Audience(confirmed=0 if gone else None, problem=describe(error))
    return Audience(subscribers.confirmed, must_wait(subscribers, email_subscription))
