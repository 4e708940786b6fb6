"""Conversions: the older operations ImportInstance and ImportVolume.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ConversionTask.html
"""

from collections.abc import Iterator

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST, Kind, NextStep
from task_reporter.kinds.reasons import examples_by_text, failure_by_text

START = "To start the imported instance"
VOLUME = "This shows the imported volume, which can now be attached to an instance"
CHECK = "This shows whether the instance exists, and its state"

EXAMPLE: Row = {"volume_ids": "vol-0123456789abcdef0"}


def next_steps(row: Row) -> Iterator[NextStep]:
    """Return commands for the imported instance or volume, or for a lost task's."""
    outcome, instance = row.get("outcome"), str(row.get("resource_id", ""))
    if outcome == COMPLETE and instance:
        start = ("ec2", "start-instances", "--instance-ids", instance)
        yield NextStep("start", START, "with the command that starts the instance", start)
    elif outcome == COMPLETE and "volume_ids" in row:
        volume = ("ec2", "describe-volumes", "--volume-ids", *str(row["volume_ids"]).split())
        yield NextStep("volume", VOLUME, "with the command that shows the volume", volume)
    if outcome == LOST and instance:
        check = ("ec2", "describe-instances", "--instance-ids", instance)
        yield NextStep("check", CHECK, "with the command that shows the instance", check)


CONVERSION = Kind(
    name="conversion",
    operation="DescribeConversionTasks",
    projection="""
        ConversionTasks[].{
            task_id: ConversionTaskId,
            state: State,
            resource_id: ImportInstance.InstanceId,
            volume_ids: join(' ', ImportInstance.Volumes[?Volume.Id].Volume.Id || `[]`) || ImportVolume.Volume.Id,
            error_message: contains(`["cancelled", "deleted"]`, State) && StatusMessage
        }""",
    endings={"completed": COMPLETE, "cancelled": FAILED, "deleted": FAILED},
    failure=failure_by_text,
    without_reason=CANCELLED,
    attributes={"volume_ids": "Volumes"},
    result="volume_ids",
    next_steps=next_steps,
    examples=examples_by_text(EXAMPLE, "cancelled"),
)
