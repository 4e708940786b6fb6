"""Next steps as commands that a person can paste into a shell.

They are safe to paste, whatever EC2 put into the values.
"""

import shlex
from collections.abc import Iterator

from task_reporter.history.rows import Row, account_and_region
from task_reporter.kinds.kind import NextStep
from task_reporter.kinds.table import kind_of


def next_commands(row: Row) -> Iterator[tuple[NextStep, str]]:
    """Yield each next step of an ended row with its shell command."""
    for step in kind_of(row).next_steps(row):
        yield step, aws_command(step, row)


def aws_command(step: NextStep, row: Row) -> str:
    """Return ``step`` as a shell command in the region of the task."""
    service, operation, *options = step.arguments
    _, region = account_and_region(row)
    return shlex.join(["aws", service, operation, "--region", region, *options])
