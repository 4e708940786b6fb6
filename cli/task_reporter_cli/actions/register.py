"""Make an AMI from a task's result, also after EC2 forgot the task.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
"""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from task_reporter.aws.failures import EXPECTED_ERRORS
from task_reporter.history.rows import account_and_region, key_of
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Update
from task_reporter.kinds.kind import COMPLETE, Registration, no_registration
from task_reporter.kinds.table import kind_of
from task_reporter_cli.aws.explanations import explain
from task_reporter_cli.aws.faults.refusals import DENIED
from task_reporter_cli.errors import RefusedError
from task_reporter_cli.history.items import Item

DRY_RUN_SUCCEEDED = "DryRunOperation"


@dataclass(frozen=True, slots=True)
class RegisterResult:
    """The AMI of a task."""

    image_id: str
    existed: bool
    """The AMI was there before."""
    record_error: str
    """The reason why the history does not name the AMI, empty where it does."""


def register(row: Item, name: str, ec2: Any, history: HistoryTable, again: bool = False) -> RegisterResult:
    """Make an AMI from the result of ``row``, unless there is one already.

    ``name`` is the name of the AMI; its id is recorded in the history.

    ``again`` makes a further AMI, where the first was deregistered. Raises RefusedError where no AMI can be made, and
    botocore's errors.
    """
    if (image := row.get("image_id")) and not again:
        return RegisterResult(str(image), existed=True, record_error="")
    registration = require_registration(row)
    if not again and (image := find_existing_image(ec2, registration)):
        return RegisterResult(image, existed=True, record_error=record_image_id(row, image, history))
    image = ec2.register_image(Name=name, **registration.parameters)["ImageId"]
    return RegisterResult(image, existed=False, record_error=record_image_id(row, image, history))


def check_registration(row: Item, name: str, ec2: Any, again: bool = False) -> str | None:
    """Ask EC2 whether it would make the AMI.

    Return None, or the id of an AMI that is there already, unless ``again``.

    Raises RefusedError, and botocore's errors where EC2 would refuse.
    """
    registration = require_registration(row)
    if not again and (image := row.get("image_id") or find_existing_image(ec2, registration)):
        return str(image)
    try:
        ec2.register_image(Name=name, **registration.parameters, DryRun=True)
    except ClientError as error:
        if error.response["Error"]["Code"] != DRY_RUN_SUCCEEDED:
            raise
    return None


def require_account(row: Item, account: str) -> None:
    """Check that the task is of ``account``, that of the credentials.

    EC2 would make the AMI there. Raises RefusedError.
    """
    owner = account_and_region(row)[0]
    if owner != account:
        named = f" ({row['account_name']})" if "account_name" in row else ""
        raise RefusedError(
            f"the task is of the account {owner}{named}, and the credentials are of {account}; give an AWS profile with"
            f" credentials of {owner} by --task-profile"
        )


def require_registration(row: Item) -> Registration:
    """Return the parameters that make the AMI.

    Raises RefusedError where the task did not end well, or its result is unknown.
    """
    task = row["task_id"]
    if "outcome" not in row:
        raise RefusedError(f"task {task} has not ended (it is {row.get('state')}); `task-reporter wait {task}` first")
    if row["outcome"] != COMPLETE:
        reason = f", {row['error_code']}" if "error_code" in row else ""
        raise RefusedError(f"task {task} ended {row['outcome']}{reason}, so there is no image to register")
    kind = kind_of(row)
    if kind.registration is no_registration:
        made = f"; it has made {row['image_id']}" if "image_id" in row else ""
        raise RefusedError(
            f"no AMI is registered from a task of the kind {kind.name}{made}; `task-reporter show {task}` has the"
            " commands that can follow"
        )
    registration = kind.registration(row)
    if registration is None:
        raise RefusedError(f"the history does not hold where the image of task {task} is")
    return registration


def find_existing_image(ec2: Any, registration: Registration) -> str | None:
    """Find an AMI of this account with the same source, or return None.

    An interrupted call may have made it, and then the history does not name it. Return None also where the permission
    to search is missing, because that must not prevent registering.
    """
    try:
        filters = [{"Name": name, "Values": [escape_filter(value)]} for name, value in registration.filters.items()]
        images = ec2.describe_images(Owners=["self"], Filters=filters)["Images"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            raise  # with throttling, for example, the answer is unknown, and a second AMI must not be made
        return None
    wanted = registration.parameters.items()
    # The filters have selected by what is not text.
    texts = {name: value for name, value in wanted if isinstance(value, str)}
    same = (image for image in images if all(image.get(name, value) == value for name, value in texts.items()))
    return next((str(image["ImageId"]) for image in same), None)


def escape_filter(text: str) -> str:
    """Escape ``text`` for a filter, in which ``*`` and ``?`` are wildcards."""
    return "".join(f"\\{char}" if char in "\\*?" else char for char in text)


def record_image_id(row: Item, image: str, history: HistoryTable) -> str:
    """Write the AMI's id into the row, unless it names another AMI.

    Return the reason why not, or an empty text.

    Raises none of botocore's errors, because the AMI is there and its id must be printed.
    """
    unchanged = {"outcome": COMPLETE, "image_id": row.get("image_id")}
    try:
        done = history.apply([Update(key_of(row), {"image_id": image}, unchanged)])
    except EXPECTED_ERRORS as error:
        return explain(error)
    return "" if done.written else f"its row of {row['task_id']} has changed meanwhile"
