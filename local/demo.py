"""The demo: the complete pipeline on this machine.

python -m local.demo
"""

import shlex
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from local.deployment import Deployment
from local.ec2 import Ec2Server
from local.local_stack import local_stack
from local.processes import StepError
from local.screen import Screen, run_with_screen

EMAIL = "you@example.com"
SPEED = 200
LISTED_FOR = 20
"""Minutes before SPEED divides them; EC2 documents no listing time of finished tasks."""
STEP = timedelta(seconds=1)
"""The local EC2's clock advances by this after each poll.

With a real clock, a task could end and be forgotten between two slow polls."""
TIMEOUT = 600
"""Seconds in which EC2 must have forgotten all tasks. Normally this takes about twenty."""

BUCKET, MISSING_BUCKET = "golden-images", "no-such-bucket-here"


class Clock:
    """A clock that advances only when it is set."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        """Return the time of this clock."""
        return self.now


def run_demo(screen: Screen) -> None:
    """Show the lives of three tasks, and the history after EC2 has forgotten them."""
    screen.say("ec2-task-reporter on this machine.\n", "bold")
    parameters = {"NotificationEmail": EMAIL, "PollSchedule": "rate(1 minute)"}
    clock = Clock()
    with (
        Ec2Server(speed=SPEED, listed_for=LISTED_FOR, clock=clock) as ec2,
        local_stack(screen, ec2.url, parameters) as deployment,
    ):
        tasks = start_tasks(screen, deployment)
        commands = poll_until_forgotten(screen, deployment, tasks, clock)
        show_history(screen, deployment, tasks["complete"], commands)


def start_tasks(screen: Screen, deployment: Deployment) -> dict[str, str]:
    """Start three bundle tasks; return their ids by the outcome that they will have."""
    screen.show_heading("Three bundle tasks start")
    ec2 = deployment.cloud.client("ec2")
    tasks = {
        "complete": start_task(ec2, "i-0a1b2c3d4e5f60001", BUCKET, "payroll-2026-11"),
        "failed": start_task(ec2, "i-0a1b2c3d4e5f60002", MISSING_BUCKET, "intranet-2026-11"),
        "cancelled": start_task(ec2, "i-0a1b2c3d4e5f60003", BUCKET, "wiki-2026-11"),
    }
    screen.say(
        "The first will complete, the second will fail because its bucket does not exist, and the third will be"
        f" cancelled. A minute of EC2 takes {60 / SPEED:g} seconds here, and EC2 forgets a task"
        f" {LISTED_FOR * 60 // SPEED} seconds after its end. In AWS, a schedule invokes the recorder every five"
        " minutes; here it is invoked every second."
    )
    return tasks


def start_task(ec2: Any, instance: str, bucket: str, prefix: str) -> str:
    """Start a bundle task and return its id.

    Its upload policy is a secret that the project must not store.
    """
    s3 = {
        "Bucket": bucket,
        "Prefix": prefix,
        "AWSAccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "UploadPolicy": b"an upload policy",
        "UploadPolicySignature": "its signature",
    }
    return str(ec2.bundle_instance(InstanceId=instance, Storage={"S3": s3})["BundleTask"]["BundleId"])


def poll_until_forgotten(screen: Screen, deployment: Deployment, tasks: dict[str, str], clock: Clock) -> list[str]:
    """Poll until EC2 has forgotten all tasks; return the commands in the emails.

    Shows every change and every email. Raises StepError if that takes too long.
    """
    ec2 = deployment.cloud.client("ec2")
    commands, shown_states = [], None
    deadline = time.monotonic() + TIMEOUT
    mail_count = 0
    while time.monotonic() < deadline:
        poll(deployment)
        listed, rows = list_tasks(ec2), deployment.rows()
        if shown_states != (shown_states := task_states(listed, rows)):
            screen.show_heading(time.strftime("%H:%M:%S"))
            screen.show_tasks(listed, rows)
        for mail in deployment.cloud.inbox.new():
            mail_count += 1
            screen.show_mail(mail)
            commands += [line.strip() for line in mail.text.splitlines() if line.strip().startswith("aws ec2 ")]
        if not listed and mail_count >= len(tasks):
            return commands
        if any(task["BundleId"] == tasks["cancelled"] and task["State"] == "bundling" for task in listed):
            ec2.cancel_bundle_task(BundleId=tasks["cancelled"])
        clock.now += STEP
        time.sleep(STEP.total_seconds())
    raise StepError(
        "waiting for the end of the tasks", f"{mail_count} of {len(tasks)} emails arrived in {TIMEOUT} seconds"
    )


def poll(deployment: Deployment) -> None:
    """Poll once. Raises StepError if the recorder fails."""
    answer = deployment.poll()
    if answer["error"]:
        raise StepError("polling", str(answer["payload"]))


def list_tasks(ec2: Any) -> list[dict[str, Any]]:
    """Return the tasks that EC2 lists, sorted by id."""
    return sorted(ec2.describe_bundle_tasks()["BundleTasks"], key=lambda task: str(task["BundleId"]))


def task_states(listed: list[dict[str, Any]], rows: list[dict[str, Any]]) -> object:
    """Return the states of all tasks, without their progress."""
    return [(task["BundleId"], task["State"]) for task in listed], [(row["task_id"], row["state"]) for row in rows]


def show_history(screen: Screen, deployment: Deployment, task: str, commands: list[str]) -> None:
    """Show that the history still has ``task``, and run the emails' ``commands``."""
    screen.show_heading("EC2 has forgotten. The history has not.")
    ec2 = deployment.cloud.client("ec2")
    screen.show_command(f"aws ec2 describe-bundle-tasks --bundle-ids {task}")
    screen.say(f"    {describe(ec2, task)}\n")
    query = "--index-name by-kind --key-condition-expression 'kind = :k' --expression-attribute-values"
    screen.show_command(f"""aws dynamodb query --table-name "$TABLE" {query} '{{":k": {{"S": "bundle"}}}}'""")
    screen.show_tasks(list_tasks(ec2), deployment.rows())
    screen.say("\nThe command from the email still registers the image:\n")
    for command in commands:
        screen.show_command(command)
        screen.say(f"    {register(ec2, command)}")
    screen.say("\nTo deploy into your AWS account: make deploy EMAIL=you@your.company")
    screen.say("To try the stack on this machine with the aws CLI: make local")


def describe(ec2: Any, task: str) -> str:
    """Ask EC2 for ``task`` and return its answer or its error."""
    try:
        return f"{len(ec2.describe_bundle_tasks(BundleIds=[task])['BundleTasks'])} tasks"
    except ClientError as error:
        return "{Code}: {Message}".format_map(error.response["Error"])


def register(ec2: Any, command: str) -> str:
    """Execute an ``aws ec2 register-image`` command and return its output."""
    words = shlex.split(command)
    options = dict(zip(words[3::2], words[4::2], strict=True))
    image = ec2.register_image(Name=options["--name"], ImageLocation=options["--image-location"])["ImageId"]
    return f'{{"ImageId": "{image}"}}'


if __name__ == "__main__":
    sys.exit(run_with_screen(run_demo))
