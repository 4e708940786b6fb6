"""`make local`: the whole stack on this machine, for trying things with the aws CLI.

python -m local.keep --speed 60
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from local.deployment import Deployment
from local.ec2 import Ec2Server
from local.environments import ROOT, program
from local.own_environment import NO_ACCOUNT
from local.screen import Screen
from local.stage import deployed, play

EXPORTS = ROOT / ".local" / "env"
OF_ANOTHER_AWS = (
    *("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
    *("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
)
"""Variables that would lead the shell's AWS tools elsewhere. https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m local.keep", description=__doc__.splitlines()[0])
    parser.add_argument("--speed", type=_positive, default=20.0, help="how many times as fast EC2's tasks run (20)")
    listed_for = "minutes that EC2 lists a finished task, at that speed (120)"
    parser.add_argument("--listed-for", type=_positive, default=120.0, help=listed_for)
    parser.add_argument("--email", default="you@example.com", help="who is told; the emails are shown here")
    parser.add_argument("--port", type=int, default=4566, help="port of the local AWS (4566)")
    parser.add_argument("--ec2-port", type=int, default=4567, help="port of the local EC2 (4567)")
    return parser.parse_args()


def story(asked: argparse.Namespace) -> Callable[[Screen], None]:
    """Deploy, say how to use it, and show each email until interrupted."""

    def keep(screen: Screen) -> None:
        screen.say("ec2-task-reporter, the whole of it on this machine.\n", "bold")
        parameters = {"NotificationEmail": asked.email, "PollSchedule": "rate(1 minute)"}
        with (
            Ec2Server(asked.ec2_port, speed=asked.speed, listed_for=asked.listed_for) as ec2,
            deployed(screen, ec2.url, parameters, asked.port) as deployment,
        ):
            explain(screen, deployment)
            while True:
                for mail in deployment.cloud.inbox.new():
                    screen.mail(mail)
                time.sleep(0.5)

    return keep


def explain(screen: Screen, deployment: Deployment) -> None:
    """Show the variables to export, and the first commands to try."""
    exports = {
        **NO_ACCOUNT,
        **deployment.cloud.environment,
        "TABLE": deployment.outputs["HistoryTableName"],
        "TOPIC": deployment.outputs["NotificationTopicArn"],
        "RECORDER": deployment.outputs["RecorderFunctionName"],
        "QUEUE": deployment.outputs["DeadLetterQueueUrl"],
    }
    EXPORTS.parent.mkdir(exist_ok=True)
    lines = [f"unset {' '.join(OF_ANOTHER_AWS)}", *(f"export {name}='{value}'" for name, value in exports.items())]
    EXPORTS.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    screen.chapter("In another terminal")
    for line in lines:
        screen.say(f"  {line}")
    screen.say("\nor all of that at once, and then:\n")
    for command in FIRST_STEPS:
        screen.command(command)
    screen.say("\nThe schedule polls every minute. Emails appear below. Ctrl-C ends it all.\n")


TASK_REPORTER = Path(program("project", "task-reporter")).relative_to(ROOT)
FIRST_STEPS = (
    f"source {Path('.local') / 'env'}",
    "aws ec2 bundle-instance --instance-id i-0a1b2c3d4e5f60001 --bucket golden-images --prefix payroll"
    " --owner-akid AKIAIOSFODNN7EXAMPLE --owner-sak an-example",
    "aws ec2 describe-bundle-tasks",
    f"alias task-reporter={TASK_REPORTER}",
    "task-reporter list",
    "task-reporter test",
    "task-reporter status",
    "task-reporter report --out page.html",
)


def _positive(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


if __name__ == "__main__":
    sys.exit(play(story(arguments())))
