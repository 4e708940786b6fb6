"""The two sides: the project, and a reporter as a tutorial builds it.

Both are as `sam build` leaves them.
"""

import json
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.programs import Shell
from local.deployment import build
from local.environments import ROOT

REFERENCE = Path(__file__).parent / "reference" / "template.yaml"
START = Path(__file__).with_name("start.py")
AGAINST = "what a tutorial builds"


def interpreter() -> str:
    """Return a bare Python, outside of every environment."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


@dataclass(frozen=True, slots=True)
class Side:
    """One side: its built template's folder, and its layer's name there."""

    folder: Path
    layer: str

    def command(self, function: str, events: Path) -> tuple[str, ...]:
        """Return a run of ``function`` with the ``events`` in a file.

        Its interpreter has nothing but the artefacts.
        """
        artefacts = (self.folder / function, self.folder / self.layer / "python", events)
        return (interpreter(), "-I", "-S", "-B", str(START), *map(str, artefacts))

    @property
    def megabytes(self) -> float:
        """The layer on disk."""
        return sum(path.stat().st_size for path in self._files()) / 1e6

    def zipped(self, scratch: Path) -> float:
        """Megabytes of the layer as it is uploaded."""
        packed = scratch / f"{self.layer}.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in self._files():
                archive.write(path, path.relative_to(self.folder))
        return packed.stat().st_size / 1e6

    def _files(self) -> Iterator[Path]:
        return (path for path in (self.folder / self.layer).rglob("*") if path.is_file())


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a function's life: wall-clock and processor seconds."""

    seconds: float
    cpu: float


def life(side: Side, function: str, events: Sequence[Any], shell: Shell) -> list[Step]:
    """Return the steps of one run of ``function``: start and each answer.

    Raises StepError.
    """
    file = shell.folder / "events.json"
    file.write_text(json.dumps(events))
    return [Step(**step) for step in json.loads(shell.said(*side.command(function, file)).splitlines()[-1])]


def said(shell: Shell) -> str:
    """Return the log and metrics that the last run of a function printed."""
    return (shell.folder / "output").read_text().strip().rpartition("\n")[0]


def both(bench: Bench) -> tuple[Side, Side]:
    """Return the project's, and the other one; built once for all benches. Raises StepError."""
    if not (bench.folder / "theirs").exists():
        with bench.screen.step("sam build", "the project, and what a tutorial builds"):
            _build(bench.folder / "ours", ROOT / "template.yaml")
            _build(bench.folder / "theirs", REFERENCE)
    return Side(bench.folder / "ours" / "build", "CoreLayer"), Side(bench.folder / "theirs" / "build", "Dependencies")


def _build(folder: Path, template: Path) -> None:
    folder.mkdir()
    build(folder, template=template)
