"""One EventBridge event about an ended task, within the limits of EventBridge.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from task_reporter import times
from task_reporter.history.rows import TEST_ATTRIBUTE, Row, account_and_region
from task_reporter.kinds.table import kind_of
from task_reporter.notifying.notice import minimal_row, shorten_error, task_detail, to_json

SOURCE = "ec2-task-reporter"
TASK_ENDED, TEST_TASK_ENDED = "EC2 Task Ended", "EC2 Task Ended (Test)"
MAX_REQUEST_BYTES = 256 * 1024
"""All entries of a request together. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html"""
TIME_BYTES = 14
"""The size of an entry's time, as EventBridge counts it."""

RESOURCE_ID = re.compile(r"(ami|i|snap|vol)-[0-9a-z]+")
RESOURCE_TYPES = {"ami": "image", "i": "instance", "snap": "snapshot", "vol": "volume"}
WITHOUT_ACCOUNT = {"ami", "snap"}
"""Prefixes of ids whose ARN has no account.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html#amazonec2-resources-for-iam-policies
"""
PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eusc-": "aws-eusc",
}
"""Beginning of a region → its partition, where it is not ``aws``."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event about the ended task of ``row``."""

    row: Row
    detail: str
    """JSON."""
    resources: tuple[str, ...] = ()
    """ARNs."""

    def entry(self, bus: str) -> dict[str, Any]:
        """Return the entry of a PutEvents request to ``bus``."""
        entry = {
            "Source": SOURCE,
            "DetailType": self.detail_type,
            "Detail": self.detail,
            "Resources": list(self.resources),
            "EventBusName": bus,
        }
        ended = times.normalize(str(self.row.get("finished_at", "")))
        return entry | ({"Time": times.parse(ended)} if ended else {})

    @property
    def detail_type(self) -> str:
        """The type of the event: rules for real tasks do not match a test."""
        return TEST_TASK_ENDED if TEST_ATTRIBUTE in self.row else TASK_ENDED

    @property
    def size(self) -> int:
        """The size of the entry in bytes, as EventBridge counts it."""
        texts = (SOURCE, self.detail_type, self.detail, *self.resources)
        return TIME_BYTES + sum(len(text.encode()) for text in texts)

    def minimal(self) -> "Event":
        """Return the event without any text of EC2's."""
        return minimal_event(self.row)


def task_event(row: Row, chat: dict[str, Any] | None = None) -> Event:
    """Compose the event about an ended task; ``chat`` is a message for people.

    EC2's error text is shortened where the event would be larger than EventBridge accepts. Where that does not suffice,
    the result is the minimal event.
    """
    fitting = shorten_error(row, lambda shorter: _full_event(shorter, chat).size <= MAX_REQUEST_BYTES)
    return _full_event(fitting, chat) if fitting else minimal_event(row)


def minimal_event(row: Row) -> Event:
    """Compose the event about an ended task without using any text of EC2's."""
    return Event(row, to_json(task_detail(minimal_row(row))))


def _full_event(row: Row, chat: dict[str, Any] | None) -> Event:
    return Event(row, to_json(task_detail(row) | ({"chat": chat} if chat else {})), tuple(_resources(row)))


def _resources(row: Row) -> Iterator[str]:
    """Yield the ARNs of a task's EC2 resources and of its S3 object."""
    account, region = account_and_region(row)
    partition = next((name for start, name in PARTITIONS.items() if region.startswith(start)), "aws")
    words = [word for name in ("resource_id", *kind_of(row).attributes) for word in str(row.get(name, "")).split()]
    for match in filter(None, map(RESOURCE_ID.fullmatch, dict.fromkeys(words))):
        owner = "" if match[1] in WITHOUT_ACCOUNT else account
        yield f"arn:{partition}:ec2:{region}:{owner}:{RESOURCE_TYPES[match[1]]}/{match[0]}"
    if {"bucket", "object_key"} <= row.keys():
        yield f"arn:{partition}:s3:::{row['bucket']}/{row['object_key']}"
