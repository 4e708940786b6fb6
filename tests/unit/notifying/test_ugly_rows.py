"""Rows that others wrote cost no row its notice."""

from __future__ import annotations

from typing import Any

import pytest

from task_reporter.notifying.announce import NotificationPolicy, announce
from task_reporter.notifying.topic import Topic
from task_reporter.times import format_duration
from tests.support.dynamodb import Table
from tests.support.finished import key, row
from tests.support.sns import TOPIC, FakeSns, is_plain

NO_TIMES = ["yesterday", "9999-12-31T23:59:59-23:59", "", "1764000000"]


@pytest.mark.parametrize("time", NO_TIMES)
def test_what_is_no_time_has_no_length(time: str) -> None:
    assert format_duration(time, "2026-11-23T12:00:00.000Z") is None
    assert format_duration("2026-11-23T12:00:00.000Z", time) is None


@pytest.mark.parametrize("time", [*NO_TIMES[:2], 5])
@pytest.mark.parametrize("name", ["started_at", "finished_at", "updated_at", "missing_since"])
@pytest.mark.parametrize("digest_above", [1, 5])
def test_a_row_with_an_ugly_time_has_a_full_notice(name: str, time: Any, digest_above: int) -> None:
    table, sns = Table(row(1, "lost", **{name: time}), row(2, **{name: time}), row(3)), FakeSns()
    announced = announce([key(1), key(2), key(3)], table, Topic(sns, TOPIC), NotificationPolicy(digest_above))
    assert announced.failed == {}
    assert not any(is_plain(request) for request in sns.accepted)
    assert sorted(task_id for task_id, _ in sns.told) == [key(number).task_id for number in (1, 2, 3)]


@pytest.mark.parametrize("value", ["", "yes", 1, "é" * 140_000])
def test_a_test_has_its_attribute_whatever_marks_it(value: Any) -> None:
    table, sns = Table(row(1, test=value)), FakeSns()
    announced = announce([key(1)], table, Topic(sns, TOPIC), NotificationPolicy(5))
    assert announced.failed == {}
    [request] = sns.accepted
    assert request["MessageAttributes"]["test"] == {"DataType": "String", "StringValue": "true"}
    assert request["Subject"].startswith("TEST: ")
