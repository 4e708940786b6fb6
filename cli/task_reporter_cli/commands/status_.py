"""``task-reporter status``."""

import click

from task_reporter.times import now
from task_reporter_cli.history.target import Target
from task_reporter_cli.options import with_target

MARKS = {"well": ("✓", "green"), "wrong": ("✗", "red"), "unknown": ("?", "yellow")}


@click.command("status")
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or programs.",
)
@with_target
def command(target: Target, output: str) -> None:
    """Check that the reporter itself is well.

    Looks at the stack, its schedule, the last polls and gaps between them, running and lost tasks, tasks that
    nobody was told of, the stream to the notifier, subscribers and failed deliveries, the dead-letter queue, alarms
    and who gets them, and the table: its stream, protection, encryption and retention. Of an organization it looks
    at the last round, the accounts, and the queue in place of polls and gaps. Exit status 1 where anything is wrong,
    or can't be seen.

    \b
    Examples:
      task-reporter status
      task-reporter status --output json
    """
    from task_reporter_cli.output.data import to_json
    from task_reporter_cli.output.lines import to_one_line
    from task_reporter_cli.status.examination import examine
    from task_reporter_cli.status.findings import WELL

    found = examine(target, now())
    bad = [finding for finding in found if finding.level != WELL]
    if output == "json":
        told = [{"part": one.part, "level": one.level, "text": one.text, "todo": one.todo} for one in found]
        click.echo(to_json({"well": not bad, "parts": told}, indent=2))
    else:
        width = max(len(finding.part) for finding in found)
        for finding in found:
            mark, colour = MARKS[finding.level]
            part = to_one_line(finding.part).ljust(width)
            click.echo(f"{click.style(mark, fg=colour)} {part}  {to_one_line(finding.text)}")
            if finding.todo:
                click.echo(f"  {' ' * width}  → {to_one_line(finding.todo)}")
    click.get_current_context().exit(1 if bad else 0)
