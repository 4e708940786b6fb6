"""The kinds of task, as data: which list, which fields of it, and which states mean which outcome.

To add a kind, add one entry to ``KINDS``, its cases under ``tests`` and its action to the recorder's role.
"""

from collections.abc import Mapping
from dataclasses import dataclass

COMPLETE, FAILED, CANCELLED, LOST = "complete", "failed", "cancelled", "lost"
OUTCOMES = (COMPLETE, FAILED, CANCELLED, LOST)


@dataclass(frozen=True, slots=True)
class Kind:
    """One of EC2's task lists."""

    name: str
    operation: str
    """The EC2 operation that lists the tasks, as botocore's service model spells it."""
    projection: str
    """JMESPath from the operation's answer to rows. It is an allow-list: what it does not name gets no further.

    Null means that the answer does not hold the list at all, which is a malformed answer.
    """
    endings: Mapping[str, str]
    """State → outcome, for the states in which a task has ended."""
    cancelled_code: str | None = None
    """The error code by which a task that was cancelled is told from one that failed."""
    cancelling_state: str | None = None
    """The state of a task that is being cancelled. There is no way back from it."""


# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_BundleTask.html
# There is no state `cancelled`: a cancelled bundle task ends as `failed` with the code Client.Cancelled.
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
    cancelled_code="Client.Cancelled",
    cancelling_state="cancelling",
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (BUNDLE,)}
