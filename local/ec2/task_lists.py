"""The other task lists: imports, exports, stored images, replaced root volumes, conversions, Mac modifications.

Each list is a table: how its tasks start, the phases of their lives, and the form in which EC2 lists them. Tasks of the
last two lists and instance exports cannot be started here, so those lists are empty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from local.ec2.errors import Ec2Error
from local.ec2.response import format_time

Values = Mapping[str, Any]

UNSUPPORTED_FORMAT = ".txt"
"""An import of a disk whose key ends like this fails."""


class Phase(NamedTuple):
    """State, text and progress of a task from ``minute`` on."""

    minute: float
    state: str
    text: str = ""
    progress: str = ""


@dataclass(frozen=True)
class ListedTask:
    """A task: its id, the parameters that started it, and its life."""

    task_id: str
    params: Values
    started: datetime
    phases: tuple[Phase, ...]
    result: str
    """The id of the AMI, snapshot or volume that a complete task has made."""
    speed: float

    def minutes(self, moment: datetime) -> float:
        """Return the minutes of EC2's time since the start."""
        return (moment - self.started).total_seconds() / 60 * self.speed

    def phase(self, moment: datetime) -> Phase:
        """Return the phase at ``moment``."""
        return [phase for phase in self.phases if phase.minute <= max(self.minutes(moment), 0)][-1]

    def minutes_after_end(self, moment: datetime) -> float:
        """Return the minutes since the last phase began, negative before it."""
        return self.minutes(moment) - self.phases[-1].minute


@dataclass(frozen=True)
class TaskList:
    """One of EC2's task lists."""

    describe: str
    """The operation that lists the tasks."""
    member: str
    """The list in its result."""
    id_member: str
    listed_for: float
    """Minutes for which a task is listed after its end; AWS documents days."""
    supported: frozenset[str] = frozenset()
    """Parameters of the operation, by botocore's names."""
    start: str = ""
    """The operation that starts a task."""
    start_supported: frozenset[str] = frozenset()
    """Its own parameters, besides those of every operation."""
    cancel: str = ""
    """The operation that cancels a task."""
    cancel_id: str = ""
    prefix: str = ""
    """Of the ids."""
    result_prefix: str = ""
    phases: tuple[Phase, ...] = ()
    failing: tuple[Phase, ...] = ()
    will_fail: Callable[[Values], bool] = lambda params: False
    cancelled: tuple[Phase, ...] = ()
    """Phases after a cancellation, by minutes since then."""
    item: Callable[[ListedTask, Phase, bool], Values] = lambda task, phase, ended: {}
    """Builds the listed task; the last argument tells that it has ended well."""
    answer: Callable[[ListedTask, Values], Values] = lambda task, item: item
    """Builds the result of the operation that starts a task."""


@dataclass
class TaskLists:
    """The tasks of all these lists."""

    speed: float
    new_id: Callable[[str], str]
    tasks: dict[str, list[ListedTask]] = field(default_factory=dict)

    def start(self, kind: TaskList, params: Values, moment: datetime) -> Values:
        """Start a task, and return the result of the operation."""
        phases = kind.failing if kind.will_fail(params) else kind.phases
        task = ListedTask(self.new_id(kind.prefix), params, moment, phases, self.new_id(kind.result_prefix), self.speed)
        self.tasks.setdefault(kind.describe, []).append(task)
        return kind.answer(task, self._item(kind, task, moment))

    def describe(self, kind: TaskList, params: Values, moment: datetime) -> Values:
        """List the tasks of a kind, in pages if the request asks for them."""
        items = [
            self._item(kind, task, moment)
            for task in self.tasks.get(kind.describe, [])
            if task.minutes_after_end(moment) <= kind.listed_for
        ]
        if wanted := next((params[name] for name in params if name.endswith("Ids")), None):
            items = [item for item in items if item[kind.id_member] in wanted]
        token, size = str(params.get("NextToken", "0")), int(params.get("MaxResults", len(items) or 1))
        if not token.isdecimal():
            raise Ec2Error("InvalidNextToken", f"The NextToken '{token}' is not valid")
        if size < 1:
            raise Ec2Error("InvalidParameterValue", f"Value ( {size} ) for parameter MaxResults is invalid")
        first = int(token)
        last = first + size
        return {kind.member: items[first:last]} | ({"NextToken": str(last)} if last < len(items) else {})

    def cancel(self, kind: TaskList, params: Values, moment: datetime) -> Values:
        """Cancel a running task of any list that has the operation.

        Raises Ec2Error for a task that has ended, or that does not exist.
        """
        task_id = params[kind.cancel_id]
        lists = [(each, self.tasks.get(each.describe, [])) for each in LISTS if each.cancel == kind.cancel]
        found = [(each, tasks, task) for each, tasks in lists for task in tasks if task.task_id == task_id]
        if not found:
            raise Ec2Error("InvalidParameterValue", f"The task '{task_id}' does not exist")
        [(own, tasks, task)] = found
        if task.minutes_after_end(moment) >= 0:
            raise Ec2Error("IncorrectState", f"The task '{task_id}' has ended.")
        minute = task.minutes(moment)
        cancelled = tuple(phase._replace(minute=minute + phase.minute) for phase in own.cancelled)
        phases = (*(phase for phase in task.phases if phase.minute <= minute), *cancelled)
        tasks[tasks.index(task)] = replace(task, phases=phases)
        return {kind.cancel_id: task_id, "PreviousState": task.phase(moment).state, "State": cancelled[0].state}

    def _item(self, kind: TaskList, task: ListedTask, moment: datetime) -> Values:
        phase = task.phase(moment)
        ended = phase is kind.phases[-1]
        item = kind.item(task, phase, ended)
        return {name: value for name, value in item.items() if value is not None}


