"""The demo of a hub: an organization whose accounts have tasks, refuse, and join."""

import subprocess  # nosec B404 # it runs the project's own command
import time
from dataclasses import dataclass

from local.clock import Clock
from local.deployment import Deployment
from local.environments import program_path
from local.local_stack import local_hub
from local.organization import HUB, Organization
from local.process_environment import isolated_environment
from local.processes import StepError
from local.rounds import ORGANIZATION, Rounds
from local.screen import Screen

ACCOUNTS = ("payments", "web", "analytics", "media", "sandbox")
REGIONS = ("eu-west-1", "us-east-1", "ap-south-1")
PARAMETERS = {"NotificationEmail": "you@example.com", "AlarmEmail": "oncall@example.com", "Regions": ",".join(REGIONS)}
TASK_HOURS = 1
"""Hours of EC2's time in which every task of the demo ends."""
LISTED_FOR = 30 * 24 * 60
"""Minutes for which EC2 lists an ended task, which it documents for some lists."""
MAIL_TIMEOUT = 300
"""Seconds until an email must have arrived; one suffices."""
REMARKS = {
    "web": "eu-west-1: an image import, which will fail because its disk is a text file",
    "payments": "us-east-1: a snapshot import",
    "analytics": "ap-south-1: a service control policy denies everything",
    "sandbox": "eu-west-1: a snapshot import, but the role of member.yaml is missing",
}
"""Account → what happens there."""
IMAGE = {"DiskContainers": [{"UserBucket": {"S3Bucket": "machine-exports", "S3Key": "web-01.txt"}}]}


def run_organization_demo(screen: Screen) -> None:
    """Show how a hub watches an organization in which not everything can be read."""
    screen.say("A hub that watches an organization, on this machine.\n", "bold")
    clock = Clock()
    with local_hub(screen, ACCOUNTS, PARAMETERS, clock=clock, listed_for=LISTED_FOR) as (organization, hub):
        story = Story(screen, organization, hub, clock)
        show_tasks_and_refusals(story)
        show_state(story)
        show_recovery(story)


@dataclass(slots=True)
class Story:
    """A hub with its organization, and the steps that the demo repeats."""

    screen: Screen
    organization: Organization
    hub: Deployment
    clock: Clock
    mail_count: int = 0
    """Emails that were shown."""

    @property
    def rounds(self) -> Rounds:
        """The rounds of the hub."""
        return Rounds(self.hub)

    def run_round(self) -> None:
        """Run a round and show its numbers."""
        numbers = self.rounds.run()
        self.screen.say(f"A round: {numbers['sent']} of {numbers['accounts']} accounts were asked.")

    def end_tasks(self) -> None:
        """Let all running tasks end."""
        self.clock.forward(hours=TASK_HOURS)

    def show_mails(self, count: int) -> None:
        """Show ``count`` further emails. Raises StepError if one does not arrive."""
        expected, end = self.mail_count + count, time.monotonic() + MAIL_TIMEOUT
        while self.mail_count < expected:
            for mail in self.organization.cloud.inbox.new():
                self.mail_count += 1
                self.screen.show_mail(mail)
            if time.monotonic() > end:
                raise StepError("waiting for an email", f"{self.mail_count} of {expected} emails have arrived")
            time.sleep(0.05)

    def show_command(self, *arguments: str) -> None:
        """Run `task-reporter` on the hub, and show its output."""
        environment = isolated_environment() | self.hub.cloud.environment
        command = [program_path("project", "task-reporter"), *arguments]
        self.screen.show_command(f"task-reporter {' '.join(arguments)}")
        # Its exit status is 1 where something is to be done.
        done = subprocess.run(  # nosec B603
            command, env=environment, capture_output=True, encoding="utf-8", check=False
        )
        self.screen.show_output(done.stdout + done.stderr)

    def import_snapshot(self, account: str, region: str, key: str) -> None:
        """Start the import of a snapshot."""
        disk = {"UserBucket": {"S3Bucket": "machine-exports", "S3Key": key}}
        self.organization.client(account, "ec2", region).import_snapshot(DiskContainer=disk)


def show_tasks_and_refusals(story: Story) -> None:
    """Show tasks of several accounts, and two refusals."""
    screen, organization = story.screen, story.organization
    screen.show_heading("Tasks run, and two accounts refuse")
    screen.show_lines(
        f"{account}  {name:<10} {REMARKS.get(name, '')}".rstrip()
        for name, account in {"the hub": HUB, **organization.accounts}.items()
    )
    organization.client("web", "ec2", "eu-west-1").import_image(**IMAGE)
    story.import_snapshot("payments", "us-east-1", "ledger.vmdk")
    story.import_snapshot("sandbox", "eu-west-1", "trial.vmdk")
    organization.remove_member_role("sandbox")
    organization.ec2.play("denied-by-scp", organization.accounts["analytics"], "ap-*")
    screen.say(
        "\nIn AWS, a schedule starts a round every five minutes. Here the demo starts them, and lets an hour of EC2's"
        " time pass in between. Lists with a running task are asked in every round, quiet ones seldom."
    )
    story.run_round()
    story.end_tasks()
    story.run_round()
    story.show_mails(2)
    screen.say("What was refused twice is announced once, to the address for alarms:")
    story.run_round()
    story.show_mails(1)


def show_state(story: Story) -> None:
    """Show what the commands tell of the organization."""
    story.screen.show_heading("What can't be read")
    story.show_command("accounts")
    story.show_command("status")


def show_recovery(story: Story) -> None:
    """Show the end of a refusal, and an account that joins."""
    screen, organization = story.screen, story.organization
    screen.show_heading("An hour later")
    organization.add_member_role("sandbox")
    organization.add_account("mobile")
    story.import_snapshot("mobile", "us-east-1", "app.vmdk")
    screen.say(
        "The role in sandbox is made again, and the account mobile joins with a running task. Every hour the hub lists"
        " the accounts, and tries again what was refused. The demo does not wait for it, but sets these times back."
    )
    story.rounds.age(ORGANIZATION, "accounts_at", hours=1)
    story.rounds.age(organization.accounts["sandbox"], "asked_at", hours=1)
    story.run_round()
    story.end_tasks()
    story.run_round()
    story.show_mails(3)
    story.show_command("accounts")
    story.show_command("list")
    screen.say("To watch your organization: docs/organization.md")
