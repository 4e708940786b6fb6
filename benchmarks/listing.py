"""The command line beside the aws CLI: newest tasks, and a whole export."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from benchmarks.bench import Bench
from benchmarks.engine import surroundings
from benchmarks.figures import Figure, figure, in_turns
from benchmarks.meter import Reading, meter
from benchmarks.programs import Run, Shell, install
from benchmarks.rows import ACCOUNTS, NEWEST, account_id
from local.environments import program_path
from local.process_environment import isolated_environment
from local.processes import StepError
from task_reporter.times import to_text

OURS, AWS = program_path("bench-cli", "task-reporter"), program_path("bench", "aws")
NEWEST_TASKS = (
    "dynamodb", "query", "--output", "json", "--index-name", "by-kind", "--no-scan-index-forward",
    "--key-condition-expression", "kind = :kind", "--expression-attribute-values", '{":kind": {"S": "bundle"}}',
)  # fmt: skip
SHOWN = 50
FASTER = 0.6
"""The share of the aws CLI's time that a list may take."""
EXPORTED = 25_000
"""Most rows of an export.

The engine takes a minute for 100,000 rows, and longer in a larger table.
"""
NO_SLOWER = 1.1
"""The time of a list of many accounts, by that of one."""
STEADY = 1.1
"""An export of twice the rows may hold so much more memory."""


Pairs = list[tuple[Run, Run]]


@dataclass(frozen=True, slots=True)
class Sides:
    """The two programs, asked about the same ``table``."""

    shell: Shell
    table: str

    def list(self, *options: str) -> tuple[str, ...]:
        """Our command."""
        return (OURS, "list", "--table", self.table, *options)

    def query(self, *options: str) -> tuple[str, ...]:
        """Return the same with the aws CLI."""
        return (AWS, *NEWEST_TASKS, "--table-name", self.table, *options)

    def in_turns(self, ours: tuple[str, ...], theirs: tuple[str, ...], pairs: int, warm_ups: int = 1) -> Pairs:
        """Both, run as whole programs."""
        return in_turns(partial(self.shell.run, *ours), partial(self.shell.run, *theirs), pairs, warm_ups)


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the figures; raises StepError."""
    with bench.screen.step("install", "the command line as a wheel, beside the aws CLI"):
        install(bench.folder)
    running = bench.place.engine
    with bench.screen.step("table", f"{bench.rows:,} rows in {running.name}"):
        table = bench.place.history(bench.rows)
    sides = Sides(Shell(isolated_environment() | surroundings(running), bench.folder), table)
    _tell_versions(bench, sides.shell)
    with bench.screen.step("list", f"{bench.pairs} pairs each"):
        _must_agree(sides)
        yield from _list(sides, bench.pairs)
    with bench.screen.step("read", "what DynamoDB reads for it"):
        yield from _read(sides, running.endpoint)
    with bench.screen.step("organization", f"the same number of rows, of {ACCOUNTS:,} accounts"):
        large = bench.place.organization(bench.rows)
    with bench.screen.step("list", "of all accounts, and of one"):
        yield from _list_accounts(sides, replace(sides, table=large), running.endpoint, bench.pairs)
    exported = min(bench.rows // 4, EXPORTED)
    with bench.screen.step("export", f"{exported:,} of them; the engine takes its time"):
        yield from _export(sides, exported, bench.few)


def _tell_versions(bench: Bench, shell: Shell) -> None:
    bench.facts["aws CLI"] = shell.said(AWS, "--version").strip()
    bench.facts["task-reporter"] = shell.said(OURS, "--version").strip()


def _must_agree(sides: Sides) -> None:
    """Check that both give the same tasks in the same order."""
    ours = json.loads(sides.shell.said(*sides.list("--limit", str(SHOWN), "--output", "json")))
    theirs = json.loads(sides.shell.said(*sides.query(*_page(SHOWN))))["Items"]
    if [row["task_id"] for row in ours] != [item["task_id"]["S"] for item in theirs]:
        raise StepError("asking both the same", "task-reporter list and aws dynamodb query give different tasks")


def _page(count: int) -> tuple[str, ...]:
    """Return the options for so many rows, and no more read than that.

    Without a page size the aws CLI reads a megabyte and shows its beginning.
    """
    return ("--max-items", str(count), "--page-size", str(count))


def _list(sides: Sides, pairs: int) -> Iterator[Figure]:
    """Measure a person's short list: the whole program, from start to exit."""
    asked, against = sides.query(*_page(SHOWN)), "aws dynamodb query, one page"
    for output in ("table", "json"):
        ours = sides.list("--limit", str(SHOWN), "--output", output)
        measured = sides.in_turns(ours, asked, pairs)
        yield figure(f"list of {SHOWN}, as {output}", "ms", measured, _milliseconds, against, FASTER)
    measured = sides.in_turns((OURS, "--version"), (AWS, "--version"), pairs)
    yield figure("start alone", "ms", measured, _milliseconds, "aws --version")


