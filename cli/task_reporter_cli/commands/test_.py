"""``task-reporter test``."""

from typing import TYPE_CHECKING

import click

from task_reporter.kinds.kind import COMPLETE, OUTCOMES
from task_reporter.times import now
from task_reporter_cli import values
from task_reporter_cli.history.target import Target
from task_reporter_cli.options import with_target

if TYPE_CHECKING:
    from task_reporter.history.rows import Row
    from task_reporter_cli.actions.audience import Audience
    from task_reporter_cli.actions.listen import Listener


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
    help="How long to wait for SNS and EventBridge to take it, and with --listen for it to arrive.",
)
@click.option("--listen", is_flag=True, help="Receive it in a temporary queue too, and show what arrived.")
@click.option(
    "--settle",
    type=float,
    callback=values.parse_duration,
    default=15,
    show_default=True,
    metavar="SECONDS",
    help="How long AWS may take to apply what --listen makes.",
)
@with_target
def command(target: Target, outcome: str, timeout: float, listen: bool, settle: float) -> None:
    """Send one notice and one event, marked as a test, down the real path.

    A row like a real one goes into the history, through its stream and the notifier to the topic and to the event bus,
    and is removed again. Everybody who is subscribed to that outcome is told; no rule for real tasks matches the event.
    Exit status 1 where SNS or EventBridge has not taken it in time, or where notices wait because nobody has confirmed
    a subscription: then nothing is sent. Rows of tests that were killed more than an hour ago are removed too.

    Whether it arrives, only a receiver can tell: --listen subscribes a temporary queue to the topics, with the filter
    of the stack's email address, and to the bus, shows all that arrives, and removes the queue. Exit status 1 where
    something did not arrive.

    \b
    Examples:
      task-reporter test
      task-reporter test --outcome failed
      task-reporter test --listen
    """
    from contextlib import nullcontext

    from task_reporter_cli.actions.audience import read_target_audience
    from task_reporter_cli.actions.find import first_scope
    from task_reporter_cli.actions.listen import interruptible, listening
    from task_reporter_cli.actions.retrier import Retrier
    from task_reporter_cli.actions.test_row import build_test_row
    from task_reporter_cli.errors import RefusedError
    from task_reporter_cli.output.lines import print_line

    row = build_test_row(first_scope(target), outcome, now())
    _remove_stale_rows(target)
    audience = read_target_audience(target)
    if audience and audience.holds_notices:
        raise RefusedError(f"nobody has confirmed a subscription, so no test was sent; {audience.remedy}")
    if listen and target.stack and not audience:
        # The queue may be the only subscriber, and then it would receive the notices that wait.
        raise RefusedError(f"SNS did not say who is subscribed; `{target.status_command}` says why")
    with interruptible(), listening(target, target.needs_stack(), outcome) if listen else nullcontext() as listener:
        if listener:
            Retrier(settle).pause(settle)
        _send(target, row, timeout)
        if target.stack:
            print_line(_format_audience(audience, target))
        if listener:
            _show_arrivals(listener, str(row["task_id"]), timeout)


def _send(target: Target, row: "Row", timeout: float) -> None:
    """Write the test's row, wait for its marks, and say who took it.

    Raises RefusedError.
    """
    from task_reporter.history.rows import EVENT_SENT_AT, NOTIFIED_AT, key_of
    from task_reporter_cli.actions.retrier import OutOfTimeError, Retrier
    from task_reporter_cli.actions.test_row import temporary_row, watch_marks
    from task_reporter_cli.errors import RefusedError
    from task_reporter_cli.output.lines import print_line
    from task_reporter_cli.output.progress import show_activity

    took: dict[str, str] = {NOTIFIED_AT: "SNS took the notice", EVENT_SENT_AT: "EventBridge took the event"}
    looked, why = row, ""
    try:
        with (
            temporary_row(row, target.history),
            show_activity(f"waiting until {row['task_id']} is taken"),
        ):
            for current in watch_marks(key_of(row), target.history, Retrier(timeout)):
                looked = current
    except OutOfTimeError as over:
        why = f" as far as is known ({over})"
    for mark, sentence in took.items():
        if mark in looked:
            print_line(f"{sentence} of {row['task_id']} ({row['outcome']}).")
    if "awaiting" in looked:
        lacks = "no event was sent" if NOTIFIED_AT in looked else "nobody was told"
        raise RefusedError(
            f"{lacks} within {timeout:g} seconds{why}, and the test is withdrawn;"
            f" `{target.status_command}` says what is wrong"
        )


def _show_arrivals(listener: "Listener", task_id: str, timeout: float) -> None:
    """Show what arrives, until all expected messages have.

    Raises RefusedError where one does not.
    """
    from task_reporter_cli.actions.retrier import OutOfTimeError, Retrier
    from task_reporter_cli.errors import RefusedError
    from task_reporter_cli.output.lines import print_line

    clock, missing = Retrier(timeout), list(listener.expected)
    while missing:
        try:
            arrivals = clock.call(lambda: listener.receive(task_id))
        except OutOfTimeError:
            break
        for arrival in arrivals:
            missing = [what for what in missing if what != arrival.what]
            print_line("")
            print_line(f"--- the {arrival.what} arrived ---")
            for line in arrival.lines:
                for part in line.splitlines() or [""]:
                    print_line(part)
        if not clock.remaining:
            break
    if missing:
        raise RefusedError(f"what did not arrive within {timeout:g} seconds: {', '.join(missing)}")


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
