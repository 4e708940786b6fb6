"""Build and deploy the stack, also with an existing history table.

The account and the region come from the shell, as for every AWS tool.
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
from local.preflight import confirm, delete_failed_stack
from local.sam import sam_build_command, sam_deploy_command, sam_variables, write_parameter_file
from local.stacks import DeploymentError, print_error
from local.takeover import take_over
from local.template import TEMPLATE, load_template
from task_reporter_cli.aws.account import Account
from task_reporter_cli.aws.explanations import explain


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    options = _make_parser().parse_args(arguments)
    if options.action == "build":
        return _run(sam_build_command())
    try:
        parameters = parse_parameters(options.parameters, options.email)
        region = prepare_deployment(Account(), options.stack, options.table, parameters)
    except DeploymentError as error:
        print_error(str(error))
        return 1
    except (BotoCoreError, ClientError) as error:
        print_error(explain(error))
        return 1
    return _run(sam_build_command()) or deploy(options.stack, region, parameters)


def prepare_deployment(account: Account, stack: str, table: str | None, parameters: Mapping[str, str]) -> str:
    """Make sure that ``stack`` can be deployed; return the region.

    Unless ``table`` is None, the stack takes over this table first. Raises DeploymentError and botocore's errors.
    """
    if table == "":
        raise DeploymentError("no table; run make takeover TABLE=name, and `aws dynamodb list-tables` for the names")
    if not account.region:
        raise DeploymentError("no AWS region; set AWS_REGION, such as AWS_REGION=eu-west-1, or AWS_PROFILE")
    cloudformation, dynamodb = account.client("cloudformation"), account.client("dynamodb")
    if table is None:
        delete_failed_stack(cloudformation, dynamodb, stack, confirm)
    else:
        take_over(cloudformation, dynamodb, table, stack, parameters)
    return account.region


def deploy(stack: str, region: str, parameters: Mapping[str, str]) -> int:
    """Deploy the built template; return the SAM CLI's exit status."""
    values = " ".join(f"{name}={shlex.quote(value)}" for name, value in parameters.items())
    print(f"Deploying the stack {stack} in {region} with {values or 'default parameters'}", flush=True)
    with TemporaryDirectory(prefix="ec2-task-reporter-") as folder:
        return _run(sam_deploy_command(stack, region, write_parameter_file(Path(folder), parameters)))


def parse_parameters(text: str, email: str = "") -> dict[str, str]:
    """Parse the template's parameters; ``email`` is one of them.

    Raises the errors of `parse_words`.
    """
    return ({"NotificationEmail": email} if email else {}) | parse_words(text, TEMPLATE)


def parse_words(text: str, template: Path) -> dict[str, str]:
    """Parse parameters of ``template``.

    ``text`` consists of ``Name=value`` words, quoted as for a shell. Raises DeploymentError for a word of another form,
    and for a name that the template does not have.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise DeploymentError(f"PARAMETERS cannot be parsed ({error}): {text}") from None
    if invalid := [word for word in words if "=" not in word]:
        raise DeploymentError(f"{invalid[0]!r} is not Name=value; use PARAMETERS='Name=value Other=\"a value\"'")
    parameters = dict(word.split("=", 1) for word in words)
    names = load_template(template)["Parameters"].keys()
    if unknown := sorted(parameters.keys() - names):
        raise DeploymentError(f"the template has no parameter {', '.join(unknown)}; it has {', '.join(names)}")
    return parameters


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.deploy", description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("build", help="build functions and layer into .aws-sam")
    deployment = actions.add_parser("deploy", help="build and deploy")
    takeover = actions.add_parser("takeover", help="import a table into a new stack, build and deploy")
    takeover.add_argument("--table", required=True, help="name of the history table")
    deployment.set_defaults(table=None)
    for action in (deployment, takeover):
        action.add_argument("--stack", default="ec2-task-reporter", help="name of the stack (ec2-task-reporter)")
        action.add_argument("--email", default="", help="value of the parameter NotificationEmail")
        action.add_argument("--parameters", default="", help="other parameters: 'RetentionDays=365 AlarmEmail=…'")
    return parser


def _run(command: list[str]) -> int:
    return subprocess.run(command, env=os.environ | sam_variables(), cwd=ROOT, check=False).returncode  # nosec B603 # no shell, arguments of our own


if __name__ == "__main__":
    sys.exit(main())