def _import_image(task: ListedTask, phase: Phase, ended: bool) -> Values:
    disks = [
        {"Format": "VMDK", "Status": "completed", "SnapshotId": "", **_place(container)}
        for container in task.params.get("DiskContainers", [])
    ]
    # A newer back end lists an empty id until there is one.
    return {"ImportTaskId": task.task_id, "ImageId": task.result if ended else "", "SnapshotDetails": disks} | _text(
        phase
    )


def _import_snapshot(task: ListedTask, phase: Phase, ended: bool) -> Values:
    detail = {
        "SnapshotId": task.result if ended else "",
        **_text(phase),
        **_place(task.params.get("DiskContainer", {})),
    }
    return {"ImportTaskId": task.task_id, "SnapshotTaskDetail": detail}


def _export_image(task: ListedTask, phase: Phase, _ended: bool) -> Values:
    target = task.params["S3ExportLocation"]
    place = {name: target[name] for name in ("S3Bucket", "S3Prefix") if name in target}
    return {"ExportImageTaskId": task.task_id, "S3ExportLocation": place} | _text(phase)


def _store_image(task: ListedTask, phase: Phase, _ended: bool) -> Values:
    return {
        "AmiId": task.params["ImageId"],
        "TaskStartTime": format_time(task.started),
        "Bucket": task.params["Bucket"],
        "S3objectKey": f"{task.params['ImageId']}.bin",
        "ProgressPercentage": int(phase.progress or 0),
        "StoreTaskState": phase.state,
        "StoreTaskFailureReason": phase.text or None,
    }


def _replace_root_volume(task: ListedTask, phase: Phase, ended: bool) -> Values:
    return {
        "ReplaceRootVolumeTaskId": task.task_id,
        "InstanceId": task.params["InstanceId"],
        "TaskState": phase.state,
        "StartTime": format_time(task.started),
        "CompleteTime": format_time(task.started + timedelta(minutes=phase.minute / task.speed)) if ended else None,
        "ImageId": task.params.get("ImageId"),
        "SnapshotId": task.params.get("SnapshotId"),
    }


def _text(phase: Phase) -> dict[str, Any]:
    values = {"Status": phase.state, "StatusMessage": phase.text, "Progress": phase.progress}
    return {name: value for name, value in values.items() if value}


def _place(container: Values) -> dict[str, Any]:
    return {"UserBucket": container["UserBucket"]} if "UserBucket" in container else {}


def _has_unsupported_disk(params: Values) -> bool:
    containers = params.get("DiskContainers") or [params.get("DiskContainer", {})]
    keys = (container.get("UserBucket", {}).get("S3Key", "") for container in containers)
    return any(key.endswith(UNSUPPORTED_FORMAT) for key in keys)


