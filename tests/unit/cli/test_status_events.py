"""Findings about the event bus, the chat topic, and events that wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from task_reporter.history.table import HistoryTable
from task_reporter_cli.status import history
from task_reporter_cli.status.events import check_bus, check_chat
from task_reporter_cli.status.findings import WELL, WRONG
from tests.support.dynamodb import DynamoDb, Table
from tests.support.event_bus import BUS, FakeEventBridge
from tests.support.finished import row
from tests.support.sns import TOPIC, FakeSns

NOW = datetime(2026, 11, 23, 13, tzinfo=UTC)


@pytest.mark.parametrize(("bus", "level", "text"), [
    ("", WELL, "none, so no events are sent; the parameter EventBusName names one"),
    ("default", WELL, "default"),
    (BUS, WELL, BUS),
    ("gone", WRONG, "gone does not exist; events wait"),
])  # fmt: skip
def test_a_missing_bus_is_wrong(bus: str, level: str, text: str) -> None:
    found = check_bus(FakeEventBridge(), bus)
    assert (found.level, found.text) == (level, text)
    assert ("create-event-bus --name gone" in found.todo) == (level == WRONG)


def test_a_bus_that_can_not_be_seen_is_unknown() -> None:
    def describe_event_bus(Name: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeEventBus")

    with pytest.raises(ClientError):
        check_bus(SimpleNamespace(describe_event_bus=describe_event_bus), BUS)


GONE = ClientError({"Error": {"Code": "NotFound"}}, "GetTopicAttributes")


@pytest.mark.parametrize(("subscribed", "level", "text"), [
    ((1, 0), WELL, "1 subscribed"),
    ((0, 0), WRONG, "nobody gets its messages"),
    (GONE, WRONG, "the topic is gone"),
])  # fmt: skip
def test_a_chat_topic_needs_a_subscriber(subscribed: Any, level: str, text: str) -> None:
    sns = FakeSns()
    sns.subscribed = subscribed
    found = check_chat(sns, TOPIC)
    assert (found.level, found.text, bool(found.todo)) == (level, text, level == WRONG)
    assert check_chat(sns, None).level == WELL


@pytest.mark.parametrize(("marks", "unsent"), [({}, 1), ({"notified_at": "x"}, 1), ({"event_sent_at": "x"}, 0)])
@pytest.mark.parametrize("bus", ["default", ""])
def test_rows_that_wait_are_told_apart_by_mark(bus: str, marks: dict[str, str], unsent: int) -> None:
    table = HistoryTable(DynamoDb(Table(row(1, **marks))), "history")
    found = history.check_unsent(table, bus, timedelta(minutes=20), NOW, " --stack x")
    is_wrong = bool(bus and unsent)
    assert (found.level, found.text.partition(",")[0]) == ((WRONG, "1") if is_wrong else (WELL, "none"))
    assert ("task-reporter redrive --stack x" in found.todo) == is_wrong
