"""The stack of member.yaml in one account, which no StackSet enrols."""

from typing import Any

from botocore.exceptions import ClientError, WaiterError

from local.aws_calls import AwsCall
from local.hub import Hub
from local.preflight import REASONS
from local.stacks import WAITER_CONFIG, DeploymentError, aws_command, failure_reason, require_updatable
from local.template import MEMBER_TEMPLATE
from task_reporter_cli.history.stack import find_stack

CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
BOUNDARY = "PermissionsBoundaryArn"


def stack_name(hub: Hub) -> str:
    """Return the name of the stack, and of the StackSet."""
    return f"{hub.stack}-member"


def plan_stack(cloudformation: Any, hub: Hub, profile: str, boundary: str | None) -> AwsCall:
    """Plan the request that creates or updates the stack of one account.

    Raises DeploymentError if the stack cannot be updated.
    """
    name = stack_name(hub)
    stack = find_stack(cloudformation, name)
    options = {"region": hub.region, "profile": profile}
    if stack:
        require_updatable(stack)
        if (status := stack["StackStatus"]) in (*REASONS, "REVIEW_IN_PROGRESS"):
            deletion = AwsCall("cloudformation", "delete_stack", {"StackName": name}, options).command()
            raise DeploymentError(f"the stack {name} is {status}; delete it, then run make member again: {deletion}")
    parameters = {
        "StackName": name,
        "TemplateBody": MEMBER_TEMPLATE,
        "Parameters": to_parameters(hub, boundary, is_update=stack is not None),
        "Capabilities": CAPABILITIES,
    }
    if stack:
        return AwsCall("cloudformation", "update_stack", parameters, options)
    # A stack that could not be created leaves nothing behind, so that the command can be repeated.
    return AwsCall("cloudformation", "create_stack", {**parameters, "OnFailure": "DELETE"}, options)


def run_stack_call(cloudformation: Any, call: AwsCall) -> bool:
    """Create or update a stack, and wait for the end.

    Returns False if there is nothing to update. Raises DeploymentError with CloudFormation's reason.
    """
    try:
        stack_id = call.send(cloudformation)["StackId"]
    except ClientError as error:
        if "No updates are to be performed" not in error.response["Error"].get("Message", ""):
            raise
        return False
    action = call.operation.removesuffix("_stack")
    try:
        cloudformation.get_waiter(f"stack_{action}_complete").wait(StackName=stack_id, WaiterConfig=WAITER_CONFIG)
    except WaiterError as error:
        reason = failure_reason(cloudformation, stack_id, f"{action.upper()}_FAILED") or error
        raise DeploymentError(f"CloudFormation did not {action} the stack: {reason}") from None
    return True


def deploy_command(hub: Hub, boundary: str | None) -> str:
    """Return the command that deploys the stack of one account with that account's credentials."""
    overrides = [f"{name}={value}" for name, value in member_values(hub, boundary).items()]
    return aws_command(
        *("cloudformation", "deploy", "--stack-name", stack_name(hub), "--template-file", str(MEMBER_TEMPLATE)),
        *("--capabilities", *CAPABILITIES, "--parameter-overrides", *overrides, "--region", hub.region),
    )


def member_values(hub: Hub, boundary: str | None) -> dict[str, str]:
    """Return the parameters of member.yaml; without ``boundary`` none is named."""
    return hub.member_parameters | ({} if boundary is None else {BOUNDARY: boundary})


def to_parameters(hub: Hub, boundary: str | None, *, is_update: bool) -> list[dict[str, Any]]:
    """Return the parameters of member.yaml for CloudFormation.

    An update keeps the permissions boundary unless another is given.
    """
    values = member_values(hub, boundary)
    parameters: list[dict[str, Any]] = [
        {"ParameterKey": name, "ParameterValue": value} for name, value in values.items()
    ]
    if is_update and boundary is None:
        parameters.append({"ParameterKey": BOUNDARY, "UsePreviousValue": True})
    return parameters
