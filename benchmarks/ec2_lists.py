"""EC2's answers with many tasks, and rows that match them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from benchmarks.rows import SCOPE
from local.ec2.model import ec2_model
from local.ec2.response import format_response
from task_reporter.history.rows import Row
from task_reporter.kinds.kind import Kind
from task_reporter.times import to_text
from tests.support.canned_ec2 import Answer

ENDED = datetime(2026, 11, 23, 12, tzinfo=UTC)


@cache
def listed(count: int) -> bytes:
    """EC2's answer with so many tasks, all complete."""
    return format_response("DescribeBundleTasks", {"BundleTasks": [_task(number) for number in range(count)]}, "bench")


def empty_list(kind: Kind) -> Answer:
    """Return EC2's answer without tasks of a kind."""
    members = ec2_model().operation_model(kind.operation).output_shape.members
    lists = {name: [] for name, shape in members.items() if shape.type_name == "list"}
    return Answer(format_response(kind.operation, lists, "bench"))


def _task(number: int) -> dict[str, Any]:
    return {
        "BundleId": f"bun-{number:08x}",
        "InstanceId": f"i-{number:017x}",
        "State": "complete",
        "Progress": "100%",
        "StartTime": ENDED - timedelta(minutes=35, seconds=number),
        "UpdateTime": ENDED - timedelta(seconds=number),
        "Storage": {"S3": {"Bucket": "acme-bundles", "Prefix": f"host-{number}/2026-11-23"}},
    }


def known(count: int) -> Iterator[Row]:
    """Return the announced rows of the tasks in ``listed``, without news for a poll."""
    for number in range(count):
        task = _task(number)
        bucket, prefix = task["Storage"]["S3"]["Bucket"], task["Storage"]["S3"]["Prefix"]
        ended = to_text(task["UpdateTime"])
        yield {
            "scope": SCOPE,
            "task_id": task["BundleId"],
            "kind": "bundle",
            "state": task["State"],
            "outcome": "complete",
            "resource_id": task["InstanceId"],
            "progress": 100,
            "started_at": to_text(task["StartTime"]),
            "updated_at": ended,
            "first_seen_at": ended,
            "finished_at": ended,
            "notified_at": ended,
            "bucket": bucket,
            "prefix": prefix,
            "image_location": f"{bucket}/{prefix}.manifest.xml",
        }
