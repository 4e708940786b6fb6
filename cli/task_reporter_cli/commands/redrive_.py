"""``task-reporter redrive``."""

import click

from task_reporter.times import now
from task_reporter_cli import values
from task_reporter_cli.history.home import Home
from task_reporter_cli.options import at_home


@click.command("redrive")
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option(
    "--timeout",
    type=float,
    callback=values.duration,
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long to watch them go.",
)
@at_home
def command(home: Home, tasks: tuple[str, ...], timeout: float) -> None:
    """Send tasks that were not announced yet through the notifier again.

    Without TASK, all of them. What was announced is not announced again. Exit status 1 where some still wait when the
    time is over; they go on waiting, none is lost. Where they wait because nobody has confirmed a subscription, none is
    sent: the polls send them when somebody has.

    \b
    Examples:
      task-reporter redrive
      task-reporter redrive bun-2a4e041c
    """
    from task_reporter_cli.actions.audience import audience_of
    from task_reporter_cli.actions.redrive import chosen, settling, touch
    from task_reporter_cli.actions.watch import TimeOverError, Watch
    from task_reporter_cli.errors import RefusedError
    from task_reporter_cli.output.lines import print_line, print_note
    from task_reporter_cli.output.progress import bar

    wanted = chosen(home, tasks)
    if wanted and (audience := audience_of(home)) and audience.holds_notices:
        waits = f"{len(wanted)} await their notification until a subscription is confirmed, and are sent by themselves"
        raise RefusedError(f"{waits} then; nothing was sent; {audience.remedy}")
    touched = touch(wanted, home.history, now())
    if not touched:
        print_note("Nothing awaits its notification.")
        return
    left, why = list(touched), ""
    try:
        with bar("announced", len(touched)) as advance:
            for left in settling(touched, home.history, Watch(timeout)):
                advance(len(touched) - len(left))
    except TimeOverError as over:
        why = f" as far as is known ({over})"
    print_line(f"Announced {len(touched) - len(left)} of {len(touched)}.")
    if left:
        named = ", ".join(key.task_id for key in left[:5]) + (" …" if len(left) > 5 else "")
        more = f"`{home.status_command}` says more"
        raise RefusedError(f"{len(left)} still await their notification{why}: {named}; none is lost, {more}")
