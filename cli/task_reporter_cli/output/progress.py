"""Progress on standard error, only on a terminal, and not for quick commands."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from task_reporter_cli.history.items import Item
from task_reporter_cli.output.lines import one_line

QUICK = 1000
"""Rows that come before anybody wonders."""
STEP = 500


def is_watched() -> bool:
    """Tell whether a person sees standard error, and no rows go to the same terminal."""
    return sys.stderr.isatty() and not sys.stdout.isatty()


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """Show a line that moves while the context lasts; yield a function that changes its text."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.text import Text  # costs time, and only a terminal needs it

    from task_reporter_cli.output.console import console

    # Mere text would be taken for markup.
    with console(sys.stderr).status(Text(one_line(text))) as status:
        yield lambda text: status.update(Text(one_line(text)))


@contextmanager
def bar(what: str, total: int | None, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show a bar while the context lasts; yield a function that says how many of ``total`` are done."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from task_reporter_cli.output.console import console

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(sys.stderr)) as progress:
        task = progress.add_task(what, total=total, completed=done)
        yield lambda done: progress.update(task, completed=done, total=max(total, done) if total else None)


def counted(rows: Iterable[Item], estimate: Callable[[], int | None]) -> Iterator[Item]:
    """``rows``, counted while they pass. ``estimate`` tells about how many will come, if it can."""
    stream = iter(rows)
    first = list(islice(stream, QUICK))
    yield from first
    if len(first) < QUICK:
        return
    with bar("tasks", estimate(), QUICK) as tell:
        number = QUICK
        for number, row in enumerate(stream, QUICK + 1):
            yield row
            if number % STEP == 0:
                tell(number)
        tell(number)
