"""The states of each kind of task, and its form in EC2's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from task_reporter.kinds.kind import CANCELLED, FAILED
from task_reporter.kinds.table import KINDS

SECRET = "SOAKSECRET"
"""Part of every value that must not leave EC2's answer."""
PHASE = "preparing"
"""The text of a running task where one text is for phase and error."""


class Form(NamedTuple):
    """The tasks of one kind."""

    prefix: str
    """Beginning of an id."""
    running: tuple[str, ...]
    """The states of a running task, in order."""
    stopping: str
    """The state of a running task that is cancelled, or otherwise about to fail."""
    ends: tuple[str, str, str]
    """The states after completion, after failure, and after ``stopping``."""
    reasons: Mapping[str, str]
    """Outcome → error code and text; ``cancelled`` only if the kind has this outcome."""
    item: Mapping[str, Any]
    """The task as EC2 lists it; names with a dollar sign stand for values."""


def fill(form: Any, values: Mapping[str, Any]) -> Any:
    """Return ``form`` with ``values`` in the place of their names."""
    if isinstance(form, Mapping):
        return {name: fill(value, values) for name, value in form.items()}
    return [fill(value, values) for value in form] if isinstance(form, list) else values.get(form, form)


URL = f"https://north.example.com/disk?X-Amz-Signature={SECRET}"
TAGS = {"Tags": [{"Key": "note", "Value": SECRET}]}
NOTES = {"Description": SECRET, **TAGS}
STATUS = {"Status": "$state", "StatusMessage": "$text", "Progress": "$progress"}
STATE = {"State": "$state", "StatusMessage": "$text"}
DISK = {"Description": SECRET, "Url": URL, "UserBucket": {"S3Bucket": "north", "S3Key": "disk"}}
LICENSE = {"KmsKeyId": SECRET, "LicenseSpecifications": [{"LicenseConfigurationArn": SECRET}]}
VOLUME = {"Description": SECRET, "Image": {"ImportManifestUrl": URL}, "Volume": {"Id": "vol-1"}, "StatusMessage": PHASE}
CHANGE = {"InstanceId": "i-1", "TaskState": "$state", "StartTime": "$start", **TAGS}
POLICY = dict.fromkeys(("AWSAccessKeyId", "UploadPolicy", "UploadPolicySignature"), SECRET)

ERROR, CANCELLATION = f"Disk validation failed, see {URL}", "The task was cancelled."
TEXTS = {FAILED: f"ClientError: {ERROR}", CANCELLED: CANCELLATION}
EXPIRY = {FAILED: "Task expired and automatically canceled", CANCELLED: CANCELLATION}
CODES = {FAILED: f"Client.S3Error: {ERROR}", CANCELLED: f"Client.Cancelled: {CANCELLATION}"}

ACTIVE, PENDING = ("active",), ("pending", "in-progress")
DELETED, STOPPED = ("completed", "deleted", "deleted"), ("completed", "cancelled", "cancelled")
BUNDLING = ("pending", "waiting-for-shutdown", "bundling", "storing")

FORMS = {
    "bundle": Form("bun-", BUNDLING, "cancelling", ("complete", "failed", "failed"), CODES, {
        "BundleId": "$id", "State": "$state", "Progress": "$percent", "StartTime": "$start", "UpdateTime": "$update",
        "Storage": {"S3": {"Bucket": "north", "Prefix": "$id", **POLICY}}, "BundleTaskError": "$error",
    }),
    # Newer back ends list an empty id until there is an AMI.
    "import-image": Form("import-ami-", ("active", "updating"), "deleting", DELETED, TEXTS, {
        "ImportTaskId": "$id", **STATUS, "ImageId": "", "SnapshotDetails": [{**DISK, "StatusMessage": PHASE}],
        **LICENSE, **NOTES,
    }),
    "import-snapshot": Form("import-snap-", ACTIVE, "deleting", DELETED, TEXTS, {
        "ImportTaskId": "$id", "SnapshotTaskDetail": {**STATUS, **DISK, "KmsKeyId": SECRET}, **NOTES,
    }),
    "export-image": Form("export-ami-", ACTIVE, "deleting", DELETED, TEXTS, {
        "ExportImageTaskId": "$id", **STATUS, "S3ExportLocation": {"S3Bucket": "north"}, **NOTES,
    }),
    "export-instance": Form("export-i-", ACTIVE, "cancelling", STOPPED, EXPIRY, {
        "ExportTaskId": "$id", **STATE, "ExportToS3Task": {"S3Bucket": "north", "S3Key": "$id"}, **NOTES,
    }),
    "conversion": Form("import-i-", ACTIVE, "cancelling", STOPPED, EXPIRY, {
        "ConversionTaskId": "$id", **STATE, "ImportInstance": {"Description": SECRET, "Volumes": [VOLUME]}, **TAGS,
    }),
    "store-image": Form("ami-", ("InProgress",), "InProgress", ("Completed", "Failed", "Failed"), {FAILED: ERROR}, {
        "AmiId": "$image", "TaskStartTime": "$start", "StoreTaskState": "$state", "ProgressPercentage": "$progress",
        "Bucket": "north", "StoreTaskFailureReason": "$reason",
    }),
    "replace-root-volume": Form(
        "replacevol-", PENDING, "failing-detached", ("succeeded", "failed", "failed-detached"), {},
        {"ReplaceRootVolumeTaskId": "$id", "CompleteTime": "$end", **CHANGE},
    ),
    "mac-modification": Form(
        "macmodification-", PENDING, "in-progress", ("successful", "failed", "failed"), {},
        {"MacModificationTaskId": "$id", "TaskType": "sip-modification", **CHANGE},
    ),
}  # fmt: skip
"""Kind → its form."""
LISTS = {name: kind.projection.partition("[")[0].strip() for name, kind in KINDS.items()}
"""Kind → the name of the list in EC2's answer."""
