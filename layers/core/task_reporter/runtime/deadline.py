"""The time that a function has left until its timeout."""

from collections.abc import Callable
from dataclasses import dataclass

from task_reporter.errors import OutOfTimeError

MARGIN_SECONDS = 3
"""Reserved for logs and metrics, because a function that times out writes neither."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The timeout of the running function."""

    remaining_ms: Callable[[], int]
    """Returns the milliseconds that are left, like a method of the Lambda context."""

    def check(self, doing: str, seconds: int) -> None:
        """Raise OutOfTimeError unless a step of up to ``seconds`` can end in time.

        ``doing`` names the step.
        """
        if self.remaining_ms() < (seconds + MARGIN_SECONDS) * 1000:
            raise OutOfTimeError(doing)

    def reserve(self, seconds: int) -> "Deadline":
        """Return a deadline that is earlier by ``seconds``, which are reserved for later steps."""
        return Deadline(lambda: self.remaining_ms() - seconds * 1000)

    def after_first_try(self) -> "Deadline":
        """Return a deadline whose first check always passes.

        It is for a step that must be tried at least once."""
        waived = iter([2**31])
        return Deadline(lambda: next(waived, None) or self.remaining_ms())


NO_DEADLINE = Deadline(lambda: 2**31)
