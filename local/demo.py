"""The demos: the complete pipeline of an account or an organization.

python -m local.demo
python -m local.demo organization
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from local.clock import Clock
from local.cloud import CREDENTIALS, REGION, Cloud
from local.deployment import Deployment
from local.ec2 import Ec2Server
from local.local_stack import local_stack
from local.organization_demo import run_organization_demo
from local.processes import StepError
from local.screen import Screen, run_with_screen
from task_reporter.aws import clients
from task_reporter.history.rows import Row
from task_reporter.kinds.table import KINDS
from task_reporter.recording.poll_lists import read_list

EMAIL = "you@example.com"
SPEED = 200
LISTED_FOR = 20
"""Minutes before SPEED divides them; EC2 documents no listing time of bundle tasks."""
STEP = timedelta(seconds=1)
"""The local EC2's clock advances by this after each poll.

With a real clock, a task could end and be forgotten between two slow polls."""
TIMEOUT = 600
"""Seconds until EC2 must have forgotten the bundle task; about twenty suffice."""

IMAGES, EXPORTS = "golden-images", "machine-exports"


def run_demo(screen: Screen) -> None:
    """Show the lives of four tasks, one of which EC2 forgets."""
    screen.say("ec2-task-reporter on this machine.\n", "bold")
    parameters = {"NotificationEmail": EMAIL, "PollSchedule": "rate(1 minute)"}
    clock = Clock()
    with (
        Ec2Server(speed=SPEED, listed_for=LISTED_FOR, clock=clock) as ec2,
        local_stack(screen, ec2.url, parameters) as deployment,
    ):
        events = EventQueue(deployment.cloud)
        bundle, count = start_tasks(screen, deployment.cloud.client("ec2"))
        commands = poll_until_forgotten(screen, deployment, events, bundle, count, clock)
        show_history(screen, deployment, bundle, commands)


def start_tasks(screen: Screen, ec2: Any) -> tuple[str, int]:
    """Start four tasks; return the id of the bundle task, and their number."""
    screen.show_heading("Four tasks start")
    ec2.import_image(DiskContainers=[{"UserBucket": {"S3Bucket": EXPORTS, "S3Key": "intranet.txt"}}])
    ec2.import_snapshot(DiskContainer={"UserBucket": {"S3Bucket": EXPORTS, "S3Key": "wiki-data.vmdk"}})
    ec2.create_store_image_task(ImageId="ami-0a1b2c3d4e5f60001", Bucket=IMAGES)
    # Its upload policy is a secret that the project must not store.
    s3 = {
        "Bucket": IMAGES,
        "Prefix": "payroll-2026-11",
        "AWSAccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "UploadPolicy": b"an upload policy",
        "UploadPolicySignature": "its signature",
    }
    task = ec2.bundle_instance(InstanceId="i-0a1b2c3d4e5f60001", Storage={"S3": s3})["BundleTask"]
    screen.say(
        "An image import that will fail, because its disk is a text file, a snapshot import, an AMI that is stored in"
        f" S3, and a bundled instance. A minute of EC2 takes {60 / SPEED:g} seconds here, and EC2 forgets the bundle"
        f" task {LISTED_FOR * 60 // SPEED} seconds after its end. In AWS, a schedule invokes the recorder every five"
        " minutes; here it is invoked every second."
    )
    return str(task["BundleId"]), 4


class EventQueue:
    """A queue that gets the events of the default bus, as another program's would."""

    def __init__(self, cloud: Cloud) -> None:
        self._sqs, events = cloud.client("sqs"), cloud.client("events")
        self._url = self._sqs.create_queue(QueueName="ended-tasks")["QueueUrl"]
        names = ["QueueArn"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]["QueueArn"]
        events.put_rule(Name="ended-tasks", EventPattern='{"source": ["ec2-task-reporter"]}')
        events.put_targets(Rule="ended-tasks", Targets=[{"Id": "queue", "Arn": arn}])

    def new(self) -> Iterator[dict[str, Any]]:
        """Yield the events that have arrived, and remove them from the queue."""
        messages = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            yield json.loads(message["Body"])


