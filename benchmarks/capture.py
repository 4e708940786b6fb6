"""Capture of many new tasks in nine lists, with a region's network delay."""

from collections.abc import Iterator
from typing import Any

from benchmarks.bench import Bench
from benchmarks.ec2_lists import listed
from benchmarks.figures import Figure, figure
from benchmarks.lag import LAG
from benchmarks.programs import Run
from benchmarks.sides import AGAINST, Side, both
from tests.integration.engines import make_table

QUICKER = 0.1
"""The share of the other's time that a capture may take."""
SIZES = 3000, 10_000
"""Tasks. Each is measured once: the other side takes minutes."""
FUNCTION_MB = 256
WARM_UPS = 3, 300
"""Captures before measuring: how often for ours, how many tasks for theirs.

A new engine is slower, the more so on one processor.
"""


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the figures; raises StepError."""
    ours, theirs = both(bench)
    often, few = WARM_UPS
    with bench.screen.step("warm-up", f"{often} times {min(SIZES):,} new tasks"):
        _capture(bench, theirs, few)
        for _ in range(often):
            _capture(bench, ours, min(SIZES))
    for size in SIZES:
        with bench.screen.step("capture", f"{size:,} new tasks, {LAG * 1000:.0f} ms added to every request"):
            runs = [(_capture(bench, ours, size), _capture(bench, theirs, size))]
        yield figure(f"capture of {size:,} new tasks", "s", runs, lambda run: run.seconds, AGAINST, QUICKER)
        memory = f"memory for {size:,} new tasks"
        yield figure(memory, "MB", runs, lambda run: run.peak / 1e6, AGAINST, limit=FUNCTION_MB)


def _capture(bench: Bench, side: Side, size: int) -> Run:
    """Poll lists with so many tasks into an empty table."""
    event, client = bench.folder / "schedule.json", bench.place.engine.client()
    event.write_text("[{}]")
    table = make_table(client, StreamSpecification={"StreamEnabled": False}).name
    with bench.place.shell(table, listed(size)) as shell:
        run = shell.run(*side.command("RecorderFunction", event))
    _must_hold(client, table, size)
    client.delete_table(TableName=table)
    return run


def _must_hold(client: Any, table: str, size: int) -> None:
    """Check that all tasks were recorded."""
    pages = client.get_paginator("scan").paginate(TableName=table, Select="COUNT")
    held = sum(page["Count"] for page in pages)
    assert held in (size, size + 1), f"{held} rows of {size}"  # ours has its roster there too
