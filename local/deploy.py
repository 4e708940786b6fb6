"""Build the stack for AWS, deploy it into an account, or let a new stack take over a table that stayed.

The account and the region are those of the shell, as every AWS tool takes them.
"""

import argparse
import os
import shlex
import subprocess  # nosec B404 # it runs the SAM CLI
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from botocore.exceptions import BotoCoreError, ClientError

from local.environments import ROOT
from local.preflight import clear_the_way, confirm
from local.sam import parameter_file, sam_build, sam_deploy, sam_variables
from local.stacks import DeploymentProblem, print_problem
from local.takeover import take_over
from local.template import load
from task_reporter_cli.aws.account import Account
from task_reporter_cli.aws.explanations import explained


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return 0 where it was done."""
    asked = _parser().parse_args(arguments)
    if asked.action == "build":
        return _run(sam_build())
    try:
        parameters = given_parameters(asked.parameters, asked.email)
        region = prepare(Account(), asked.stack, asked.table, parameters)
    except DeploymentProblem as problem:
        print_problem(str(problem))
        return 1
    except (BotoCoreError, ClientError) as problem:
        print_problem(explained(problem))
        return 1
    return _run(sam_build()) or deploy(asked.stack, region, parameters)


def prepare(account: Account, stack: str, table: str | None, parameters: Mapping[str, str]) -> str:
    """Make sure that ``stack`` can be deployed, with ``table`` if there is one; return the region.

    Raises DeploymentProblem and botocore's errors.
    """
    if table == "":
        raise DeploymentProblem("which table? make takeover TABLE=name; `aws dynamodb list-tables` lists them")
    if not account.region:
        raise DeploymentProblem("no AWS region; set AWS_REGION, such as AWS_REGION=eu-west-1, or AWS_PROFILE")
    cloudformation, dynamodb = account.client("cloudformation"), account.client("dynamodb")
    if table is None:
        clear_the_way(cloudformation, dynamodb, stack, confirm)
    else:
        take_over(cloudformation, dynamodb, table, stack, parameters)
    return account.region


def deploy(stack: str, region: str, parameters: Mapping[str, str]) -> int:
    """Deploy what was built; return the SAM CLI's exit status."""
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in parameters.items())
    print(f"Deploying the stack {stack} in {region} with {given or 'no further parameters'}", flush=True)
    with TemporaryDirectory(prefix="ec2-task-reporter-") as folder:
        return _run(sam_deploy(stack, region, parameter_file(Path(folder), parameters)))


def given_parameters(text: str, email: str = "") -> dict[str, str]:
    """Return the parameters that a person gave: ``Name=value`` words, quoted as for a shell, and an email address.

    Raises DeploymentProblem for a word of another form, and for a name that the template does not have.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise DeploymentProblem(f"PARAMETERS can't be read ({error}): {text}") from None
    if odd := [word for word in words if "=" not in word]:
        raise DeploymentProblem(f"{odd[0]!r} is no parameter; say PARAMETERS='Name=value Other=\"a value\"'")
    given = {"NotificationEmail": email} if email else {}
    given |= dict(word.split("=", 1) for word in words)
    names = load()["Parameters"].keys()
    if unknown := sorted(given.keys() - names):
        raise DeploymentProblem(f"the template has no parameter {', '.join(unknown)}; it has {', '.join(names)}")
    return given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.deploy", description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("build", help="build functions and layer into .aws-sam")
    deployment = actions.add_parser("deploy", help="build and deploy")
    takeover = actions.add_parser("takeover", help="import a table into a new stack, build and deploy")
    takeover.add_argument("--table", required=True, help="name of the table that stayed")
    deployment.set_defaults(table=None)
    for action in (deployment, takeover):
        action.add_argument("--stack", default="ec2-task-reporter", help="name of the stack (ec2-task-reporter)")
        action.add_argument("--email", default="", help="value of the parameter NotificationEmail")
        action.add_argument("--parameters", default="", help="further ones: 'RetentionDays=365 AlarmEmail=…'")
    return parser


def _run(command: list[str]) -> int:
    return subprocess.run(command, env=os.environ | sam_variables(), cwd=ROOT, check=False).returncode  # nosec B603 # no shell, arguments of our own


if __name__ == "__main__":
    sys.exit(main())
