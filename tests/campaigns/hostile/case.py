"""Cases: what they are made of, how they are numbered, and the smallest of those that fail alike."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Protocol

HOW_MANY_STEPS = (0, 1, 1, 1, 2, 2, 3, 4, 6, 10)


class Violation(Exception):
    """The package did with a case what it must never do."""


@dataclass(frozen=True, slots=True)
class Case:
    """The seed of a valid beginning, and those of the steps that spoil it."""

    family: str
    base: int
    steps: tuple[int, ...]

    def __str__(self) -> str:
        return ":".join([self.family, str(self.base), ",".join(map(str, self.steps))])


class Family(Protocol):
    """One kind of hostile input."""

    def build(self, case: Case) -> Any:
        """What ``case`` is, the same each time."""

    def check(self, material: Any) -> Counter[str]:
        """Do it; what came of it, in numbers. Raises Violation, or whatever the package wrongly raises."""

    def show(self, material: Any) -> str:
        """The material, for a person."""


def numbered(family: str, seed: int, number: int) -> Case:
    """Case ``number`` of a run with ``seed``."""
    rng = Random(f"{seed}/{family}/{number}")
    return Case(family, rng.getrandbits(32), tuple(rng.getrandbits(32) for _ in range(rng.choice(HOW_MANY_STEPS))))


def named(text: str) -> Case:
    """The case that is written as ``text``."""
    family, base, steps = text.split(":")
    return Case(family, int(base), tuple(int(step) for step in steps.split(",") if step))


def smallest(case: Case, fails: Callable[[Case], bool]) -> Case:
    """``case`` without the steps that it needs not to fail."""
    for step in case.steps:
        less = replace(case, steps=tuple(one for one in case.steps if one != step))
        if fails(less):
            return smallest(less, fails)
    return case


def wanted(holds: bool, said: str) -> None:
    """Raise Violation where what must hold does not."""
    if not holds:
        raise Violation(said)
