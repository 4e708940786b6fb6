"""Replacements of an instance's root volume.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceRootVolumeTask.html
"""

from collections.abc import Iterator

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST, Kind, NextStep

DETACHED = "failed-detached"
"""The state after a failure that left the instance without a root volume."""
OLD_VOLUMES = "The old root volume still costs, unless you had it deleted. This lists detached volumes"
ATTACH = "To attach a root volume, put its id in place of VOLUME, and correct /dev/xvda if necessary"
AGAIN = "To replace the root volume again"
CHECK = "This shows the volumes of the instance, with the times at which they were attached"

EXAMPLE: Row = {"from_image_id": "ami-0123456789abcdef0"}


def next_steps(row: Row) -> Iterator[NextStep]:
    """Return commands that clean up, repair the instance, repeat, or check it."""
    outcome, instance = row.get("outcome"), str(row.get("resource_id", ""))
    if outcome == COMPLETE:
        volumes = ("ec2", "describe-volumes", "--filters", "Name=status,Values=available")
        yield NextStep("volumes", OLD_VOLUMES, "with the command that lists detached volumes", volumes)
    if not instance:
        return
    if outcome == FAILED and row.get("state") == DETACHED:
        where = ("--volume-id", "VOLUME", "--instance-id", instance, "--device", "/dev/xvda")
        yield NextStep(
            "attach", ATTACH, "with the command that attaches a root volume", ("ec2", "attach-volume", *where)
        )
    if outcome == FAILED:
        source = next((("--" + option, str(row[name])) for name, option in SOURCES.items() if name in row), ())
        again = ("ec2", "create-replace-root-volume-task", "--instance-id", instance, *source)
        yield NextStep("again", AGAIN, "with the command that tries again", again)
    if outcome == LOST:
        check = ("ec2", "describe-volumes", "--filters", f"Name=attachment.instance-id,Values={instance}")
        yield NextStep("check", CHECK, "with the command that shows the instance's volumes", check)


def warning(row: Row) -> str | None:
    """Say that the instance has no root volume, which prevents its start."""
    detached = row.get("state") == DETACHED and row.get("outcome") == FAILED
    return f"INSTANCE {row.get('resource_id', '')} HAS NO ROOT VOLUME, so it cannot start." if detached else None


SOURCES = {"from_image_id": "image-id", "from_snapshot_id": "snapshot-id"}

REPLACE_ROOT_VOLUME = Kind(
    name="replace-root-volume",
    operation="DescribeReplaceRootVolumeTasks",
    projection="""
        ReplaceRootVolumeTasks[].{
            task_id: ReplaceRootVolumeTaskId,
            state: TaskState,
            resource_id: InstanceId,
            started_at: StartTime,
            finished_at: CompleteTime,
            from_image_id: ImageId,
            from_snapshot_id: SnapshotId
        }""",
    hourly=True,
    endings={"succeeded": COMPLETE, "failed": FAILED, DETACHED: FAILED},
    attributes={"from_image_id": "From AMI", "from_snapshot_id": "From snapshot"},
    warning=warning,
    next_steps=next_steps,
    examples={
        COMPLETE: {"state": "succeeded", **EXAMPLE},
        FAILED: {"state": "failed", **EXAMPLE},
        CANCELLED: {"state": "failed", **EXAMPLE},
        LOST: {"state": "in-progress", **EXAMPLE},
    },
)
