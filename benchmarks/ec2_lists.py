"""EC2's answers with many complete tasks, and rows of such tasks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.rows import SCOPE
from local.ec2.response import format_response
from task_reporter.history.rows import Row
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import ALL
from task_reporter.times import to_text
from tests.support.canned_ec2 import Answer

ENDED = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _bundle(number: int) -> dict[str, Any]:
    return {
        "BundleId": f"bun-{number:08x}",
        "InstanceId": f"i-{number:017x}",
        "State": "complete",
        "Progress": "100%",
        "StartTime": ENDED - timedelta(minutes=35, seconds=number),
        "UpdateTime": ENDED - timedelta(seconds=number),
        "Storage": {"S3": {"Bucket": "acme-bundles", "Prefix": f"host-{number}/2026-11-23"}},
    }


def _disk(number: int) -> dict[str, Any]:
    return {"S3Bucket": "acme-disks", "S3Key": f"host-{number}/disk.vmdk"}


COMPLETE_TASKS: Mapping[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "import-image": (
        "ImportImageTasks",
        lambda number: {
            "ImportTaskId": f"import-ami-{number:017x}",
            "ImageId": f"ami-{number:017x}",
            "Status": "completed",
            "SnapshotDetails": [
                {"SnapshotId": f"snap-{number:017x}", "Status": "completed", "UserBucket": _disk(number)}
            ],
        },
    ),
    "import-snapshot": (
        "ImportSnapshotTasks",
        lambda number: {
            "ImportTaskId": f"import-snap-{number:017x}",
            "SnapshotTaskDetail": {
                "SnapshotId": f"snap-{number:017x}",
                "Status": "completed",
                "UserBucket": _disk(number),
            },
        },
    ),
    "export-image": (
        "ExportImageTasks",
        lambda number: {
            "ExportImageTaskId": f"export-ami-{number:017x}",
            "Status": "completed",
            "S3ExportLocation": {"S3Bucket": "acme-disks", "S3Prefix": f"exports/{number}/"},
        },
    ),
    "export-instance": (
        "ExportTasks",
        lambda number: {
            "ExportTaskId": f"export-i-{number:017x}",
            "State": "completed",
            "ExportToS3Task": {"DiskImageFormat": "VMDK", **_disk(number)},
            "InstanceExportDetails": {},
        },
    ),
    "store-image": (
        "StoreImageTaskResults",
        lambda number: {
            "AmiId": f"ami-{number:017x}",
            "TaskStartTime": ENDED - timedelta(minutes=35, seconds=number),
            "Bucket": "acme-images",
            "S3objectKey": f"ami-{number:017x}.bin",
            "ProgressPercentage": 100,
            "StoreTaskState": "Completed",
        },
    ),
    "replace-root-volume": (
        "ReplaceRootVolumeTasks",
        lambda number: {
            "ReplaceRootVolumeTaskId": f"replacevol-{number:017x}",
            "InstanceId": f"i-{number:017x}",
            "TaskState": "succeeded",
            "StartTime": to_text(ENDED - timedelta(minutes=3, seconds=number)),
            "CompleteTime": to_text(ENDED - timedelta(seconds=number)),
        },
    ),
    "conversion": (
        "ConversionTasks",
        lambda number: {
            "ConversionTaskId": f"import-i-{number:08x}",
            "State": "completed",
            "ImportInstance": {
                "InstanceId": f"i-{number:017x}",
                "Volumes": [{"Status": "completed", "Volume": {"Id": f"vol-{number:017x}", "Size": 8}}],
            },
        },
    ),
    "mac-modification": (
        "MacModificationTasks",
        lambda number: {
            "MacModificationTaskId": f"macmodification-{number:017x}",
            "InstanceId": f"i-{number:017x}",
            "TaskType": "sip-modification",
            "TaskState": "successful",
            "StartTime": ENDED - timedelta(minutes=35, seconds=number),
        },
    ),
    "bundle": ("BundleTasks", _bundle),
}
"""Kind → the list's name in EC2's answer, and a numbered complete task."""


def listed(count: int, kinds: Sequence[Kind] = ALL) -> Mapping[str, Answer]:
    """Return operation → EC2's answer, with ``count`` complete tasks spread over ``kinds``."""
    answers = {}
    for position, kind in enumerate(kinds):
        name, task = COMPLETE_TASKS[kind.name]
        tasks = [task(number) for number in range(position, count, len(kinds))]
        answers[kind.operation] = Answer(format_response(kind.operation, {name: tasks}, "bench"))
    return answers


def known(count: int) -> Iterator[Row]:
    """Return the announced rows of so many bundle tasks."""
    for number in range(count):
        task = _bundle(number)
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
