"""Capturing many new tasks that stand in one answer of EC2's, over a wire as long as a region's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local.cloud import local_cloud, outside
from local.ec2.answer import response
from tests.bench.bench import Bench
from tests.bench.engine import NO_EC2, engine, surroundings
from tests.bench.figures import Figure, figure, in_turns
from tests.bench.lag import LAG, lagging
from tests.bench.programs import Run, Shell
from tests.bench.sides import AGAINST, Side, both, variables
from tests.canned_ec2 import Answer, canned_ec2
from tests.integration.engines import Engine, make_table

QUICKER = 0.1
"""The share of the other's time that a capture may take."""
SIZES = {3000: 3, 10_000: 1}
"""How many tasks, and how often that is measured: the other side takes minutes."""
FUNCTION_MB = 256
ENDED = datetime(2026, 11, 23, 12, tzinfo=UTC)


def measure(bench: Bench) -> Iterator[Figure]:
    """Raises StepFailed."""
    ours, theirs = both(bench)
    with (
        local_cloud(bench.folder, NO_EC2) as cloud,
        engine(bench.folder) as running,
        lagging(running.endpoint) as far,
    ):
        topic = cloud.client("sns").create_topic(Name="bench")["TopicArn"]
        wires = {"AWS_ENDPOINT_URL_DYNAMODB": far, "AWS_ENDPOINT_URL_SNS": cloud.endpoint}
        place = Place(running, surroundings(running) | wires, topic)
        for size, pairs in SIZES.items():
            with bench.screen.step("capture", f"{size:,} new tasks, {LAG * 1000:.0f} ms added to every request"):
                yield from _capture(bench, place, (ours, theirs), size, pairs)


@dataclass(frozen=True, slots=True)
class Place:
    """Where both sides run: the ``engine``, the ``environment`` that leads there, the ``topic``."""

    engine: Engine
    environment: Mapping[str, str]
    topic: str


def _capture(bench: Bench, place: Place, sides: tuple[Side, Side], size: int, pairs: int) -> Iterator[Figure]:
    event = bench.folder / "schedule.json"
    event.write_text("{}")
    with canned_ec2(Answer(tasks(size))) as ec2:

        def capture(side: Side) -> Run:
            """A poll into a table that is empty."""
            client = place.engine.client()
            table = make_table(client, StreamSpecification={"StreamEnabled": False}).name
            environment = outside() | place.environment | variables(table, place.topic)
            shell = Shell(environment | {"AWS_ENDPOINT_URL_EC2": ec2.url}, bench.folder)
            run = shell.run(*side.command("RecorderFunction", event))
            _must_hold(place.engine, table, size)
            client.delete_table(TableName=table)
            return run

        ours, theirs = sides
        runs = in_turns(lambda: capture(ours), lambda: capture(theirs), pairs, warm_ups=0)
    yield figure(f"capture of {size:,} new tasks", "s", runs, lambda run: run.seconds, AGAINST, QUICKER)
    yield figure(f"memory for {size:,} new tasks", "MB", runs, lambda run: run.peak / 1e6, AGAINST)


def _must_hold(running: Engine, table: str, size: int) -> None:
    """What was not recorded was not measured."""
    pages = running.client().get_paginator("scan").paginate(TableName=table, Select="COUNT")
    held = sum(page["Count"] for page in pages)
    assert held in (size, size + 1), f"{held} rows of {size}"  # ours has its heartbeat there too


def tasks(count: int) -> bytes:
    """EC2's answer with so many tasks, all complete."""
    listed = [
        {
            "BundleId": f"bun-{number:08x}",
            "InstanceId": f"i-{number:017x}",
            "State": "complete",
            "Progress": "100%",
            "StartTime": ENDED - timedelta(minutes=35, seconds=number),
            "UpdateTime": ENDED - timedelta(seconds=number),
            "Storage": {"S3": {"Bucket": "acme-bundles", "Prefix": f"host-{number}/2026-11-23"}},
        }
        for number in range(count)
    ]
    return response("DescribeBundleTasks", {"BundleTasks": listed}, "bench")
