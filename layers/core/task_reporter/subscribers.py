"""Who listens to the topic."""

from typing import Any, NamedTuple


class Subscribers(NamedTuple):
    """How many subscriptions a topic has: those that get notices, and those that nobody has confirmed yet."""

    confirmed: int
    pending: int


def subscribers(sns: Any, topic: str) -> Subscribers:
    """The subscribers of ``topic``. Raises botocore's errors.

    https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
    """
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    return Subscribers(int(attributes["SubscriptionsConfirmed"]), int(attributes["SubscriptionsPending"]))
