"""The report of an organization: time, memory, and the size of the page."""

import os
import sys
from collections.abc import Iterable, Iterator

from benchmarks.bench import Bench
from benchmarks.engine import filled, surroundings
from benchmarks.figures import Figure, alone, figure
from benchmarks.programs import Run, Shell
from benchmarks.rows import NEWEST, SPAN, rows
from local.environments import ROOT
from local.process_environment import isolated_environment
from task_reporter.history.rows import Row
from task_reporter.kinds.table import KINDS
from task_reporter.times import to_text

ACCOUNTS = 1000
REGIONS = tuple(f"{part}-{number}" for part in ("ap-south", "eu-west", "us-east", "us-west") for number in range(1, 5))
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
        table = filled(running, in_organization(rows(bench.rows)))
    sources = os.pathsep.join(str(ROOT / name) for name in ("cli", "layers/core"))
    shell = Shell(isolated_environment() | surroundings(running) | {"PYTHONPATH": sources}, bench.folder)
    page = bench.folder / "report.html"
    command = (sys.executable, "-m", "task_reporter_cli", "report", "--table", table, "--out", str(page))
    with bench.screen.step("report", f"{RUNS} times, of all rows and of half of them"):
        pairs = [(shell.run(*command, "--since", HALF), shell.run(*command)) for _ in range(RUNS)]
    yield from _figures(f"report of {bench.rows:,} tasks", [(whole, half) for half, whole in pairs])
    yield alone("size of the page", "MB", [page.stat().st_size / 1e6])


def in_organization(history: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows of one account as those of many, in all kinds."""
    kinds = list(KINDS)
    for number, row in enumerate(history):
        account = number % ACCOUNTS
        scope = f"{10**11 + account}/{REGIONS[number % len(REGIONS)]}"
        yield row | {"scope": scope, "account_name": f"team-{account}", "kind": kinds[number % len(kinds)]}


def _figures(name: str, pairs: list[tuple[Run, Run]]) -> Iterator[Figure]:
    yield alone(name, "s", [whole.seconds for whole, _ in pairs])
    yield alone(f"{name}, processor", "s", [whole.cpu for whole, _ in pairs])
    yield alone(f"{name}, peak memory", "MB", [_megabytes(whole) for whole, _ in pairs], MAX_MEGABYTES)
    yield figure(f"{name}, peak memory", "MB", pairs, _megabytes, "half of them", STEADY)


def _megabytes(run: Run) -> float:
    return run.peak / 1e6
