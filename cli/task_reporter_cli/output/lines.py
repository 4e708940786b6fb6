"""Lines of text on the two standard streams, without control characters."""

import os
from contextlib import suppress

import click

DUMB_TERMINALS = {"dumb", "unknown"}
"""The values of TERM that stand for a terminal without escape sequences; rich knows the same two."""


def to_one_line(text: object) -> str:
    """``text`` in one line, with nothing in it that a terminal would obey."""
    return "".join(char if char.isprintable() else "�" for char in ("" if text is None else str(text)))


def print_line(text: object) -> None:
    """Print ``text`` as one line of the answer. Raises OSError where standard output takes no more."""
    click.echo(to_one_line(text))


def print_note(text: object) -> None:
    """Print ``text`` as one line on standard error; it is dropped where that can't be written, for it is no answer."""
    with suppress(OSError):
        click.echo(to_one_line(text), err=True)


def is_colour_disabled() -> bool:
    """Tell whether the environment wants no colours, not even on a terminal. https://no-color.org"""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") in DUMB_TERMINALS
