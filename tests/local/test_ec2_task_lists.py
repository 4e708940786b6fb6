"""The local EC2's other task lists, read by the recorder from start to end."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, WaiterError

from local.ec2 import Ec2Server
from local.ec2.task_lists import LISTS, PAGES
from task_reporter.aws import clients
from task_reporter.history.rows import Row
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import KINDS
from task_reporter.recording.poll_lists import read_list
from task_reporter.recording.transitions import outcome_of
from task_reporter.times import to_text
from task_reporter_cli.actions.register import find_existing_image
from tests.support.clock import Clock

DISK = {"UserBucket": {"S3Bucket": "disks", "S3Key": "web.vmdk"}}
TEXT = {"UserBucket": {"S3Bucket": "disks", "S3Key": "web.txt"}}
EXPORT = {"ImageId": "ami-1", "DiskImageFormat": "VMDK", "Description": "SECRET"}
OVA = {"DiskImageFormat": "VMDK", "ContainerFormat": "ova", "S3Bucket": "exports", "S3Prefix": "web/"}
INSTANCE = {"InstanceId": "i-1", "TargetEnvironment": "vmware", "Description": "SECRET"}
CONVERTED = {
    "Image": {"Format": "VMDK", "Bytes": 1000, "ImportManifestUrl": "https://disks/web?X-Amz-Signature=SECRET"},
    "Volume": {"Size": 8},
}
MISSING = {**CONVERTED, "Image": {**CONVERTED["Image"], "ImportManifestUrl": "https://no-such-bucket.s3/web"}}
SIP = {
    "InstanceId": "i-1", "MacSystemIntegrityProtectionStatus": "disabled",
    "MacSystemIntegrityProtectionConfiguration": {"KextSigning": "enabled"},
}  # fmt: skip


@pytest.fixture
def recorder(server: Ec2Server) -> Iterator[Any]:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client = clients.client("ec2", endpoint_url=server.url, region_name="eu-west-1", **keys)
    yield client
    client.close()


class Start(NamedTuple):
    """A request that starts a task, and the task's end."""

    kind_name: str
    method: str
    params: dict[str, Any]
    outcome: str = "complete"
    row: Mapping[str, str] = MappingProxyType({})
    """Attribute of the ended row → regular expression of its value."""

    @property
    def kind(self) -> Kind:
        return KINDS[self.kind_name]

    def send(self, ec2: Any) -> Any:
        return getattr(ec2, self.method)(**self.params)


