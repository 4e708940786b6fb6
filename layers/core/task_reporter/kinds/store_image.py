"""Stored images: tasks that store an AMI in S3 as one object.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StoreImageTaskResult.html
"""

from collections.abc import Iterator
from datetime import timedelta

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST, Kind, NextStep, find_object

RESTORE = "To restore the AMI from S3, even if it was deregistered"
AGAIN = "To store the AMI again"
CHECK = "A task that ended well has written its object to S3. This fails if there is none"

EXAMPLE: Row = {"bucket": "example-bucket", "object_key": "ami-0123456789abcdef0.bin"}


def next_steps(row: Row) -> Iterator[NextStep]:
    """Return commands that restore a stored AMI, store it again, or check."""
    outcome = row.get("outcome")
    bucket, key = str(row.get("bucket", "")), str(row.get("object_key", ""))
    if outcome == COMPLETE and bucket and key:
        name = str(row["task_id"]).replace("/", "-").replace(":", ".")
        restore = ("ec2", "create-restore-image-task", "--bucket", bucket, "--object-key", key, "--name", name)
        yield NextStep("restore", RESTORE, "with the command that restores the AMI", restore)
    if outcome == FAILED and bucket and "resource_id" in row:
        again = ("ec2", "create-store-image-task", "--image-id", str(row["resource_id"]), "--bucket", bucket)
        yield NextStep("again", AGAIN, "with the command that stores the AMI again", again)
    if outcome == LOST and bucket and key:
        yield NextStep("check", CHECK, "with a check for the object in S3", find_object(bucket, key))


def failure(row: Row) -> str | None:
    """Wait for the reason, which EC2 may add late.

    No operation cancels such a task.
    """
    return FAILED if "error_message" in row else None


def supersedes(task: Row, row: Row) -> bool:
    """Tell whether ``task`` is of the same AMI and began later.

    EC2 may list only an AMI's newest task.
    """
    is_later = str(task.get("started_at", "")) > str(row.get("started_at", ""))
    return task.get("resource_id") == row.get("resource_id") and is_later


STORE_IMAGE = Kind(
    name="store-image",
    operation="DescribeStoreImageTasks",
    # The list has no ids, and one AMI may be stored more than once.
    projection="""
        StoreImageTaskResults[].{
            task_id: AmiId && TaskStartTime && join('/', [AmiId, TaskStartTime]),
            state: StoreTaskState,
            progress: ProgressPercentage,
            resource_id: AmiId,
            started_at: TaskStartTime,
            bucket: Bucket,
            object_key: S3objectKey,
            error_message: StoreTaskFailureReason
        }""",
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeStoreImageTasks.html
    listed_for=timedelta(days=31),
    endings={"Completed": COMPLETE, "Failed": FAILED},
    failure=failure,
    supersedes=supersedes,
    attributes={"object_key": "Object"},
    next_steps=next_steps,
    examples={
        COMPLETE: {"state": "Completed", **EXAMPLE},
        FAILED: {"state": "Failed", "error_message": "This is what EC2 says of a failure.", **EXAMPLE},
        CANCELLED: {"state": "Failed", **EXAMPLE},
        LOST: {"state": "InProgress", **EXAMPLE},
    },
)
