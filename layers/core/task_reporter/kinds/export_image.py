"""Image exports, which write an AMI to S3 as a disk of another platform.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ExportImageTask.html
"""

from collections.abc import Iterator

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST, Kind, NextStep
from task_reporter.kinds.reasons import examples_by_text, failure_by_text

COPY = "To copy the disk from S3"
AGAIN = "To export the AMI again (put your format in place of VMDK, add the options that you gave)"
CHECK = "An export that ended well has written its disk to S3. This fails if there is none"

EXAMPLE: Row = {"bucket": "example-bucket", "prefix": "test/"}


def next_steps(row: Row) -> Iterator[NextStep]:
    """Return commands that copy an exported disk, or find a lost task's."""
    if "bucket" not in row:
        return
    # The object's key is the prefix, the task's id and the format, which EC2 does not list.
    prefix = str(row.get("prefix", ""))
    place = f"s3://{row['bucket']}/"
    if row.get("outcome") == COMPLETE:
        # With --recursive, the aws CLI takes a prefix for a folder, and appends a missing slash.
        folder = prefix[: prefix.rfind("/") + 1]
        only = ("--recursive", "--exclude", "*", "--include", f"*{row['task_id']}.*")
        copy = ("s3", "cp", place + folder, ".", *only)
        yield NextStep("copy", COPY, "with the command that copies the disk from S3", copy)
    if row.get("outcome") == FAILED and "resource_id" in row:
        target = f"S3Bucket={row['bucket']},S3Prefix={prefix}"
        options = ("--disk-image-format", "VMDK", "--s3-export-location", target)
        again = ("ec2", "export-image", "--image-id", str(row["resource_id"]), *options)
        yield NextStep("again", AGAIN, "with the command that exports the AMI again", again)
    if row.get("outcome") == LOST:
        check = ("s3", "ls", f"{place}{prefix}{row['task_id']}.")
        yield NextStep("check", CHECK, "with a check for the disk in S3", check)


EXPORT_IMAGE = Kind(
    name="export-image",
    operation="DescribeExportImageTasks",
    projection="""
        ExportImageTasks[].{
            task_id: ExportImageTaskId,
            state: Status,
            progress: Progress,
            resource_id: ImageId,
            bucket: S3ExportLocation.S3Bucket,
            prefix: S3ExportLocation.S3Prefix,
            error_message: contains(`["deleted"]`, Status) && StatusMessage
        }""",
    hourly=True,
    endings={"completed": COMPLETE, "deleted": FAILED},
    failure=failure_by_text,
    without_reason=CANCELLED,
    next_steps=next_steps,
    examples=examples_by_text(EXAMPLE, "deleted"),
)
