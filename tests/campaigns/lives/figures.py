"""What histories went through, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Figures:
    """Counts that can be added up: of one history, of one process, of all."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, other: Figures) -> None:
        self.counts += other.counts
        self.faults += other.faults
