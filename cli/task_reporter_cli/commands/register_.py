"""``task-reporter register``."""

import click

from task_reporter_cli.history.place import Place
from task_reporter_cli.history.target import Target
from task_reporter_cli.options import with_place, with_target
from task_reporter_cli.values import check_image_name


@click.command("register")
@click.argument("task")
@click.option(
    "--name", required=True, callback=check_image_name, metavar="NAME", help="Name of the AMI, 3 to 128 characters."
)
@click.option("--dry-run", is_flag=True, help="Only ask EC2 whether it would.")
@click.option("--again", is_flag=True, help="Make a further AMI: the first one was deregistered.")
@click.option("--task-profile", metavar="NAME", help="AWS profile with credentials of the task's account.")
@with_place
@with_target
def command(
    target: Target, place: Place, task: str, name: str, dry_run: bool, again: bool, task_profile: str | None
) -> None:
    """Make an AMI of a finished task, also of one that EC2 has forgotten.

    The history knows where the result of the task is, and keeps the AMI's id. A task that has an AMI does not get a
    second one: its id is printed again. The id alone goes to standard output, for scripts.

    A task of another account than the stack's needs --task-profile; the history is read as always.

    \b
    Examples:
      task-reporter register import-snap-0a1b2c3d4e5f60718 --name web-2026-11-23 --dry-run
      task-reporter register import-snap-0a1b2c3d4e5f60718 --name web-2026-11-23
      task-reporter register payments/us-east-1/bun-0c1f2e3d --name web --task-profile payments-admin
    """
    from task_reporter.history.rows import account_and_region
    from task_reporter_cli.actions.find import find_task
    from task_reporter_cli.actions.register import check_registration, register, require_account
    from task_reporter_cli.aws.account import Account
    from task_reporter_cli.output.lines import print_line, print_note

    row = find_task(target, task, place)
    account = Account(task_profile, target.account.region) if task_profile else target.account
    if task_profile or not target.stack:
        require_account(row, account.client("sts").get_caller_identity()["Account"])
    else:
        require_account(row, target.stack.account)
    # The AMI is made where the task ran, whatever the region of the command.
    ec2 = account.client("ec2", region=account_and_region(row)[1])
    if dry_run:
        image = check_registration(row, name, ec2, again)
        registered = f"{task} is registered already, as {image}; nothing would be done."
        print_note(registered if image else f"EC2 would register {task} as {name}; nothing was done.")
        return
    done = register(row, name, ec2, target.history, again)
    print_note(f"{task} is registered already, nothing was done:" if done.existed else f"Registered {task} as {name}:")
    print_line(done.image_id)
    if done.record_error:
        print_note(f"The history could not keep that: {done.record_error}.")
