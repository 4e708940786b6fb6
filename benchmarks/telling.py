"""The notifier's time per task, announced one by one or in digests."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench
from benchmarks.ec2_lists import known
from benchmarks.engine import filled
from benchmarks.figures import Figure, figure, in_turns
from benchmarks.lag import LAG
from benchmarks.place import Place
from benchmarks.sides import AGAINST, Side, both, life
from benchmarks.streams import batch, waiting

BATCHES = {"one by one": (5, 3), "in digests": (100, 1)}
"""Records of one batch, and the number of measurements.

The most that are still announced one by one, and the most that one transaction marks.
"""
TOGETHER, PAIRS, TWICE = 1000, 3, 2.0
"""Tasks that end together, pairs of measurements, and the permitted ratio."""
COUNT = 10
"""Batches that are timed, after the first one, which begins the connections."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the figures; raises StepError."""
    ours, theirs = both(bench)
    here = bench.place
    for how, (size, pairs) in BATCHES.items():
        with bench.screen.step("notices", f"{COUNT} batches of {size}, {LAG * 1000:.0f} ms added to every request"):
            runs = in_turns(
                partial(_seconds, here, ours, size), partial(_seconds, here, theirs, size), pairs, warm_ups=0
            )
            yield figure(f"a task told {how}", "ms", runs, lambda seconds: 1000 * seconds, AGAINST)
    with bench.screen.step("notices", f"{TOGETHER:,} tasks that ended together, with and without events"):
        runs = in_turns(partial(_together, here, ours, "default"), partial(_together, here, ours, ""), PAIRS)
    name = f"{TOGETHER:,} tasks told together, with events"
    yield figure(name, "ms", runs, lambda seconds: 1000 * seconds, "ours without events", TWICE)


def _together(here: Place, side: Side, bus: str) -> float:
    """Measure the announcement of many tasks that ended together, in a warm function."""
    told = [waiting(row) for row in known(1 + TOGETHER)]
    table = filled(here.engine, told)
    with here.shell(table, bus=bus) as shell:
        _, _, step = life(side, "NotifierFunction", [batch(told[:1]), batch(told[1:])], shell)
    return step.seconds


def _seconds(here: Place, side: Side, size: int) -> float:
    """Measure the announcement of one of many tasks."""
    told = [waiting(row) for row in known((1 + COUNT) * size)]
    table = filled(here.engine, told)
    events = [batch(told[start : start + size]) for start in range(0, len(told), size)]
    with here.shell(table) as shell:
        steps = life(side, "NotifierFunction", events, shell)
    return sum(step.seconds for step in steps[2:]) / (COUNT * size)
