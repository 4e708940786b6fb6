"""The report of an organization: time, memory, and the size of the page."""

import os
import sys
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.engine import surroundings
from benchmarks.figures import Figure, alone, figure
from benchmarks.programs import Run, Shell
from benchmarks.rows import ACCOUNTS, NEWEST, SPAN
from local.environments import ROOT
from local.process_environment import isolated_environment
from task_reporter.times import to_text

MAX_MEGABYTES = 100
"""A report is made beside other programs, or in CloudShell."""
STEADY = 1.1
"""A report of twice the rows may hold so much more memory."""
HALF = to_text(NEWEST - SPAN / 2)
"""The time since which half of the rows were updated."""
RUNS = 3


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the figures; raises StepError."""
    running = bench.place.engine
    with bench.screen.step("organization", f"{bench.rows:,} rows of {ACCOUNTS:,} accounts in {running.name}"):
        table = bench.place.organization(bench.rows)
    sources = os.pathsep.join(str(ROOT / name) for name in ("cli", "layers/core"))
    shell = Shell(isolated_environment() | surroundings(running) | {"PYTHONPATH": sources}, bench.folder)
    page = bench.folder / "report.html"
    command = (sys.executable, "-m", "task_reporter_cli", "report", "--table", table, "--out", str(page))
    with bench.screen.step("report", f"{RUNS} times, of all rows and of half of them"):
        pairs = [(shell.run(*command, "--since", HALF), shell.run(*command)) for _ in range(RUNS)]
    yield from _figures(f"report of {bench.rows:,} tasks", [(whole, half) for half, whole in pairs])
    yield alone("size of the page", "MB", [page.stat().st_size / 1e6])


def _figures(name: str, pairs: list[tuple[Run, Run]]) -> Iterator[Figure]:
    yield alone(name, "s", [whole.seconds for whole, _ in pairs])
    yield alone(f"{name}, processor", "s", [whole.cpu for whole, _ in pairs])
    yield alone(f"{name}, peak memory", "MB", [_megabytes(whole) for whole, _ in pairs], MAX_MEGABYTES)
    yield figure(f"{name}, peak memory", "MB", pairs, _megabytes, "half of them", STEADY)


def _megabytes(run: Run) -> float:
    return run.peak / 1e6
