"""``task-reporter show``."""

import click

from task_reporter.times import now
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.target import Target
from task_reporter_cli.options import with_place, with_target


@click.command("show")
@click.argument("task")
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For people, or programs."
)
@with_place
@with_target
def command(target: Target, place: Place, task: str, output: str) -> None:
    """Everything about one task, and what can be done next.

    TASK is its id, or <account>/<region>/<id>, where the account is an id or a name.

    \b
    Examples:
      task-reporter show import-ami-0c1f2e3d4b5a69788
      task-reporter show import-ami-0c1f2e3d4b5a69788 --output json
      task-reporter show import-ami-0c1f2e3d4b5a69788 --account payments
    """
    from task_reporter_cli.actions.find import find_task
    from task_reporter_cli.output.data import order_attributes, to_json
    from task_reporter_cli.output.facts import format_credentials, format_facts, next_steps
    from task_reporter_cli.output.lines import to_one_line
    from task_reporter_cli.output.text import print_facts, print_heading, print_step

    row = find_task(target, task, place)
    if output == "json":
        click.echo(to_json(order_attributes(row), indent=2))
        return
    print_heading(f"{row.get('kind', 'unknown')} task {row['task_id']}")
    print_facts(format_facts(row, now()))
    name = task if place == Place() else f"{row['scope']}/{row['task_id']}"
    steps = list(next_steps(row, name, target.flags, target.stack.account if target.stack else ""))
    for purpose, step in steps:
        print_step(purpose, step)
    if note := format_credentials(row, steps):
        click.echo(f"\n{to_one_line(note)}")
