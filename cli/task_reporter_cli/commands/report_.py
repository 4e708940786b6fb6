"""``task-reporter report``."""

import sys

import click

from task_reporter.times import now, to_text
from task_reporter_cli import values
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.target import Target
from task_reporter_cli.options import with_place, with_target


@click.command("report")
@click.option(
    "--out",
    type=click.Path(readable=False, allow_dash=True),
    required=True,
    metavar="FILE",
    help="The page to write; - for standard output.",
)
@click.option(
    "--since", callback=values.parse_since, metavar="TIME", help="Not before: 2026-11-18, 12h, 7d. Dates are UTC."
)
@with_place
@with_target
def command(target: Target, place: Place, out: str, since: str | None) -> None:
    """Write one self-contained page about the history.

    Outcomes over time, accounts and regions compared, how long tasks took, failures by code, the slowest and the
    latest, and a table that filters and sorts in the browser. It needs no network, so it can be attached to a mail.

    \b
    Examples:
      task-reporter report --out tasks.html
      task-reporter report --out last-month.html --since 30d
      task-reporter report --out payments.html --account payments
    """
    from task_reporter_cli.actions.find import explain_no_tasks
    from task_reporter_cli.history.reader import QueryResults, TaskQuery
    from task_reporter_cli.history.scopes import find_scopes
    from task_reporter_cli.output.files import STDOUT, open_writer
    from task_reporter_cli.output.lines import print_note
    from task_reporter_cli.output.progress import with_bar
    from task_reporter_cli.report.page import ReportInfo, render_page

    write = open_writer(out)  # reading a long history takes minutes, so what can't be written is found out before
    asked = TaskQuery(since=since, scopes=find_scopes(target, place), regions=place.regions)
    answer = QueryResults(target.dynamodb, target.table, asked)
    asked_place = ", ".join((*place.accounts, *place.regions))
    info = ReportInfo(target.table, target.account.region or "", since, to_text(now()), asked_place)
    size = write(render_page(with_bar(answer, answer.estimate), info))
    if out != STDOUT:
        print_note(f"{out}: {answer.returned} tasks, {size // 1024} KB")
    if not answer.returned and (out != STDOUT or sys.stderr.isatty()):
        print_note(explain_no_tasks(target, filtered=asked != TaskQuery()))
