"""The demo: ``python -m local.demo``. The whole template on this machine, from EC2's list to an email."""

import shlex
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from local.deployment import Deployment
from local.ec2 import Ec2Server
from local.processes import StepFailed
from local.screen import Screen
from local.stage import deployed, play

READER = "you@example.com"
SPEED = 200
LISTED_FOR = 20
"""Minutes, at the speed above: EC2 does not say how long it lists a finished task."""
STEP = timedelta(seconds=1)
"""EC2's time goes on by so much after each poll, so that no task ends and is forgotten between two slow ones."""
PATIENCE = 600
"""Seconds until the tasks must have ended and been forgotten; it takes some twenty."""

BUCKET, MISSING_BUCKET = "golden-images", "no-such-bucket-here"


class Clock:
    """A clock that stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        """Return the time that was set."""
        return self.now


def story(screen: Screen) -> None:
    """Deploy, run three tasks to their ends, let EC2 forget them, and register an image all the same."""
    screen.say("ec2-task-reporter, the whole of it on this machine.\n", "bold")
    parameters = {"NotificationEmail": READER, "PollSchedule": "rate(1 minute)"}
    clock = Clock()
    with (
        Ec2Server(speed=SPEED, listed_for=LISTED_FOR, clock=clock) as ec2,
        deployed(screen, ec2.url, parameters) as deployment,
    ):
        tasks = start(screen, deployment)
        commands = watch(screen, deployment, tasks, clock)
        forgotten(screen, deployment, tasks["complete"], commands)


def start(screen: Screen, deployment: Deployment) -> dict[str, str]:
    """Three bundle tasks, by how they will end."""
    screen.chapter("Three bundle tasks start")
    ec2 = deployment.cloud.client("ec2")
    tasks = {
        "complete": bundle(ec2, "i-0a1b2c3d4e5f60001", BUCKET, "payroll-2026-11"),
        "failed": bundle(ec2, "i-0a1b2c3d4e5f60002", MISSING_BUCKET, "intranet-2026-11"),
        "cancelled": bundle(ec2, "i-0a1b2c3d4e5f60003", BUCKET, "wiki-2026-11"),
    }
    screen.say(
        "One will complete, one finds no bucket, one is cancelled on the way. What takes EC2 a minute takes "
        f"{60 / SPEED:g} seconds here, and it forgets a task {LISTED_FOR * 60 // SPEED} seconds after its end. "
        "In AWS a schedule invokes the recorder every five minutes; here it is invoked every second."
    )
    return tasks


def bundle(ec2: Any, instance: str, bucket: str, prefix: str) -> str:
    """Start a bundle task and answer its id. Its upload policy is a secret that must go no further."""
    s3 = {
        "Bucket": bucket,
        "Prefix": prefix,
        "AWSAccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "UploadPolicy": b"an upload policy",
        "UploadPolicySignature": "its signature",
    }
    return str(ec2.bundle_instance(InstanceId=instance, Storage={"S3": s3})["BundleTask"]["BundleId"])


def watch(screen: Screen, deployment: Deployment, tasks: dict[str, str], clock: Clock) -> list[str]:
    """Poll until EC2 has forgotten all tasks; show each change, each email. The commands that the emails carry."""
    ec2 = deployment.cloud.client("ec2")
    commands, shown = [], None
    until = time.monotonic() + PATIENCE
    told = 0
    while time.monotonic() < until:
        poll(deployment)
        listed, rows = list_tasks(ec2), deployment.rows()
        if shown != (shown := picture(listed, rows)):
            screen.chapter(time.strftime("%H:%M:%S"))
            screen.side_by_side(listed, rows)
        for mail in deployment.cloud.inbox.new():
            told += 1
            screen.mail(mail)
            commands += [line.strip() for line in mail.text.splitlines() if line.strip().startswith("aws ec2 ")]
        if not listed and told >= len(tasks):
            return commands
        if any(task["BundleId"] == tasks["cancelled"] and task["State"] == "bundling" for task in listed):
            ec2.cancel_bundle_task(BundleId=tasks["cancelled"])
        clock.now += STEP
        time.sleep(STEP.total_seconds())
    raise StepFailed("waiting for the tasks to end", f"{told} of {len(tasks)} emails came in {PATIENCE} seconds")


def list_tasks(ec2: Any) -> list[dict[str, Any]]:
    """Return what EC2 lists now, in the order of the ids: EC2's own order means nothing."""
    return sorted(ec2.describe_bundle_tasks()["BundleTasks"], key=lambda task: str(task["BundleId"]))


def poll(deployment: Deployment) -> None:
    """One poll, which must succeed."""
    answer = deployment.poll()
    if answer["error"]:
        raise StepFailed("polling", str(answer["payload"]))


def picture(listed: list[dict[str, Any]], rows: list[dict[str, Any]]) -> object:
    """Return the part of the state that is worth showing again when it changes: not progress."""
    return [(task["BundleId"], task["State"]) for task in listed], [(row["task_id"], row["state"]) for row in rows]


def forgotten(screen: Screen, deployment: Deployment, task: str, commands: list[str]) -> None:
    """Show the moment that matters: EC2 has forgotten the task, the history has not."""
    screen.chapter("EC2 has forgotten. The history has not.")
    ec2 = deployment.cloud.client("ec2")
    screen.command(f"aws ec2 describe-bundle-tasks --bundle-ids {task}")
    screen.say(f"    {refusal(ec2, task)}\n")
    query = "--index-name by-kind --key-condition-expression 'kind = :k' --expression-attribute-values"
    screen.command(f"""aws dynamodb query --table-name "$TABLE" {query} '{{":k": {{"S": "bundle"}}}}'""")
    screen.side_by_side(list_tasks(ec2), deployment.rows())
    screen.say("\nThe command from the email still makes the image of it:\n")
    for command in commands:
        screen.command(command)
        screen.say(f"    {register(ec2, command)}")
    screen.say("\nTo deploy it into your own account: make deploy EMAIL=you@your.company")
    screen.say("To try things on this machine with the aws CLI: make local")


def refusal(ec2: Any, task: str) -> str:
    """Return EC2's answer about a task that it has forgotten."""
    try:
        return f"{len(ec2.describe_bundle_tasks(BundleIds=[task])['BundleTasks'])} tasks"
    except ClientError as error:
        return "{Code}: {Message}".format_map(error.response["Error"])


def register(ec2: Any, command: str) -> str:
    """Do what a register-image ``command`` says, and what came of it."""
    words = shlex.split(command)
    options = dict(zip(words[3::2], words[4::2], strict=True))
    image = ec2.register_image(Name=options["--name"], ImageLocation=options["--image-location"])["ImageId"]
    return f'{{"ImageId": "{image}"}}'


if __name__ == "__main__":
    sys.exit(play(story))
