"""Commands that a person can paste into a shell as they stand, whatever EC2 put into the values."""

import shlex
from collections.abc import Iterator

from task_reporter.history.rows import Row, account_and_region
from task_reporter.kinds.kind import NextStep
from task_reporter.kinds.table import kind_of


def next_commands(row: Row) -> Iterator[tuple[NextStep, str]]:
    """Yield each next step of an ended row with its command, quoted for a shell."""
    for step in kind_of(row).next_steps(row):
        yield step, aws_command(step, row)


def aws_command(step: NextStep, row: Row) -> str:
    """Return the command of ``step`` in the region where the task ran, quoted for a shell."""
    service, operation, *options = step.arguments
    _, region = account_and_region(row)
    return shlex.join(["aws", service, operation, "--region", region, *options])
