"""Accounts and regions: the tasks of each in numbers, to compare them."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field
from statistics import median

from task_reporter.kinds.kind import COMPLETE, FAILED
from task_reporter_cli.report.tasks import GROUPS, RUNNING, Task

MIN_SAMPLE = 5
"""Smallest number of tasks for a chart, a median or a rate."""
MAX_FIRST = 20
"""Places that are shown at once; further ones are shown on request."""


@dataclass(slots=True)
class Place:
    """An account or a region, and the tasks counted for it so far."""

    key: str
    """The account's id, or the region; may be empty."""
    name: str = ""
    """The account's name, empty where it is unknown."""
    groups: Counter[str] = field(default_factory=Counter)
    """Group (``tasks.GROUPS``) → number of its tasks."""
    codes: Counter[str] = field(default_factory=Counter)
    """Error code → number of failed tasks."""
    seconds: MutableSequence[float] = field(default_factory=lambda: array("d"))
    """Lengths of its complete tasks."""

    def add(self, task: Task) -> None:
        """Count ``task`` in."""
        self.groups[task.group] += 1
        if task.group == FAILED:
            self.codes[task.error_code] += 1
        if task.group == COMPLETE and task.seconds is not None:
            self.seconds.append(task.seconds)

    @property
    def total(self) -> int:
        """The number of its tasks."""
        return self.groups.total()

    @property
    def success_rate(self) -> float | None:
        """The rate as ``success_rate`` below calculates it."""
        return success_rate(self.groups)

    @property
    def main_code(self) -> str | None:
        """The most frequent error code; None where no task failed."""
        return min(self.codes, key=lambda code: (-self.codes[code], code), default=None)

    @property
    def median(self) -> float | None:
        """The median length of complete tasks; None where there are too few."""
        return median(self.seconds) if len(self.seconds) >= MIN_SAMPLE else None

    @property
    def shares(self) -> list[tuple[int, float, float]]:
        """Parts of a bar of the ended tasks.

        Each is a position in ``GROUPS``, a start and a width, both in percent.
        """
        ended = self.total - self.groups[RUNNING]
        parts, start = [], 0.0
        for position, group in enumerate(GROUPS):
            if group != RUNNING and self.groups[group]:
                width = 100 * self.groups[group] / ended
                parts.append((position, start, width))
                start += width
        return parts


class Places(dict[str, Place]):
    """Places by their key; one that is asked for is added."""

    def __missing__(self, key: str) -> Place:
        return self.setdefault(key, Place(key))


def success_rate(groups: Mapping[str, int]) -> float | None:
    """Return the share, 0 to 1, of complete among complete and failed tasks.

    None where there are too few.
    """
    decided = groups[COMPLETE] + groups[FAILED]
    return groups[COMPLETE] / decided if decided >= MIN_SAMPLE else None


def sort_places(places: Iterable[Place]) -> list[Place]:
    """Return ``places``: the most failures first, then the most tasks."""
    return sorted(places, key=lambda place: (-place.groups[FAILED], -place.total, place.name, place.key))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Places side by side, sorted; ``word`` names one of them."""

    word: str
    places: Sequence[Place]

    @property
    def first(self) -> Sequence[Place]:
        """The places that are shown at once."""
        return self.places[:MAX_FIRST]

    @property
    def further(self) -> Sequence[Place]:
        """The places that are shown on request."""
        return self.places[MAX_FIRST:]

    @property
    def rest(self) -> Place:
        """All further places as one."""
        rest = Place("")
        for place in self.further:
            rest.groups.update(place.groups)
        return rest
