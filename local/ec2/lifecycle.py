"""The lifecycle of a bundle task: its state at any time.

These functions do not read a clock, so tests need not wait. Durations are minutes of EC2's time, which ``speed``
divides. Every ``datetime`` is real time.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import takewhile
from typing import NamedTuple


class Stage(NamedTuple):
    """A state, its duration, and the percentages that it shows at even intervals."""

    state: str
    minutes: float
    progress: Sequence[int | None]


class PlannedChange(NamedTuple):
    """A visible change, ``minute`` minutes after the start."""

    minute: float
    state: str
    progress: int | None


class StateChange(NamedTuple):
    """A visible change in real time."""

    moment: datetime
    state: str
    progress: int | None


class Failure(NamedTuple):
    """The error code and the message of a failed task."""

    code: str
    message: str


# AWS documents 20 to 60 minutes for a task. The durations of the single states are not documented.
STAGES = (
    Stage("pending", 1, (None,)),
    Stage("waiting-for-shutdown", 4, (None,)),
    Stage("bundling", 20, range(0, 70, 5)),
    Stage("storing", 10, range(70, 100, 5)),
)
FAILURE_MINUTE = 30.0  # halfway through storing
CANCELLING_MINUTES = 1.0
ERROR_DELAY_MINUTES = 2.0  # EC2 lists the state `failed` before the error
IMAGE_PENDING_MINUTES = 1.0

S3_FAILURE = Failure("Client.S3Error", "The bundle could not be stored because its S3 bucket was not found.")
CANCELLED = Failure("Client.Cancelled", "The bundle task was cancelled before it was complete.")


def _plan_success(stages: Sequence[Stage]) -> Iterator[PlannedChange]:
    begin = 0.0
    for stage in stages:
        for index, progress in enumerate(stage.progress):
            yield PlannedChange(begin + stage.minutes * index / len(stage.progress), stage.state, progress)
        begin += stage.minutes
    yield PlannedChange(begin, "complete", 100)


def _plan_failure(success: Sequence[PlannedChange]) -> tuple[PlannedChange, ...]:
    changes = tuple(takewhile(lambda change: change.minute < FAILURE_MINUTE, success))
    return (*changes, PlannedChange(FAILURE_MINUTE, "failed", changes[-1].progress))


SUCCESS = tuple(_plan_success(STAGES))
FAILURE = _plan_failure(SUCCESS)


@dataclass(frozen=True)
class Lifecycle:
    """The lifecycle of a task."""

    started: datetime
    """Time of BundleInstance."""
    speed: float = 1.0
    """Factor by which EC2's time runs faster than real time."""
    will_fail: bool = False
    """True for a task that fails while storing."""
    cancelled: datetime | None = None
    """Time of CancelBundleTask."""

    @cached_property
    def changes(self) -> tuple[StateChange, ...]:
        """All visible changes in order. The last one is the end."""
        planned = tuple(
            StateChange(self.started + real_time(change.minute, self.speed), change.state, change.progress)
            for change in (FAILURE if self.will_fail else SUCCESS)
        )
        if self.cancelled is None:
            return planned
        before = planned[: _index(planned, self.cancelled) + 1]
        progress = before[-1].progress
        end = self.cancelled + real_time(CANCELLING_MINUTES, self.speed)
        return (*before, StateChange(self.cancelled, "cancelling", progress), StateChange(end, "failed", progress))

    @property
    def ended(self) -> datetime:
        """The time at which the task completes or fails."""
        return self.changes[-1].moment

    def at(self, moment: datetime) -> StateChange:
        """Return the latest change at ``moment``."""
        return self.changes[_index(self.changes, moment)]

    def failure(self, moment: datetime) -> Failure | None:
        """Return the error that EC2 lists at ``moment``, or None."""
        listed_from = self.ended + real_time(ERROR_DELAY_MINUTES, self.speed)
        if self.changes[-1].state != "failed" or moment < listed_from:
            return None
        return S3_FAILURE if self.cancelled is None else CANCELLED

    def is_listed(self, moment: datetime, listed_for: float) -> bool:
        """Tell whether EC2 lists the task at ``moment``: until ``listed_for`` minutes after its end."""
        return moment < self.ended + real_time(listed_for, self.speed)

    def cancel(self, moment: datetime) -> "Lifecycle":
        """Return the lifecycle with a cancellation at ``moment``, unless the task is cancelled already.

        Raises ValueError if the task has ended by then.
        """
        if moment >= self.ended:
            raise ValueError(f"the task ended at {self.ended}, so it cannot be cancelled at {moment}")
        return self if self.cancelled else replace(self, cancelled=moment)


def real_time(minutes: float, speed: float) -> timedelta:
    """Convert minutes of EC2's time into real time."""
    return timedelta(minutes=minutes / speed)


def image_state(registered: datetime, speed: float, moment: datetime) -> str:
    """Return the state of an image at ``moment``."""
    pending = moment < registered + real_time(IMAGE_PENDING_MINUTES, speed)
    return "pending" if pending else "available"


def _index(changes: Sequence[StateChange], moment: datetime) -> int:
    # Before the first change there is none, but a wall clock can be set back.
    return max(0, bisect_right(changes, moment, key=lambda change: change.moment) - 1)
