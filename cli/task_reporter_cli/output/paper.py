"""Text for people: titles, facts, next steps; bold on a terminal, and never wrapped or cut."""

from collections.abc import Iterable

import click

from task_reporter_cli.output.lines import one_line


class Paper:
    """Standard output, for people."""

    def title(self, text: str) -> None:
        """Print a heading."""
        click.echo(click.style(one_line(text), bold=True) + "\n")

    def facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Labels with their values, aligned."""
        told = list(facts)
        width = max((len(label) for label, _ in told), default=0)
        for label, value in told:
            click.echo(f"  {click.style(one_line(label).ljust(width), dim=True)}  {one_line(value)}")

    def step(self, why: str, command: str) -> None:
        """Print a command that can be pasted, and its purpose."""
        click.echo(f"\n{why}:\n\n  {click.style(one_line(command), bold=True)}")
