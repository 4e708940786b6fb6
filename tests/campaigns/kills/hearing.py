"""Notices as a subscribed queue receives them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from local.deployment import Deployment
from tests.campaigns.kills.judging import Notices
from tests.support.sns import delivered_detail
from tests.support.subscriber import subscribed


@contextmanager
def heard(deployment: Deployment, name: str) -> Iterator[Callable[[], Notices]]:
    """Subscribe a queue; yield a function that returns the new notices in order."""
    with subscribed(deployment, name) as received:
        yield lambda: [_tasks(message) for message in received()]


def _tasks(message: dict[str, Any]) -> list[str]:
    detail = delivered_detail(message)
    return [entry["task_id"] for entry in detail.get("tasks", [detail])]
