"""``task-reporter wait``."""

import sys

import click

from task_reporter.history.rows import key_of
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST
from task_reporter_cli import values
from task_reporter_cli.history.items import Item
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.target import Target
from task_reporter_cli.options import with_place, with_target

EXIT_STATUSES = {COMPLETE: 0, FAILED: 3, CANCELLED: 4, LOST: 5}
EXIT_UNKNOWN_OUTCOME = 6
EXIT_TIMEOUT = 124
"""As of timeout(1)."""


@click.command("wait")
@click.argument("task")
@click.option(
    "--timeout",
    type=float,
    callback=values.parse_duration,
    metavar="MINUTES",
    help="Give up after so many. [default: never]",
)
@with_place
@with_target
def command(target: Target, place: Place, task: str, timeout: float | None) -> None:
    """Wait until a task ends; the exit status says how.

    0: complete, 3: failed, 4: cancelled, 5: lost, 124: not within --timeout. The outcome goes to standard output. The
    history is asked every few seconds, EC2 only whether a task that the history does not hold yet has just begun, and
    only in the account and region of the stack.
    Faults that pass by themselves, such as those of a network, do not end the waiting.

    \b
    Examples:
      task-reporter wait import-ami-0c1f2e3d4b5a69788 && echo ready
      task-reporter wait import-ami-0c1f2e3d4b5a69788 --timeout 90
      task-reporter wait payments/us-east-1/import-ami-0c1f2e3d4b5a69788
    """
    from task_reporter_cli.actions.find import find_task, split_name
    from task_reporter_cli.actions.retrier import OutOfTimeError, Retrier
    from task_reporter_cli.actions.wait import is_listed, poll_task
    from task_reporter_cli.aws.credentials import has_terminal
    from task_reporter_cli.errors import NoTaskError
    from task_reporter_cli.history.reader import read_task
    from task_reporter_cli.output.columns import format_note, format_state
    from task_reporter_cli.output.lines import print_line, print_note
    from task_reporter_cli.output.progress import show_activity

    watch = Retrier(None if timeout is None else timeout * 60)
    row: Item | None = None
    is_elsewhere = split_name(task, place)[1] != Place()

    def look() -> Item | None:
        """Read the row; find it first where it has not been found yet."""
        try:
            return read_task(target.dynamodb, target.table, key_of(row)) if row else find_task(target, task, place)
        except NoTaskError:
            if is_elsewhere or not is_listed(target.ec2, task):
                raise
            return None

    why = ""
    try:
        # Before anything moves on the terminal, which a person may be asked on.
        watch.call(lambda: target.dynamodb, may_prompt=has_terminal())
        with show_activity(f"waiting for {task}") as tell:
            for row in poll_task(look, watch):
                tell(f"{task}: {format_state(row) if row else 'begun, not polled yet'}")
    except OutOfTimeError as over:
        why = f", as far as is known: {over}"
    if not row or "outcome" not in row:
        note = f" ({format_note(row)})" if row and format_note(row) else ""
        print_note(f"{task} has not ended within {timeout:g} minutes{note}{why}.")
        sys.exit(EXIT_TIMEOUT)
    print_line(row["outcome"])
    click.get_current_context().exit(EXIT_STATUSES.get(row["outcome"], EXIT_UNKNOWN_OUTCOME))
