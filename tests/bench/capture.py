"""Capturing many new tasks that stand in one answer of EC2's, over a wire as long as a region's."""

from collections.abc import Iterator
from typing import Any

from tests.bench.bench import Bench
from tests.bench.ec2_lists import listed
from tests.bench.figures import Figure, figure, in_turns
from tests.bench.lag import LAG
from tests.bench.place import Place
from tests.bench.programs import Run
from tests.bench.sides import AGAINST, Side, both
from tests.canned_ec2 import Answer
from tests.integration.engines import make_table

QUICKER = 0.1
"""The share of the other's time that a capture may take."""
SIZES = 3000, 10_000
"""Tasks. Each is measured once: the other side takes minutes."""
FUNCTION_MB = 256


def measure(bench: Bench) -> Iterator[Figure]:
    """Raises StepFailed."""
    sides = both(bench)
    here = bench.place
    for size in SIZES:
        with bench.screen.step("capture", f"{size:,} new tasks, {LAG * 1000:.0f} ms added to every request"):
            yield from _capture(bench, here, sides, size)


def _capture(bench: Bench, here: Place, sides: tuple[Side, Side], size: int) -> Iterator[Figure]:
    event, answer, client = bench.folder / "schedule.json", Answer(listed(size)), here.engine.client()
    event.write_text("[{}]")

    def capture(side: Side) -> Run:
        """A poll into a table that is empty."""
        table = make_table(client, StreamSpecification={"StreamEnabled": False}).name
        with here.shell(table, answer) as shell:
            run = shell.run(*side.command("RecorderFunction", event))
        _must_hold(client, table, size)
        client.delete_table(TableName=table)
        return run

    ours, theirs = sides
    capture(ours)  # the engine is slower while it is new
    runs = in_turns(lambda: capture(ours), lambda: capture(theirs), 1, warm_ups=0)
    yield figure(f"capture of {size:,} new tasks", "s", runs, lambda run: run.seconds, AGAINST, QUICKER)
    yield figure(f"memory for {size:,} new tasks", "MB", runs, lambda run: run.peak / 1e6, AGAINST, limit=FUNCTION_MB)


def _must_hold(client: Any, table: str, size: int) -> None:
    """What was not recorded was not measured."""
    pages = client.get_paginator("scan").paginate(TableName=table, Select="COUNT")
    held = sum(page["Count"] for page in pages)
    assert held in (size, size + 1), f"{held} rows of {size}"  # ours has its heartbeat there too
