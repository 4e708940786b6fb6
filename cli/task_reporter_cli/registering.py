"""Making an AMI of a bundle, from what the history holds: also of one that EC2 has forgotten.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
"""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from task_reporter.failures import FORESEEN
from task_reporter.history import History
from task_reporter.kinds import COMPLETE
from task_reporter.rows import key_of
from task_reporter.writes import Update
from task_reporter_cli.errors import RefusedError
from task_reporter_cli.explanations import explained
from task_reporter_cli.faults.refusals import DENIED
from task_reporter_cli.items import Item

ALLOWED = "DryRunOperation"
"""EC2's way to say that a dry run would have succeeded."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The AMI of a task. ``known``: it was there before; ``not_kept``: why the history does not name it, else empty."""

    image_id: str
    known: bool
    not_kept: str


def register(row: Item, name: str, ec2: Any, history: History, again: bool = False) -> Registered:
    """Make an AMI called ``name`` of the bundle of ``row``, unless there is one; the history keeps its id.

    ``again`` makes one all the same, for an AMI that was deregistered. Raises RefusedError where the task did not end
    well or its manifest's place is unknown, and botocore's errors.
    """
    if (image := row.get("image_id")) and not again:
        return Registered(str(image), known=True, not_kept="")
    location = location_of(row)
    if not again and (image := image_at(ec2, location)):
        return Registered(image, known=True, not_kept=keep(row, image, history))
    image = ec2.register_image(Name=name, ImageLocation=location)["ImageId"]
    return Registered(image, known=False, not_kept=keep(row, image, history))


def would_register(row: Item, name: str, ec2: Any, again: bool = False) -> str | None:
    """Ask EC2 whether it would; None, or the id of the AMI that is already there, unless ``again``.

    Raises RefusedError, and botocore's errors where EC2 would refuse.
    """
    location = location_of(row)
    if not again and (image := row.get("image_id") or image_at(ec2, location)):
        return str(image)
    try:
        ec2.register_image(Name=name, ImageLocation=location, DryRun=True)
    except ClientError as error:
        if error.response["Error"]["Code"] != ALLOWED:
            raise
    return None


def location_of(row: Item) -> str:
    """Where the manifest of a bundle that ended well is. Raises RefusedError where there is none to register."""
    task = row["task_id"]
    if "outcome" not in row:
        raise RefusedError(f"task {task} has not ended (it is {row.get('state')}); `task-reporter wait {task}` first")
    if row["outcome"] != COMPLETE:
        reason = f", {row['error_code']}" if "error_code" in row else ""
        raise RefusedError(f"task {task} ended {row['outcome']}{reason}, so there is no image to register")
    if "image_location" not in row:
        raise RefusedError(f"the history does not hold where the image of task {task} is")
    return str(row["image_location"])


def image_at(ec2: Any, location: str) -> str | None:
    """The account's own AMI that was made from the manifest at ``location``, such as by a call that was cut off.

    The history does not know of those. Who may not ask gets None, for that need not keep anybody from registering.
    """
    try:
        filters = [{"Name": "manifest-location", "Values": [escaped(location)]}]
        images = ec2.describe_images(Owners=["self"], Filters=filters)["Images"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            raise  # such as throttling: nobody knows, and a second AMI must not be made
        return None
    return next((str(image["ImageId"]) for image in images if image.get("ImageLocation", location) == location), None)


def escaped(text: str) -> str:
    """``text`` for a filter, in which ``*`` and ``?`` are wildcards."""
    return "".join(f"\\{char}" if char in "\\*?" else char for char in text)


def keep(row: Item, image: str, history: History) -> str:
    """Write the AMI's id into the row, unless it names another by now; why it was not written, else empty.

    Raises nothing of AWS's: the AMI is there, and who asked for it must get its id.
    """
    unchanged = {"outcome": COMPLETE, "image_id": row.get("image_id")}
    try:
        done = history.apply([Update(key_of(row), {"image_id": image}, unchanged)])
    except FORESEEN as error:
        return explained(error)
    return "" if done.written else f"its row of {row['task_id']} has changed meanwhile"
