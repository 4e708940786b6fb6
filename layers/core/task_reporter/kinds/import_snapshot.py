"""Snapshot imports, which make an EBS snapshot from one disk.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ImportSnapshotTask.html
"""

from collections.abc import Iterator
from datetime import timedelta

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST, Kind, NextStep, Registration
from task_reporter.kinds.reasons import examples_by_text, failure_by_text

REGISTER = "To register an AMI with the snapshot as its root volume, if an x86 system is on it"
AGAIN = "To import the disk again after a correction (add the options that you gave)"
CHECK = "An import that ended well has made a snapshot, the description of which names the task"

ROOT = "/dev/sda1"
"""Device name of the root volume."""

EXAMPLE: Row = {"bucket": "example-bucket", "object_key": "test.vmdk"}


def next_steps(row: Row) -> Iterator[NextStep]:
    """Return commands that register the snapshot, import again, or search."""
    outcome = row.get("outcome")
    if outcome == COMPLETE and "snapshot_ids" in row:
        root = f"DeviceName={ROOT},Ebs={{SnapshotId={row['snapshot_ids']}}}"
        options = ("--architecture", "x86_64", "--virtualization-type", "hvm", "--ena-support")
        place = ("--root-device-name", ROOT, "--block-device-mappings", root)
        register = ("ec2", "register-image", "--name", str(row["task_id"]), *options, *place)
        yield NextStep("register", REGISTER, "with the command that registers an AMI of the snapshot", register)
    if outcome == FAILED and {"bucket", "object_key"} <= row.keys():
        yield NextStep("again", AGAIN, "with the command that imports the disk again", import_snapshot(row))
    if outcome == LOST:
        filters = ("--filters", f"Name=description,Values=*{row['task_id']}*")
        check = ("ec2", "describe-snapshots", "--owner-ids", "self", *filters)
        yield NextStep("check", CHECK, "with the command that looks for the snapshot", check)


def import_snapshot(row: Row) -> tuple[str, ...]:
    """Return the arguments that import the disk of ``row`` as a snapshot."""
    return ("ec2", "import-snapshot", "--disk-container", disk_of(row))


def disk_of(row: Row) -> str:
    """Return the disk of ``row`` as an argument of imports."""
    return f"UserBucket={{S3Bucket={row['bucket']},S3Key={row['object_key']}}}"


def registration(row: Row) -> Registration | None:
    """Make an AMI with the snapshot as its root volume, for an x86 system.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
    """
    if "snapshot_ids" not in row:
        return None
    snapshot = str(row["snapshot_ids"])
    root = {"DeviceName": ROOT, "Ebs": {"SnapshotId": snapshot}}
    system = {"Architecture": "x86_64", "VirtualizationType": "hvm", "EnaSupport": True}
    parameters = {**system, "RootDeviceName": ROOT, "BlockDeviceMappings": [root]}
    return Registration(parameters, {"block-device-mapping.snapshot-id": snapshot})


def failure(row: Row) -> str | None:
    """Return ``failed`` for the state ``error``; a text decides about ``deleted``."""
    return FAILED if row.get("state") == "error" else failure_by_text(row)


IMPORT_SNAPSHOT = Kind(
    name="import-snapshot",
    operation="DescribeImportSnapshotTasks",
    projection="""
        ImportSnapshotTasks[].{
            task_id: ImportTaskId,
            state: SnapshotTaskDetail.Status,
            progress: SnapshotTaskDetail.Progress,
            snapshot_ids: SnapshotTaskDetail.SnapshotId,
            bucket: SnapshotTaskDetail.UserBucket.S3Bucket,
            object_key: SnapshotTaskDetail.UserBucket.S3Key,
            error_message: contains(`["deleted", "error"]`, SnapshotTaskDetail.Status)
                && SnapshotTaskDetail.StatusMessage
        }""",
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImportSnapshotTasks.html
    listed_for=timedelta(days=7),
    endings={"completed": COMPLETE, "deleted": FAILED, "error": FAILED},
    failure=failure,
    without_reason=CANCELLED,
    attributes={"snapshot_ids": "Snapshot", "object_key": "Object"},
    result="snapshot_ids",
    place_label="Source",
    next_steps=next_steps,
    registration=registration,
    examples=examples_by_text(EXAMPLE, "deleted", {"snapshot_ids": "snap-0123456789abcdef0"}),
)
