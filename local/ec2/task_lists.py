"""The other task lists: imports, exports, stored images, replaced root volumes, conversions, Mac modifications.

Each list is a table: how its tasks start, the phases of their lives, and the form in which EC2 lists them.
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
MISSING_BUCKET_PREFIX = "no-such-bucket"
"""A task with such a bucket fails."""
UNUSABLE_SNAPSHOT_PREFIX = "snap-bad"
"""A replacement from such a snapshot leaves the instance without a root volume."""
WRONG_PASSWORD = "wrong"  # nosec B105 # a part of the credentials with which a modification of a Mac fails


class Phase(NamedTuple):
    """State, text and progress of a task from ``minute`` on."""

    minute: float
    state: str
    text: str = ""
    progress: str = ""


@dataclass(frozen=True)
class ListedTask:
    """A task: its kind, its id, the parameters that started it, and its life."""

    kind: "TaskList"
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

    def time_of(self, minute: float) -> str:
        """Return the time at ``minute`` of the task's life as text."""
        return format_time(self.started + timedelta(minutes=minute / self.speed))


@dataclass(frozen=True)
class TaskList:
    """One of EC2's task lists; each operation that starts its tasks has an entry."""

    describe: str
    """The operation that lists the tasks."""
    member: str
    """The list in its result."""
    id_member: str
    listed_for: float
    """Minutes for which a task is listed after its end; AWS documents days."""
    supported: frozenset[str] = frozenset()
    """Parameters of the operation, by botocore's names."""
    also_by_id: str = ""
    """The operation of a list whose tasks this one shows too, by id."""
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
    tasks: dict[str, ListedTask] = field(default_factory=dict)

    def start(self, kind: TaskList, params: Values, moment: datetime) -> Values:
        """Start a task, and return the result of the operation."""
        phases = kind.failing if kind.will_fail(params) else kind.phases
        task_id, result = self.new_id(kind.prefix), self.new_id(kind.result_prefix)
        task = self.tasks[task_id] = ListedTask(kind, task_id, params, moment, phases, result, self.speed)
        return kind.answer(task, self._item(kind, task, moment))

    def describe(self, kind: TaskList, params: Values, moment: datetime) -> Values:
        """List the tasks of a kind, in pages if the request asks for them."""
        wanted = next((params[name] for name in params if name.endswith("Ids")), None)
        lists = {kind.describe, kind.also_by_id} if wanted else {kind.describe}
        items = [
            self._item(kind, task, moment)
            for task in self.tasks.values()
            if task.kind.describe in lists and task.minutes_after_end(moment) <= task.kind.listed_for
        ]
        if wanted:
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
        task = self.tasks.get(task_id)
        if task is None or task.kind.cancel != kind.cancel:
            raise Ec2Error("InvalidParameterValue", f"The task '{task_id}' does not exist")
        if task.minutes_after_end(moment) >= 0:
            raise Ec2Error("IncorrectState", f"The task '{task_id}' has ended.")
        minute = task.minutes(moment)
        cancelled = tuple(phase._replace(minute=minute + phase.minute) for phase in task.kind.cancelled)
        phases = (*(phase for phase in task.phases if phase.minute <= minute), *cancelled)
        self.tasks[task_id] = replace(task, phases=phases)
        return {kind.cancel_id: task_id, "PreviousState": task.phase(moment).state, "State": cancelled[0].state}

    def has_snapshot(self, snapshot_id: str, moment: datetime) -> bool:
        """Tell whether an import, listed or not, has made the snapshot."""
        imports = [task for task in self.tasks.values() if task.kind.result_prefix == "snap"]
        return any(task.result == snapshot_id and task.phase(moment) is task.kind.phases[-1] for task in imports)

    def _item(self, kind: TaskList, task: ListedTask, moment: datetime) -> Values:
        phase = task.phase(moment)
        ended = phase is task.kind.phases[-1]
        item = kind.item(task, phase, ended)
        return {name: value for name, value in item.items() if value is not None}


def _import_image(task: ListedTask, phase: Phase, ended: bool) -> Values:
    disks = [
        {"Format": "VMDK", "Status": "completed", "SnapshotId": "", **_pick(container, "UserBucket")}
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
        **_pick(task.params.get("DiskContainer", {}), "UserBucket"),
    }
    return {"ImportTaskId": task.task_id, "SnapshotTaskDetail": detail}


def _export_image(task: ListedTask, phase: Phase, _ended: bool) -> Values:
    place = _pick(task.params["S3ExportLocation"], "S3Bucket", "S3Prefix")
    return {"ExportImageTaskId": task.task_id, "S3ExportLocation": place} | _text(phase)


