"""CloudFormation stacks as `make deploy` and `make takeover` meet them: found, left over, deleted."""

import shlex
import sys
from collections.abc import Collection, Mapping
from typing import Any

from botocore.exceptions import WaiterError

from task_reporter_cli.output.lines import one_line

TABLE = "HistoryTable"
"""The logical id of the history table in the template."""
GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED", "IMPORT_FAILED", "IMPORT_ROLLBACK_COMPLETE")
"""Statuses of resources that CloudFormation still lists and that no longer belong to the stack."""
POLLING = {"Delay": 2, "MaxAttempts": 1800}
"""Settings of botocore's waiters: ask every two seconds, for one hour at most."""


class DeploymentProblem(Exception):
    """A stack or a table is in the way of a deployment; the text says why and what to do."""


def print_problem(text: str) -> None:
    """Print an error, line by line, without anything of AWS's texts that a terminal would obey."""
    for line in f"error: {text}".splitlines():
        print(one_line(line), file=sys.stderr)


def require_settled(stack: Mapping[str, Any]) -> None:
    """Raise DeploymentProblem where CloudFormation would refuse every change of ``stack`` as it stands now."""
    name, status = stack["StackName"], stack["StackStatus"]
    if status == "UPDATE_ROLLBACK_FAILED":
        command = shell("cloudformation", "continue-update-rollback", "--stack-name", name)
        raise DeploymentProblem(f"the stack {name} is {status}; finish its rollback first: {command}")
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise DeploymentProblem(f"the stack {name} is {status}; wait until that ends, then try again")


def resources_of(cloudformation: Any, stack_id: str) -> dict[str, str]:
    """List the resources that belong to a stack now: logical id → physical id."""
    resources = cloudformation.describe_stack_resources(StackName=stack_id)["StackResources"]
    return {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for resource in resources
        if resource["ResourceStatus"] not in GONE
    }


def tables_of(cloudformation: Any, stack_id: str) -> list[str]:
    """List the names of all history tables that a stack has had, also those that it no longer lists as resources.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
    """
    events = _events(cloudformation, stack_id)
    return sorted({event["PhysicalResourceId"] for event in events if _names_a_table(event)})


def failure_of(cloudformation: Any, stack_id: str, status: str) -> str:
    """Return the reason of the first resource event with ``status``; empty where no event tells one."""
    reasons = [event.get("ResourceStatusReason", "") for event in _events(cloudformation, stack_id, status)]
    return reasons[-1] if reasons else ""  # events come newest first


def delete_stack(cloudformation: Any, stack: Mapping[str, Any], retain: Collection[str] = ()) -> None:
    """Delete a stack and wait until it is gone; its history table stays in any case.

    Raises DeploymentProblem with the resources that could not be deleted.
    """
    # By its id, because a stack that is gone cannot be found by its name.
    stack_id = stack["StackId"]
    # CloudFormation takes RetainResources only for a stack that is DELETE_FAILED.
    cloudformation.delete_stack(StackName=stack_id, **({"RetainResources": sorted(retain)} if retain else {}))
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack_id, WaiterConfig=POLLING)
    except WaiterError as error:
        stuck = _undeletable(cloudformation, stack_id)
        if not stuck:
            raise DeploymentProblem(f"the stack {stack['StackName']} was not deleted: {error}") from None
        if list(stuck) != [TABLE] or TABLE in retain:
            raise DeploymentProblem(_not_deleted(stack["StackName"], stuck)) from None
        delete_stack(cloudformation, stack, retain=[TABLE])


def shell(*words: str) -> str:
    """Write an aws command as a person types it."""
    return shlex.join(["aws", *words])


def _events(cloudformation: Any, stack_id: str, status: str = "") -> list[Mapping[str, Any]]:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    events = [event for page in pages for event in page["StackEvents"]]
    return [event for event in events if status in ("", event["ResourceStatus"])]


def _names_a_table(event: Mapping[str, Any]) -> bool:
    return event["LogicalResourceId"] == TABLE and bool(event.get("PhysicalResourceId"))


def _undeletable(cloudformation: Any, stack_id: str) -> dict[str, str]:
    """List the resources that CloudFormation could not delete: logical id → reason."""
    resources = cloudformation.describe_stack_resources(StackName=stack_id)["StackResources"]
    return {
        resource["LogicalResourceId"]: resource.get("ResourceStatusReason", "no reason given")
        for resource in resources
        if resource["ResourceStatus"] == "DELETE_FAILED"
    }


def _not_deleted(name: str, stuck: Mapping[str, str]) -> str:
    reasons = "; ".join(f"{resource}: {reason}" for resource, reason in stuck.items())
    command = shell("cloudformation", "delete-stack", "--stack-name", name, "--retain-resources", *sorted(stuck))
    return (
        f"CloudFormation could not delete all of the stack {name} ({reasons}); remove what holds these resources and"
        f" try again, or delete the stack without them: {command}"
    )
