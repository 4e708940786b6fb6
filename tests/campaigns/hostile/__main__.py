"""``python -m tests.campaigns.hostile``: hostile input, as many cases as wanted. Exit status 1 for a violation."""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.campaigns.hostile.case import Case, named
from tests.campaigns.hostile.running import SHARES, chunks, failure, reproduction, run_all

NAMES = {
    "ec2_answers": "EC2's answers",
    "stream_events": "batches of the stream",
    "history_rows": "rows that somebody else wrote",
}


def main(arguments: list[str]) -> int:
    """0 where every case went as it must."""
    asked = _parser().parse_args(arguments)
    if asked.case:
        trace = failure(named(asked.case))
        print(trace or "It does not fail.")
        return 1 if trace else 0
    return _all(asked.cases, asked.seed, asked.cores)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.hostile", description="Hostile input, from a seed."
    )
    parser.add_argument("--cases", type=int, default=100_000, metavar="N", help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), metavar="S", help="of all chance (the time)")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), metavar="N", help="to use (%(default)s)")
    parser.add_argument("--case", metavar="CASE", help="only this one, as a failure names it")
    return parser


def _all(cases: int, seed: int, cores: int) -> int:
    began = time.monotonic()
    counts = {name: Counter[str]() for name in SHARES}
    broken: Case | None = None
    todo = chunks(cases, seed)
    with _progress(sum(len(chunk.numbers) for chunk in todo)) as tell:
        for done in run_all(todo, cores, tell):
            counts[done.family] += done.counts + Counter(cases=done.cases)
            broken = broken or done.broken
    for name, counted in counts.items():
        others = ", ".join(f"{number:,} {what}" for what, number in sorted(counted.items()) if what != "cases")
        print(f"{counted['cases']:>9,} {NAMES[name]}: {others or 'none'}")
    print(f"Seed {seed}, {time.monotonic() - began:.0f} s on {cores} cores.")
    if broken:
        print(f"\nA case failed with seed {seed}. The smallest that fails alike:\n\n{reproduction(broken)}")
    return 1 if broken else 0


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar for a person who waits; nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done: None
        return
    columns = (TextColumn("cases"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("cases", total=total)
        yield lambda done: bar.advance(task, done)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
