"""Tasks in columns: coloured on a terminal, plain and complete text elsewhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TextIO

from task_reporter.history.rows import UNREACHABLE_SINCE, short_account
from task_reporter.times import format_duration
from task_reporter_cli.history.items import Item, start_of
from task_reporter_cli.output.lines import to_one_line
from task_reporter_cli.time_formats import format_for_column

HEADINGS = ("task", "kind", "state", "resource", "last change (UTC)", "took", "note")
PLACE = "account/region"
"""Heading of the second column, where tasks are of several accounts or regions."""
MEASURED_ROWS = 1000
"""Rows that set the widths of plain text; later wide cells push their line."""
MIN_WIDTH = 60
"""Smallest table width in characters; below it cells become unreadable.

A terminal wraps the lines instead.
"""
MIN_FOLDED = 10
"""Smallest width in characters of a column whose cells alone are folded."""
PAIRS = (("task", PLACE), ("kind", "state"), ("last change (UTC)", "took"), ("note", "resource"))
"""Headings that share a column on a narrow terminal, one below the other."""
GAP = "  "
"""Text between two columns."""
COLOURS = {"complete": "green", "failed": "red", "cancelled": "yellow", "lost": "magenta"}


def format_cells(row: Item) -> tuple[str, ...]:
    """One line of the list."""
    return tuple(
        to_one_line(text)
        for text in (
            row.get("task_id"),
            row.get("kind"),
            format_state(row),
            row.get("resource_id"),
            format_for_column(str(row.get("finished_at") or row.get("updated_at") or "")),
            format_run_time(row),
            format_note(row),
        )
    )


def format_lines(rows: Iterable[Item], has_places: bool) -> Iterator[tuple[str, ...]]:
    """Yield the headings, then the cells of each row, with its place if wanted."""
    for row, (first, *others) in chain([({"scope": PLACE}, HEADINGS)], ((row, format_cells(row)) for row in rows)):
        yield (first, *([to_one_line(format_place(row))] if has_places else []), *others)


def format_place(row: Item) -> str:
    """Return account and region; the account by its name where the row has one."""
    account, slash, region = str(row.get("scope", "")).partition("/")
    return f"{short_account(account, str(row.get('account_name', '')))}{slash}{region}"


def has_several_places(rows: Iterable[Item], own: str) -> bool:
    """Tell whether ``rows`` are of several places, or of another than ``own``."""
    return len({str(row.get("scope")) for row in rows} | ({own} if own else set())) > 1


def format_state(row: Item) -> str:
    """Return the outcome, else the progress: ``complete``, ``bundling 40 %``."""
    if "outcome" in row:
        return str(row["outcome"])
    return f"{row.get('state', '')} {row['progress']} %" if "progress" in row else str(row.get("state", ""))


def format_run_time(row: Item) -> str:
    """Return the duration, where start and end are known and plausible."""
    start = start_of(row)
    if not (start and "finished_at" in row):
        return ""
    try:
        return format_duration(str(start), str(row["finished_at"])) or ""
    except (ValueError, OverflowError):
        return ""


def format_note(row: Item) -> str:
    """Return the main further fact: the image, the error, or what is amiss."""
    if UNREACHABLE_SINCE in row and "outcome" not in row:
        return "account not watched any more"
    said = row.get("image_id") or row.get("error_code")
    late = "not announced yet" if row.get("awaiting") == "notification" else None
    return ", ".join(str(part) for part in (said, late) if part)


def write_plain(rows: Iterable[Item], out: TextIO, own: str = "") -> None:
    """Aligned columns of plain text; ``own`` is the scope of the stack."""
    stream = iter(rows)
    first = list(islice(stream, MEASURED_ROWS))
    if not first:
        return
    lines = format_lines(chain(first, stream), has_several_places(first, own))
    measured = list(islice(lines, len(first) + 1))
    widths = [max(map(len, column)) for column in zip(*measured, strict=True)]
    for line in chain(measured, lines):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        out.write(GAP.join(padded).rstrip() + "\n")


def write_rich(rows: Iterable[Item], out: TextIO, own: str = "") -> None:
    """Write a table to a terminal; ``own`` is the scope of the stack."""
    from rich.cells import cell_len  # costs time, and only a terminal needs it
    from rich.table import Table
    from rich.text import Text

    from task_reporter_cli.output.console import make_console

    screen = make_console(out)
    if screen.width < MIN_WIDTH:
        return write_plain(rows, out, own)
    shown = list(rows)
    if not shown:
        return
    headings, *lines = format_lines(shown, has_several_places(shown, own))
    # A terminal is narrow: what is the same in every line, or in none, is left out.
    widths = {
        head: max(map(cell_len, (head, *column)))
        for head, *column in zip(headings, *lines, strict=True)
        if _is_informative(head, column)
    }
    columns = _arrange(widths, screen.width)
    is_last_folded = _width(columns[:-1], widths) + MIN_FOLDED <= screen.width
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heads in columns:
        table.add_column("\n".join(heads), overflow="fold", no_wrap=is_last_folded and heads != columns[-1])
    for row, line in zip(shown, lines, strict=True):
        colours = {"state": COLOURS.get(str(row.get("outcome")), "")}
        cells = {head: Text(cell, colours.get(head, "")) for head, cell in zip(headings, line, strict=True)}
        table.add_row(*(Text("\n").join(cells[head] for head in heads) for heads in columns))
    screen.print(table)


def _arrange(widths: Mapping[str, int], room: int) -> Sequence[Sequence[str]]:
    """Return the headings of each column: two where ``room`` is scarce."""
    columns = [(head,) for head in widths]
    if _width(columns, widths) <= room + len(GAP):
        return columns
    pairs = [tuple(head for head in pair if head in widths) for pair in PAIRS]
    return [pair for pair in pairs if pair]


def _width(columns: Iterable[Sequence[str]], widths: Mapping[str, int]) -> int:
    """Return the width of ``columns``, each with the gap after it."""
    return sum(max(widths[head] for head in heads) + len(GAP) for heads in columns)


def _is_informative(head: str, column: list[str]) -> bool:
    return len(set(column)) > 1 if head == "kind" else any(column)
