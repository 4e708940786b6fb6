"""A queue that is subscribed to the topic of a deployed stack."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from local.deployment import Deployment
from tests.support.queues import drain


@contextmanager
def subscribed(deployment: Deployment, name: str) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Subscribe a queue; yield a function that removes and returns new messages."""
    sqs, sns = deployment.cloud.client("sqs"), deployment.cloud.client("sns")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = deployment.outputs["NotificationTopicArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]

    try:
        yield partial(drain, sqs, queue)
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
