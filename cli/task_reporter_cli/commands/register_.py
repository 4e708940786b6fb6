"""``task-reporter register``."""

import click

from task_reporter_cli.home import Home
from task_reporter_cli.options import at_home
from task_reporter_cli.values import image_name


@click.command("register")
@click.argument("task")
@click.option(
    "--name", required=True, callback=image_name, metavar="NAME", help="Name of the AMI, 3 to 128 characters."
)
@click.option("--dry-run", is_flag=True, help="Only ask EC2 whether it would.")
@click.option("--again", is_flag=True, help="Make a further AMI: the first one was deregistered.")
@at_home
def command(home: Home, task: str, name: str, dry_run: bool, again: bool) -> None:
    """Make an AMI of a bundle, also of one that EC2 has forgotten.

    The history knows where the bundle's manifest is, and keeps the AMI's id. A bundle that has an AMI does not get a
    second one: its id is printed again. The id alone goes to standard output, for scripts.

    \b
    Examples:
      task-reporter register bun-2a4e041c --name web-2026-11-23 --dry-run
      task-reporter register bun-2a4e041c --name web-2026-11-23
    """
    from task_reporter.rows import place_of
    from task_reporter_cli.find import find
    from task_reporter_cli.output.lines import print_line, print_note
    from task_reporter_cli.registering import register, would_register

    row = find(home, task)
    # An AMI is made where the task ran, whatever region this was asked in.
    ec2 = home.account.client("ec2", region=place_of(row)[1])
    if dry_run:
        image = would_register(row, name, ec2, again)
        there = f"{task} is registered already, as {image}; nothing would be done."
        print_note(there if image else f"EC2 would register {task} as {name}; nothing was done.")
        return
    done = register(row, name, ec2, home.history, again)
    said = f"{task} is registered already, nothing was done:" if done.known else f"Registered {task} as {name}:"
    print_note(said)
    print_line(done.image_id)
    if done.not_kept:
        print_note(f"The history could not keep that: {done.not_kept}.")
