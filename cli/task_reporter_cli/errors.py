"""Errors of the command line: one line with value and remedy, exit status 1."""

import click


class CommandLineError(click.ClickException):
    """Base of the errors below."""


class NoStackError(CommandLineError):
    """There is no such stack, or it is not one of ours."""


class NoTableError(CommandLineError):
    """There is no such table, or it is no history."""


class NoTaskError(CommandLineError):
    """The history holds no such task."""


class NoOrganizationError(CommandLineError):
    """The stack watches one account, and the command is about many."""


class NoAccountError(CommandLineError):
    """The roster holds no such account."""


class RefusedError(CommandLineError):
    """The task is in a state in which the command makes no sense."""


class OutputError(CommandLineError):
    """A file, pipe or device can't be written."""