HEX = "[0-9a-f]{17}"
STARTS = {
    "an imported image": Start(
        "import-image", "import_image", {"DiskContainers": [DISK]}, row={"image_id": f"ami-{HEX}", "bucket": "disks"}
    ),
    "an unsupported disk": Start("import-image", "import_image", {"DiskContainers": [TEXT]}, "failed"),
    "an imported snapshot": Start("import-snapshot", "import_snapshot", {"DiskContainer": DISK}),
    "a snapshot of a text": Start("import-snapshot", "import_snapshot", {"DiskContainer": TEXT}, "failed"),
    "an exported image": Start("export-image", "export_image", {**EXPORT, "S3ExportLocation": {"S3Bucket": "exports"}}),
    "an image for no bucket": Start(
        "export-image", "export_image", {**EXPORT, "S3ExportLocation": {"S3Bucket": "no-such-bucket"}}, "failed"
    ),
    "an exported instance": Start(
        "export-instance", "create_instance_export_task", {**INSTANCE, "ExportToS3Task": OVA},
        row={"bucket": "exports", "object_key": rf"web/export-i-{HEX}\.ova"},
    ),
    "an exported disk": Start(
        "export-instance", "create_instance_export_task",
        {**INSTANCE, "ExportToS3Task": {"DiskImageFormat": "VHD", "S3Bucket": "exports"}},
        row={"object_key": rf"export-i-{HEX}\.vhd"},
    ),
    "an instance for no bucket": Start(
        "export-instance", "create_instance_export_task",
        {**INSTANCE, "ExportToS3Task": {**OVA, "S3Bucket": "no-such-bucket"}}, "failed",
        {"error_message": ".*expired.*"},
    ),
    "a stored image": Start("store-image", "create_store_image_task", {"ImageId": "ami-1", "Bucket": "b"}),
    "no bucket": Start(
        "store-image", "create_store_image_task", {"ImageId": "ami-1", "Bucket": "no-such-bucket"}, "failed"
    ),
    "a root volume": Start("replace-root-volume", "create_replace_root_volume_task", {"InstanceId": "i-1"}),
    "no root volume": Start(
        "replace-root-volume", "create_replace_root_volume_task", {"InstanceId": "i-1", "SnapshotId": "snap-bad"},
        "failed", {"state": "failed-detached", "from_snapshot_id": "snap-bad"},
    ),
    "a converted instance": Start(
        "conversion", "import_instance", {"Platform": "Windows", "DiskImages": [CONVERTED]},
        row={"task_id": f"import-i-{HEX}", "resource_id": f"i-{HEX}", "volume_ids": f"vol-{HEX}"},
    ),
    "a converted volume": Start(
        "conversion", "import_volume", {**CONVERTED, "AvailabilityZone": "eu-west-1a"},
        row={"task_id": f"import-vol-{HEX}", "volume_ids": f"vol-{HEX}"},
    ),
    "a volume from no bucket": Start(
        "conversion", "import_volume", {**MISSING, "AvailabilityZone": "eu-west-1a"}, "failed",
        {"error_message": ".*expired.*"},
    ),
    "a Mac's protection": Start(
        "mac-modification", "create_mac_system_integrity_protection_modification_task", SIP,
        row={"resource_id": "i-1", "task_type": "sip-modification", "state": "successful"},
    ),
    "a Mac's volume": Start(
        "mac-modification", "create_delegate_mac_volume_ownership_task",
        {"InstanceId": "i-1", "MacCredentials": "SECRET"}, row={"task_type": "volume-ownership-delegation"},
    ),
    "a wrong password": Start(
        "mac-modification", "create_delegate_mac_volume_ownership_task",
        {"InstanceId": "i-1", "MacCredentials": '{"rootVolumepassword": "wrong"}'}, "failed",
    ),
}  # fmt: skip


def only_row(kind: Kind, recorder: Any) -> Row:
    [task] = read_list(kind, recorder).tasks
    assert "SECRET" not in str(task)
    return task


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_a_task_runs_and_ends(start: Start, ec2: Any, recorder: Any, clock: Clock) -> None:
    kind, outcome = start.kind, start.outcome
    start.send(ec2)
    task = only_row(kind, recorder)
    assert outcome_of(kind, {"updated_at": to_text(clock.now), **task}, {}, clock.now) is None
    assert "error_message" not in task
    clock.forward(40)
    ended = only_row(kind, recorder)
    assert ended["task_id"] == task["task_id"]
    assert outcome_of(kind, {"updated_at": to_text(clock.now), **ended}, {}, clock.now) == outcome
    assert ("error_message" in ended) == (outcome == "failed" and "error_message:" in kind.projection)
    assert kind.result is None or outcome == "failed" or ended[kind.result]
    assert all(re.fullmatch(pattern, str(ended[name])) for name, pattern in start.row.items()), ended
    clock.forward(32 * 24 * 60)
    assert read_list(kind, recorder).tasks == []


CANCELS: dict[str, tuple[str, str, dict[str, str]]] = {
    **dict.fromkeys(
        ("an imported image", "an imported snapshot"),
        ("cancel_import_task", "ImportTaskId", {"PreviousState": "active", "State": "deleting"}),
    ),
    **dict.fromkeys(("an exported image", "an exported instance"), ("cancel_export_task", "ExportTaskId", {})),
    **dict.fromkeys(("a converted instance", "a converted volume"), ("cancel_conversion_task", "ConversionTaskId", {})),
}


