"""Give the hub access to the accounts of its organization, or to one account.

Prints the aws commands, and runs them if the user agrees. The account and the region of the hub come from the shell, as
for every AWS tool.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws_calls import AwsCall
from local.deploy import parse_words
from local.hub import Hub, list_targets, read_hub, read_organization, require_valid
from local.member_stack import BOUNDARY, deploy_command, plan_stack, run_stack_call, stack_name
from local.preflight import confirm
from local.stack_sets import find_stack_set, plan_stack_set, wait_for_operation
from local.stacks import DeploymentError, print_error
from local.template import MEMBER_TEMPLATE
from task_reporter_cli.aws.account import Account
from task_reporter_cli.aws.explanations import explain

Confirm = Callable[[str], bool]
NOTHING_RAN = "Nothing was run. Paste the commands into a shell, or run make member again with --yes in ARGS."


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    options = _make_parser().parse_args(arguments)
    agree: Confirm = (lambda question: True) if options.yes else confirm
    try:
        enrol(Account, options.stack, options.profile, parse_boundary(options.parameters), agree)
    except DeploymentError as error:
        print_error(str(error))
        return 1
    except (BotoCoreError, ClientError) as error:
        print_error(explain(error))
        return 1
    return 0


def enrol(
    open_account: Callable[..., Account], stack: str, profile: str | None, boundary: str | None, agree: Confirm
) -> None:
    """Enrol the organization of the hub ``stack``, or only the account of ``profile``.

    ``open_account`` takes what `Account` takes. Raises DeploymentError and botocore's errors.
    """
    account = open_account()
    if not account.region:
        raise DeploymentError("no AWS region; set AWS_REGION, such as AWS_REGION=eu-west-1, or AWS_PROFILE")
    cloudformation = account.client("cloudformation")
    hub = read_hub(cloudformation, account.client("sts"), stack)
    if profile is None:
        enrol_organization(cloudformation, account.client("organizations"), hub, boundary, agree)
    else:
        member = open_account(profile, hub.region)
        enrol_account(member.client("cloudformation"), member.client("sts"), hub, profile, boundary, agree)


def enrol_organization(cloudformation: Any, organizations: Any, hub: Hub, boundary: str | None, agree: Confirm) -> None:
    """Give all accounts of the hub's organizational units the role, by a StackSet.

    Raises DeploymentError with the accounts in which it failed.
    """
    organization = read_organization(organizations, hub)
    stack_set = find_stack_set(cloudformation, hub, organization)
    targets = list_targets(organizations, hub)
    calls = plan_stack_set(hub, organization, targets, boundary, is_update=stack_set is not None)
    place = f"{', '.join(targets)} of the organization {hub.parameters['OrganizationId']}"
    _print_commands(f"To give the hub {hub.account}/{hub.region} access to the accounts in {place}:", calls)
    if organization.management_account != hub.account:
        print(f"No StackSet reaches the management account {organization.management_account}. With its credentials:")
        print(f"\n  {deploy_command(hub, boundary)}\n")
    if not agree(f"Run the commands for {place}?"):
        print(NOTHING_RAN)
        return
    problems = []
    for call in calls:
        answer = call.send(cloudformation)
        print(f"{call.name} was accepted.", flush=True)
        if operation_id := answer.get("OperationId"):
            problems += wait_for_operation(cloudformation, call, operation_id)
    if problems:
        raise DeploymentError("\n  ".join(["not all accounts are enrolled:", *problems]))


def enrol_account(cloudformation: Any, sts: Any, hub: Hub, profile: str, boundary: str | None, agree: Confirm) -> None:
    """Give the account of ``profile`` the role, by a stack of its own.

    Raises DeploymentError with CloudFormation's reason.
    """
    account = sts.get_caller_identity()["Account"]
    if account == hub.account:
        raise DeploymentError(
            f"the profile {profile} is in the hub's own account {account}, which needs no member role"
        )
    call = plan_stack(cloudformation, hub, profile, boundary)
    _print_commands(f"To give the hub {hub.account}/{hub.region} access to the account {account}:", [call])
    if not agree(f"Run the command in the account {account}?"):
        print(NOTHING_RAN)
        return
    if run_stack_call(cloudformation, call):
        print(f"The stack {stack_name(hub)} in the account {account} is deployed.")
    else:
        print(f"The stack {stack_name(hub)} in the account {account} is up to date.")


def parse_boundary(text: str) -> str | None:
    """Return the permissions boundary in PARAMETERS, or None.

    Raises DeploymentError for every other parameter, because the hub's stack has its value.
    """
    parameters = parse_words(text, MEMBER_TEMPLATE)
    if other := sorted(parameters.keys() - {BOUNDARY}):
        raise DeploymentError(
            f"{other[0]} comes from the hub; change it with make deploy, then run make member again. PARAMETERS may"
            f" contain {BOUNDARY} only"
        )
    boundary = parameters.get(BOUNDARY)
    if boundary is not None:
        require_valid(BOUNDARY, boundary, "in PARAMETERS", "correct it")
    return boundary


def _print_commands(heading: str, calls: Sequence[AwsCall]) -> None:
    print(heading, *(f"  {call.command()}" for call in calls), sep="\n\n", end="\n\n")


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.member", description=__doc__.splitlines()[0])
    parser.add_argument("--stack", default="ec2-task-reporter", help="name of the hub's stack (ec2-task-reporter)")
    parser.add_argument("--profile", help="enrol only the account of this AWS profile, by a stack of its own")
    parser.add_argument("--parameters", default="", help=f"'{BOUNDARY}=arn:aws:iam::*:policy/name'")
    parser.add_argument("--yes", action="store_true", help="run the commands without a question")
    return parser


if __name__ == "__main__":
    sys.exit(main())
