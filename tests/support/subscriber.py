"""A queue that is subscribed to the topic of a deployed stack."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from local.deployment import Deployment


@contextmanager
def subscribed(deployment: Deployment, name: str) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Subscribe a queue; yield a function that removes and returns new messages."""
    sqs, sns = deployment.cloud.client("sqs"), deployment.cloud.client("sns")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = deployment.outputs["NotificationTopicArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]

    def received() -> list[dict[str, Any]]:
        bodies = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                bodies.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    try:
        yield received
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
