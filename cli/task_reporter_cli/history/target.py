"""Where the history is: a stack's table, or a table that was named."""

import os
import shlex
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from task_reporter.history.table import HistoryTable
    from task_reporter_cli.aws.account import Account
    from task_reporter_cli.history.stack import Stack


DEFAULT_STACK = "ec2-task-reporter"
TARGET_OPTIONS = ("stack", "table", "profile", "region")
"""The options that name a target."""


class Target:
    """A stack or a table in an account.

    Everything is looked up when it is first needed, and once.
    """

    def __init__(
        self, stack: str | None, table: str | None, profile: str | None, region: str | None, is_quiet: bool = False
    ) -> None:
        self._stack_name = stack
        self._table = table
        self._profile = profile
        self._region = region
        self._is_quiet = is_quiet

    @cached_property
    def account(self) -> "Account":
        """The account, as the person who runs this reaches it."""
        from task_reporter_cli.aws.account import Account  # brings botocore, which asking for help does not need

        return Account(self._profile, self._region, self._is_quiet)

    @cached_property
    def stack(self) -> "Stack | None":
        """Stack, or None for a table.

        Raises NoStackError and botocore's errors.
        """
        from task_reporter_cli.history.stack import describe_stack

        return describe_stack(self.account.client("cloudformation"), self._stack_name) if self._stack_name else None

    def needs_stack(self) -> "Stack":
        """Return the stack. Raises UsageError where the command line names a table instead."""
        if self.stack is None:
            raise click.UsageError("This looks at the whole stack, so give --stack rather than --table.")
        return self.stack

    @property
    def table(self) -> str:
        """The history's table. Raises as ``stack``."""
        return self._table or self.needs_stack().output("HistoryTableName")

    @cached_property
    def dynamodb(self) -> Any:
        """DynamoDB's client."""
        return self.account.client("dynamodb")

    @cached_property
    def ec2(self) -> Any:
        """EC2's client."""
        return self.account.client("ec2")

    @property
    def history(self) -> "HistoryTable":
        """The history, for conditional writes and consistent reads."""
        from task_reporter.history.table import HistoryTable

        return HistoryTable(self.dynamodb, self.table)

    @property
    def name(self) -> str:
        """The name for people: ``stack ec2-task-reporter`` or ``table my-history``."""
        return f"table {self._table}" if self._table else f"stack {self._stack_name}"

    @property
    def flags(self) -> str:
        """Options that give another command the same target, quoted for a shell.

        Empty for the default.
        """
        return self._flags(stack=self._stack_name, table=self._table)

    @property
    def status_command(self) -> str:
        """Command that shows the reporter's status; a table does not name its stack."""
        return f"task-reporter status{self._flags(stack=self._stack_name or 'NAME')}"

    def _flags(self, **place: str | None) -> str:
        given = place | {"profile": self._profile, "region": self._region}
        if place["stack"] == DEFAULT_STACK:
            del given["stack"]
        return "".join(f" --{name} {shlex.quote(value)}" for name, value in given.items() if value)


def read_target(context: click.Context, is_quiet: bool = False) -> Target:
    """Return the target that the command was given, else that of the group.

    A quiet one never asks for an MFA code. Raises UsageError.
    """
    near, far = context.params, context.find_root().params
    said = {name: near.get(name) or far.get(name) for name in TARGET_OPTIONS}
    if said["stack"] and said["table"]:
        raise click.UsageError("Give --stack or --table, not both.")
    stack = said["stack"] or os.environ.get("TASK_REPORTER_STACK") or DEFAULT_STACK
    return Target(None if said["table"] else stack, said["table"], said["profile"], said["region"], is_quiet)
