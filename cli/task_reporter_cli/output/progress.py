"""Progress on standard error, only on a terminal, and not for quick commands."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from task_reporter_cli.history.items import Item
from task_reporter_cli.output.lines import to_one_line

ROWS_BEFORE_BAR = 1000
"""Rows that come before anybody wonders."""
UPDATE_INTERVAL = 500


def is_bar_useful() -> bool:
    """Tell whether standard error is a terminal of its own, without rows."""
    return sys.stderr.isatty() and not sys.stdout.isatty()


@contextmanager
def show_activity(text: str) -> Iterator[Callable[[str], None]]:
    """Show a moving line during the context; yield a function that changes its text."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.text import Text  # costs time, and only a terminal needs it

    from task_reporter_cli.output.console import make_console

    # Mere text would be taken for markup.
    with make_console(sys.stderr).status(Text(to_one_line(text))) as status:
        yield lambda text: status.update(Text(to_one_line(text)))


@contextmanager
def show_bar(what: str, total: int | None, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show a bar during the context; yield a function that sets its progress."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from task_reporter_cli.output.console import make_console

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=make_console(sys.stderr)) as progress:
        task = progress.add_task(what, total=total, completed=done)
        yield lambda done: progress.update(task, completed=done, total=max(total, done) if total else None)


def with_bar(rows: Iterable[Item], estimate: Callable[[], int | None]) -> Iterator[Item]:
    """Yield ``rows`` and count them in a bar.

    ``estimate`` returns about how many will come, or None.
    """
    stream = iter(rows)
    first = list(islice(stream, ROWS_BEFORE_BAR))
    yield from first
    if len(first) < ROWS_BEFORE_BAR:
        return
    with show_bar("tasks", estimate(), ROWS_BEFORE_BAR) as tell:
        number = ROWS_BEFORE_BAR
        for number, row in enumerate(stream, ROWS_BEFORE_BAR + 1):
            yield row
            if number % UPDATE_INTERVAL == 0:
                tell(number)
        tell(number)
