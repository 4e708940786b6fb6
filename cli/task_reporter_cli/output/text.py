"""Text for people: headings, facts and commands, never wrapped or truncated."""

from collections.abc import Iterable

import click

from task_reporter_cli.output.lines import to_one_line


def print_heading(text: str) -> None:
    """Print a heading."""
    click.echo(click.style(to_one_line(text), bold=True) + "\n")


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print pairs of label and value, with the values aligned."""
    lines = list(facts)
    width = max((len(label) for label, _ in lines), default=0)
    for label, value in lines:
        click.echo(f"  {click.style(to_one_line(label).ljust(width), dim=True)}  {to_one_line(value)}")


def print_step(purpose: str, command: str) -> None:
    """Print the purpose of a command, and the command for a shell."""
    click.echo(f"\n{purpose}:\n\n  {click.style(to_one_line(command), bold=True)}")
