"""The equipment of a benchmark."""

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.place import Place
from local.screen import Screen


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of benches, all in one ``place``.

    ``folder`` is gone afterwards; ``rows`` is how large a history is to be, ``pairs`` how often what is quickly done is
    measured. What a bench wants to be told beside its figures it puts into ``facts``.
    """

    screen: Screen
    folder: Path
    rows: int
    pairs: int
    place: Place
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def few(self) -> int:
        """Return the number of repetitions of a measurement that takes minutes."""
        return max(1, self.pairs // 15)
