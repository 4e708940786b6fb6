"""Image imports, which make an AMI from disks of another platform.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ImportImageTask.html
"""

from collections.abc import Iterator
from datetime import timedelta

from task_reporter.history.rows import Row
from task_reporter.kinds.import_snapshot import disk_of, import_snapshot
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST, Kind, NextStep
from task_reporter.kinds.reasons import examples_by_text, failure_by_text

RUN = "To start an instance from the AMI"
AGAIN = "To import the disk again after a correction (add the options and further disks that you gave)"
CHECK = "An import that ended well has made an AMI with the task's id as its name. This looks for it"
SNAPSHOT = "If EC2 does not support the system on the disk, this imports the disk as a snapshot"

EXAMPLE: Row = {"bucket": "example-bucket", "object_key": "test.vmdk"}


def next_steps(row: Row) -> Iterator[NextStep]:
    """Return commands that use the AMI, import a failed disk otherwise, or search."""
    outcome = row.get("outcome")
    if outcome == COMPLETE and "image_id" in row:
        run = ("ec2", "run-instances", "--image-id", str(row["image_id"]), "--instance-type", "t3.micro")
        yield NextStep("run", RUN, "with the command that starts an instance", run)
    if outcome == FAILED and {"bucket", "object_key"} <= row.keys():
        again = ("ec2", "import-image", "--disk-containers", disk_of(row))
        yield NextStep("again", AGAIN, "with the command that imports the disk again", again)
        heading = "with the command that imports the disk as a snapshot"
        yield NextStep("snapshot", SNAPSHOT, heading, import_snapshot(row))
    if outcome == LOST:
        check = ("ec2", "describe-images", "--owners", "self", "--filters", f"Name=name,Values={row['task_id']}")
        yield NextStep("check", CHECK, "with the command that looks for the AMI", check)


IMPORT_IMAGE = Kind(
    name="import-image",
    operation="DescribeImportImageTasks",
    projection="""
        ImportImageTasks[].{
            task_id: ImportTaskId,
            state: Status,
            progress: Progress,
            image_id: ImageId,
            snapshot_ids: join(' ', SnapshotDetails[?SnapshotId].SnapshotId || `[]`),
            bucket: SnapshotDetails[0].UserBucket.S3Bucket,
            object_key: SnapshotDetails[0].UserBucket.S3Key,
            error_message: contains(`["deleted"]`, Status) && StatusMessage
        }""",
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImportImageTasks.html
    listed_for=timedelta(days=7),
    endings={"completed": COMPLETE, "deleted": FAILED},
    failure=failure_by_text,
    without_reason=CANCELLED,
    attributes={"image_id": "AMI", "snapshot_ids": "Snapshots", "object_key": "Object"},
    result="image_id",
    place_label="Source",
    next_steps=next_steps,
    examples=examples_by_text(EXAMPLE, "deleted", {"image_id": "ami-0123456789abcdef0"}),
)
