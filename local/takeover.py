"""Lets a new stack take over an existing history table.

The table comes from a deleted stack or from a restored backup. CloudFormation imports the table into a new stack with
no other resource; `make deploy` then adds the rest. No task is announced twice, because each row stores whether its
task was announced.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-new-stack.html
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from local.history_table import find_obstacles, read_properties, template_properties
from local.stacks import (
    HISTORY_TABLE,
    WAITER_CONFIG,
    DeploymentError,
    aws_command,
    delete_stack,
    failure_reason,
    list_resources,
    require_updatable,
)
from local.table_repairs import repair_table
from local.template import load_template
from task_reporter_cli.history.stack import find_stack

CHANGE_SET = "take-over-history"
UNUSABLE_STATUSES = (
    *("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"),
    *("IMPORT_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_FAILED"),
)
"""Statuses of a stack after a failed import or a failed first deployment."""


def take_over(cloudformation: Any, dynamodb: Any, table: str, stack: str, parameters: Mapping[str, str]) -> None:
    """Compare ``table`` with the template, repair the differences, and import it into ``stack``.

    Nothing is changed before all checks have passed. Raises DeploymentError and botocore's errors.
    """
    template = load_template()
    expected, actual = template_properties(template, parameters), read_properties(dynamodb, table)
    if obstacles := find_obstacles(table, expected, actual):
        raise DeploymentError("\n".join(obstacles))
    if prepare_stack(cloudformation, table, stack):
        repair_table(dynamodb, table, expected, actual)
        print(f"The stack {stack} owns the table {table} already.")
        return
    try:
        prepare_import(cloudformation, table, stack, import_template(template), parameters)
        # Before the import, because CloudFormation reads the ARN of the stream when it imports the table.
        repair_table(dynamodb, table, expected, actual)
    except (DeploymentError, BotoCoreError, ClientError):
        with suppress(DeploymentError, BotoCoreError, ClientError):  # the first error is the cause
            discard_import(cloudformation, stack)
        raise
    execute_import(cloudformation, table, stack)
    print(f"The stack {stack} now owns the table {table}.")


def prepare_stack(cloudformation: Any, table: str, name: str) -> bool:
    """Delete the empty stack of a failed attempt, if there is one.

    Returns True if the stack ``name`` owns ``table`` already. A stack owns the table after an interrupted takeover.
    Raises DeploymentError if the stack has other resources.
    """
    stack = find_stack(cloudformation, name)
    if stack is None:
        return False
    require_updatable(stack)
    status, resources = stack["StackStatus"], list_resources(cloudformation, stack["StackId"])
    if status not in UNUSABLE_STATUSES:
        if resources == {HISTORY_TABLE: table}:
            return True
        if resources.get(HISTORY_TABLE) == table:
            raise DeploymentError(f"the stack {name} owns the table {table} already; make deploy updates it")
        raise DeploymentError(f"the stack {name} exists already; run make takeover STACK=another-name")
    if resources:
        command = aws_command("cloudformation", "delete-stack", "--stack-name", name)
        raise DeploymentError(
            f"the stack {name} is {status} and still has {', '.join(sorted(resources))}; delete it first: {command}"
        )
    delete_stack(cloudformation, stack)
    print(f"Deleted the stack {name}, which was {status} and had no resources.")
    return False


def prepare_import(
    cloudformation: Any, table: str, stack: str, template: Mapping[str, Any], parameters: Mapping[str, str]
) -> None:
    """Create the change set of the import, which CloudFormation checks.

    Raises DeploymentError with CloudFormation's reason.
    """
    cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=CHANGE_SET,
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps(template),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in parameters.items()
            if name in template["Parameters"]
        ],
        ResourcesToImport=[
            {
                "ResourceType": "AWS::DynamoDB::Table",
                "LogicalResourceId": HISTORY_TABLE,
                "ResourceIdentifier": {"TableName": table},
            }
        ],
    )
    waiter = cloudformation.get_waiter("change_set_create_complete")
    try:
        waiter.wait(StackName=stack, ChangeSetName=CHANGE_SET, WaiterConfig=WAITER_CONFIG)
    except WaiterError as error:
        reason = error.last_response.get("StatusReason") or error
        raise DeploymentError(f"CloudFormation cannot import the table {table}: {reason}") from None


def execute_import(cloudformation: Any, table: str, stack: str) -> None:
    """Import the table.

    Raises DeploymentError with CloudFormation's reason. The stack of a failed import stays, with its events, until the
    next attempt deletes it.
    """
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=CHANGE_SET)
    try:
        cloudformation.get_waiter("stack_import_complete").wait(StackName=stack, WaiterConfig=WAITER_CONFIG)
    except WaiterError as error:
        reason = failure_reason(cloudformation, stack, "IMPORT_FAILED") or error
        raise DeploymentError(f"CloudFormation did not import the table {table}: {reason}") from None


def discard_import(cloudformation: Any, name: str) -> None:
    """Delete the stack of an import that was not executed."""
    stack = find_stack(cloudformation, name)
    if stack and stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        delete_stack(cloudformation, stack)


def import_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``template`` with the history table as its only resource, as an import requires.

    It has all parameters, so that the deployment that follows keeps their values.
    """
    sections = {name: template[name] for name in ("AWSTemplateFormatVersion", "Parameters", "Conditions")}
    table = {key: value for key, value in template["Resources"][HISTORY_TABLE].items() if key != "Metadata"}
    return sections | {"Resources": {HISTORY_TABLE: table}}