def _read(sides: Sides, endpoint: str) -> Iterator[Figure]:
    """Count the rows that DynamoDB reads for one list, which never varies."""
    ours = _metered(sides, endpoint, sides.list("--limit", str(SHOWN)))
    for theirs, against, at_most in (
        (sides.query(*_page(SHOWN)), "aws dynamodb query, one page", 1.0),
        (sides.query("--max-items", str(SHOWN)), "the same without --page-size", None),
    ):
        pair = [(ours, _metered(sides, endpoint, theirs))]
        yield figure(f"rows read for a list of {SHOWN}", "rows", pair, lambda read: read.rows, against, at_most)
        yield figure(f"charged for a list of {SHOWN}", "units", pair, lambda read: read.units, against, at_most)


def _list_accounts(small: Sides, large: Sides, endpoint: str, pairs: int) -> Iterator[Figure]:
    """Measure what people ask about an organization, beside a history of one account."""
    day = ("--since", to_text(NEWEST - timedelta(days=1)), "--limit", str(SHOWN))
    questions = {
        "list": ("--limit", str(SHOWN)),
        "list --outcome failed --since": ("--outcome", "failed", *day),
        "list --account": ("--account", account_id(7), "--limit", str(SHOWN)),
        "list --account NAME": ("--account", "team-7", "--limit", str(SHOWN)),
        "list --running --account": ("--running", "--account", account_id(7)),
    }
    whole, against = small.list("--limit", str(SHOWN)), "list of a history of one account"
    for name, options in questions.items():
        measured = small.in_turns(large.list(*options), whole, pairs)
        yield figure(f"{name}, {ACCOUNTS:,} accounts", "ms", measured, _milliseconds, against, NO_SLOWER)
        shown = len(json.loads(large.shell.said(*large.list(*options, "--output", "json"))))
        read = _metered(large, endpoint, large.list(*options))
        yield figure(f"{name}: rows read", "rows", [(read.rows, shown)], float, "shown")


def _metered(sides: Sides, endpoint: str, command: tuple[str, ...]) -> Reading:
    with meter(endpoint) as between:
        there = {**sides.shell.environment, "AWS_ENDPOINT_URL": between.endpoint}
        Shell(there, sides.shell.folder).run(*command)
        return between.reading


def _export(sides: Sides, rows: int, pairs: int) -> Iterator[Figure]:
    """Measure an export of many rows, and the programs' own time in it.

    Most of the time is the engine's.
    """
    ours, against = sides.list("--limit", str(rows), "--output", "csv"), "aws dynamodb query"
    measured = sides.in_turns(ours, sides.query("--max-items", str(rows)), pairs, warm_ups=0)
    name = f"export of {rows:,} rows"
    yield figure(name, "s", measured, lambda run: run.seconds, against)
    yield figure(name, "rows/s", measured, lambda run: rows / run.seconds, against)
    yield figure(f"{name}, processor", "s", measured, lambda run: run.cpu, against)
    yield figure(f"{name}, peak memory", "MB", measured, _megabytes, against)
    half = sides.list("--limit", str(rows // 2), "--output", "csv")
    lengths = [(whole, sides.shell.run(*half)) for whole, _ in measured]
    yield figure(f"{name}, peak memory", "MB", lengths, _megabytes, f"ours, {rows // 2:,} rows", STEADY)


def _milliseconds(run: Run) -> float:
    return run.seconds * 1000


def _megabytes(run: Run) -> float:
    return run.peak / 1e6
