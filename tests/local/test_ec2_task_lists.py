"""The local EC2's other task lists, read by the recorder from start to end."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.ec2 import Ec2Server
from local.ec2.task_lists import LISTS
from task_reporter.aws import clients
from task_reporter.kinds.table import KINDS
from task_reporter.recording.poll_kinds import read_list
from task_reporter.recording.transitions import outcome_of
from task_reporter.times import to_text
from tests.support.clock import Clock

DISK = {"UserBucket": {"S3Bucket": "disks", "S3Key": "web.vmdk"}}
TEXT = {"UserBucket": {"S3Bucket": "disks", "S3Key": "web.txt"}}


@pytest.fixture
def ec2(server: Ec2Server) -> Iterator[Any]:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client = clients.client("ec2", endpoint_url=server.url, region_name="eu-west-1", **keys)
    yield client
    client.close()


STARTS: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "an imported image": ("import-image", lambda ec2: ec2.import_image(DiskContainers=[DISK]), "complete"),
    "an unsupported disk": ("import-image", lambda ec2: ec2.import_image(DiskContainers=[TEXT]), "failed"),
    "an imported snapshot": ("import-snapshot", lambda ec2: ec2.import_snapshot(DiskContainer=DISK), "complete"),
    "a snapshot of a text": ("import-snapshot", lambda ec2: ec2.import_snapshot(DiskContainer=TEXT), "failed"),
    "an exported image": (
        "export-image",
        lambda ec2: ec2.export_image(ImageId="ami-1", DiskImageFormat="VMDK", S3ExportLocation={"S3Bucket": "exports"}),
        "complete",
    ),
    "a stored image": ("store-image", lambda ec2: ec2.create_store_image_task(ImageId="ami-1", Bucket="b"), "complete"),
    "no bucket": (
        "store-image", lambda ec2: ec2.create_store_image_task(ImageId="ami-1", Bucket="no-such-bucket"), "failed"
    ),
    "a root volume": (
        "replace-root-volume", lambda ec2: ec2.create_replace_root_volume_task(InstanceId="i-1"), "complete"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "start", "outcome"), STARTS.values(), ids=STARTS)
def test_a_task_runs_and_ends(name: str, start: Callable[[Any], object], outcome: str, ec2: Any, clock: Clock) -> None:
    kind = KINDS[name]
    start(ec2)
    [task] = read_list(kind, ec2).tasks
    assert outcome_of(kind, {"updated_at": to_text(clock.now), **task}, {}, clock.now) is None
    assert "error_message" not in task
    clock.forward(40)
    [ended] = read_list(kind, ec2).tasks
    assert ended["task_id"] == task["task_id"]
    assert outcome_of(kind, {"updated_at": to_text(clock.now), **ended}, {}, clock.now) == outcome
    assert ("error_message" in ended) == (outcome == "failed")
    assert kind.result is None or outcome == "failed" or ended[kind.result]
    clock.forward(32 * 24 * 60)
    assert read_list(kind, ec2).tasks == []


@pytest.mark.parametrize("name", ["an imported image", "an imported snapshot"])
def test_a_cancelled_import_is_cancelled(name: str, ec2: Any, clock: Clock) -> None:
    kind, start = KINDS[STARTS[name][0]], STARTS[name][1]
    start(ec2)
    clock.forward(2)
    task_id = str(read_list(kind, ec2).tasks[0]["task_id"])
    answer = ec2.cancel_import_task(ImportTaskId=task_id)
    assert (answer["ImportTaskId"], answer["PreviousState"], answer["State"]) == (task_id, "active", "deleting")
    assert [task["state"] for task in read_list(kind, ec2).tasks] == ["deleting"]
    clock.forward(2)
    [task] = read_list(kind, ec2).tasks
    assert outcome_of(kind, {"updated_at": to_text(clock.now), **task}, {}, clock.now) == "cancelled"
    for wrong in (task_id, "import-ami-none"):
        with pytest.raises(ClientError):
            ec2.cancel_import_task(ImportTaskId=wrong)


def test_pages_and_ids_select_tasks(ec2: Any) -> None:
    ids = [ec2.import_image(DiskContainers=[DISK])["ImportTaskId"] for _ in range(5)]
    pages = ec2.get_paginator("describe_import_image_tasks").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["ImportImageTasks"]) for page in pages] == [2, 2, 1]
    [one] = ec2.describe_import_image_tasks(ImportTaskIds=[ids[3]])["ImportImageTasks"]
    assert one["ImportTaskId"] == ids[3]


@pytest.mark.parametrize("wrong", [{"NextToken": "x"}, {"NextToken": "-5"}, {"MaxResults": 0}], ids=str)
def test_a_page_that_cannot_be_is_refused(wrong: Any, ec2: Any) -> None:
    with pytest.raises(ClientError, match=r"NextToken|MaxResults"):
        ec2.describe_import_image_tasks(**wrong)


@pytest.mark.parametrize("listed", LISTS, ids=lambda listed: listed.describe)
def test_every_list_is_empty_at_first(listed: Any, ec2: Any) -> None:
    [kind] = [kind for kind in KINDS.values() if kind.operation == listed.describe]
    assert read_list(kind, ec2).tasks == []


def test_a_dry_run_starts_nothing(ec2: Any) -> None:
    with pytest.raises(ClientError, match="DryRunOperation"):
        ec2.import_image(DiskContainers=[DISK], DryRun=True)
    assert ec2.describe_import_image_tasks()["ImportImageTasks"] == []
