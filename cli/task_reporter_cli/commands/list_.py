"""``task-reporter list``."""

import sys
from collections.abc import Callable, Iterable
from typing import TextIO

import click

from task_reporter.kinds.kind import OUTCOMES
from task_reporter.kinds.table import KINDS
from task_reporter_cli import values
from task_reporter_cli.history.home import Home
from task_reporter_cli.history.items import Item
from task_reporter_cli.options import at_home

Writer = Callable[[Iterable[Item], TextIO], None]

SHOWN = 50
FITS_A_TERMINAL = 1000


@click.command("list")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(KINDS), case_sensitive=False),
    help="Of this kind. Can be repeated.",
)
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    type=click.Choice(OUTCOMES, case_sensitive=False),
    help="Ended so. Can be repeated.",
)
@click.option("--resource", metavar="ID", help="Of this instance, AMI or snapshot.")
@click.option(
    "--since",
    callback=values.since,
    metavar="TIME",
    help="Not before: 2026-11-18, 2026-11-18T09:30Z, 12h, 7d. Dates are UTC.",
)
@click.option("--until", callback=values.until, metavar="TIME", help="Not after; a date includes its whole day.")
@click.option(
    "--limit", type=click.IntRange(min=0), help=f"At most so many, 0 for all. [default: {SHOWN} as a table, else all]"
)
@click.option(
    "--output",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="For people, or complete and stable for programs.",
)
@at_home
def command(
    home: Home,
    kinds: tuple[str, ...],
    outcomes: tuple[str, ...],
    resource: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    output: str,
) -> None:
    """Tasks, newest first, running ones included.

    Newest is what changed last; with --outcome, what ended last. --since and --until mean the same time. An index
    answers, so no more of the history is read than is shown.

    \b
    Examples:
      task-reporter list
      task-reporter list --outcome failed --since 7d
      task-reporter list --resource i-0a1b2c3d4e5f60718 --output json
      task-reporter list --output csv > tasks.csv
    """
    from task_reporter_cli.actions.find import explain_absence
    from task_reporter_cli.history.reader import Answer, Question
    from task_reporter_cli.output.lines import print_note
    from task_reporter_cli.output.progress import counted, is_watched

    if since and until and since > until:
        raise click.UsageError(f"--since is {since}, which is after --until, {until}.")
    limit = SHOWN if limit is None and output == "table" else limit or None
    asked = Question(kinds, outcomes, resource, since, until, limit)
    answer = Answer(home.dynamodb, home.table, asked)
    rows = counted(answer, answer.estimate) if is_watched() else answer
    _writer(output, limit)(rows, sys.stdout)
    if answer.may_go_on:
        print_note(f"These are the newest {answer.given}; --limit 0 shows all.")
    elif not answer.given and (output == "table" or sys.stderr.isatty()):
        print_note(explain_absence(home, filtered=asked != Question(limit=limit)))


def _writer(output: str, limit: int | None) -> Writer:
    from task_reporter_cli.output import columns, data

    if output == "table":
        # A table in colour is drawn when all its rows are there; plain text streams.
        drawn = sys.stdout.isatty() and limit is not None and limit <= FITS_A_TERMINAL
        return columns.write_rich if drawn else columns.write_plain
    return data.write_json if output == "json" else data.write_csv
