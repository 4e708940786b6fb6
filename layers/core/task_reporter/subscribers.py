"""The subscribers of the topic, and whether notices must wait for one."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from task_reporter.failures import code_of, describe

TOPIC_IS_GONE = {"NotFound", "NotFoundException"}
"""SNS's codes for a topic that does not exist."""


class Subscribers(NamedTuple):
    """The number of a topic's subscriptions: confirmed ones get notices, pending ones do not."""

    confirmed: int
    pending: int


def subscribers(sns: Any, topic: str) -> Subscribers:
    """Count the subscribers of ``topic``. Raises botocore's errors.

    https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
    """
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    return Subscribers(int(attributes["SubscriptionsConfirmed"]), int(attributes["SubscriptionsPending"]))


def must_wait(found: Subscribers, email_subscription: bool) -> bool:
    """Decide whether notices must wait: SNS accepts what is published to nobody, and drops it.

    ``email_subscription`` says that the stack made one. SNS deletes it after 48 hours unless it is confirmed, so that
    the number of pending ones proves nothing.
    """
    return found.confirmed == 0 and (email_subscription or found.pending > 0)


@dataclass(frozen=True, slots=True)
class Audience:
    """The subscribers of the topic, as far as a function knows them.

    ``confirmed`` is None where SNS did not answer, and ``problem`` says why. Notices do not wait then, nor where the
    topic is gone: publishing tells what is wrong.
    """

    confirmed: int | None = None
    must_wait: bool = False
    problem: str | None = None


def audience_of(sns: Any, topic: str, email_subscription: bool) -> Audience:
    """Ask SNS for the subscribers of ``topic``; whatever fails is said in the answer."""
    try:
        found = subscribers(sns, topic)
    except Exception as error:  # an unanswered question must cost neither a poll nor a notice
        gone = code_of(error) in TOPIC_IS_GONE
        return Audience(confirmed=0 if gone else None, problem=describe(error))
    return Audience(found.confirmed, must_wait(found, email_subscription))
