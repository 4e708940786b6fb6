"""Bundle tasks, which store an instance's root volume in S3 for an AMI.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_BundleTask.html
"""

from collections.abc import Iterator

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST, Kind, NextStep, Registration, find_object

# https://docs.aws.amazon.com/cli/latest/reference/ec2/register-image.html
REGISTER = "To register it as an AMI, now or when EC2 has forgotten the task"
CHECK = "A bundle that ended well has its manifest in S3. This fails if there is none"
REGISTER_AFTER_CHECK = "If the manifest is there, this registers the AMI"

EXAMPLE: Row = {"bucket": "example-bucket", "prefix": "test", "image_location": "example-bucket/test.manifest.xml"}


def next_steps(row: Row) -> Iterator[NextStep]:
    """Return commands that register a bundle's AMI, or find a lost bundle's manifest."""
    if "image_location" not in row:
        return
    location = str(row["image_location"])
    bucket, _, key = location.partition("/")
    register = ("ec2", "register-image", "--name", str(row["task_id"]), "--image-location", location)
    check = find_object(bucket, key)
    if row.get("outcome") == COMPLETE:
        heading = "with the command that registers the AMI, now or when EC2 has forgotten the task"
        yield NextStep("register", REGISTER, heading, register)
    if row.get("outcome") == LOST:
        yield NextStep("check", CHECK, "with a check for the manifest in S3, which fails if there is no image", check)
        yield NextStep("register", REGISTER_AFTER_CHECK, "", register)


def registration(row: Row) -> Registration | None:
    """Make the AMI from the manifest, also when EC2 no longer lists the task.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
    """
    if "image_location" not in row:
        return None
    location = str(row["image_location"])
    return Registration({"ImageLocation": location}, {"manifest-location": location})


def failure(row: Row) -> str | None:
    """Distinguish a cancelled task from a failed one by its error code.

    There is no state ``cancelled``.
    """
    code = row.get("error_code")
    return CANCELLED if code == "Client.Cancelled" else FAILED if code else None


BUNDLE = Kind(
    name="bundle",
    operation="DescribeBundleTasks",
    projection="""
        BundleTasks[].{
            task_id: BundleId,
            state: State,
            resource_id: InstanceId,
            progress: Progress,
            started_at: StartTime,
            updated_at: UpdateTime,
            bucket: Storage.S3.Bucket,
            prefix: Storage.S3.Prefix,
            image_location: Storage.S3 | (Bucket && Prefix && join('', [Bucket, '/', Prefix, '.manifest.xml'])),
            error_code: BundleTaskError.Code,
            error_message: BundleTaskError.Message
        }""",
    endings={"complete": COMPLETE, "failed": FAILED},
    failure=failure,
    cancelling_state="cancelling",
    attributes={"image_location": "Manifest"},
    result="image_location",
    next_steps=next_steps,
    registration=registration,
    examples={
        COMPLETE: {"state": "complete", **EXAMPLE},
        FAILED: {
            "state": "failed",
            "error_code": "Client.S3Error",
            "error_message": "This is what EC2 says of a failure.",
            **EXAMPLE,
        },
        CANCELLED: {
            "state": "failed",
            "error_code": "Client.Cancelled",
            "error_message": "This is what EC2 says of a cancellation.",
            **EXAMPLE,
        },
        LOST: {"state": "storing", **EXAMPLE},
    },
)
