"""Clears the way for a deployment: a stack whose first deployment failed can only be deleted.

Each first deployment that fails leaves a table, empty and protected, because the history outlives its stack.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

import sys
from collections.abc import Callable
from typing import Any

from local.stacks import DeploymentProblem, delete_stack, require_settled, shell, tables_of
from task_reporter_cli.history.stack import find_stack

REASONS = {
    "ROLLBACK_COMPLETE": "its first deployment failed",
    "ROLLBACK_FAILED": "its first deployment failed, and so did the rollback",
    "DELETE_FAILED": "its deletion failed",
}
"""Statuses of a stack that can only be deleted, and what led to them."""


def clear_the_way(cloudformation: Any, dynamodb: Any, name: str, agrees: Callable[[str], bool]) -> None:
    """Delete the stack ``name`` if it can only be deleted and the user agrees; say which tables it leaves.

    Raises DeploymentProblem where the deployment must not go on, and botocore's errors.
    """
    stack = find_stack(cloudformation, name)
    if stack is None:
        return
    require_settled(stack)
    status, region = stack["StackStatus"], cloudformation.meta.region_name
    if status not in REASONS:
        return
    left = {table: holds_rows(dynamodb, table) for table in tables_of(cloudformation, stack["StackId"])}
    empty, filled = ([table for table, rows in left.items() if rows is wanted] for wanted in (False, True))
    removal = [line for table in empty for line in removal_of(table, region)]
    print(f"The stack {name} is {status}: {REASONS[status]}. It can only be deleted.")
    if not agrees(f"Delete the stack {name}?"):
        commands = [shell("cloudformation", "delete-stack", "--stack-name", name, "--region", region), *removal]
        raise DeploymentProblem("\n  ".join([f"nothing was deployed; delete the stack {name} first:", *commands]))
    if removal:  # said before the deletion: should that be interrupted, nothing else names the table
        print("\n  ".join([f"It leaves the empty table {' and '.join(empty)}. To remove it:", *removal]))
    delete_stack(cloudformation, stack)
    print(f"Deleted the stack {name}.")
    if filled:
        raise DeploymentProblem(
            f"nothing was deployed: the table {' and '.join(filled)} of the stack {name} holds rows. To go on with"
            f" them: make takeover STACK={name} TABLE={filled[-1]}. To start without them: make deploy again"
        )


def holds_rows(dynamodb: Any, table: str) -> bool | None:
    """Tell whether ``table`` holds any row; None where there is no such table."""
    try:
        page = dynamodb.scan(TableName=table, Limit=1, ConsistentRead=True)
    except dynamodb.exceptions.ResourceNotFoundException:
        return None
    return bool(page["Items"] or page.get("LastEvaluatedKey"))


def removal_of(table: str, region: str) -> list[str]:
    """Return the commands that delete a protected table."""
    place = ("--table-name", table, "--region", region)
    unprotect = shell("dynamodb", "update-table", "--no-deletion-protection-enabled", *place)
    return [unprotect, shell("dynamodb", "delete-table", *place)]


def confirm(question: str) -> bool:
    """Ask on the terminal; where there is none, the answer is no."""
    if not sys.stdin.isatty():
        return False
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
