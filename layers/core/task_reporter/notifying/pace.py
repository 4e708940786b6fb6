"""The pace of notices."""

import time
from collections.abc import Callable
from math import inf

PAUSE_SECONDS = 0.5
"""Time between two notices of one notifier.

SNS suspends an email subscription that receives more than ten messages a second. Several notifiers may run at the same
time, one for each shard of the stream: some four in a new table.
https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
"""


class Pace:
    """Keeps a distance in time between notices, also of several batches."""

    def __init__(
        self,
        seconds: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds, self._clock, self._sleep = seconds, clock, sleep
        self._next = -inf

    def wait(self) -> None:
        """Wait until the next notice may be sent."""
        if (early := self._next - self._clock()) > 0:
            self._sleep(early)
        self._next = self._clock() + self._seconds


NO_PACE = Pace(0)
