"""A group of commands that imports a command only when it runs.

The libraries of other commands then cost no time.
"""

from importlib import import_module

import click
from click.shell_completion import CompletionItem

COMMANDS = {
    "list": "Tasks, newest first, running ones included.",
    "show": "Everything about one task, and what can be done next.",
    "status": "Check that the reporter itself is well.",
    "accounts": "Accounts of the organization that are not watched completely.",
    "register": "Make an AMI of a finished task, also of one that EC2 has forgotten.",
    "wait": "Wait until a task ends; the exit status says how.",
    "redrive": "Send tasks that were not announced yet through the notifier again.",
    "test": "Send one notice and one event, marked as a test, down the real path.",
    "report": "Write one self-contained page about the history.",
    "estimate": "Calculate the calls and the cost of watching an organization.",
    "completion": "Print the script that completes commands in your shell.",
}
"""Every command in the order of help, with its help's first line."""


class LazyGroup(click.Group):
    """Commands live in ``task_reporter_cli.commands``, each in the module of its name, as ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import and return the command of that name."""
        if name not in COMMANDS:
            return None
        command = import_module(f"task_reporter_cli.commands.{name}_").command
        assert isinstance(command, click.Command)  # nosec B101 # for the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands into the help, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin with ``incomplete``, without importing any command."""
        names = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return names if not incomplete.startswith("-") else super().shell_complete(ctx, incomplete)
