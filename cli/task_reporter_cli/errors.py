"""What the command line says in one line, with exit status 1. Each names the value and what to do."""

import click


class CommandLineError(click.ClickException):
    """Base of the errors below."""


class NoStackError(CommandLineError):
    """There is no such stack, or it is not one of ours."""


class NoTableError(CommandLineError):
    """There is no such table, or it is no history."""


class NoTaskError(CommandLineError):
    """The history holds no such task."""


class RefusedError(CommandLineError):
    """What was asked makes no sense for this task as it stands."""


class OutputError(CommandLineError):
    """A file, pipe or device can't be written."""
