"""``task-reporter show``."""

import click

from task_reporter.times import now
from task_reporter_cli.history.home import Home
from task_reporter_cli.options import at_home


@click.command("show")
@click.argument("task")
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For people, or programs."
)
@at_home
def command(home: Home, task: str, output: str) -> None:
    """Everything about one task, and what can be done next.

    TASK is its id, or <account id>/<region>/<id> where a history holds several regions.

    \b
    Examples:
      task-reporter show bun-2a4e041c
      task-reporter show bun-2a4e041c --output json
    """
    from task_reporter_cli.actions.find import find
    from task_reporter_cli.output.data import in_json, ordered
    from task_reporter_cli.output.facts import facts, next_steps
    from task_reporter_cli.output.paper import Paper

    row = find(home, task)
    if output == "json":
        click.echo(in_json(ordered(row), indent=2))
        return
    paper = Paper()
    paper.title(f"{row.get('kind', 'unknown')} task {row['task_id']}")
    paper.facts(facts(row, now()))
    for why, step in next_steps(row, task, home.flags):
        paper.step(why, step)
