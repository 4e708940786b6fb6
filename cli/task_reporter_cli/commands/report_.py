"""``task-reporter report``."""

from pathlib import Path

import click

from task_reporter.times import now, stamp
from task_reporter_cli import values
from task_reporter_cli.home import Home
from task_reporter_cli.options import at_home


@click.command("report")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The page to write; - for standard output.",
)
@click.option("--since", callback=values.since, metavar="TIME", help="Not before: 2026-11-18, 12h, 7d. Dates are UTC.")
@at_home
def command(home: Home, out: Path, since: str | None) -> None:
    """Write one self-contained page about the history.

    Outcomes over time, how long tasks took, failures by code, the slowest and the latest, and a table that filters and
    sorts in the browser. It needs no network, so it can be attached to a mail.

    \b
    Examples:
      task-reporter report --out tasks.html
      task-reporter report --out last-month.html --since 30d
    """
    from task_reporter_cli.output.progress import counted
    from task_reporter_cli.reader import Answer, Question
    from task_reporter_cli.report.page import About, page

    answer = Answer(home.dynamodb, home.table, Question(since=since))
    about = About(home.table, home.account.region or "", since, stamp(now()))
    text = page(counted(answer, answer.estimate), about)
    if str(out) == "-":
        click.echo(text)
        return
    write(out, text)
    click.echo(f"{out}: {answer.given} tasks, {len(text.encode()) // 1024} KB", err=True)


def write(out: Path, text: str) -> None:
    """``text`` in ``out``, whole or not at all. Raises OSError."""
    draft = out.with_name(f".{out.name}.part")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
