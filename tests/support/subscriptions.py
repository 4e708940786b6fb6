"""A fake of SNS with the subscriptions of one topic.

https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
"""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

PENDING, DELETED = "PendingConfirmation", "Deleted"
PAGE_SIZE = 100


class Subscriptions:
    """A client of one topic.

    emails  address and state of each email subscription: ``PENDING``, ``DELETED``, or '' if confirmed
    others  the number of confirmed subscriptions of queues
    denied  operation → the error code with which it is refused
    """

    def __init__(self, *emails: tuple[str, str], others: int = 0, **denied: str) -> None:
        self._emails: Sequence[tuple[str, str]] = emails
        self._others = others
        self._denied = denied
        self.calls: list[str] = []

    def get_topic_attributes(self, TopicArn: str) -> dict[str, Any]:
        self._check("get_topic_attributes")
        states = [state for _, state in self._emails]
        confirmed = sum(state not in (PENDING, DELETED) for state in states) + self._others
        counts = {"SubscriptionsConfirmed": confirmed, "SubscriptionsPending": states.count(PENDING)}
        return {"Attributes": {name: str(count) for name, count in counts.items()}}

    def list_subscriptions_by_topic(self, TopicArn: str, NextToken: str = "0") -> dict[str, Any]:
        self._check("list_subscriptions_by_topic")
        queues = [("sqs", f"arn:aws:sqs:queue-{number}", f"{TopicArn}:q{number}") for number in range(self._others)]
        mails = [("email", address, state or f"{TopicArn}:{address}") for address, state in self._emails]
        begin = int(NextToken)
        listed = [
            {"Protocol": protocol, "Endpoint": endpoint, "SubscriptionArn": arn}
            for protocol, endpoint, arn in (queues + mails)[begin : begin + PAGE_SIZE]
        ]
        is_last = begin + PAGE_SIZE >= len(queues) + len(mails)
        return {"Subscriptions": listed} | ({} if is_last else {"NextToken": str(begin + PAGE_SIZE)})

    def _check(self, operation: str) -> None:
        self.calls.append(operation)
        if code := self._denied.get(operation):
            raise ClientError({"Error": {"Code": code, "Message": "for a test"}}, operation)
