"""The programs' output for a person, on a terminal or in a log."""

import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

from rich.columns import Columns
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from local.mail import Mail
from local.processes import TERMINATION_SIGNALS, StepError
from task_reporter_cli.output.streams import prepare_streams

OUTCOME_COLOURS = {"complete": "green", "failed": "red", "cancelled": "yellow", "lost": "magenta"}
LOG_WIDTH = 110
EVENT_DETAIL = ("account", "region", "kind", "task_id", "outcome", "image_id", "error_code", "error_message")
"""Members of an event's detail that the demo shows."""
Cell = str | Text


class Screen:
    """A console with the few forms of output that the programs need."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _make_console()

    def say(self, text: str = "", style: str | None = None) -> None:
        """Show a paragraph."""
        self._console.print(text, style=style, markup=False, highlight=False)

    def show_heading(self, title: str) -> None:
        """Show a heading."""
        self._console.print()
        self._console.print(Rule(Text(title, "bold"), align="left", style="dim"))

    @contextmanager
    def step(self, name: str, detail: str) -> Iterator[None]:
        """Show the name of a step during the context, and its duration afterwards."""
        started = monotonic()
        with self._console.status(f"{name} …"):
            yield
        duration = f"{monotonic() - started:5.1f} s"
        self._console.print(f"  [green]✓[/] {name:<12}[dim]{duration}[/]  {escape(detail)}", highlight=False)

    def show_tasks(self, listed: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> None:
        """Show the tasks that EC2 lists, next to the rows of the history."""
        left = _make_table(
            "EC2 lists", ("kind of task", "state"), ((task["kind"], _format_state(task)) for task in listed)
        )
        right = _make_table(
            "The history holds", ("kind of task", "state", "outcome", "awaiting"), map(_row_cells, rows)
        )
        self._console.print(Columns([left, right], padding=(0, 4)))

    def show_mail(self, mail: Mail) -> None:
        """Show an email without a frame, so that commands can be copied."""
        headers = (("From     ", "EC2 task reporter"), ("To       ", mail.to), ("Subject  ", mail.subject))
        self._console.print(Rule(Text("✉  email", "bold cyan"), align="left", style="cyan"))
        for label, value in headers:
            self._console.print(Text.assemble((label, "dim"), (value, "bold")), soft_wrap=True)
        self._console.print(Text(f"\n{mail.text.rstrip()}"), soft_wrap=True)
        self._console.print(Rule(style="cyan"))

    def show_event(self, event: dict[str, Any]) -> None:
        """Show the parts of an event by which rules select, without its commands."""
        shown = {name: event[name] for name in ("source", "detail-type", "time", "resources")}
        detail = {name: value for name, value in event["detail"].items() if name in EVENT_DETAIL}
        self._console.print(Rule(Text("⚡ event", "bold yellow"), align="left", style="yellow"))
        self._console.print(Text(json.dumps(shown | {"detail": detail}, indent=2)), soft_wrap=True)
        self._console.print(Rule(style="yellow"))

    def show_command(self, command: str) -> None:
        """Show a command that a person can copy: neither wrapped nor truncated."""
        self._console.print(Text(f"  $ {command}", "bold"), soft_wrap=True)

    def show_lines(self, lines: Iterable[str]) -> None:
        """Show lines, which are not wrapped."""
        for line in lines:
            self._console.print(Text(f"  {line}".rstrip()), soft_wrap=True)

    def show_output(self, output: str) -> None:
        """Show the output of a command below it, and an empty line."""
        self.show_lines((*output.rstrip().splitlines(), ""))

    def show_error(self, text: str) -> None:
        """Show an error."""
        self._console.print(Text(text, "red"), soft_wrap=True)


def run_with_screen(program: Callable[[Screen], None]) -> int:
    """Run ``program`` with a screen and return the exit status.

    A termination signal raises KeyboardInterrupt in ``program``, so that it cleans up as after Ctrl-C.
    """
    prepare_streams()
    screen = Screen()
    for number in TERMINATION_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        program(screen)
    except KeyboardInterrupt:
        screen.say("\nStopped. Nothing is left running.")
        return 130
    except (StepError, OSError) as error:
        screen.show_error(f"\n{error}")
        return 1
    finally:
        sys.stdout.flush()
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _make_console() -> Console:
    """Make a console; one for a log has a fixed width."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=LOG_WIDTH)


def _make_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim", min_width=36)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for cells in rows:
        table.add_row(*cells)
    if not table.row_count:
        table.add_row(Text("nothing", "dim italic"))
    return table


def _format_state(task: dict[str, Any]) -> str:
    is_running = task.get("progress") not in (None, 100)
    return f"{task['state']} {task['progress']} %" if is_running else str(task["state"])


def _row_cells(row: dict[str, Any]) -> Sequence[Cell]:
    outcome = row.get("outcome", "")
    return row["kind"], row["state"], Text(outcome, OUTCOME_COLOURS.get(outcome, "")), row.get("awaiting", "")
