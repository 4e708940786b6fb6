"""``task-reporter test``."""

import click

from task_reporter.kinds import COMPLETE, OUTCOMES
from task_reporter.times import now
from task_reporter_cli.home import Home
from task_reporter_cli.options import at_home


@click.command("test")
@click.option(
    "--outcome",
    type=click.Choice(OUTCOMES, case_sensitive=False),
    default=COMPLETE,
    show_default=True,
    help="As of a task that ended so.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for SNS to take it.",
)
@at_home
def command(home: Home, outcome: str, timeout: float) -> None:
    """Send one notice, marked as a test, down the whole real path.

    A row like a real one goes into the history, through its stream and the notifier to the topic, and is removed
    again. Everybody who is subscribed to that outcome is told. Exit status 1 where SNS has not taken it in time.

    \b
    Examples:
      task-reporter test
      task-reporter test --outcome failed
    """
    from task_reporter.rows import key_of
    from task_reporter_cli.errors import RefusedError
    from task_reporter_cli.find import first_scope
    from task_reporter_cli.output.progress import working
    from task_reporter_cli.redriving import settling
    from task_reporter_cli.trial import posted, trial_row

    row = trial_row(first_scope(home), outcome, now())
    with posted(row, home.history), working(f"waiting for SNS to take {row['task_id']}"):
        *_, left = settling([key_of(row)], home.history, timeout)
    if left:
        raise RefusedError(
            f"nobody was told within {timeout:g} seconds, and the test is withdrawn;"
            f" `task-reporter status{home.flags}` says what is wrong"
        )
    click.echo(f"SNS took the notice of {row['task_id']} ({outcome}).")
    if home.stack:
        click.echo(_who(home))


def _who(home: Home) -> str:
    from task_reporter.subscribers import subscribers

    confirmed, pending = subscribers(home.account.client("sns"), home.needs_stack().output("NotificationTopicArn"))
    still = f"; {pending} have not confirmed yet and get nothing" if pending else ""
    return f"Confirmed subscribers: {confirmed}{still}."
