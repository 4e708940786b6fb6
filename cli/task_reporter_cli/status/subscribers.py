"""Findings about the subscribers of the notices, and of the alarms."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from task_reporter_cli.actions.audience import (
    ABSENT,
    PENDING,
    UNREADABLE,
    Audience,
    read_audience,
    read_notice_audience,
)
from task_reporter_cli.status.findings import UNKNOWN, WELL, WRONG, Finding

DELETED_CODES = {"NotFound", "NotFoundException"}
"""SNS's codes for a topic that is not there."""
NOTICES, ALARMS = "subscribers", "alarm subscribers"


def check_notice_subscribers(sns: Any, topic: str, parameters: Mapping[str, str]) -> Finding:
    """Look at the subscribers of the topic of notices. Raises botocore's errors."""
    return _check_topic(NOTICES, topic, lambda: judge_notice_audience(read_notice_audience(sns, topic, parameters)))


def check_alarm_subscribers(sns: Any, topic: str | None, parameters: Mapping[str, str]) -> Finding:
    """Check the subscribers of the alarms' topic; None where the stack has none.

    Raises botocore's errors.
    """
    if topic is None:
        return Finding(ALARMS, WELL, "not looked at: the stack does not name its alarm topic; deploy this version")
    address = parameters.get("AlarmEmail", "")
    return _check_topic(ALARMS, topic, lambda: judge_alarm_audience(read_audience(sns, topic, address)))


def judge_notice_audience(audience: Audience) -> Finding:
    """Somebody must be told, and the stack's own address in any case."""
    if audience.holds_notices:
        return Finding(
            NOTICES, WRONG, f"{_format_counts(audience)}; notices wait until one is confirmed", audience.remedy
        )
    if not audience.confirmed:
        return Finding(NOTICES, WRONG, f"{_format_counts(audience)}; notices go to nobody", audience.remedy)
    return _judge_address(NOTICES, audience, "notices")


def judge_alarm_audience(audience: Audience) -> Finding:
    """Report an address of the stack that has not confirmed its subscription."""
    if audience.confirmed:
        return _judge_address(ALARMS, audience, "alarms")
    if not (audience.address or audience.pending):
        return Finding(
            ALARMS, WELL, "none, so nobody is told of alarms; the parameter AlarmEmail subscribes an address"
        )
    return Finding(ALARMS, WRONG, f"{_format_counts(audience)}; nobody is told of alarms", audience.remedy)


def _judge_address(part: str, audience: Audience, what: str) -> Finding:
    """Return the state of the stack's own address, where others are confirmed.

    ``what`` names the messages.
    """
    counts, address = _format_counts(audience), audience.address
    if address and audience.address_state == PENDING:
        return Finding(part, WRONG, f"{counts}; {address} has not confirmed and misses {what}", audience.remedy)
    if address and audience.address_state == ABSENT:
        todo = f"{audience.remedy}; or deploy with another address, or with none"
        return Finding(part, WRONG, f"{counts}; {address} is not subscribed any more and misses {what}", todo)
    if audience.address_state == UNREADABLE and audience.pending:
        todo = f"if it is: {audience.remedy}; sns:ListSubscriptionsByTopic shows it"
        return Finding(part, UNKNOWN, f"{counts}; {address} may be the one that misses {what}", todo)
    return Finding(part, WELL, counts + (f", which misses {what}" if audience.pending else ""))


def _format_counts(audience: Audience) -> str:
    return f"{audience.confirmed} confirmed" + (f", {audience.pending} pending" if audience.pending else "")


def _check_topic(part: str, topic: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except ClientError as error:
        if error.response["Error"]["Code"] not in DELETED_CODES:
            raise
        return Finding(part, WRONG, "the topic is gone", _format_recreation(topic))


def _format_recreation(topic: str) -> str:
    """Return the step for a topic that somebody deleted, which CloudFormation does not notice."""
    name = topic.rpartition(":")[2]
    return f"nobody is told until it is back; make it again with aws sns create-topic --name {name}, then subscribe"
