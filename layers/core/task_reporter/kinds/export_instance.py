"""Instance exports, which write an instance to S3 as a disk of another platform.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ExportTask.html
"""

from collections.abc import Iterator

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST, Kind, NextStep, find_object
from task_reporter.kinds.reasons import examples_by_text, failure_by_text

COPY = "To copy the disk from S3"
CHECK = "An export that ended well has written its disk to S3. This fails if there is none"

EXAMPLE: Row = {"bucket": "example-bucket", "object_key": "test.ova"}


def next_steps(row: Row) -> Iterator[NextStep]:
    """Return commands that copy an exported disk, or find a lost task's."""
    if not {"bucket", "object_key"} <= row.keys():
        return
    bucket, key = str(row["bucket"]), str(row["object_key"])
    if row.get("outcome") == COMPLETE:
        copy = ("s3", "cp", f"s3://{bucket}/{key}", ".")
        yield NextStep("copy", COPY, "with the command that copies the disk from S3", copy)
    if row.get("outcome") == LOST:
        yield NextStep("check", CHECK, "with a check for the disk in S3", find_object(bucket, key))


EXPORT_INSTANCE = Kind(
    name="export-instance",
    operation="DescribeExportTasks",
    # The list may hold tasks of DescribeExportImageTasks too, whose ids begin with `export-ami-`.
    projection="""
        ExportTasks[?!starts_with(not_null(ExportTaskId, ''), 'export-ami-')].{
            task_id: ExportTaskId,
            state: State,
            resource_id: InstanceExportDetails.InstanceId,
            bucket: ExportToS3Task.S3Bucket,
            object_key: ExportToS3Task.S3Key,
            error_message: contains(`["cancelled"]`, State) && StatusMessage
        }""",
    hourly=True,
    endings={"completed": COMPLETE, "cancelled": FAILED},
    failure=failure_by_text,
    without_reason=CANCELLED,
    attributes={"object_key": "Object"},
    next_steps=next_steps,
    examples=examples_by_text(EXAMPLE, "cancelled"),
)
