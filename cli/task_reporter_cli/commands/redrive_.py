"""``task-reporter redrive``."""

import click

from task_reporter.times import now
from task_reporter_cli import values
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.target import Target
from task_reporter_cli.options import with_place, with_target


@click.command("redrive")
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option(
    "--timeout",
    type=float,
    callback=values.parse_duration,
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long to watch them go.",
)
@with_place
@with_target
def command(target: Target, place: Place, tasks: tuple[str, ...], timeout: float) -> None:
    """Send tasks that were not announced yet through the notifier again.

    Without TASK, all of them, or those of an account. What was announced is not announced again. Exit status 1 where
    some still wait when the time is over; they go on waiting, none is lost. Where they wait because nobody has
    confirmed a subscription, none is sent: the polls send them when somebody has.

    \b
    Examples:
      task-reporter redrive
      task-reporter redrive import-ami-0c1f2e3d4b5a69788
      task-reporter redrive --account payments
    """
    from task_reporter_cli.actions.audience import read_target_audience
    from task_reporter_cli.actions.redrive import name_tasks, redrive, select_keys, watch_waiting
    from task_reporter_cli.actions.retrier import OutOfTimeError, Retrier
    from task_reporter_cli.errors import RefusedError
    from task_reporter_cli.output.lines import print_line, print_note
    from task_reporter_cli.output.progress import show_bar

    wanted = select_keys(target, tasks, place)
    if wanted and (audience := read_target_audience(target)) and audience.holds_notices:
        waits = f"{len(wanted)} await their notification until a subscription is confirmed, and are sent by themselves"
        raise RefusedError(f"{waits} then; nothing was sent; {audience.remedy}")
    touched = redrive(wanted, target.history, now())
    if not touched:
        print_note("Nothing awaits its notification.")
        return
    left, why = list(touched), ""
    try:
        with show_bar("announced", len(touched)) as advance:
            for left in watch_waiting(touched, target.history, Retrier(timeout)):
                advance(len(touched) - len(left))
    except OutOfTimeError as over:
        why = f" as far as is known ({over})"
    print_line(f"Announced {len(touched) - len(left)} of {len(touched)}.")
    if left:
        named = name_tasks(left, target.stack.scope if target.stack else "")
        more = f"`{target.status_command}` says more"
        raise RefusedError(f"{len(left)} still await their notification{why}: {named}; none is lost, {more}")
