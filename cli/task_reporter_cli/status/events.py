"""Findings about the event bus, and about the topic of chat messages."""

from typing import Any

from botocore.exceptions import ClientError

from task_reporter.aws.subscribers import count_subscribers
from task_reporter.notifying.bus import DEFAULT_BUS
from task_reporter_cli.status.findings import WELL, WRONG, Finding

BUS, CHAT = "event bus", "chat topic"
NO_BUS_CODE = "ResourceNotFoundException"
NO_TOPIC_CODES = {"NotFound", "NotFoundException"}


def check_bus(events: Any, bus: str) -> Finding:
    """Check that the bus of the events exists; empty for none. Raises botocore's errors."""
    if not bus:
        return Finding(BUS, WELL, "none, so no events are sent; the parameter EventBusName names one")
    if bus == DEFAULT_BUS:
        return Finding(BUS, WELL, bus)
    try:
        events.describe_event_bus(Name=bus)
    except ClientError as error:
        if error.response["Error"]["Code"] != NO_BUS_CODE:
            raise
        todo = f"aws events create-event-bus --name {bus}, and its rules; or deploy with another EventBusName"
        return Finding(BUS, WRONG, f"{bus} does not exist; events wait", todo)
    return Finding(BUS, WELL, bus)


def check_chat(sns: Any, topic: str | None) -> Finding:
    """Check that somebody gets the chat messages.

    ``topic`` is None where the stack has none. Raises botocore's errors.
    """
    if topic is None:
        return Finding(CHAT, WELL, "none; ChatNotices=true makes one for Slack or Teams")
    try:
        counts = count_subscribers(sns, topic)
    except ClientError as error:
        if error.response["Error"]["Code"] not in NO_TOPIC_CODES:
            raise
        return Finding(CHAT, WRONG, "the topic is gone", "deploy with ChatNotices=false, then with true")
    if counts.confirmed:
        return Finding(CHAT, WELL, f"{counts.confirmed} subscribed")
    return Finding(CHAT, WRONG, "nobody gets its messages", "map it to a channel, as in docs/chat.md")
