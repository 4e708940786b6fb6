"""Run the stack on this machine until Ctrl-C: `make local`.

python -m local.serve --speed 60
"""

import argparse
import sys
import time
from pathlib import Path

from local.deployment import Deployment
from local.ec2 import Ec2Server
from local.environments import ROOT, program_path
from local.local_stack import local_stack
from local.process_environment import NO_ACCOUNT
from local.screen import Screen, run_with_screen

EXPORTS_FILE = ROOT / ".local" / "env"
CONFLICTING_VARIABLES = (
    *("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
    *("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
)
"""Variables with which AWS tools would not use the local AWS.
https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html"""
EXAMPLES = (
    f"source {EXPORTS_FILE.relative_to(ROOT)}",
    "aws ec2 bundle-instance --instance-id i-0a1b2c3d4e5f60001 --bucket golden-images --prefix payroll"
    " --owner-akid AKIAIOSFODNN7EXAMPLE --owner-sak an-example",
    "aws ec2 import-image --disk-containers 'UserBucket={S3Bucket=machine-exports,S3Key=intranet.vmdk}'",
    "aws ec2 create-store-image-task --image-id ami-0a1b2c3d4e5f60001 --bucket golden-images",
    "aws ec2 describe-import-image-tasks",
    f"alias task-reporter={Path(program_path('project', 'task-reporter')).relative_to(ROOT)}",
    "task-reporter list",
    "task-reporter test",
    "task-reporter status",
    "task-reporter report --out page.html",
)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m local.serve", description=__doc__.splitlines()[0])
    parser.add_argument("--speed", type=_positive, default=20.0, help="factor by which EC2's tasks run faster (20)")
    listed_for = "minutes for which EC2 lists a finished task, before --speed divides them (120)"
    parser.add_argument("--listed-for", type=_positive, default=120.0, help=listed_for)
    parser.add_argument("--email", default="you@example.com", help="recipient of the emails, which are shown here")
    parser.add_argument("--port", type=int, default=4566, help="port of the local AWS (4566)")
    parser.add_argument("--ec2-port", type=int, default=4567, help="port of the local EC2 (4567)")
    return parser.parse_args()


def serve(screen: Screen, arguments: argparse.Namespace) -> None:
    """Deploy the stack, show how to use it, and show each email until interrupted."""
    screen.say("ec2-task-reporter on this machine.\n", "bold")
    parameters = {"NotificationEmail": arguments.email, "PollSchedule": "rate(1 minute)"}
    with (
        Ec2Server(arguments.ec2_port, speed=arguments.speed, listed_for=arguments.listed_for) as ec2,
        local_stack(screen, ec2.url, parameters, arguments.port) as deployment,
    ):
        show_usage(screen, deployment)
        while True:
            for mail in deployment.cloud.inbox.new():
                screen.show_mail(mail)
            time.sleep(0.5)


def show_usage(screen: Screen, deployment: Deployment) -> None:
    """Show the variables to export, also written to a file, and some examples."""
    exports = {
        **NO_ACCOUNT,
        **deployment.cloud.environment,
        "TABLE": deployment.outputs["HistoryTableName"],
        "TOPIC": deployment.outputs["NotificationTopicArn"],
        "RECORDER": deployment.outputs["RecorderFunctionName"],
        "QUEUE": deployment.outputs["DeadLetterQueueUrl"],
    }
    EXPORTS_FILE.parent.mkdir(exist_ok=True)
    lines = [
        f"unset {' '.join(CONFLICTING_VARIABLES)}",
        *(f"export {name}='{value}'" for name, value in exports.items()),
    ]
    EXPORTS_FILE.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    screen.show_heading("In another terminal")
    for line in lines:
        screen.say(f"  {line}")
    screen.say("\nor all of these at once, and then some examples:\n")
    for command in EXAMPLES:
        screen.show_command(command)
    screen.say("\nThe schedule polls every minute. Emails appear below. Press Ctrl-C to end.\n")


def _positive(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


if __name__ == "__main__":
    options = parse_arguments()
    sys.exit(run_with_screen(lambda screen: serve(screen, options)))
