"""``task-reporter report``."""

import sys

import click

from task_reporter.times import now, to_text
from task_reporter_cli import values
from task_reporter_cli.history.home import Home
from task_reporter_cli.options import at_home


@click.command("report")
@click.option(
    "--out",
    type=click.Path(readable=False, allow_dash=True),
    required=True,
    metavar="FILE",
    help="The page to write; - for standard output.",
)
@click.option("--since", callback=values.since, metavar="TIME", help="Not before: 2026-11-18, 12h, 7d. Dates are UTC.")
@at_home
def command(home: Home, out: str, since: str | None) -> None:
    """Write one self-contained page about the history.

    Outcomes over time, how long tasks took, failures by code, the slowest and the latest, and a table that filters and
    sorts in the browser. It needs no network, so it can be attached to a mail.

    \b
    Examples:
      task-reporter report --out tasks.html
      task-reporter report --out last-month.html --since 30d
    """
    from task_reporter_cli.actions.find import explain_absence
    from task_reporter_cli.history.reader import Answer, Question
    from task_reporter_cli.output.files import STDOUT, writer
    from task_reporter_cli.output.lines import print_note
    from task_reporter_cli.output.progress import counted
    from task_reporter_cli.report.page import About, page

    write = writer(out)  # reading a long history takes minutes, so what can't be written is found out before
    answer = Answer(home.dynamodb, home.table, Question(since=since))
    about = About(home.table, home.account.region or "", since, to_text(now()))
    text = page(counted(answer, answer.estimate), about)
    write(f"{text}\n")
    if out != STDOUT:
        print_note(f"{out}: {answer.given} tasks, {len(text.encode()) // 1024} KB")
    if not answer.given and (out != STDOUT or sys.stderr.isatty()):
        print_note(explain_absence(home, filtered=since is not None))
