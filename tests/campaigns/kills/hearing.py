"""Notices and events as queues receive them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from local.deployment import Deployment
from tests.campaigns.kills.judging import Notices
from tests.support.queues import drain
from tests.support.sns import delivered_detail
from tests.support.subscriber import subscribed


@contextmanager
def heard(deployment: Deployment, name: str) -> Iterator[Callable[[], tuple[Notices, list[str]]]]:
    """Subscribe queues; yield a function that returns new notices and events."""
    sqs, events = deployment.cloud.client("sqs"), deployment.cloud.client("events")
    url = sqs.create_queue(QueueName=f"{name}-events")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.put_rule(Name=name, EventPattern='{"source": ["ec2-task-reporter"]}')
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": attributes["QueueArn"]}])
    try:
        with subscribed(deployment, name) as received:
            yield lambda: (
                [_tasks(message) for message in received()],
                [event["detail"]["task_id"] for event in drain(sqs, url)],
            )
    finally:
        events.remove_targets(Rule=name, Ids=["queue"])
        events.delete_rule(Name=name)
        sqs.delete_queue(QueueUrl=url)


def _tasks(message: dict[str, Any]) -> list[str]:
    detail = delivered_detail(message)
    return [entry["task_id"] for entry in detail.get("tasks", [detail])]
