"""Let a new stack take over a history table that an old stack or a restored backup left.

CloudFormation imports the table into a new stack that holds nothing else; `make deploy` then adds the rest. Rows that
were told stay told: what is announced is decided by the row, and the row stays.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-new-stack.html
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from local.history_table import actual, expected, refusals
from local.stacks import (
    POLLING,
    TABLE,
    DeploymentProblem,
    delete_stack,
    failure_of,
    require_settled,
    resources_of,
    shell,
)
from local.table_repairs import repair
from local.template import load
from task_reporter_cli.history.stack import find_stack

CHANGE_SET = "take-over-history"
UNUSABLE = (
    *("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"),
    *("IMPORT_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_FAILED"),
)
"""Statuses of a stack that an import or a first deployment left behind without success."""


def take_over(cloudformation: Any, dynamodb: Any, table: str, stack: str, parameters: Mapping[str, str]) -> None:
    """Compare ``table`` with the template, import it into ``stack``, and repair what differs.

    Everything that can be refused is refused before anything is changed. Raises DeploymentProblem, botocore's errors.
    """
    template = load()
    wanted, found = expected(template, parameters), actual(dynamodb, table)
    if reasons := refusals(table, wanted, found):
        raise DeploymentProblem("\n".join(reasons))
    if is_taken_over(cloudformation, table, stack):
        repair(dynamodb, table, wanted, found)
        print(f"The stack {stack} owns the table {table} already.")
        return
    try:
        prepare_import(cloudformation, table, stack, table_only(template), parameters)
        # Before the import, because CloudFormation reads the ARN of the stream when it imports the table.
        repair(dynamodb, table, wanted, found)
    except (DeploymentProblem, BotoCoreError, ClientError):
        with suppress(DeploymentProblem, BotoCoreError, ClientError):  # the first error tells more
            discard_import(cloudformation, stack)
        raise
    execute_import(cloudformation, table, stack)
    print(f"The stack {stack} now owns the table {table}.")


def is_taken_over(cloudformation: Any, table: str, name: str) -> bool:
    """Tell whether the stack ``name`` owns ``table`` and nothing else, as after an interrupted takeover.

    A stack that holds nothing, left by an attempt that failed, is deleted. Raises DeploymentProblem for any other.
    """
    stack = find_stack(cloudformation, name)
    if stack is None:
        return False
    require_settled(stack)
    status, resources = stack["StackStatus"], resources_of(cloudformation, stack["StackId"])
    if status not in UNUSABLE:
        if resources == {TABLE: table}:
            return True
        if resources.get(TABLE) == table:
            raise DeploymentProblem(f"the stack {name} owns the table {table} already; make deploy updates it")
        raise DeploymentProblem(f"there is a stack {name} already; say make takeover STACK=another-name")
    if resources:
        command = shell("cloudformation", "delete-stack", "--stack-name", name)
        raise DeploymentProblem(
            f"the stack {name} is {status} and still holds {', '.join(sorted(resources))}; delete it first: {command}"
        )
    delete_stack(cloudformation, stack)
    print(f"Deleted the stack {name}, which was {status} and held nothing.")
    return False


def prepare_import(
    cloudformation: Any, table: str, stack: str, template: Mapping[str, Any], parameters: Mapping[str, str]
) -> None:
    """Let CloudFormation check the import; nothing is imported yet. Raises DeploymentProblem with its reason."""
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
                "LogicalResourceId": TABLE,
                "ResourceIdentifier": {"TableName": table},
            }
        ],
    )
    created = cloudformation.get_waiter("change_set_create_complete")
    try:
        created.wait(StackName=stack, ChangeSetName=CHANGE_SET, WaiterConfig=POLLING)
    except WaiterError as error:
        reason = error.last_response.get("StatusReason") or error
        raise DeploymentProblem(f"CloudFormation cannot import the table {table}: {reason}") from None


def execute_import(cloudformation: Any, table: str, stack: str) -> None:
    """Import the table. Raises DeploymentProblem with CloudFormation's reason.

    A stack that an import left without success stays, with its events, until the next attempt deletes it.
    """
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=CHANGE_SET)
    try:
        cloudformation.get_waiter("stack_import_complete").wait(StackName=stack, WaiterConfig=POLLING)
    except WaiterError as error:
        reason = failure_of(cloudformation, stack, "IMPORT_FAILED") or error
        raise DeploymentProblem(f"CloudFormation did not import the table {table}: {reason}") from None


def discard_import(cloudformation: Any, name: str) -> None:
    """Delete the stack that an import made which was never executed."""
    stack = find_stack(cloudformation, name)
    if stack and stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        delete_stack(cloudformation, stack)


def table_only(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of ``template`` that describes the table: an import may hold nothing that is not imported.

    All parameters stay in it, so that the deployment that follows finds the values of this one.
    """
    kept = {section: template[section] for section in ("AWSTemplateFormatVersion", "Parameters", "Conditions")}
    resource = {key: value for key, value in template["Resources"][TABLE].items() if key != "Metadata"}
    return kept | {"Resources": {TABLE: resource}}
