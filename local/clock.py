"""A clock that a program sets, for the local EC2."""

from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that advances only when it is set."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        """Return the time of this clock."""
        return self.now

    def forward(self, **length: float) -> None:
        """Advance the clock; ``length`` has the arguments of timedelta."""
        self.now += timedelta(**length)
