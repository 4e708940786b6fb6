"""Cold starts: time to a function's first answer, memory, and package size.

Both sides are what `sam build` leaves, run by the same interpreter against the same AWS on this machine. Neither may
write bytecode, as in Lambda.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.ec2_lists import known, listed
from benchmarks.engine import filled
from benchmarks.figures import Figure, figure, in_turns
from benchmarks.programs import Run, Shell
from benchmarks.sides import AGAINST, Side, both
from benchmarks.streams import batch, waiting
from tests.support.canned_ec2 import Answer

FAR = 0.05
"""Seconds that a request takes longer in a second measurement of the recorder."""
QUICKER, QUICKER_FAR = {"recorder": 0.31, "notifier": 0.35}, 0.25
LIGHTER = {"recorder": 0.5, "notifier": 0.7}
BUS = 1.06
"""The notifier's cold start with an event bus, divided by that without one."""
LARGEST_ZIP = 2.5
"""Megabytes."""
LISTED = 10
"""Tasks that EC2 lists, spread over nine lists."""
MOST = 1000
"""Rows of which the notifier can be told."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the figures; raises StepError."""
    ours, theirs = both(bench)
    for function, lag in (("recorder", 0.0), ("recorder", FAR), ("notifier", 0.0)):
        with bench.screen.step("cold starts", f"{bench.pairs} pairs of the {function}, {lag * 1000:.0f} ms added"):
            lists = listed(LISTED) if function == "recorder" else {}
            runs = _starts(bench, function, lists, lag, (ours, ""), (theirs, ""))
        name, quicker = f"cold start of the {function}", QUICKER[function]
        if lag:
            name, quicker = f"{name}, {lag * 1000:.0f} ms away", QUICKER_FAR
        yield figure(name, "ms", runs, lambda run: run.seconds * 1000, AGAINST, quicker)
        if not lag:
            wanted = LIGHTER[function]
            yield figure(f"memory of the {function}", "MB", runs, lambda run: run.peak / 1e6, AGAINST, wanted)
    with bench.screen.step("cold starts", f"{bench.pairs} pairs of the notifier, with and without an event bus"):
        runs = _starts(bench, "notifier", {}, 0.0, (ours, "default"), (ours, ""))
    name, against = "cold start of the notifier with a bus", "ours without a bus"
    yield figure(name, "ms", runs, lambda run: run.seconds * 1000, against, BUS)
    sizes = [(side.megabytes, side.zipped(bench.folder)) for side in (ours, theirs)]
    yield figure("layer on disk", "MB", [tuple(size for size, _ in sizes)], float, AGAINST)
    yield figure("layer, zipped", "MB", [tuple(zipped for _, zipped in sizes)], float, AGAINST, limit=LARGEST_ZIP)


def _starts(
    bench: Bench, function: str, lists: Mapping[str, Answer], lag: float, *sides: tuple[Side, str]
) -> list[tuple[Run, Run]]:
    """Start one function of two sides in turns.

    Each of ``sides``, with its event bus, has a table of its own. The first pair does not count, and records the tasks.
    """
    with ExitStack() as stack:

        def starter(side: Side, bus: str) -> partial[Run]:
            table = filled(bench.place.engine, map(waiting, () if lists else known(MOST)))
            shell = stack.enter_context(bench.place.shell(table, lists, lag=lag, announce_history="none", bus=bus))
            return partial(_start, shell, side, function, _events(bench.folder, bool(lists)))

        return in_turns(*(starter(side, bus) for side, bus in sides), bench.pairs)


def _start(shell: Shell, side: Side, function: str, events: Iterator[Path]) -> Run:
    return shell.run(*side.command(f"{function.capitalize()}Function", next(events)))


def _events(folder: Path, scheduled: bool) -> Iterator[Path]:
    """Yield files with one event each.

    It is a schedule's, or one about a row that awaits its notification.
    """
    for number, row in enumerate(map(waiting, known(MOST))):
        path = folder / f"event-{number}.json"
        path.write_text(json.dumps([{} if scheduled else batch([row])]))
        yield path
