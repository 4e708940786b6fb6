"""Lines of text on the two standard streams, without control characters."""

import os
from contextlib import suppress

import click

DUMB_TERMINALS = {"dumb", "unknown"}
"""Values of TERM for terminals without escape sequences, the same as rich's."""


def to_one_line(text: object) -> str:
    """``text`` in one line, with nothing in it that a terminal would obey."""
    return "".join(char if char.isprintable() else "�" for char in ("" if text is None else str(text)))


def print_line(text: object) -> None:
    """Print ``text`` as one line of the answer.

    Raises OSError where standard output takes no more.
    """
    click.echo(to_one_line(text))


def print_note(text: object) -> None:
    """Print ``text`` as one line on standard error, if it can be written."""
    with suppress(OSError):
        click.echo(to_one_line(text), err=True)


def is_colour_disabled() -> bool:
    """Tell whether the environment wants no colours, not even on a terminal. https://no-color.org"""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") in DUMB_TERMINALS
