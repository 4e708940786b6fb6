"""``make soak``: many random histories, on all processors; exit status 1 where one went wrong."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.engine import engine as an_engine
from local.screen import Screen, run_with_screen
from tests.campaigns.lives import mutants
from tests.campaigns.lives.figures import Figures
from tests.campaigns.lives.portions import Portion, portions

TOLD = (
    "histories", "steps", "tasks", "polls", "batches", "faults", "crashes", "clock jumps", "records again",
    "records expired", "lists from behind", "complete", "failed", "cancelled", "lost", "lost and found", "notices",
)  # fmt: skip


class WrongError(OSError):
    """A history went wrong, or a defect was not found; the text says which."""


def main(arguments: list[str]) -> int:
    """0 where nothing is lost and nothing repeated that should not be."""
    asked = _parser().parse_args(arguments)
    return run_with_screen(lambda screen: _story(asked, screen))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.lives", description="Random histories of the whole reporter."
    )
    parser.add_argument("--histories", type=int, default=10_000, help="how many, at least (%(default)s)")
    parser.add_argument("--seed", type=int, help="of the first portion (random), or of each hunt for a defect (1)")
    parser.add_argument("--minutes", type=float, default=60, help="begin nothing new after so long (%(default)s)")
    parser.add_argument("--mutations", action="store_true", help="put defects into the package: each must be found")
    return parser


def _story(asked: argparse.Namespace, screen: Screen) -> None:
    with tempfile.TemporaryDirectory(prefix="ec2-task-reporter-soak-") as folder, an_engine(Path(folder)) as engine:
        if asked.mutations:
            screen.say(f"Defects put into the package; its histories on {engine.name}")
            missed = mutants.report(engine, screen, mutants.SEED if asked.seed is None else asked.seed)
            if missed:
                raise WrongError(f"{missed} defects were not found")
            return
        seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
        screen.say(f"{asked.histories:,} histories on {engine.name}, seed {seed}")
        begun, figures = time.monotonic(), Figures()
        until = begun + 60 * asked.minutes
        wrong = _judged(portions(engine, asked.histories, seed, until), asked.histories, figures)
        screen.say(_said(figures, time.monotonic() - begun))
        if wrong:
            raise WrongError(wrong)
        screen.say("\nlosses 0, repeats that were not allowed 0")


def _judged(done: Iterable[Portion], many: int, figures: Figures) -> str | None:
    """What went wrong, or None; a bar says on a terminal how far it got."""
    columns = TextColumn("{task.completed:,.0f} of {task.total:,.0f}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, disable=not sys.stdout.isatty(), transient=True) as progress:
        bar = progress.add_task("histories", total=many)
        for portion in done:
            figures.add(portion.figures)
            progress.advance(bar, portion.figures.counts["histories"])
            if portion.found:
                return _wrong(portion)
    return None


def _wrong(portion: Portion) -> str:
    assert portion.found
    again = f"python -m tests.campaigns.lives --histories {portion.histories} --seed {portion.seed}"
    return f"violated: {portion.found.invariant}\n{portion.found.what}\n\n{portion.found.steps}\n\nagain: {again}"


def _said(figures: Figures, seconds: float) -> str:
    """What was done, in numbers."""
    counts = {**figures.counts, "faults": figures.faults.total()}
    rate = counts.get("histories", 0) / seconds
    return "\n".join(
        [
            "\nfaults",
            *(f"  {name:<38}{number:>9,}" for name, number in sorted(figures.faults.items())),
            "\nin all",
            *(f"  {name:<38}{counts.get(name, 0):>9,}" for name in TOLD),
            f"  {'repeats where a mark could not follow':<38}{counts.get('repeats', 0):>9,}",
            f"  {'seconds':<38}{seconds:>9,.0f}    {rate:.1f} histories a second",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
