"""What a machine hears that is subscribed to the topic: each notice once, for it takes them out of its queue."""

import json
from collections.abc import Callable

from local.deployment import Deployment
from tests.models.sns import delivered_detail


def heard(deployment: Deployment, name: str) -> Callable[[], list[list[str]]]:
    """Subscribe a queue; each call gives the notices that came since, in their order, each as the tasks it tells."""
    sqs, topic = deployment.cloud.client("sqs"), deployment.outputs["NotificationTopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    deployment.cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def notices() -> list[list[str]]:
        found = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(delivered_detail(json.loads(message["Body"])))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [[entry["task_id"] for entry in notice.get("tasks", [notice])] for notice in found]

    return notices
