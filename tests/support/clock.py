"""A clock that stands still until a test moves it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class Clock:
    """The time that a local EC2 and a test share."""

    now: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)
    pace: timedelta = timedelta()
    """Time that passes with each reading."""

    def __call__(self) -> datetime:
        """Return the time."""
        self.now += self.pace
        return self.now

    def forward(self, minutes: float) -> None:
        """Let ``minutes`` pass."""
        self.now += timedelta(minutes=minutes)
