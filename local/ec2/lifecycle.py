"""The life of a bundle task: what it shows at a given moment.

Plain values in, plain values out: nothing here reads a clock, so a whole life can be looked at
without waiting for it. Minutes are minutes of EC2's time; ``speed`` divides them, and every moment
that comes out is real time.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import takewhile
from typing import NamedTuple


class Stage(NamedTuple):
    """One state, how many minutes it lasts, and the percentages it shows at even intervals."""

    state: str
    minutes: float
    progress: Sequence[int | None]


class Mark(NamedTuple):
    """A change that can be seen from outside, ``minute`` minutes after the start."""

    minute: float
    state: str
    progress: int | None


class Step(NamedTuple):
    """The same change, at a real moment."""

    moment: datetime
    state: str
    progress: int | None


class Failure(NamedTuple):
    """Why a task failed, as EC2 words it."""

    code: str
    message: str


# AWS gives 20 to 60 minutes for a whole bundle; how they divide between the states is chosen here.
STAGES = (
    Stage("pending", 1, (None,)),
    Stage("waiting-for-shutdown", 4, (None,)),
    Stage("bundling", 20, range(0, 70, 5)),
    Stage("storing", 10, range(70, 100, 5)),
)
DOOM_MINUTE = 30.0  # halfway through storing
CANCELLING_MINUTES = 1.0
ERROR_LATE_MINUTES = 2.0  # EC2 lists `failed` first and says why later
IMAGE_PENDING_MINUTES = 1.0

S3_FAILURE = Failure("Client.S3Error", "The bundle could not be stored because its S3 bucket was not found.")
CANCELLED = Failure("Client.Cancelled", "The bundle task was cancelled before it was complete.")


def _marks(stages: Sequence[Stage]) -> Iterator[Mark]:
    begin = 0.0
    for stage in stages:
        for index, progress in enumerate(stage.progress):
            yield Mark(begin + stage.minutes * index / len(stage.progress), stage.state, progress)
        begin += stage.minutes
    yield Mark(begin, "complete", 100)


def _doomed(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    lived = tuple(takewhile(lambda mark: mark.minute < DOOM_MINUTE, marks))
    return (*lived, Mark(DOOM_MINUTE, "failed", lived[-1].progress))


SUCCESS = tuple(_marks(STAGES))
DOOM = _doomed(SUCCESS)


@dataclass(frozen=True)
class Life:
    """The life of a task: its start, the speed of its time, and what happens to it.

    ``doomed`` tasks fail while storing; ``cancelled`` is the moment CancelBundleTask was accepted.
    """

    started: datetime
    speed: float = 1.0
    doomed: bool = False
    cancelled: datetime | None = None

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Everything it ever shows, in order; the last step is its end."""
        planned = tuple(
            Step(self.started + real_time(mark.minute, self.speed), mark.state, mark.progress)
            for mark in (DOOM if self.doomed else SUCCESS)
        )
        if self.cancelled is None:
            return planned
        lived = planned[: _index(planned, self.cancelled) + 1]
        progress = lived[-1].progress
        end = self.cancelled + real_time(CANCELLING_MINUTES, self.speed)
        return (*lived, Step(self.cancelled, "cancelling", progress), Step(end, "failed", progress))

    @property
    def ended(self) -> datetime:
        """When it completes or fails."""
        return self.steps[-1].moment

    def at(self, moment: datetime) -> Step:
        """Return the step that the task shows at ``moment``; the step's own moment is when it began to show it."""
        return self.steps[_index(self.steps, moment)]

    def failure(self, moment: datetime) -> Failure | None:
        """Why it failed, if it has and EC2 says so yet."""
        told = self.ended + real_time(ERROR_LATE_MINUTES, self.speed)
        if self.steps[-1].state != "failed" or moment < told:
            return None
        return S3_FAILURE if self.cancelled is None else CANCELLED

    def is_listed(self, moment: datetime, listed_for: float) -> bool:
        """Tell whether EC2 still lists the task, which it does until ``listed_for`` minutes after its end."""
        return moment < self.ended + real_time(listed_for, self.speed)

    def cancel(self, moment: datetime) -> "Life":
        """Return the life of the task when it is cancelled at ``moment``; a second time changes nothing.

        Raises ValueError when it has ended by then.
        """
        if moment >= self.ended:
            raise ValueError(f"it ended at {self.ended}, before {moment}")
        return self if self.cancelled else replace(self, cancelled=moment)


def real_time(minutes: float, speed: float) -> timedelta:
    """Return the real time of ``minutes`` of EC2's time when time runs ``speed`` times as fast."""
    return timedelta(minutes=minutes / speed)


def image_state(registered: datetime, speed: float, moment: datetime) -> str:
    """Return the state at ``moment`` of an image that was registered at ``registered``."""
    pending = moment < registered + real_time(IMAGE_PENDING_MINUTES, speed)
    return "pending" if pending else "available"


def _index(steps: Sequence[Step], moment: datetime) -> int:
    # The first step also stands for the time before it: a wall clock can be set back.
    return max(0, bisect_right(steps, moment, key=lambda step: step.moment) - 1)
