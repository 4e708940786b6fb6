"""Options that commands share, allowed before and after the command's name."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from task_reporter_cli.completion import complete_accounts, complete_regions
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.target import DEFAULT_STACK, TARGET_OPTIONS, read_target
from task_reporter_cli.values import check_regions

Function = Callable[..., Any]


def target_options(function: Function) -> Function:
    """``--stack``, ``--table``, ``--profile`` and ``--region``."""
    options = (
        click.option("--stack", metavar="NAME", help=f"The stack. [TASK_REPORTER_STACK; default: {DEFAULT_STACK}]"),
        click.option("--table", metavar="NAME", help="The history's table, in place of the stack."),
        click.option("--profile", metavar="NAME", help="AWS profile. [AWS_PROFILE]"),
        click.option("--region", metavar="NAME", help="AWS region. [AWS_REGION, AWS_DEFAULT_REGION, the profile's]"),
    )

    @wraps(function)
    def without(*args: Any, **given: Any) -> Any:
        return function(*args, **{name: value for name, value in given.items() if name not in TARGET_OPTIONS})

    for option in reversed(options):
        without = option(without)
    return without


output_option = click.option(
    "--output",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="For people, or complete and stable for programs.",
)
"""The option of commands that print rows."""


def with_place(function: Function) -> Function:
    """Give a command ``--account`` and ``--task-region``, as the argument ``place``."""

    @wraps(function)
    def with_one(*args: Any, accounts: tuple[str, ...], task_regions: tuple[str, ...], **given: Any) -> Any:
        return function(*args, place=Place(accounts, task_regions), **given)

    for option in (
        click.option(
            "--task-region",
            "task_regions",
            multiple=True,
            callback=check_regions,
            shell_complete=complete_regions,
            metavar="REGION",
            help="Of this region. Can be repeated.",
        ),
        click.option(
            "--account",
            "accounts",
            multiple=True,
            shell_complete=complete_accounts,
            metavar="NAME-OR-ID",
            help="Of this account, by id or by its name in Organizations. Can be repeated.",
        ),
    ):
        with_one = option(with_one)
    return with_one


def with_target(function: Function) -> Function:
    """Give a command the shared options; its first argument becomes a Target."""

    @wraps(function)
    def with_home(*args: Any, **given: Any) -> Any:
        return function(read_target(click.get_current_context()), *args, **given)

    return target_options(with_home)
