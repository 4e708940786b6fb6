"""The time that a function has left before its platform ends it."""

from collections.abc import Callable
from dataclasses import dataclass

from task_reporter.errors import OutOfTimeError

MARGIN_SECONDS = 3
"""Kept for logs and metrics: a function that is cut off writes neither."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time-out of the running function."""

    remaining_ms: Callable[[], int]
    """Milliseconds until the platform ends the function, such as the Lambda context's own method."""

    def check(self, doing: str, seconds: int) -> None:
        """Raise OutOfTimeError unless a step that takes up to ``seconds`` can end in time; ``doing`` names it."""
        if self.remaining_ms() < (seconds + MARGIN_SECONDS) * 1000:
            raise OutOfTimeError(doing)

    def after_first_try(self) -> "Deadline":
        """Give the same deadline with its first check waived, for a step that must be tried in any case."""
        waived = iter([2**31])
        return Deadline(lambda: next(waived, None) or self.remaining_ms())


NO_DEADLINE = Deadline(lambda: 2**31)
