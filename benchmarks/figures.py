"""Paired measurements, taken in turns: medians, ratios, and their spread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any, TypeVar

T = TypeVar("T")


def in_turns(ours: Callable[[], T], theirs: Callable[[], T], pairs: int, warm_ups: int = 1) -> list[tuple[T, T]]:
    """Return ``pairs`` of measurements, each pair taken at nearly the same moment.

    Who comes first changes from pair to pair, so that neither always finds what the other has warmed. The first
    ``warm_ups`` pairs fill the caches and don't count.
    """
    measured = [_pair(ours, theirs, ours_first=number % 2 == 0) for number in range(warm_ups + pairs)]
    return measured[warm_ups:]


def _pair(ours: Callable[[], T], theirs: Callable[[], T], ours_first: bool) -> tuple[T, T]:
    if ours_first:
        return ours(), theirs()
    later = theirs()
    return ours(), later


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured on both sides.

    ``ours`` and ``theirs`` hold as many values, in the order of the pairs; ``theirs`` none where it was not measured.
    ``against`` says what theirs is. ``at_most`` is the ratio that we want, ``limit`` the value, if we want one.
    """

    name: str
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    against: str
    at_most: float | None = None
    limit: float | None = None

    @property
    def ratios(self) -> list[float]:
        """Ratios of ours to theirs by pair, free of what slowed both."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)] if self.theirs else []

    @property
    def ratio(self) -> float | None:
        """The median of the ratios; None where there is nothing to compare with."""
        return median(self.ratios) if self.theirs else None

    @property
    def spread(self) -> tuple[float, ...]:
        """Quartiles of the ratios; empty where there is only one."""
        if len(self.ratios) < 2:
            return ()
        low, _, high = quantiles(self.ratios, method="inclusive")
        return low, high

    @property
    def is_met(self) -> bool | None:
        """Tell if the figure is as wanted; None where nothing is wanted."""
        wanted = ((self.ratio, self.at_most), (median(self.ours), self.limit))
        met = [value <= most for value, most in wanted if value is not None and most is not None]
        return all(met) if met else None

    def plain(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "name": self.name,
            "against": self.against,
            "unit": self.unit,
            "ours": median(self.ours),
            "theirs": median(self.theirs) if self.theirs else None,
            "ratio": self.ratio,
            "ratio_quartiles": list(self.spread),
            "at_most": self.at_most,
            "limit": self.limit,
            "is_met": self.is_met,
            "runs": len(self.ours),
            "all": {"ours": list(self.ours), "theirs": list(self.theirs)},
        }


def figure(
    name: str,
    unit: str,
    pairs: Sequence[tuple[T, T]],
    value: Callable[[T], float],
    against: str,
    at_most: float | None = None,
    limit: float | None = None,
) -> Figure:
    """Return the figure that ``value`` takes from each measurement of ``pairs``."""
    ours, theirs = zip(*pairs, strict=True)
    return Figure(name, unit, tuple(map(value, ours)), tuple(map(value, theirs)), against, at_most, limit)


def alone(name: str, unit: str, ours: Sequence[float], limit: float | None = None) -> Figure:
    """Return the figure of something that only we were asked for."""
    return Figure(name, unit, tuple(ours), (), "", limit=limit)
