"""``task-reporter list``."""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import TextIO

import click

from task_reporter.kinds.kind import OUTCOMES
from task_reporter.kinds.table import KINDS
from task_reporter_cli import values
from task_reporter_cli.history.items import Item
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.target import Target
from task_reporter_cli.options import output_option, with_place, with_target

Writer = Callable[[Iterable[Item], TextIO], None]

DEFAULT_LIMIT = 50
MAX_RICH_ROWS = 1000


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
@click.option("--running", is_flag=True, help="Without an outcome yet.")
@click.option("--resource", metavar="ID", help="Of this instance or AMI.")
@click.option(
    "--since",
    callback=values.parse_since,
    metavar="TIME",
    help="Not before: 2026-11-18, 2026-11-18T09:30Z, 12h, 7d. Dates are UTC.",
)
@click.option("--until", callback=values.parse_until, metavar="TIME", help="Not after; a date includes its whole day.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help=f"At most so many, 0 for all. [default: {DEFAULT_LIMIT} as a table, else all]",
)
@with_place
@output_option
@with_target
def command(
    target: Target,
    place: Place,
    kinds: tuple[str, ...],
    outcomes: tuple[str, ...],
    running: bool,
    resource: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    output: str,
) -> None:
    """Tasks, newest first, running ones included.

    Newest is what changed last; with --outcome and without --account, what ended last. --since and --until mean the
    same time. An index answers, so hardly more of the history is read than is shown.

    \b
    Examples:
      task-reporter list
      task-reporter list --outcome failed --since 7d
      task-reporter list --running --account payments
      task-reporter list --resource ami-0b1c2d3e4f5061728 --output json
      task-reporter list --output csv > tasks.csv
    """
    from task_reporter_cli.history.reader import QueryResults, TaskQuery
    from task_reporter_cli.output.lines import print_note
    from task_reporter_cli.output.progress import is_bar_useful, with_bar

    if since and until and since > until:
        raise click.UsageError(f"--since is {since}, which is after --until, {until}.")
    if running and outcomes:
        raise click.UsageError("Tasks that are --running have no --outcome; give one of the two.")
    limit = DEFAULT_LIMIT if limit is None and output == "table" else limit or None
    scopes = _find_scopes(target, place) if place.accounts else ()
    asked = TaskQuery(kinds, outcomes, resource, since, until, limit, running, scopes, place.regions)
    answer = QueryResults(target.dynamodb, target.table, asked)
    rows = with_bar(answer, answer.estimate) if is_bar_useful() else answer
    _select_writer(target, output, limit)(rows, sys.stdout)
    if answer.may_have_more:
        print_note(f"These are the newest {answer.returned}; --limit 0 shows all.")
    elif not answer.returned and (output == "table" or sys.stderr.isatty()):
        print_note(_explain_no_tasks(target, filtered=asked != TaskQuery(limit=limit)))


def _find_scopes(target: Target, place: Place) -> tuple[str, ...]:
    from task_reporter_cli.history.scopes import find_scopes  # brings the roster, which most lists do not need

    return find_scopes(target, place)


def _explain_no_tasks(target: Target, filtered: bool) -> str:
    from task_reporter_cli.actions.find import explain_no_tasks

    return explain_no_tasks(target, filtered)


def _select_writer(target: Target, output: str, limit: int | None) -> Writer:
    from task_reporter_cli.output import columns, data

    if output == "table":
        # A table in colour is drawn when all its rows are there; plain text streams.
        drawn = sys.stdout.isatty() and limit is not None and limit <= MAX_RICH_ROWS
        own = target.stack.scope if target.stack else ""
        return partial(columns.write_rich if drawn else columns.write_plain, own=own)
    return data.write_json if output == "json" else data.write_csv
