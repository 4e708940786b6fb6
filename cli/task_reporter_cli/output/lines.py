"""Lines of text on the two standard streams, with nothing in them that a terminal would obey."""

import os
from contextlib import suppress

import click

from task_reporter_cli.output.columns import one_line

DUMB = {"dumb", "unknown"}
"""The values of TERM that stand for a terminal without escape sequences; rich knows the same two."""


def print_line(text: object) -> None:
    """Print ``text`` as one line of the answer. Raises OSError where standard output takes no more."""
    click.echo(one_line(text))


def print_note(text: object) -> None:
    """Print ``text`` as one line on standard error; it is dropped where that can't be written, for it is no answer."""
    with suppress(OSError):
        click.echo(one_line(text), err=True)


def is_colourless() -> bool:
    """Tell whether the environment wants no colours, not even on a terminal. https://no-color.org"""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") in DUMB
