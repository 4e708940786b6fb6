"""Cold starts: from the start of a process to a function's first answer, its memory, and what it ships.

Both sides are what `sam build` leaves, run by the same interpreter against the same AWS on this machine. Neither may
write bytecode, as in Lambda.
"""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from local.cloud import Cloud, local_cloud, outside
from task_reporter.rows import AWAITING_NOTIFICATION, to_attribute
from tests.bench.bench import Bench
from tests.bench.figures import Figure, figure, in_turns
from tests.bench.programs import Run, Shell
from tests.bench.sides import AGAINST, SCOPE, Side, both, variables
from tests.canned_ec2 import canned_ec2, told
from tests.integration.engines import LOCAL_AWS, Engine, make_table

QUICKER, LIGHTER = 0.35, 0.65
LARGEST_ZIP = 4.0
"""Megabytes; told as a ratio to the reference, so the goal is worked out when that is known."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Raises StepFailed."""
    ours, theirs = both(bench)
    with canned_ec2(told("complete")) as ec2, local_cloud(bench.folder, ec2.url) as cloud:
        topic = cloud.client("sns").create_topic(Name="bench")["TopicArn"]
        table = make_table(Engine(LOCAL_AWS, cloud.endpoint).client()).name
        shell = Shell(outside() | cloud.environment | variables(table, topic), bench.folder)
        with bench.screen.step("cold starts", f"{bench.pairs} pairs of each function"):
            yield from _starts("recorder", _polls(bench), (ours, theirs), shell, bench.pairs)
            yield from _starts("notifier", _batches(bench, cloud, shell), (ours, theirs), shell, bench.pairs)
    sizes = [(side.megabytes, side.zipped(bench.folder)) for side in (ours, theirs)]
    yield figure("layer on disk", "MB", [tuple(size for size, _ in sizes)], float, AGAINST)
    yield figure(
        "layer, zipped", "MB", [tuple(zipped for _, zipped in sizes)], float, AGAINST, LARGEST_ZIP / sizes[1][1]
    )


def _starts(
    function: str, events: Iterator[Path], sides: tuple[Side, Side], shell: Shell, pairs: int
) -> Iterator[Figure]:
    """The cold start and the memory of one function on both sides."""
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
    path.write_text("{}")
    while True:
        yield path


def _batches(bench: Bench, cloud: Cloud, shell: Shell) -> Iterator[Path]:
    """Batches of one record each, about a row that awaits its notification."""
    client = cloud.client("dynamodb")
    for number in count():
        item = {name: to_attribute(value) for name, value in _row(number).items()}
        client.put_item(TableName=shell.environment["HISTORY_TABLE"], Item=item)
        path = bench.folder / f"batch-{number}.json"
        path.write_text(json.dumps({"Records": [_record(item, number)]}))
        yield path


def _row(number: int) -> dict[str, str]:
    ended = "2026-11-23T12:00:00.000Z"
    return {
        "scope": SCOPE, "task_id": f"bun-{number:08x}", "kind": "bundle", "state": "complete", "outcome": "complete",
        "resource_id": "i-0a1b2c3d4e5f60718", "started_at": "2026-11-23T11:25:50.000Z", "updated_at": ended,
        "first_seen_at": ended, "finished_at": ended, "image_location": "acme-bundles/web/2026-11-23.manifest.xml",
        "awaiting": AWAITING_NOTIFICATION, "awaiting_since": ended,
    }  # fmt: skip


def _record(item: dict[str, Any], number: int) -> dict[str, Any]:
    keys = {name: item[name] for name in ("scope", "task_id")}
    return {
        "eventID": str(number),
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": keys, "NewImage": item, "SequenceNumber": str(number), "StreamViewType": "NEW_IMAGE"},
    }
