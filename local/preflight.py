"""Deletes a stack whose first deployment failed, because CloudFormation cannot deploy it again.

Each failed first deployment leaves an empty table with deletion protection, because the template retains the history.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

import sys
from collections.abc import Callable
from typing import Any

from local.stacks import DeploymentError, aws_command, delete_stack, list_history_tables, require_updatable
from task_reporter_cli.history.stack import find_stack

REASONS = {
    "ROLLBACK_COMPLETE": "its first deployment failed",
    "ROLLBACK_FAILED": "its first deployment failed, and so did the rollback",
    "DELETE_FAILED": "its deletion failed",
}
"""Status of a stack that can only be deleted → its cause."""


def delete_failed_stack(cloudformation: Any, dynamodb: Any, name: str, confirm: Callable[[str], bool]) -> None:
    """Delete the stack ``name`` if it can only be deleted.

    ``confirm`` asks the user a question. Prints how to delete the empty table that the stack leaves. Raises
    DeploymentError if the deployment must not continue, and botocore's errors.
    """
    stack = find_stack(cloudformation, name)
    if stack is None:
        return
    require_updatable(stack)
    status, region = stack["StackStatus"], cloudformation.meta.region_name
    if status not in REASONS:
        return
    tables = {table: has_rows(dynamodb, table) for table in list_history_tables(cloudformation, stack["StackId"])}
    empty, filled = ([table for table, rows in tables.items() if rows is value] for value in (False, True))
    removal = [command for table in empty for command in removal_commands(table, region)]
    print(f"The stack {name} is {status}: {REASONS[status]}. It can only be deleted.")
    if not confirm(f"Delete the stack {name}?"):
        deletion = aws_command("cloudformation", "delete-stack", "--stack-name", name, "--region", region)
        lines = [f"nothing was deployed; delete the stack {name} first:", deletion, *removal]
        raise DeploymentError("\n  ".join(lines))
    if removal:  # before the deletion, because nothing names the table after an interrupted deletion
        print("\n  ".join([f"It leaves the empty table {' and '.join(empty)}. To remove it:", *removal]))
    delete_stack(cloudformation, stack)
    print(f"Deleted the stack {name}.")
    if filled:
        raise DeploymentError(
            f"nothing was deployed: the table {' and '.join(filled)} of the stack {name} has rows. To keep them:"
            f" make takeover STACK={name} TABLE={filled[-1]}. To start without them: make deploy again"
        )


def has_rows(dynamodb: Any, table: str) -> bool | None:
    """Tell whether ``table`` has any row; None if there is no such table."""
    try:
        page = dynamodb.scan(TableName=table, Limit=1, ConsistentRead=True)
    except dynamodb.exceptions.ResourceNotFoundException:
        return None
    return bool(page["Items"] or page.get("LastEvaluatedKey"))


def removal_commands(table: str, region: str) -> list[str]:
    """Return the aws commands that delete a table with deletion protection."""
    options = ("--table-name", table, "--region", region)
    unprotect = aws_command("dynamodb", "update-table", "--no-deletion-protection-enabled", *options)
    return [unprotect, aws_command("dynamodb", "delete-table", *options)]


def confirm(question: str) -> bool:
    """Ask on the terminal; return False if there is none."""
    if not sys.stdin.isatty():
        return False
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
