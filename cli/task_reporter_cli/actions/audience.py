"""People who receive a topic's messages: all subscribers, and the stack's own address."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from task_reporter.aws.failures import REQUEST_ERRORS
from task_reporter.aws.subscribers import Subscribers, count_subscribers, must_wait
from task_reporter.kinds.kind import OUTCOMES
from task_reporter_cli.history.target import Target
from task_reporter_cli.paging import paginate

CONFIRMED, PENDING, ABSENT, UNREADABLE = "confirmed", "pending", "absent", "unseen"
UNCONFIRMED_ARN = "PendingConfirmation"
"""The text in place of the ARN of a subscription that is not confirmed."""


@dataclass(frozen=True, slots=True)
class Audience:
    """The subscribers of a topic."""

    topic: str
    """Its ARN."""
    confirmed: int
    """Subscriptions that get what is published."""
    pending: int
    """Subscriptions that nobody has confirmed yet; SNS deletes them after 48 hours."""
    address: str = ""
    """The email address that the stack subscribed; empty where it was given none."""
    address_state: str = ABSENT
    """State of that address's subscription: confirmed, pending, absent, or unseen.

    It is unseen where SNS did not say.
    """
    outcomes: tuple[str, ...] = OUTCOMES
    """The outcomes that the address is to be told."""

    @property
    def holds_notices(self) -> bool:
        """True where the notifier lets rows wait, because nobody has confirmed a subscription."""
        return must_wait(Subscribers(self.confirmed, self.pending), email_subscription=bool(self.address))

    @property
    def remedy(self) -> str:
        """The step after which somebody is told, or the stack's own address is."""
        may_confirm = self.address_state == PENDING or (
            self.pending > 0 and (self.address_state == UNREADABLE or not self.address)
        )
        subscribe = subscribe_command(self.topic, self.address, self.outcomes)
        if may_confirm:
            whose = f" to {self.address}" if self.address else ""
            return f"confirm the email that SNS sent{whose} within 48 hours; this sends another: {subscribe}"
        return f"{subscribe}, then confirm the email that SNS sends"


def read_target_audience(target: Target) -> Audience | None:
    """Return the audience of the notices of ``home``.

    None for a table, or where SNS does not answer.
    """
    if target.stack is None:
        return None
    topic, sns = target.stack.output("NotificationTopicArn"), target.account.client("sns")
    try:
        return read_notice_audience(sns, topic, target.stack.parameters)
    except REQUEST_ERRORS:
        return None


def read_notice_audience(sns: Any, topic: str, parameters: Mapping[str, str]) -> Audience:
    """Return the audience of the stack's notices. Raises botocore's errors."""
    outcomes = tuple(name.strip() for name in parameters.get("NotifyOutcomes", "").split(",") if name.strip())
    return read_audience(sns, topic, parameters.get("NotificationEmail", ""), outcomes or OUTCOMES)


def read_audience(sns: Any, topic: str, address: str, outcomes: Sequence[str] = OUTCOMES) -> Audience:
    """Return the audience of ``topic``, to which the stack subscribed ``address``. Raises botocore's errors."""
    counts = count_subscribers(sns, topic)
    own = _read_address_state(sns, topic, address) if address else ABSENT
    # The counts can be a moment behind the list.
    confirmed = max(counts.confirmed, 1) if own == CONFIRMED else counts.confirmed
    return Audience(topic, confirmed, counts.pending, address, own, tuple(outcomes))


def _read_address_state(sns: Any, topic: str, address: str) -> str:
    try:
        answers = list(paginate(lambda **more: sns.list_subscriptions_by_topic(TopicArn=topic, **more)))
    except REQUEST_ERRORS:  # the counts say nearly as much, so who may not list sees those
        return UNREADABLE
    arns = {
        one["SubscriptionArn"]
        for answer in answers
        for one in answer["Subscriptions"]
        if one["Protocol"].startswith("email") and one["Endpoint"].casefold() == address.casefold()
    }
    if any(arn.startswith("arn:") for arn in arns):
        return CONFIRMED
    return PENDING if UNCONFIRMED_ARN in arns else ABSENT


def subscribe_command(topic: str, address: str, outcomes: Sequence[str] = OUTCOMES) -> str:
    """Return the command that subscribes ``address`` to ``topic`` as the stack does.

    An empty address becomes the placeholder ``ADDRESS``.
    """
    endpoint = shlex.quote(address) if address else "ADDRESS"
    command = f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint {endpoint}"
    if set(OUTCOMES) <= set(outcomes):
        return command
    policy = json.dumps({"FilterPolicy": json.dumps({"outcome": list(outcomes)})})
    return f"{command} --attributes {shlex.quote(policy)}"