def _export_instance(task: ListedTask, phase: Phase, _ended: bool) -> Values:
    target = task.params.get("ExportToS3Task")
    if target is None:  # an exported image, for which this list shows no key
        place = _pick(task.params["S3ExportLocation"], "S3Bucket") | _pick(task.params, "DiskImageFormat")
    else:
        ending = target.get("ContainerFormat") or target.get("DiskImageFormat", "vmdk")
        place = _pick(target, "ContainerFormat", "DiskImageFormat", "S3Bucket")
        place["S3Key"] = f"{target.get('S3Prefix', '')}{task.task_id}.{ending.lower()}"
    return {
        "ExportTaskId": task.task_id,
        "Description": task.params.get("Description"),
        "ExportToS3Task": place,
        # EC2 names the instance only in its answer to the start.
        "InstanceExportDetails": {},
        # This list has other words than that of exported images.
        "State": {"deleting": "cancelling", "deleted": "cancelled"}.get(phase.state, phase.state),
        "StatusMessage": phase.text or None,
    }


def _conversion(task: ListedTask, phase: Phase, ended: bool) -> Values:
    if "Image" in task.params:
        zone = _pick(task.params, "AvailabilityZone")
        details = {"ImportVolume": _converted_disk(task, task.params, phase, ended) | zone}
    else:
        disks = [_converted_disk(task, disk, phase, ended) for disk in task.params.get("DiskImages", [])]
        instance = {"InstanceId": task.result.replace("vol-", "i-"), "Platform": task.params["Platform"]}
        details = {"ImportInstance": instance | {"Volumes": [{"Status": phase.state, **disk} for disk in disks]}}
    return {
        "ConversionTaskId": task.task_id,
        "ExpirationTime": task.time_of(EXPIRED.minute),
        **details,
        "State": phase.state,
        "StatusMessage": phase.text or None,
    }


def _converted_disk(task: ListedTask, disk: Values, phase: Phase, ended: bool) -> dict[str, Any]:
    image = disk.get("Image", {})
    size = image.get("Bytes", 0)
    return {
        "BytesConverted": size * int(phase.progress or 0) // 100,
        # The URL may be presigned. EC2 lists it all the same.
        "Image": _pick(image, "Format", "ImportManifestUrl") | {"Size": size},
        "Volume": _pick(disk.get("Volume", {}), "Size") | ({"Id": task.result} if ended else {}),
    }


def _mac_modification(task: ListedTask, phase: Phase, _ended: bool) -> Values:
    status = task.params.get("MacSystemIntegrityProtectionStatus")
    config = task.params.get("MacSystemIntegrityProtectionConfiguration", {}) | {"Status": status}
    return {
        "MacModificationTaskId": task.task_id,
        "InstanceId": task.params["InstanceId"],
        "TaskType": "sip-modification" if status else "volume-ownership-delegation",
        "TaskState": phase.state,
        "StartTime": format_time(task.started),
        "MacSystemIntegrityProtectionConfig": config if status else None,
    }


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
        "CompleteTime": task.time_of(phase.minute) if ended else None,
        "ImageId": task.params.get("ImageId"),
        "SnapshotId": task.params.get("SnapshotId"),
    }


def _text(phase: Phase) -> dict[str, Any]:
    values = {"Status": phase.state, "StatusMessage": phase.text, "Progress": phase.progress}
    return {name: value for name, value in values.items() if value}


