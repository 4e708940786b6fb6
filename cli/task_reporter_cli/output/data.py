"""JSON and CSV: stable, complete, in constant memory."""

import csv
import json
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from task_reporter.kinds.table import FIRST_OWN_ATTRIBUTES
from task_reporter_cli.history.items import Item
from task_reporter_cli.output.lines import to_one_line

COLUMNS = (
    "scope", "task_id", "kind", "state", "outcome", "resource_id", "progress", "started_at", "updated_at",
    "first_seen_at", "finished_at", "notified_at", "image_id", "bucket", "prefix", *FIRST_OWN_ATTRIBUTES, "error_code",
    "error_message", "awaiting", "awaiting_since", "missing_since", "redriven_at", "expires_at",
)  # fmt: skip
"""The columns of CSV in this order. Later versions add columns only after ``other``."""
OTHER_COLUMN = "other"
"""The column that holds all other attributes of a row as JSON."""


def write_json(rows: Iterable[Item], out: TextIO) -> None:
    """One JSON array, one row a line, attributes in a stable order."""
    before = "\n"
    out.write("[")
    for row in rows:
        out.write(before + to_json(order_attributes(row)))
        before = ",\n"
    out.write("\n]\n" if before != "\n" else "]\n")


def write_csv(rows: Iterable[Item], out: TextIO) -> None:
    """Write tasks as CSV, with all other attributes in the last column."""
    write_cells((*COLUMNS, OTHER_COLUMN), map(_cells, rows), out)


def _cells(row: Item) -> list[str]:
    other = {name: value for name, value in row.items() if name not in COLUMNS}
    return [*(str(row.get(name, "")) for name in COLUMNS), to_json(other, sort_keys=True) if other else ""]


def write_cells(columns: Sequence[str], lines: Iterable[Iterable[str]], out: TextIO) -> None:
    """Write CSV with a header, quoted where needed.

    As in RFC 4180, except that lines end as the system's do.

    Cells are whole, except on a terminal, which gets nothing that it would obey.
    """
    text_of = to_one_line if out.isatty() else str
    writer = csv.writer(out, lineterminator="\n")
    # Before Python 3.13 a carriage return alone is not quoted, and ends the line for whoever reads it.
    careful = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for line in lines:
        cells = [text_of(cell) for cell in line]
        fit = careful if any("\r" in cell for cell in cells) else writer
        fit.writerow(cells)


def to_json(value: object, **options: Any) -> str:
    """Return ``value`` as JSON, with control characters and line separators escaped."""
    text = json.dumps(value, ensure_ascii=False, **options)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def order_attributes(row: Item) -> Item:
    """Return ``row`` with the attributes of ``COLUMNS`` first, others by name."""
    known = {name: row[name] for name in COLUMNS if name in row}
    return known | {name: row[name] for name in sorted(row) if name not in known}
