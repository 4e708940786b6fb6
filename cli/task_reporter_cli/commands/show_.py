"""``task-reporter show``."""

import click

from task_reporter.times import now
from task_reporter_cli.history.target import Target
from task_reporter_cli.options import with_target


@click.command("show")
@click.argument("task")
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For people, or programs."
)
@with_target
def command(target: Target, task: str, output: str) -> None:
    """Everything about one task, and what can be done next.

    TASK is its id, or <account id>/<region>/<id> where a history holds several regions.

    \b
    Examples:
      task-reporter show import-ami-0c1f2e3d4b5a69788
      task-reporter show import-ami-0c1f2e3d4b5a69788 --output json
    """
    from task_reporter_cli.actions.find import find_task
    from task_reporter_cli.output.data import order_attributes, to_json
    from task_reporter_cli.output.facts import format_facts, next_steps
    from task_reporter_cli.output.text import print_facts, print_heading, print_step

    row = find_task(target, task)
    if output == "json":
        click.echo(to_json(order_attributes(row), indent=2))
        return
    print_heading(f"{row.get('kind', 'unknown')} task {row['task_id']}")
    print_facts(format_facts(row, now()))
    for purpose, step in next_steps(row, task, target.flags):
        print_step(purpose, step)