def poll_until_forgotten(
    screen: Screen, deployment: Deployment, events: EventQueue, bundle: str, count: int, clock: Clock
) -> list[str]:
    """Poll until EC2 has forgotten the task ``bundle``; return the commands in its email.

    Shows every change, and ``count`` emails and events. Raises StepError if that takes too long.
    """
    ec2 = task_client(deployment)
    commands, shown_states = [], None
    deadline = time.monotonic() + TIMEOUT
    mail_count = event_count = 0
    while time.monotonic() < deadline:
        poll(deployment)
        listed, rows = list_tasks(ec2), deployment.rows()
        if shown_states != (shown_states := task_states(listed, rows)):
            screen.show_heading(time.strftime("%H:%M:%S"))
            screen.show_tasks(listed, rows)
        for mail in deployment.cloud.inbox.new():
            mail_count += 1
            screen.show_mail(mail)
            if bundle in mail.subject:
                commands = [line.strip() for line in mail.text.splitlines() if line.strip().startswith("aws ec2 ")]
        for event in events.new():
            event_count += 1
            screen.show_event(event)
        if min(mail_count, event_count) >= count and bundle not in {task["task_id"] for task in listed}:
            return commands
        clock.now += STEP
        time.sleep(STEP.total_seconds())
    arrived = f"{mail_count} of {count} emails and {event_count} events arrived in {TIMEOUT} seconds"
    raise StepError("waiting for the end of the tasks", arrived)


def task_client(deployment: Deployment) -> Any:
    """Return the recorder's client, which leaves times as text."""
    return clients.client("ec2", endpoint_url=deployment.cloud.ec2, region_name=REGION, **CREDENTIALS)


def poll(deployment: Deployment) -> None:
    """Poll once. Raises StepError if the recorder fails."""
    answer = deployment.poll()
    if answer["error"]:
        raise StepError("polling", str(answer["payload"]))


def list_tasks(ec2: Any) -> list[Row]:
    """Return the tasks that EC2 lists, sorted by kind."""
    return [task | {"kind": kind.name} for kind in KINDS.values() for task in read_list(kind, ec2).tasks]


def task_states(listed: list[Row], rows: list[dict[str, Any]]) -> object:
    """Return the states of all tasks, without their progress."""
    return [[(task["task_id"], task["state"]) for task in tasks] for tasks in (listed, rows)]


def show_history(screen: Screen, deployment: Deployment, bundle: str, commands: list[str]) -> None:
    """Show that the history still has the task ``bundle``, and run its email's ``commands``."""
    screen.show_heading("EC2 has forgotten. The history has not.")
    ec2 = deployment.cloud.client("ec2")
    screen.show_command(f"aws ec2 describe-bundle-tasks --bundle-ids {bundle}")
    screen.say(f"    {describe(ec2, bundle)}\n")
    query = "--index-name by-kind --key-condition-expression 'kind = :k' --expression-attribute-values"
    screen.show_command(f"""aws dynamodb query --table-name "$TABLE" {query} '{{":k": {{"S": "bundle"}}}}'""")
    listed, rows = list_tasks(task_client(deployment)), deployment.rows()
    screen.show_tasks(*([task for task in tasks if task["kind"] == "bundle"] for tasks in (listed, rows)))
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


STORIES: Mapping[str, Callable[[Screen], None]] = {"tasks": run_demo, "organization": run_organization_demo}
"""Argument of the command line → the demo."""


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description="Show the stack at work on this machine.")
    which = "four tasks in one account (default), or a hub that watches an organization"
    parser.add_argument("story", nargs="?", choices=list(STORIES), default="tasks", help=which)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(run_with_screen(STORIES[parse_arguments().story]))
