"""EC2's actions. Parameters and results have the form that a caller of boto3 sees.

Every action first makes all its checks, then ends if the request is a dry run, and only then changes anything.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Set
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from local.ec2 import filters, regions
from local.ec2.account import Account, Image, Task
from local.ec2.errors import Ec2Error
from local.ec2.lifecycle import image_state
from local.ec2.request import parse_parameters, require
from local.ec2.response import format_time
from local.ec2.task_lists import LISTS, TaskList, TaskLists

Values = Mapping[str, Any]

_INSTANCE_ID = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
_IMAGE_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
# The page of RegisterImage allows more characters than the page of error codes.
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
_IMAGE_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")


def perform(account: Account, query: Mapping[str, str], moment: datetime) -> tuple[str, Values]:
    """Execute a request; return the name of its action and the result.

    Raises Ec2Error for every request that EC2 would refuse. Its code is UnsupportedOperation for a parameter that EC2
    supports and the local EC2 does not.
    """
    name = query.get("Action")
    if not name:
        raise Ec2Error("MissingAction", "The request must contain the parameter Action")
    action = ACTIONS.get(name)
    if action is None:
        raise Ec2Error("InvalidAction", f"The action {name} is not valid for this web service.")
    params = parse_parameters(name, query)
    for param in params.keys() - action.supported:
        raise Ec2Error("UnsupportedOperation", f"The local EC2 does not support {param} in {name}.")
    return name, action.run(account, params, moment)


def describe_bundle_tasks(account: Account, params: Values, moment: datetime) -> Values:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeBundleTasks.html"""
    requested = {account.get_task(bundle_id, moment).bundle_id for bundle_id in params.get("BundleIds", [])}
    rows = [
        _task_row(task, moment) for task in account.list_tasks(moment) if not requested or task.bundle_id in requested
    ]
    selected = filters.select(rows, params.get("Filters", []), filters.TASK_FIELDS)
    _end_dry_run(params)
    return {"BundleTasks": selected}


def bundle_instance(account: Account, params: Values, moment: datetime) -> Values:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_BundleInstance.html"""
    instance_id, storage = params["InstanceId"], params["Storage"]
    require(params, "Storage", "S3", "Bucket")
    require(params, "Storage", "S3", "Prefix")
    if not _INSTANCE_ID.fullmatch(instance_id):
        raise Ec2Error("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
    if account.is_bundling(instance_id, moment):
        message = f"The instance '{instance_id}' already has a bundling task in progress."
        raise Ec2Error("BundlingInProgress", message)
    _end_dry_run(params)
    return {"BundleTask": _task_row(account.start_task(instance_id, storage, moment), moment)}


def cancel_bundle_task(account: Account, params: Values, moment: datetime) -> Values:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CancelBundleTask.html"""
    task = account.get_task(params["BundleId"], moment)
    if moment >= task.lifecycle.ended:
        # AWS documents no error code for this case. IncorrectState is the documented code that fits best: "the resource
        # is in an incorrect state for the request".
        state = task.lifecycle.at(moment).state
        raise Ec2Error("IncorrectState", f"The bundle task '{task.bundle_id}' is already {state}.")
    _end_dry_run(params)
    return {"BundleTask": _task_row(account.cancel_task(task, moment), moment)}


def register_image(account: Account, params: Values, moment: datetime) -> Values:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html"""
    name = params["Name"]
    root = _root_snapshot(params) if "BlockDeviceMappings" in params else ""
    location = "" if root else require(params, "ImageLocation")
    if not _IMAGE_NAME.fullmatch(name):
        message = "AMI names must have 3 to 128 letters, digits or characters of ()[] ./-'@_"
        raise Ec2Error("InvalidAMIName.Malformed", message)
    for image in account.images.values():
        if image.params["Name"] == name:
            message = f"AMI name {name} is already in use by AMI {image.image_id}"
            raise Ec2Error("InvalidAMIName.Duplicate", message)
    if root and not account.lists.has_snapshot(root, moment):
        raise Ec2Error("InvalidSnapshot.NotFound", f"The snapshot '{root}' does not exist.")
    if location and not account.has_manifest(location, moment):
        raise Ec2Error("InvalidManifest", f"There is no manifest of a completed bundle at '{location}'")
    _end_dry_run(params)
    return {"ImageId": account.register_image(params, moment).image_id}


def _root_snapshot(params: Values) -> str:
    """Return the snapshot of the root volume. Raises Ec2Error (MissingParameter) where none is named."""
    device = require(params, "RootDeviceName")
    roots = [mapping for mapping in params["BlockDeviceMappings"] if mapping.get("DeviceName") == device]
    return str(require(roots[0] if roots else {}, "Ebs", "SnapshotId"))


def describe_images(account: Account, params: Values, moment: datetime) -> Values:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html"""
    requested = {_check_image_id(account, image_id) for image_id in params.get("ImageIds", [])}
    includes_own = not params.get("Owners") or not {"self", account.account_id}.isdisjoint(params["Owners"])
    rows = [
        _image_row(image, account, moment)
        for image in account.list_images()
        if includes_own and (not requested or image.image_id in requested)
    ]
    selected = filters.select(rows, params.get("Filters", []), filters.IMAGE_FIELDS)
    _end_dry_run(params)
    return {"Images": selected}


