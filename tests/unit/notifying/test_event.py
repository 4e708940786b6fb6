"""The event about one task: its parts, its size, and its JSON Schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import OUTCOMES
from task_reporter.kinds.table import KINDS
from task_reporter.notifying.event import MAX_REQUEST_BYTES, minimal_event, task_event
from task_reporter.notifying.task_notice import task_notice
from tests.support.event_bus import BUS, detail, size
from tests.support.finished import row


def entry(row: Row, **more: Any) -> dict[str, Any]:
    return task_event(row, **more).entry(BUS)


def example(kind: str, outcome: str) -> Row:
    attributes = KINDS[kind].examples.get(outcome, {})
    return {**row(1, outcome), **dict.fromkeys(("bucket", "prefix", "image_location"), "x"), **attributes, "kind": kind}


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_detail_is_that_of_the_notice(kind: str, outcome: str) -> None:
    task = example(kind, outcome)
    assert detail(entry(task)) == task_notice(task).data


def test_the_parts_of_an_event() -> None:
    sent = entry(row(1))
    assert (sent["Source"], sent["DetailType"], sent["EventBusName"]) == ("ec2-task-reporter", "EC2 Task Ended", BUS)
    assert sent["Time"] == datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_test_has_a_type_of_its_own() -> None:
    sent = entry(row(1, test="true"))
    assert (sent["DetailType"], detail(sent)["test"]) == ("EC2 Task Ended (Test)", True)


@pytest.mark.parametrize("end", [{}, {"finished_at": ""}, {"finished_at": "yesterday"}])
def test_a_row_without_a_usable_end_has_no_time(end: Row) -> None:
    assert "Time" not in entry({name: value for name, value in row(1).items() if name != "finished_at"} | end)


EC2, CHINA, GOV = "arn:aws:ec2:us-east-2", "arn:aws-cn:ec2:cn-north-1", "arn:aws-us-gov:ec2:us-gov-west-1"
RESOURCES: list[tuple[str, Row, list[str]]] = [
    ("us-east-2", {"kind": "bundle", "resource_id": "i-01"}, [f"{EC2}:123456789012:instance/i-01"]),
    (
        "cn-north-1",
        {"kind": "import-image", "image_id": "ami-1", "snapshot_ids": "snap-1 snap-2"},
        [f"{CHINA}::image/ami-1", f"{CHINA}::snapshot/snap-1", f"{CHINA}::snapshot/snap-2"],
    ),
    ("us-gov-west-1", {"kind": "conversion", "volume_ids": "vol-1"}, [f"{GOV}:123456789012:volume/vol-1"]),
    ("eu-west-1", {"kind": "store-image", "bucket": "b", "object_key": "ami-1.bin"}, ["arn:aws:s3:::b/ami-1.bin"]),
    ("eu-west-1", {"kind": "bundle", "resource_id": "something i- else"}, []),
]


@pytest.mark.parametrize(("region", "attributes", "arns"), RESOURCES)
def test_resources_are_the_arns_that_are_known(region: str, attributes: Row, arns: list[str]) -> None:
    task: Row = {"scope": f"123456789012/{region}", "task_id": "t", "outcome": "complete", **attributes}
    assert entry(task)["Resources"] == arns


@pytest.mark.parametrize("length", [1_000, 200_000, 380_000])
def test_the_error_is_shortened_until_the_event_fits(length: int) -> None:
    sent = entry(row(1, "failed", error_message="é" * length))
    assert size(sent) == task_event(row(1, "failed", error_message="é" * length)).size <= MAX_REQUEST_BYTES
    text = detail(sent)["error_message"]
    assert text == "é" * length if length == 1_000 else text.endswith("é…")


def test_an_event_that_does_not_fit_is_minimal() -> None:
    huge = row(1, resource_id="i" * 300_000)
    assert entry(huge) == minimal_event(huge).entry(BUS)
    assert detail(entry(huge))["task_id"] == huge["task_id"]
