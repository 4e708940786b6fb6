"""The output of the local stack for a person, on a terminal or in a log."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

from rich.columns import Columns
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from local.mail import Mail

COLOURS = {"complete": "green", "failed": "red", "cancelled": "yellow", "lost": "magenta"}
Cell = str | Text


class Screen:
    """A console with the few shapes that the demo needs."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _console()

    def say(self, text: str = "", style: str | None = None) -> None:
        """Show a paragraph of the story."""
        self._console.print(text, style=style, markup=False, highlight=False)

    def chapter(self, title: str) -> None:
        """Show a heading."""
        self._console.print()
        self._console.print(Rule(Text(title, "bold"), align="left", style="dim"))

    @contextmanager
    def step(self, name: str, detail: str) -> Iterator[None]:
        """Show a step with its duration, once it is done."""
        started = monotonic()
        with self._console.status(f"{name} …"):
            yield
        took = f"{monotonic() - started:5.1f} s"
        self._console.print(f"  [green]✓[/] {name:<12}[dim]{took}[/]  {escape(detail)}", highlight=False)

    def side_by_side(self, listed: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> None:
        """Show what EC2 lists now, beside the rows of the history."""
        left = _table("EC2 lists", ("task", "state"), ((task["BundleId"], _ec2_state(task)) for task in listed))
        right = _table("The history holds", ("task", "state", "outcome", "awaiting"), map(_history_cells, rows))
        self._console.print(Columns([left, right], padding=(0, 4)))

    def mail(self, mail: Mail) -> None:
        """Show an email in full as its reader sees it, without a frame, so that a long command can be copied."""
        head = (("From     ", "EC2 task reporter"), ("To       ", mail.to), ("Subject  ", mail.subject))
        self._console.print(Rule(Text("✉  email", "bold cyan"), align="left", style="cyan"))
        for label, value in head:
            self._console.print(Text.assemble((label, "dim"), (value, "bold")), soft_wrap=True)
        self._console.print(Text(f"\n{mail.text.rstrip()}"), soft_wrap=True)
        self._console.print(Rule(style="cyan"))

    def command(self, command: str) -> None:
        """Show a command that a person can copy: never wrapped, never cut."""
        self._console.print(Text(f"  $ {command}", "bold"), soft_wrap=True)

    def error(self, text: str) -> None:
        """Show what went wrong."""
        self._console.print(Text(text, "red"), soft_wrap=True)


def _console() -> Console:
    """Off a terminal there is no width to ask for, and a log is read at its own."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=110)


def _table(title: str, columns: Sequence[str], cells: Iterable[Sequence[Cell]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim", min_width=36)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in cells:
        table.add_row(*row)
    if not table.row_count:
        table.add_row(Text("nothing", "dim italic"))
    return table


def _ec2_state(task: dict[str, Any]) -> str:
    running = task["State"] in ("bundling", "storing")
    return f"{task['State']} {task.get('Progress', '')}" if running else str(task["State"])


def _history_cells(row: dict[str, Any]) -> Sequence[Cell]:
    outcome = row.get("outcome", "")
    return row["task_id"], row["state"], Text(outcome, COLOURS.get(outcome, "")), row.get("awaiting", "")
