"""The StackSet that gives the accounts of an organization the role of member.yaml."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError, WaiterError
from botocore.waiter import WaiterModel, create_waiter_with_client

from local.aws_calls import AwsCall
from local.hub import Hub, Organization
from local.member_stack import CAPABILITIES, stack_name, to_parameters
from local.stacks import DeploymentError, aws_command
from local.template import MEMBER_TEMPLATE

MAX_UNITS = 50
"""Organizational units in one request.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackInstances.html
"""
MAX_NAMED = 10
"""Failed accounts that an error names."""
PREFERENCES = {
    "RegionConcurrencyType": "PARALLEL",
    "FailureTolerancePercentage": 100,
    "MaxConcurrentPercentage": 100,
    "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE",
}
"""Settings of an operation in which no account affects another.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationPreferences.html
"""
WAITER = {
    "operation": "DescribeStackSetOperation",
    "delay": 5,
    "maxAttempts": 720,
    "acceptors": [
        {"matcher": "path", "argument": "StackSetOperation.Status", "expected": status, "state": state}
        for status, state in (("SUCCEEDED", "success"), ("FAILED", "failure"), ("STOPPED", "failure"))
    ],
}
"""Settings of the waiter: one request every five seconds, for at most one hour."""
NOT_DELEGATED = ("delegated admin", "management account")
"""Words in CloudFormation's refusal of an account that may not use service-managed StackSets."""


def plan_stack_set(
    hub: Hub, organization: Organization, targets: Sequence[str], boundary: str | None, *, is_update: bool
) -> list[AwsCall]:
    """Plan the requests that give the accounts in ``targets`` the role.

    The first one creates or updates the StackSet. ``boundary`` is the role's permissions boundary; None: none, or that
    of the existing StackSet.
    """
    name = {"StackSetName": stack_name(hub)}
    common = {
        **name,
        "Description": f"Role for the ec2-task-reporter hub {hub.account}/{hub.region}",
        "TemplateBody": MEMBER_TEMPLATE,
        "Parameters": to_parameters(hub, boundary, is_update=is_update),
        "Capabilities": CAPABILITIES,
        "PermissionModel": "SERVICE_MANAGED",
        "AutoDeployment": {"Enabled": True, "RetainStacksOnAccountRemoval": False},
        "ManagedExecution": {"Active": True},  # an operation waits for another one, and is not refused
    }
    if is_update:
        first = _call("update_stack_set", hub, organization, {**common, "OperationPreferences": PREFERENCES})
    else:
        first = _call("create_stack_set", hub, organization, common)
    batches = (list(targets[start : start + MAX_UNITS]) for start in range(0, len(targets), MAX_UNITS))
    instances = (
        {
            **name,
            "DeploymentTargets": {"OrganizationalUnitIds": batch},
            "Regions": [hub.region],  # one, because a role belongs to no region
            "OperationPreferences": PREFERENCES,
        }
        for batch in batches
    )
    return [first, *(_call("create_stack_instances", hub, organization, parameters) for parameters in instances)]


def find_stack_set(cloudformation: Any, hub: Hub, organization: Organization) -> Mapping[str, Any] | None:
    """Describe the StackSet; None if there is none.

    Raises DeploymentError if the account may not use service-managed StackSets, or if the StackSet is not one.
    """
    name = stack_name(hub)
    try:
        answer = cloudformation.describe_stack_set(StackSetName=name, CallAs=organization.call_as)
    except cloudformation.exceptions.StackSetNotFoundException:
        return None
    except ClientError as error:
        text = error.response["Error"].get("Message", "")
        if not any(words in text for words in NOT_DELEGATED):
            raise
        raise DeploymentError(_describe_delegation(hub, organization, text)) from None
    found: Mapping[str, Any] = answer["StackSet"]
    if found.get("PermissionModel") != "SERVICE_MANAGED":
        raise DeploymentError(f"the StackSet {name} is not service-managed; delete it, then run make member again")
    return found


def wait_for_operation(cloudformation: Any, call: AwsCall, operation_id: str) -> list[str]:
    """Wait until an operation has ended; return one line for each failure.

    Prints in how many accounts the operation succeeded.
    """
    asked = {name: call.parameters[name] for name in ("StackSetName", "CallAs")} | {"OperationId": operation_id}
    model = WaiterModel({"version": 2, "waiters": {"StackSetOperationEnded": WAITER}})
    problems = []
    try:
        create_waiter_with_client("StackSetOperationEnded", model, cloudformation).wait(**asked)
    except WaiterError as error:
        operation: dict[str, Any] = error.last_response.get("StackSetOperation", {})  # type: ignore[assignment]
        status = operation.get("Status", error)
        reason = f" ({operation['StatusReason']})" if operation.get("StatusReason") else ""
        problems.append(f"the operation {operation_id} of {call.name} is {status}{reason}")
    pages = cloudformation.get_paginator("list_stack_set_operation_results").paginate(**asked)
    results = [result for page in pages for result in page["Summaries"]]
    failed = [result for result in results if result["Status"] in ("FAILED", "CANCELLED")]
    succeeded = sum(result["Status"] == "SUCCEEDED" for result in results)
    print(f"{call.name} succeeded in {succeeded} of {len(results)} accounts.", flush=True)
    return [*problems, *_describe_failures(failed, call, asked)]


def _describe_failures(failed: Sequence[Mapping[str, Any]], call: AwsCall, asked: Mapping[str, str]) -> Iterator[str]:
    for result in failed[:MAX_NAMED]:
        reason = result.get("StatusReason") or "no reason given"
        yield f"{call.name} {result['Status']} in the account {result['Account']}: {reason}"
    if len(failed) > MAX_NAMED:
        listing = AwsCall(call.service, "list_stack_set_operation_results", asked, call.options).command()
        yield f"and in {len(failed) - MAX_NAMED} more accounts; this lists all: {listing}"


def _call(operation: str, hub: Hub, organization: Organization, parameters: Mapping[str, Any]) -> AwsCall:
    named = {**parameters, "CallAs": organization.call_as}
    return AwsCall("cloudformation", operation, named, {"region": hub.region})


def _describe_delegation(hub: Hub, organization: Organization, refusal: str) -> str:
    """Describe how the management account lets the hub's account use StackSets."""
    lines = [
        f"the account {hub.account} may not use service-managed StackSets ({refusal}); allow it with the credentials of"
        f" the management account {organization.management_account}:",
        aws_command("cloudformation", "activate-organizations-access", "--region", hub.region),
    ]
    if organization.call_as == "DELEGATED_ADMIN":
        principal = ("--service-principal", "member.org.stacksets.cloudformation.amazonaws.com")
        account = ("--account-id", hub.account)
        lines.append(aws_command("organizations", "register-delegated-administrator", *account, *principal))
    return "\n  ".join(lines)