def _pick(values: Values, *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _has_unsupported_disk(params: Values) -> bool:
    containers = params.get("DiskContainers") or [params.get("DiskContainer", {})]
    keys = (container.get("UserBucket", {}).get("S3Key", "") for container in containers)
    return any(key.endswith(UNSUPPORTED_FORMAT) for key in keys)


def _has_missing_bucket(params: Values) -> bool:
    return MISSING_BUCKET_PREFIX in str(params)  # a bucket, or a URL that contains its name


DISK_ERROR = "ClientError: Disk validation failed [Unsupported specified file format]"
RUNNING = (
    Phase(0, "active", "pending", "2"), Phase(1, "active", "validating", "19"), Phase(3, "active", "converting", "28"),
    Phase(20, "active", "updating", "45"), Phase(24, "active", "preparing ami", "76"),
)  # fmt: skip
SNAPSHOT = Phase(0, "active", "pending", "3"), Phase(1, "active", "downloading/converting", "30")
DELETED = (Phase(0, "deleting"), Phase(1, "deleted", "Task cancelled by the user"))
CANCELLED = Phase(0, "cancelling"), Phase(1, "cancelled")
CONVERTING = Phase(0, "active", "pending", "0"), Phase(1, "active", "downloading/converting", "30")
EXPIRED = Phase(30, "cancelled", "Task expired and automatically canceled")
"""The end of a task whose bucket is missing; EC2 waits 100 hours."""
DAY = 24 * 60.0
PAGES = frozenset({"MaxResults", "NextToken"})

IMPORT_INSTANCE = TaskList(
    describe="DescribeConversionTasks",
    member="ConversionTasks",
    id_member="ConversionTaskId",
    listed_for=DAY,
    supported=frozenset({"ConversionTaskIds"}),
    start="ImportInstance",
    start_supported=frozenset({"DiskImages", "LaunchSpecification", "Platform", "Description"}),
    cancel="CancelConversionTask",
    cancel_id="ConversionTaskId",
    prefix="import-i",
    result_prefix="vol",
    # The last bytes are never counted.
    phases=(*CONVERTING, Phase(20, "completed", "", "99")),
    failing=(*CONVERTING[:1], EXPIRED),
    will_fail=_has_missing_bucket,
    cancelled=CANCELLED,
    item=_conversion,
    answer=lambda task, item: {"ConversionTask": item},
)
MODIFY_MAC = TaskList(
    describe="DescribeMacModificationTasks",
    member="MacModificationTasks",
    id_member="MacModificationTaskId",
    listed_for=DAY,
    supported=PAGES | {"MacModificationTaskIds"},
    start="CreateMacSystemIntegrityProtectionModificationTask",
    start_supported=frozenset({
        "InstanceId", "MacCredentials", "MacSystemIntegrityProtectionConfiguration",
        "MacSystemIntegrityProtectionStatus",
    }),
    prefix="macmodification",
    phases=(Phase(0, "pending"), Phase(5, "in-progress"), Phase(30, "successful")),
    failing=(Phase(0, "pending"), Phase(5, "in-progress"), Phase(10, "failed")),
    will_fail=lambda params: WRONG_PASSWORD in params.get("MacCredentials", ""),
    item=_mac_modification,
    answer=lambda task, item: {"MacModificationTask": item},
)  # fmt: skip

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
        cancel="CancelExportTask",
        cancel_id="ExportTaskId",
        prefix="export-ami",
        phases=(
            Phase(0, "active", "validating", "0"), Phase(2, "active", "converting", "40"), Phase(25, "completed"),
        ),
        failing=(
            Phase(0, "active", "validating", "0"), Phase(2, "deleted", "ClientError: The bucket does not exist"),
        ),
        will_fail=_has_missing_bucket,
        cancelled=(Phase(0, "deleting"), Phase(1, "deleted")),
        item=_export_image,
    ),
    TaskList(
        describe="DescribeExportTasks",
        member="ExportTasks",
        id_member="ExportTaskId",
        listed_for=DAY,
        supported=frozenset({"ExportTaskIds"}),
        also_by_id="DescribeExportImageTasks",
        start="CreateInstanceExportTask",
        start_supported=frozenset({"InstanceId", "TargetEnvironment", "ExportToS3Task", "Description"}),
        cancel="CancelExportTask",
        cancel_id="ExportTaskId",
        prefix="export-i",
        phases=(Phase(0, "active", "pending"), Phase(2, "active", "converting"), Phase(25, "completed")),
        failing=(Phase(0, "active", "pending"), EXPIRED),
        will_fail=_has_missing_bucket,
        cancelled=CANCELLED,
        item=_export_instance,
        answer=lambda task, item: {
            "ExportTask": {**item, "InstanceExportDetails": _pick(task.params, "InstanceId", "TargetEnvironment")}
        },
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
        phases=(Phase(0, "InProgress", "", "1"), Phase(4, "InProgress", "", "60"), Phase(8, "Completed", "", "100")),
        failing=(Phase(0, "InProgress", "", "1"), Phase(1, "Failed", "The bucket does not exist")),
        will_fail=_has_missing_bucket,
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
        phases=(Phase(0, "pending"), Phase(1, "in-progress"), Phase(3, "succeeded")),
        failing=(
            Phase(0, "pending"), Phase(1, "in-progress"), Phase(3, "failing-detached"), Phase(4, "failed-detached"),
        ),
        will_fail=lambda params: str(params.get("SnapshotId")).startswith(UNUSABLE_SNAPSHOT_PREFIX),
        item=_replace_root_volume,
        answer=lambda task, item: {"ReplaceRootVolumeTask": item},
    ),
    IMPORT_INSTANCE,
    replace(
        IMPORT_INSTANCE,
        start="ImportVolume",
        start_supported=frozenset({"AvailabilityZone", "Image", "Volume", "Description"}),
        prefix="import-vol",
    ),
    MODIFY_MAC,
    replace(
        MODIFY_MAC,
        start="CreateDelegateMacVolumeOwnershipTask",
        start_supported=frozenset({"InstanceId", "MacCredentials"}),
    ),
)  # fmt: skip
