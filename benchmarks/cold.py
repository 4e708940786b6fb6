"""Cold starts: time to a function's first answer, memory, and package size.

Both sides are what `sam build` leaves, run by the same interpreter against the same AWS on this machine. Neither may
write bytecode, as in Lambda.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.ec2_lists import known
from benchmarks.figures import Figure, figure, in_turns
from benchmarks.place import variables
from benchmarks.programs import Run, Shell
from benchmarks.sides import AGAINST, Side, both
from benchmarks.streams import batch, waiting
from local.cloud import Cloud, local_cloud
from local.process_environment import isolated_environment
from task_reporter.history.rows import to_attribute
from tests.integration.engines import LOCAL_AWS, Engine, make_table
from tests.support.canned_ec2 import canned_ec2, told

QUICKER, LIGHTER = 0.35, 0.65
LARGEST_ZIP = 4.0
"""Megabytes."""
MOST = 1000
"""Rows of which the notifier can be told."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the figures; raises StepError."""
    ours, theirs = both(bench)
    with canned_ec2(told("complete")) as ec2, local_cloud(bench.folder, ec2.url) as cloud:
        topic = cloud.client("sns").create_topic(Name="bench")["TopicArn"]
        table = make_table(Engine(LOCAL_AWS, cloud.endpoint).client()).name
        shell = Shell(isolated_environment() | cloud.environment | variables(table, topic), bench.folder)
        with bench.screen.step("cold starts", f"{bench.pairs} pairs of each function"):
            yield from _starts("recorder", _polls(bench), (ours, theirs), shell, bench.pairs)
            yield from _starts("notifier", _batches(bench, cloud, shell), (ours, theirs), shell, bench.pairs)
    sizes = [(side.megabytes, side.zipped(bench.folder)) for side in (ours, theirs)]
    yield figure("layer on disk", "MB", [tuple(size for size, _ in sizes)], float, AGAINST)
    yield figure("layer, zipped", "MB", [tuple(zipped for _, zipped in sizes)], float, AGAINST, limit=LARGEST_ZIP)


def _starts(
    function: str, events: Iterator[Path], sides: tuple[Side, Side], shell: Shell, pairs: int
) -> Iterator[Figure]:
    """Yield the cold start and the memory of one function on both sides."""
    logical = f"{function.capitalize()}Function"

    def start(side: Side) -> Run:
        return shell.run(*side.command(logical, next(events)))

    ours, theirs = sides
    runs = in_turns(lambda: start(ours), lambda: start(theirs), pairs)
    yield figure(f"cold start of the {function}", "ms", runs, lambda run: run.seconds * 1000, AGAINST, QUICKER)
    yield figure(f"memory of the {function}", "MB", runs, lambda run: run.peak / 1e6, AGAINST, LIGHTER)


def _polls(bench: Bench) -> Iterator[Path]:
    """Schedules, of which the recorder reads nothing."""
    path = bench.folder / "schedule.json"
    path.write_text("[{}]")
    while True:
        yield path


def _batches(bench: Bench, cloud: Cloud, shell: Shell) -> Iterator[Path]:
    """Batches of one record each, about a row that awaits its notification."""
    client = cloud.client("dynamodb")
    for number, row in enumerate(map(waiting, known(MOST))):
        item = {name: to_attribute(value) for name, value in row.items()}
        client.put_item(TableName=shell.environment["HISTORY_TABLE"], Item=item)
        path = bench.folder / f"batch-{number}.json"
        path.write_text(json.dumps([batch([row])]))
        yield path
