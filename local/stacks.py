"""CloudFormation stacks: their resources, their events and their deletion."""

import shlex
import sys
from collections.abc import Collection, Mapping
from typing import Any

from botocore.exceptions import WaiterError

from task_reporter_cli.output.lines import to_one_line

HISTORY_TABLE = "HistoryTable"
"""The logical id of the history table in the template."""
REMOVED_STATUSES = ("DELETE_COMPLETE", "DELETE_SKIPPED", "IMPORT_FAILED", "IMPORT_ROLLBACK_COMPLETE")
"""Statuses of resources that CloudFormation lists after they left the stack."""
WAITER_CONFIG = {"Delay": 2, "MaxAttempts": 1800}
"""Settings of botocore's waiters: one request every two seconds, for at most one hour."""


class DeploymentError(Exception):
    """A stack or a table prevents a deployment.

    The text contains the reason and the next step.
    """


def print_error(text: str) -> None:
    """Print an error, without control characters from AWS."""
    for line in f"error: {text}".splitlines():
        print(to_one_line(line), file=sys.stderr)


def require_updatable(stack: Mapping[str, Any]) -> None:
    """Raise DeploymentError if CloudFormation would refuse every change of ``stack`` in its present status."""
    name, status = stack["StackName"], stack["StackStatus"]
    if status == "UPDATE_ROLLBACK_FAILED":
        command = aws_command("cloudformation", "continue-update-rollback", "--stack-name", name)
        raise DeploymentError(f"the stack {name} is {status}; finish its rollback first: {command}")
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise DeploymentError(f"the stack {name} is {status}; wait until that ends, then try again")


def list_resources(cloudformation: Any, stack_id: str) -> dict[str, str]:
    """Return the resources that belong to a stack: logical id → physical id."""
    resources = cloudformation.describe_stack_resources(StackName=stack_id)["StackResources"]
    return {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for resource in resources
        if resource["ResourceStatus"] not in REMOVED_STATUSES
    }


def list_history_tables(cloudformation: Any, stack_id: str) -> list[str]:
    """Return the names of all history tables that a stack ever had.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
    """
    events = _list_events(cloudformation, stack_id)
    names = {event.get("PhysicalResourceId") for event in events if event["LogicalResourceId"] == HISTORY_TABLE}
    return sorted(filter(None, names))


def failure_reason(cloudformation: Any, stack_id: str, status: str) -> str:
    """Return the reason of the first event with ``status``, or an empty text."""
    events = _list_events(cloudformation, stack_id)
    reasons = [event.get("ResourceStatusReason", "") for event in events if event["ResourceStatus"] == status]
    return reasons[-1] if reasons else ""  # events are listed newest first


def delete_stack(cloudformation: Any, stack: Mapping[str, Any], retain: Collection[str] = ()) -> None:
    """Delete a stack except its history table, and wait for the end.

    The resources ``retain`` stay, too. Raises DeploymentError with the resources that could not be deleted.
    """
    # A deleted stack can be found by its id only.
    stack_id = stack["StackId"]
    # CloudFormation accepts RetainResources only for a stack that is DELETE_FAILED.
    cloudformation.delete_stack(StackName=stack_id, **({"RetainResources": sorted(retain)} if retain else {}))
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack_id, WaiterConfig=WAITER_CONFIG)
    except WaiterError as error:
        failures = _list_failed_deletions(cloudformation, stack_id)
        if not failures:
            raise DeploymentError(f"the stack {stack['StackName']} was not deleted: {error}") from None
        if list(failures) != [HISTORY_TABLE] or HISTORY_TABLE in retain:
            raise DeploymentError(_describe_failures(stack["StackName"], failures)) from None
        delete_stack(cloudformation, stack, retain=[HISTORY_TABLE])


def aws_command(*words: str) -> str:
    """Return an aws command as a person types it."""
    return shlex.join(["aws", *words])


def _list_events(cloudformation: Any, stack_id: str) -> list[Mapping[str, Any]]:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    return [event for page in pages for event in page["StackEvents"]]


def _list_failed_deletions(cloudformation: Any, stack_id: str) -> dict[str, str]:
    """Return the resources that CloudFormation could not delete: logical id → reason."""
    resources = cloudformation.describe_stack_resources(StackName=stack_id)["StackResources"]
    return {
        resource["LogicalResourceId"]: resource.get("ResourceStatusReason", "no reason given")
        for resource in resources
        if resource["ResourceStatus"] == "DELETE_FAILED"
    }


def _describe_failures(name: str, failures: Mapping[str, str]) -> str:
    reasons = "; ".join(f"{resource}: {reason}" for resource, reason in failures.items())
    command = aws_command(
        *("cloudformation", "delete-stack", "--stack-name", name), "--retain-resources", *sorted(failures)
    )
    return (
        f"CloudFormation could not delete all of the stack {name} ({reasons}); remove the cause and try again, or"
        f" delete the stack without these resources: {command}"
    )
