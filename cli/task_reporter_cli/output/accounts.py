"""Accounts of an organization as text, JSON and CSV."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice, takewhile
from math import ceil
from shutil import get_terminal_size
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
SHORT_HEADINGS = ("state", "accounts", "such as", "what to do")
UNKNOWN_LINES = 24
"""Height of a screen that is not known."""

Groups = Sequence[Sequence[AccountState]]


def measure_screen(out: TextIO, before: str) -> os.terminal_size:
    """Return the room on the screen after the line ``before``.

    One line is kept for the prompt. Where there is no terminal, lines may have any length.
    """
    size = get_terminal_size() if out.isatty() else os.terminal_size((sys.maxsize, UNKNOWN_LINES))
    return os.terminal_size((size.columns, size.lines - _height([before], size.columns) - 1))


def write_groups(states: Sequence[AccountState], screen: os.terminal_size | None, more: str, out: TextIO) -> None:
    """Write a table of ``states`` in groups, each with what to do about it.

    As many accounts of each group are written as fit on the ``screen``; where not even one of each fits, each group has
    one line. Without a screen, all are written. The command ``more`` shows all.
    """
    groups = [list(group) for _, group in groupby(states, key=lambda each: (each.state, each.accepted))]
    for line in _fit(groups, screen, more) if screen else _long_lines(groups, None, more, [""]):
        click.echo(line, out)


def _fit(groups: Groups, screen: os.terminal_size, more: str) -> list[str]:
    for gap in ([""], []):
        layouts = (list(_long_lines(groups, limit, more, gap)) for limit in range(1, screen.lines + 1))
        if fitting := list(takewhile(lambda lines: _height(lines, screen.columns) <= screen.lines, layouts)):
            return fitting[-1]
    lines = list(_short_lines(groups, more))
    for number in range(len(lines) - 1, -1, -1):  # those of the worst states stay whole
        if _height(lines, screen.columns) > screen.lines:
            lines[number] = _cut(lines[number], screen.columns)
    return lines


def _height(lines: Iterable[str], columns: int) -> int:
    """Return the number of lines on a terminal, which wraps those that are long."""
    return sum(max(1, ceil(len(click.unstyle(line)) / columns)) for line in lines)


def _cut(line: str, columns: int) -> str:
    return line if len(line) <= columns else f"{line[: columns - 1]}…"


def _long_lines(groups: Groups, limit: int | None, more: str, gap: Sequence[str]) -> Iterator[str]:
    """Yield at most ``limit`` accounts of each group, with ``gap`` between groups."""
    shown = [group[:limit] for group in groups]
    padded = iter(_pad([HEADINGS, *(format_cells(each) for some in shown for each in some)]) if groups else [])
    yield from (click.style(_join(cells), dim=True) for cells in islice(padded, 1))
    for number, (group, some) in enumerate(zip(groups, shown, strict=True)):
        yield from gap if number else ()
        for each, cells in zip(some, islice(padded, len(some)), strict=True):
            if each.is_problem:
                cells[STATE_COLUMN] = click.style(cells[STATE_COLUMN], fg="red")
            yield _join(cells)
        if len(group) > len(some):
            yield f"and {len(group) - len(some):,} more: {more} --state {group[0].state}"
        if text := explain(group[0]):
            yield f"→ {text}"


def _short_lines(groups: Groups, more: str) -> Iterator[str]:
    """Yield a line for each group, with its first account and what to do."""
    firsts = [group[0] for group in groups]
    names = [to_one_line(first.name or first.account) for first in firsts]
    counts = [f"{len(group):,}" for group in groups]
    cells = zip((first.state for first in firsts), counts, names, map(what_to_do, firsts), strict=True)
    yield from map(_join, _pad([SHORT_HEADINGS, *cells]))
    yield f"→ {more} --state STATE shows a state completely"


def _pad(lines: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)


def _join(cells: Iterable[str]) -> str:
    return "  ".join(cells).rstrip()


def explain(state: AccountState) -> str:
    """Return the meaning of a state, and what to do about it."""
    todo = what_to_do(state)
    return f"{describe_reason(state.state)}: {todo}" if todo else ""


def what_to_do(state: AccountState) -> str:
    """Return what to do about a state."""
    return ACCEPTED if state.accepted else STATES.get(state.state, "")


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