def describe_regions(account: Account, params: Values, _moment: datetime) -> Values:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html"""
    result = regions.describe(account.regions, params)
    _end_dry_run(params)
    return result


EBS_PARAMETERS = ("BlockDeviceMappings", "RootDeviceName", "EnaSupport")
"""Parameters of RegisterImage for an AMI whose root volume is a snapshot."""


class Action(NamedTuple):
    """An action: its function, and the parameters that it supports, by botocore's names."""

    run: Callable[[Account, Values, datetime], Values]
    supported: Set[str]


ACTIONS: dict[str, Action] = {
    "BundleInstance": Action(bundle_instance, {"InstanceId", "Storage", "DryRun"}),
    "CancelBundleTask": Action(cancel_bundle_task, {"BundleId", "DryRun"}),
    "DescribeBundleTasks": Action(describe_bundle_tasks, {"BundleIds", "Filters", "DryRun"}),
    "DescribeImages": Action(
        describe_images,
        # No image is ever deprecated or disabled here, so the two Include parameters have no effect.
        {"ImageIds", "Owners", "Filters", "DryRun", "IncludeDeprecated", "IncludeDisabled"},
    ),
    "DescribeRegions": Action(describe_regions, {"RegionNames", "AllRegions", "Filters", "DryRun"}),
    "RegisterImage": Action(
        register_image,
        {"Name", "ImageLocation", "Description", "Architecture", "VirtualizationType", "DryRun", *EBS_PARAMETERS},
    ),
}


EVERY_START = {"ClientToken", "DryRun"}
EVERY_CANCEL = {"DryRun", "CancelReason", "ReasonMessage"}
"""Parameters of every cancellation that has them; a reason has no effect."""


def _list_actions() -> Iterator[tuple[str, Action]]:
    """Yield the actions of the other task lists."""
    for kind in LISTS:
        yield kind.describe, Action(partial(_on_list, TaskLists.describe, kind), kind.supported)
        yield kind.start, Action(partial(_on_list, TaskLists.start, kind), kind.start_supported | EVERY_START)
        if kind.cancel:
            yield kind.cancel, Action(partial(_on_list, TaskLists.cancel, kind), {kind.cancel_id} | EVERY_CANCEL)


def _on_list(
    do: Callable[[TaskLists, TaskList, Values, datetime], Values],
    kind: TaskList,
    account: Account,
    params: Values,
    moment: datetime,
) -> Values:
    _end_dry_run(params)
    return do(account.lists, kind, params, moment)


def _end_dry_run(params: Values) -> None:
    if params.get("DryRun"):
        message = "Request would have succeeded, but DryRun flag is set."
        raise Ec2Error("DryRunOperation", message, status=412)


ACTIONS |= _list_actions()


def _check_image_id(account: Account, image_id: str) -> str:
    if not _IMAGE_ID.fullmatch(image_id):
        raise Ec2Error("InvalidAMIID.Malformed", f'Invalid id: "{image_id}"')
    if image_id not in account.images:
        raise Ec2Error("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    return image_id


def _task_row(task: Task, moment: datetime) -> Values:
    change = task.lifecycle.at(moment)
    row = {
        "InstanceId": task.instance_id,
        "BundleId": task.bundle_id,
        "State": change.state,
        "StartTime": format_time(task.lifecycle.started),
        "UpdateTime": format_time(change.moment),
        "Storage": task.storage,
    }
    if change.progress is not None:
        row["Progress"] = f"{change.progress}%"
    if failure := task.lifecycle.failure(moment):
        row["BundleTaskError"] = {"Code": failure.code, "Message": failure.message}
    return row


def _image_row(image: Image, account: Account, moment: datetime) -> Values:
    given = {name: image.params[name] for name in ("Name", "Description", *EBS_PARAMETERS) if name in image.params}
    if location := image.params.get("ImageLocation"):
        # Only Windows instances can be bundled.
        source = {"ImageLocation": location, "RootDeviceType": "instance-store", "Platform": "windows"}
    else:
        source = {"ImageLocation": f"{account.account_id}/{image.params['Name']}", "RootDeviceType": "ebs"}
    return {
        **given,
        **source,
        "ImageId": image.image_id,
        "State": image_state(image.registered, account.speed, moment),
        "OwnerId": account.account_id,
        "CreationDate": format_time(image.registered),
        "Public": False,
        "ImageType": "machine",
        "Architecture": image.params.get("Architecture", "x86_64"),
        "VirtualizationType": image.params.get("VirtualizationType", "hvm"),
    }
