"""Making rows from EC2's answer, beside parsing its XML alone."""

from collections.abc import Iterator
from time import perf_counter
from typing import Any
from xml.etree import ElementTree

from botocore.awsrequest import AWSResponse

from benchmarks.bench import Bench
from benchmarks.ec2_lists import listed
from benchmarks.figures import Figure, figure, in_turns
from local.cloud import CREDENTIALS, REGION
from task_reporter.aws import clients
from task_reporter.aws.lists import list_pages as answers
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.recording.projection import project
from tests.support.functions import load

TASKS = 10_000
PAIRS = 5


def measure(bench: Bench) -> Iterator[Figure]:
    """Return projected tasks from a body that is handed over without a network."""
    body = listed(TASKS, (BUNDLE,))[BUNDLE.operation].body
    client = clients.client("ec2", region_name=REGION, **CREDENTIALS)
    load("recorder")  # with its garbage collector's thresholds
    client.meta.events.register("before-send.ec2", lambda request, **_: AWSResponse(request.url, 200, {}, _Raw(body)))

    def ours() -> float:
        begun = perf_counter()
        tasks = project(BUNDLE, answers(client, BUNDLE)).tasks
        assert len(tasks) == TASKS
        return perf_counter() - begun

    def theirs() -> float:
        begun = perf_counter()
        ElementTree.fromstring(body)
        return perf_counter() - begun

    with bench.screen.step("parse", f"{TASKS:,} tasks, {len(body) / 1e6:.1f} MB of XML"):
        pairs = in_turns(ours, theirs, PAIRS)
    yield figure(f"rows of {TASKS:,} tasks", "ms", pairs, lambda seconds: seconds * 1000, "reading the XML alone")


class _Raw:
    """A body as botocore takes it from urllib3."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body