DISK_ERROR = "ClientError: Disk validation failed [Unsupported specified file format]"
RUNNING = (
    Phase(0, "active", "pending", "2"), Phase(1, "active", "validating", "19"), Phase(3, "active", "converting", "28"),
    Phase(20, "active", "updating", "45"), Phase(24, "active", "preparing ami", "76"),
)  # fmt: skip
SNAPSHOT = Phase(0, "active", "pending", "3"), Phase(1, "active", "downloading/converting", "30")
DELETED = (Phase(0, "deleting"), Phase(1, "deleted", "Task cancelled by the user"))
DAY = 24 * 60.0
PAGES = frozenset({"MaxResults", "NextToken"})

LISTS = (
    TaskList(
        describe="DescribeImportImageTasks",
        member="ImportImageTasks",
        id_member="ImportTaskId",
        listed_for=7 * DAY,
        supported=PAGES | {"ImportTaskIds"},
        start="ImportImage",
        start_supported=frozenset({"DiskContainers", "Description"}),
        cancel="CancelImportTask",
        cancel_id="ImportTaskId",
        prefix="import-ami",
        result_prefix="ami",
        phases=(*RUNNING, Phase(30, "completed")),
        failing=(*RUNNING[:2], Phase(3, "deleted", DISK_ERROR)),
        will_fail=_has_unsupported_disk,
        cancelled=DELETED,
        item=_import_image,
    ),
    TaskList(
        describe="DescribeImportSnapshotTasks",
        member="ImportSnapshotTasks",
        id_member="ImportTaskId",
        listed_for=7 * DAY,
        supported=PAGES | {"ImportTaskIds"},
        start="ImportSnapshot",
        start_supported=frozenset({"DiskContainer", "Description"}),
        cancel="CancelImportTask",
        cancel_id="ImportTaskId",
        prefix="import-snap",
        result_prefix="snap",
        phases=(*SNAPSHOT, Phase(15, "completed")),
        failing=(*SNAPSHOT, Phase(2, "deleted", DISK_ERROR)),
        will_fail=_has_unsupported_disk,
        cancelled=DELETED,
        item=_import_snapshot,
    ),
    TaskList(
        describe="DescribeExportImageTasks",
        member="ExportImageTasks",
        id_member="ExportImageTaskId",
        listed_for=DAY,
        supported=PAGES | {"ExportImageTaskIds"},
        start="ExportImage",
        start_supported=frozenset({"DiskImageFormat", "ImageId", "S3ExportLocation", "Description"}),
        prefix="export-ami",
        result_prefix="vol",
        phases=(
            Phase(0, "active", "validating", "0"), Phase(2, "active", "converting", "40"), Phase(25, "completed"),
        ),
        item=_export_image,
    ),
    TaskList(
        describe="DescribeStoreImageTasks",
        member="StoreImageTaskResults",
        id_member="AmiId",
        listed_for=31 * DAY,
        supported=PAGES | {"ImageIds"},
        start="CreateStoreImageTask",
        start_supported=frozenset({"ImageId", "Bucket"}),
        prefix="store",
        result_prefix="vol",
        phases=(Phase(0, "InProgress", "", "1"), Phase(4, "InProgress", "", "60"), Phase(8, "Completed", "", "100")),
        failing=(Phase(0, "InProgress", "", "1"), Phase(1, "Failed", "The bucket does not exist")),
        will_fail=lambda params: str(params["Bucket"]).startswith("no-such-bucket"),
        item=_store_image,
        answer=lambda task, item: {"ObjectKey": item["S3objectKey"]},
    ),
    TaskList(
        describe="DescribeReplaceRootVolumeTasks",
        member="ReplaceRootVolumeTasks",
        id_member="ReplaceRootVolumeTaskId",
        listed_for=DAY,
        supported=PAGES | {"ReplaceRootVolumeTaskIds"},
        start="CreateReplaceRootVolumeTask",
        start_supported=frozenset({"InstanceId", "ImageId", "SnapshotId"}),
        prefix="replacevol",
        result_prefix="vol",
        phases=(Phase(0, "pending"), Phase(1, "in-progress"), Phase(3, "succeeded")),
        item=_replace_root_volume,
        answer=lambda task, item: {"ReplaceRootVolumeTask": item},
    ),
    TaskList("DescribeExportTasks", "ExportTasks", "ExportTaskId", DAY),
    TaskList("DescribeConversionTasks", "ConversionTasks", "ConversionTaskId", DAY),
    TaskList("DescribeMacModificationTasks", "MacModificationTasks", "MacModificationTaskId", DAY, PAGES),
)  # fmt: skip
