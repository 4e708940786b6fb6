"""Accounts of an organization as text, JSON and CSV."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TextIO

import click

from task_reporter.organization.problems import describe_reason
from task_reporter_cli.organization.accounts import AccountState
from task_reporter_cli.organization.places import format_places
from task_reporter_cli.organization.states import ACCEPTED, STATES
from task_reporter_cli.output.data import to_json, write_cells
from task_reporter_cli.output.lines import to_one_line
from task_reporter_cli.time_formats import format_for_column

COLUMNS = ("account", "name", "state", "accepted", "since", "places", "last_polled")
"""The attributes of JSON, and the columns of CSV, in this order."""
HEADINGS = ("account", "name", "state", "since (UTC)", "where", "last polled (UTC)")
STATE_COLUMN = HEADINGS.index("state")


def write_groups(states: Sequence[AccountState], limit: int | None, more: str, out: TextIO) -> None:
    """Write a table of ``states`` in groups, each with what to do about it.

    At most ``limit`` accounts of a group are written; the command ``more`` shows all.
    """
    if not states:
        return
    groups = [list(group) for _, group in groupby(states, key=lambda each: (each.state, each.accepted))]
    shown = [group[:limit] for group in groups]
    lines = [[format_cells(each) for each in group] for group in shown]
    widths = [
        max(map(len, column)) for column in zip(HEADINGS, *(line for group in lines for line in group), strict=True)
    ]
    click.echo(click.style(_align(HEADINGS, widths), dim=True), out)
    for number, (group, cells) in enumerate(zip(groups, lines, strict=True)):
        if number:
            click.echo("", out)
        first, colour = group[0], "red" if group[0].is_problem else None
        for line in cells:
            click.echo(_align(line, widths, colour), out)
        if len(group) > len(cells):
            click.echo(f"and {len(group) - len(cells):,} more: {more} --state {first.state}", out)
        if text := explain(first):
            click.echo(f"→ {text}", out)


def _align(cells: Sequence[str], widths: Sequence[int], colour: str | None = None) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    padded[STATE_COLUMN] = click.style(padded[STATE_COLUMN], fg=colour) if colour else padded[STATE_COLUMN]
    return "  ".join(padded).rstrip()


def explain(state: AccountState) -> str:
    """Return the meaning of a state, and what to do about it."""
    todo = ACCEPTED if state.accepted else STATES.get(state.state, "")
    meaning = describe_reason(state.state)
    return f"{meaning}: {todo}" if todo else ""


def format_cells(state: AccountState) -> tuple[str, ...]:
    """One line of the table."""
    return tuple(
        to_one_line(text)
        for text in (
            state.account,
            state.name,
            f"{state.state} (accepted)" if state.accepted else state.state,
            format_for_column(state.since),
            format_places(state.places, state.regions),
            format_for_column(state.polled_at) or "never",
        )
    )


def write_json(states: Iterable[AccountState], out: TextIO) -> None:
    """One JSON array, one state a line; attributes without a value are missing."""
    lines = [to_json({name: value for name, value in _values(state).items() if value}) for state in states]
    out.write("[" + "".join(f"{',' if number else ''}\n{line}" for number, line in enumerate(lines)))
    out.write("\n]\n" if lines else "]\n")


def write_csv(states: Iterable[AccountState], out: TextIO) -> None:
    """Write CSV with a header; places are separated by spaces."""
    write_cells(COLUMNS, (_cells(_values(state)) for state in states), out)


def _values(state: AccountState) -> dict[str, object]:
    values = (
        state.account, state.name, state.state, state.accepted, state.since, list(state.places), state.polled_at
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _cells(values: Mapping[str, object]) -> Iterator[str]:
    for value in values.values():
        if isinstance(value, list):
            yield " ".join(value)
        else:
            yield "true" if value is True else str(value or "")
