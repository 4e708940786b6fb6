"""A fake client of SNS with its limits, and with faults on demand.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
https://docs.aws.amazon.com/sns/latest/api/API_MessageAttributeValue.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.validate import validate_parameters

TOPIC = "arn:aws:sns:us-east-2:123456789012:notices"
LARGEST = 262_144
"""The most bytes of a message."""
MAX_ATTRIBUTES = 10
"""SNS discards a raw message with more attributes when it delivers to SQS."""

Request = Mapping[str, Any]


class FakeSns:
    """A client for publishing to one topic.

    requests    all requests to publish, including refused ones
    accepted    the requests that SNS accepted
    dropped     the accepted requests without a confirmed subscription
    error       returns the error to raise for a valid request, if any: a code or an exception
    subscribed  the numbers of confirmed and pending subscriptions, or the error to raise for them
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.accepted: list[Request] = []
        self.dropped: list[Request] = []
        self.error: Callable[[Request], str | Exception | None] = lambda request: None
        self.subscribed: tuple[int, int] | Exception = (1, 0)

    def publish(self, **request: Any) -> dict[str, str]:
        self.requests.append(request)
        error = next(_wrong(request), None) or self.error(request)
        if error:
            raise error if isinstance(error, Exception) else refusal(error)
        self.accepted.append(request)
        if isinstance(self.subscribed, tuple) and not self.subscribed[0]:
            self.dropped.append(request)
        return {"MessageId": f"message-{len(self.accepted)}"}

    def get_topic_attributes(self, TopicArn: str) -> dict[str, Any]:
        assert TopicArn == TOPIC
        if isinstance(self.subscribed, Exception):
            raise self.subscribed
        confirmed, pending = map(str, self.subscribed)
        return {"Attributes": {"SubscriptionsConfirmed": confirmed, "SubscriptionsPending": pending}}

    def close(self) -> None:
        """Close nothing."""

    @property
    def told(self) -> list[tuple[str, str]]:
        """Return task and outcome of each task in all accepted notices, in order."""
        return [pair for request in self.accepted for pair in told_in(request)]


def refusal(code: str, message: str = "no") -> ClientError:
    """Return the error that botocore raises for SNS's error ``code``."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "Publish")


def told_in(request: Request) -> list[tuple[str, str]]:
    """Return task and outcome of each task in a notice."""
    data = detail(request)
    return [(task["task_id"], task["outcome"]) for task in data.get("tasks", [data])]


def detail(request: Request) -> Any:
    """Return a notice's JSON for machines, as a subscriber gets it.

    "Message attributes are sent only when the message structure is String, not JSON."
    https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
    """
    return json.loads(delivered_attributes(request)["detail"]["StringValue"])


def delivered_detail(message: Mapping[str, Any]) -> Any:
    """Return the JSON for machines in ``message`` from a subscribed queue."""
    return json.loads(message["MessageAttributes"]["detail"]["Value"])


def delivered_attributes(request: Request) -> Mapping[str, Any]:
    """Return the attributes that reach subscribers and their filter policies."""
    return {} if request.get("MessageStructure") == "json" else request.get("MessageAttributes", {})


def is_plain(request: Request) -> bool:
    return bool(detail(request)["type"] == "plain")


def size(request: Request) -> int:
    """Return the bytes that SNS counts: message, attribute names, types and values."""
    attributes = request["MessageAttributes"].items()
    counted = [name + typed["DataType"] + typed["StringValue"] for name, typed in attributes]
    return sum(len(text.encode()) for text in [request["Message"], *counted])


def _wrong(request: Request) -> Iterator[str]:
    validate_parameters(dict(request), _publish_shape())
    subject = request["Subject"]
    if not (0 < len(subject) < 100 and all(" " <= char <= "~" for char in subject) and subject[0].isalnum()):
        yield "InvalidParameter"
    if not request["Message"] or len(request["MessageAttributes"]) > MAX_ATTRIBUTES:
        yield "InvalidParameter"
    if size(request) > LARGEST:
        yield "InvalidParameter"
    if not all(_is_attribute(typed) for typed in request["MessageAttributes"].values()):
        yield "InvalidParameter"


def _is_attribute(typed: Mapping[str, str]) -> bool:
    if typed["DataType"] == "String.Array":
        return isinstance(json.loads(typed["StringValue"]), list)
    return typed["DataType"] == "String" and typed["StringValue"] != ""


@cache
def _publish_shape() -> Any:
    return get_session().get_service_model("sns").operation_model("Publish").input_shape