@pytest.mark.parametrize("name", CANCELS)
def test_a_cancelled_task_is_cancelled(name: str, ec2: Any, recorder: Any, clock: Clock) -> None:
    start, (method, id_name, answer) = STARTS[name], CANCELS[name]
    start.send(ec2)
    clock.forward(1.5)
    task_id = only_row(start.kind, recorder)["task_id"]
    cancel = getattr(ec2, method)
    answered = cancel(**{id_name: task_id})
    assert answered.pop("ResponseMetadata")
    assert answered == ({id_name: task_id, **answer} if answer else {})
    cancelled_at = to_text(clock.now)
    assert only_row(start.kind, recorder)["state"] in ("deleting", "cancelling")
    clock.forward(5)
    ended = only_row(start.kind, recorder)
    assert outcome_of(start.kind, {"updated_at": cancelled_at, **ended}, {}, clock.now) == "cancelled"
    for wrong in (task_id, "import-ami-none"):
        with pytest.raises(ClientError):
            cancel(**{id_name: wrong})


def test_ami_is_registered_from_an_imported_snapshot(ec2: Any, recorder: Any, clock: Clock) -> None:
    start = STARTS["an imported snapshot"]
    start.send(ec2)
    clock.forward(40)
    row = {"kind": start.kind_name, **only_row(start.kind, recorder)}
    registration = start.kind.registration(row)
    assert registration
    assert find_existing_image(ec2, registration) is None
    image = ec2.register_image(Name="web", **registration.parameters)["ImageId"]
    assert find_existing_image(ec2, registration) == image
    [described] = ec2.describe_images(ImageIds=[image])["Images"]
    assert (described["RootDeviceType"], described["RootDeviceName"]) == ("ebs", "/dev/sda1")
    assert described["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] == row["snapshot_ids"]


ROOT = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-1"}}
UNREGISTRABLE: list[tuple[str, list[dict[str, Any]], str]] = [
    ("/dev/xvda", [ROOT], "InvalidSnapshot.NotFound"),
    ("/dev/sda1", [ROOT], "MissingParameter"),
    ("", [ROOT], "MissingParameter"),
    ("/dev/xvda", [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}], "MissingParameter"),
]


@pytest.mark.parametrize(("root", "mappings", "code"), UNREGISTRABLE)
def test_ami_needs_the_snapshot_of_its_root(ec2: Any, root: str, mappings: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        ec2.register_image(Name="web", RootDeviceName=root, BlockDeviceMappings=mappings)
    assert refused.value.response["Error"]["Code"] == code


def test_snapshot_of_a_running_import_does_not_exist(ec2: Any, recorder: Any, clock: Clock, server: Ec2Server) -> None:
    STARTS["an imported snapshot"].send(ec2)
    clock.forward(40)
    snapshot = only_row(KINDS["import-snapshot"], recorder)["snapshot_ids"]
    clock.forward(-39)
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}
    with pytest.raises(ClientError, match="does not exist"):
        ec2.register_image(Name="web", RootDeviceName="/dev/xvda", BlockDeviceMappings=[mapping])


WAITS = {
    "an imported snapshot": ("snapshot_imported", "ImportTaskIds"),
    "an exported image": ("export_task_completed", "ExportTaskIds"),
    "an exported instance": ("export_task_completed", "ExportTaskIds"),
    "an instance for no bucket": ("export_task_cancelled", "ExportTaskIds"),
    "a stored image": ("store_image_task_complete", "ImageIds"),
    "no bucket": ("store_image_task_complete", "ImageIds"),
    "a converted instance": ("conversion_task_completed", "ConversionTaskIds"),
    "a volume from no bucket": ("conversion_task_completed", "ConversionTaskIds"),
}


@pytest.mark.parametrize("name", WAITS)
def test_botocores_waiters_see_the_end(name: str, ec2: Any, recorder: Any, clock: Clock) -> None:
    start, (waiter_name, ids) = STARTS[name], WAITS[name]
    start.send(ec2)
    task_id = str(only_row(start.kind, recorder)["task_id"]).partition("/")[0]
    clock.pace = timedelta(minutes=1)
    waiter, wait = ec2.get_waiter(waiter_name), {ids: [task_id], "WaiterConfig": {"Delay": 0}}
    if start.outcome == "complete" or waiter_name.endswith("cancelled"):
        waiter.wait(**wait)
    else:
        with pytest.raises(WaiterError, match="terminal failure"):
            waiter.wait(**wait)


