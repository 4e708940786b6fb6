"""How long a function may still work before its platform ends it."""

from collections.abc import Callable
from dataclasses import dataclass

from task_reporter.errors import OutOfTimeError

MARGIN_MS = 3000
"""What is kept for saying so: a function that is cut off says nothing."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time-out of the running function."""

    remaining_ms: Callable[[], int]
    """Milliseconds until the platform ends the function, such as the Lambda context's own method."""

    def check(self, doing: str) -> None:
        """Raise OutOfTimeError where too little is left for a further request; ``doing`` says at what."""
        if self.remaining_ms() < MARGIN_MS:
            raise OutOfTimeError(doing)


NO_DEADLINE = Deadline(lambda: 2**31)
