"""Figures as a table for people."""

from collections.abc import Iterable, Mapping
from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.figures import Figure

LOG_WIDTH = 140
HEADS = ("ours", "theirs", "", "ours / theirs", "quartiles", "wanted", "pairs")
MARKS = {True: (" ✓", "green"), False: (" ✗", "red"), None: ("", "")}


def show(figures: Iterable[Figure], facts: Mapping[str, str]) -> None:
    """Print the figures, and the machine that they depend on.

    A log has a width of its own.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=LOG_WIDTH)
    console.print("", table(figures), "", sep="\n")
    for name, value in facts.items():
        console.print(f"{name}: {value}", style="dim", markup=False, soft_wrap=True)


def table(figures: Iterable[Figure]) -> Table:
    """Print a figure per line: both medians, the ratio, the wanted ratio."""
    shown = Table(box=None, header_style="dim", pad_edge=False)
    shown.add_column("median of", overflow="fold")
    shown.add_column("against", overflow="fold")
    for head in HEADS:
        shown.add_column(head, justify="left" if head == "" else "right", no_wrap=True)
    for figure in figures:
        shown.add_row(figure.name, Text(figure.against, "dim"), *_cells(figure))
    return shown


def _cells(figure: Figure) -> Iterable[Text | str]:
    mark, colour = MARKS[figure.is_met]
    yield number(median(figure.ours))
    yield number(median(figure.theirs)) if figure.theirs else ""
    yield figure.unit
    yield Text("" if figure.ratio is None else number(figure.ratio), f"bold {colour}")
    yield " – ".join(map(number, figure.spread))
    yield Text(f"{_wanted(figure)}{mark}", colour)
    yield str(len(figure.ours))


def _wanted(figure: Figure) -> str:
    if figure.limit is not None:
        return f"≤ {number(figure.limit)}"
    return "" if figure.at_most is None else f"≤ {figure.at_most:.2f}"


def number(value: float) -> str:
    """Three digits that tell something, and no fewer before the point than there are."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