def test_an_export_names_its_instance_only_at_the_start(ec2: Any) -> None:
    started = STARTS["an exported instance"].send(ec2)["ExportTask"]
    assert started["InstanceExportDetails"] == {"InstanceId": "i-1", "TargetEnvironment": "vmware"}
    [listed] = ec2.describe_export_tasks()["ExportTasks"]
    assert listed == {**started, "InstanceExportDetails": {}}
    assert listed["Description"] == "SECRET"


def test_exported_images_are_listed_as_exports_only_by_id(ec2: Any) -> None:
    task_id = STARTS["an exported image"].send(ec2)["ExportImageTaskId"]
    assert ec2.describe_export_tasks()["ExportTasks"] == []
    [listed] = ec2.describe_export_tasks(ExportTaskIds=[task_id])["ExportTasks"]
    assert listed["ExportToS3Task"] == {"S3Bucket": "exports", "DiskImageFormat": "VMDK"}


def test_a_conversion_shows_its_presigned_url_and_bytes(ec2: Any, clock: Clock) -> None:
    STARTS["a converted instance"].send(ec2)
    clock.forward(40)
    [task] = ec2.describe_conversion_tasks()["ConversionTasks"]
    [disk] = task["ImportInstance"]["Volumes"]
    assert disk["Image"]["ImportManifestUrl"] == CONVERTED["Image"]["ImportManifestUrl"]
    assert 0 < disk["BytesConverted"] < disk["Image"]["Size"]
    assert (disk["Status"], task["ExpirationTime"]) == ("completed", "2026-11-23T12:30:00.123Z")


def test_a_modification_shows_the_requested_protection(ec2: Any) -> None:
    STARTS["a Mac's protection"].send(ec2)
    [task] = ec2.describe_mac_modification_tasks()["MacModificationTasks"]
    assert task["MacSystemIntegrityProtectionConfig"] == {"KextSigning": "enabled", "Status": "disabled"}


PAGED = ("an imported image", "an imported snapshot", "an exported image", "a root volume", "a Mac's volume")


@pytest.mark.parametrize("name", PAGED)
def test_pages_and_ids_select_tasks(name: str, ec2: Any) -> None:
    start = STARTS[name]
    [listed] = {each.describe: each for each in LISTS if each.describe == start.kind.operation}.values()
    for _ in range(5):
        start.send(ec2)
    method = xform_name(listed.describe)
    pages = list(ec2.get_paginator(method).paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page[listed.member]) for page in pages] == [2, 2, 1]
    wanted = pages[1][listed.member][1]
    [ids] = listed.supported - PAGES
    assert getattr(ec2, method)(**{ids: [wanted[listed.id_member]]})[listed.member] == [wanted]


WRONG_PAGES: list[tuple[str, dict[str, Any]]] = [
    ("describe_import_image_tasks", {"NextToken": "x"}), ("describe_import_image_tasks", {"NextToken": "-5"}),
    ("describe_import_image_tasks", {"MaxResults": 0}), ("describe_export_image_tasks", {"MaxResults": 501}),
    ("describe_store_image_tasks", {"MaxResults": 201}), ("describe_replace_root_volume_tasks", {"MaxResults": 51}),
    ("describe_mac_modification_tasks", {"MaxResults": 501}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "wrong"), WRONG_PAGES, ids=str)
def test_a_page_that_cannot_be_is_refused(method: str, wrong: dict[str, Any], ec2: Any) -> None:
    with pytest.raises(ClientError, match=r"NextToken|InvalidParameterValue.*MaxResults"):
        getattr(ec2, method)(**wrong)


@pytest.mark.parametrize("listed", LISTS, ids=lambda listed: listed.describe)
def test_every_list_is_empty_at_first(listed: Any, recorder: Any) -> None:
    [kind] = [kind for kind in KINDS.values() if kind.operation == listed.describe]
    assert read_list(kind, recorder).tasks == []


def test_a_dry_run_starts_nothing(ec2: Any) -> None:
    with pytest.raises(ClientError, match="DryRunOperation"):
        ec2.import_image(DiskContainers=[DISK], DryRun=True)
    assert ec2.describe_import_image_tasks()["ImportImageTasks"] == []
