"""Modifications of Mac instances: system integrity protection, and ownership of volumes.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_MacModificationTask.html
"""

from collections.abc import Iterator

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST, Kind, NextStep

PROTECTION = "sip-modification"
CHECK = "This shows the instance"
CHECK_PROTECTION = f"{CHECK}, on which `csrutil status` shows system integrity protection"

EXAMPLE: Row = {"task_type": PROTECTION}


def next_steps(row: Row) -> Iterator[NextStep]:
    """Look at the instance."""
    if "resource_id" in row and row.get("outcome") in (COMPLETE, FAILED, LOST):
        check = ("ec2", "describe-instances", "--instance-ids", str(row["resource_id"]))
        text = CHECK_PROTECTION if row.get("task_type") == PROTECTION else CHECK
        yield NextStep("check", text, "with the command that shows the instance", check)


MAC_MODIFICATION = Kind(
    name="mac-modification",
    operation="DescribeMacModificationTasks",
    projection="""
        MacModificationTasks[].{
            task_id: MacModificationTaskId,
            state: TaskState,
            resource_id: InstanceId,
            started_at: StartTime,
            task_type: TaskType
        }""",
    endings={"successful": COMPLETE, "failed": FAILED},
    attributes={"task_type": "Modification"},
    next_steps=next_steps,
    examples={
        COMPLETE: {"state": "successful", **EXAMPLE},
        FAILED: {"state": "failed", **EXAMPLE},
        CANCELLED: {"state": "failed", **EXAMPLE},
        LOST: {"state": "in-progress", **EXAMPLE},
    },
)
