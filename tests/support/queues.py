"""Messages of an SQS queue."""

import json
from typing import Any


def drain(sqs: Any, queue_url: str) -> list[Any]:
    """Remove the messages of a queue, and return their bodies, which are JSON."""
    return [json.loads(body) for body in drain_texts(sqs, queue_url)]


def drain_texts(sqs: Any, queue_url: str) -> list[str]:
    """Remove the messages of a queue, and return their bodies."""
    bodies = []
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(str(message["Body"]))
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return bodies
