"""``task-reporter test``."""

from typing import TYPE_CHECKING

import click

from task_reporter.kinds.kind import COMPLETE, OUTCOMES
from task_reporter.times import now
from task_reporter_cli import values
from task_reporter_cli.history.target import Target
from task_reporter_cli.options import with_target

if TYPE_CHECKING:
    from task_reporter_cli.actions.audience import Audience


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
    type=float,
    callback=values.parse_duration,
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for SNS to take it.",
)
@with_target
def command(target: Target, outcome: str, timeout: float) -> None:
    """Send one notice, marked as a test, down the whole real path.

    A row like a real one goes into the history, through its stream and the notifier to the topic, and is removed
    again. Everybody who is subscribed to that outcome is told. Exit status 1 where SNS has not taken it in time, or
    where notices wait because nobody has confirmed a subscription: then nothing is sent. Rows of tests that were
    killed more than an hour ago are removed too.

    \b
    Examples:
      task-reporter test
      task-reporter test --outcome failed
    """
    from task_reporter.history.rows import key_of
    from task_reporter_cli.actions.audience import read_target_audience
    from task_reporter_cli.actions.find import first_scope
    from task_reporter_cli.actions.redrive import watch_waiting
    from task_reporter_cli.actions.retrier import OutOfTimeError, Retrier
    from task_reporter_cli.actions.test_row import build_test_row, temporary_row
    from task_reporter_cli.errors import RefusedError
    from task_reporter_cli.output.lines import print_line
    from task_reporter_cli.output.progress import show_activity

    row = build_test_row(first_scope(target), outcome, now())
    _remove_stale_rows(target)
    audience = read_target_audience(target)
    if audience and audience.holds_notices:
        raise RefusedError(f"nobody has confirmed a subscription, so no test was sent; {audience.remedy}")
    left, why = [key_of(row)], ""
    try:
        with temporary_row(row, target.history), show_activity(f"waiting for SNS to take {row['task_id']}"):
            *_, left = watch_waiting(left, target.history, Retrier(timeout))
    except OutOfTimeError as over:
        why = f" as far as is known ({over})"
    if left:
        raise RefusedError(
            f"nobody was told within {timeout:g} seconds{why}, and the test is withdrawn;"
            f" `{target.status_command}` says what is wrong"
        )
    print_line(f"SNS took the notice of {row['task_id']} ({outcome}).")
    if target.stack:
        print_line(_format_audience(audience, target))


def _remove_stale_rows(target: Target) -> None:
    """Remove the rows of tests that were killed. A failure costs the test nothing."""
    from task_reporter.aws.failures import REQUEST_ERRORS
    from task_reporter_cli.actions.test_row import remove_stale_rows
    from task_reporter_cli.aws.explanations import explain
    from task_reporter_cli.output.lines import print_note

    try:
        remove_stale_rows(target.history, now())
    except REQUEST_ERRORS as error:
        print_note(f"Rows of killed tests were not looked for: {explain(error)}")


def _format_audience(audience: "Audience | None", target: Target) -> str:
    """Say in a sentence who receives the test."""
    from task_reporter_cli.actions.audience import ABSENT, PENDING

    if audience is None:
        return f"SNS did not say who is subscribed; `{target.status_command}` says why."
    if not audience.confirmed:
        return f"Confirmed subscribers: 0, so nobody gets it; {audience.remedy}"
    if audience.address and audience.address_state in (ABSENT, PENDING):
        return f"Confirmed subscribers: {audience.confirmed}; {audience.address} is none of them: {audience.remedy}"
    still = f"; {audience.pending} have not confirmed yet and get nothing" if audience.pending else ""
    return f"Confirmed subscribers: {audience.confirmed}{still}."
