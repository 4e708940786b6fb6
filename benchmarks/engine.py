"""A DynamoDB engine on this machine, and a filled table in it."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.session import Session

from local.cloud import CREDENTIALS, REGION, local_cloud
from task_reporter.history.rows import Row, to_attribute
from tests.integration.dynamodb_local import UnavailableError, dynamodb_local
from tests.integration.engines import DYNAMODB_LOCAL, LOCAL_AWS, Engine, make_table

LASTING = ("-XX:MaxRAMPercentage=50", "-XX:+UseSerialGC", "-XX:-UsePerfData")
"""Java's options for a process that writes a hundred thousand rows or more.

Compiling it well is worth the time. With a million rows, a query without a page size needs more than a gigabyte.
"""
BATCH = 25
"""As many rows as DynamoDB writes at once."""
WRITERS = 2
NO_EC2 = "http://127.0.0.1:9"


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """AWS's DynamoDB Local where it can run, else the local AWS. Raises StepError."""
    with ExitStack() as stack:
        try:
            yield Engine(DYNAMODB_LOCAL, stack.enter_context(dynamodb_local(folder, LASTING, on_one_processor())))
        except UnavailableError:
            yield Engine(LOCAL_AWS, stack.enter_context(local_cloud(folder, NO_EC2)).endpoint)


def on_one_processor() -> Sequence[str]:
    """Return the command that keeps a program to one processor.

    Empty where the machine has no such command.

    DynamoDB Local hands each row from thread to thread several times. From one processor of a virtual machine to
    another that takes so long that the engine is half as quick, and both sides are measured waiting for it.
    """
    taskset = shutil.which("taskset")
    return (taskset, "--cpu-list", str(min(os.sched_getaffinity(0)))) if taskset else ()


def surroundings(engine: Engine) -> dict[str, str]:
    """Return the environment that leads a program to ``engine``."""
    return {
        "AWS_ENDPOINT_URL": engine.endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def filled(engine: Engine, rows: Iterable[Row]) -> str:
    """Return the name of a new table from the template, with ``rows``.

    Its stream is off: what is written here nobody reads from there, and the engine would keep all of it twice.
    """
    table = make_table(engine.client(), StreamSpecification={"StreamEnabled": False}).name
    fill(engine, table, rows)
    return table


def fill(engine: Engine, table: str, rows: Iterable[Row]) -> None:
    """Put ``rows`` into ``table`` too."""
    client = _quick_client(engine)
    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(lambda batch: _write(client, table, batch), _batches(iter(rows))):
            pass


def _quick_client(engine: Engine) -> Any:
    """Return a client that does not check what we built ourselves."""
    config = Config(parameter_validation=False, proxies={}, read_timeout=60)
    options: dict[str, Any] = {"region_name": REGION, "endpoint_url": engine.endpoint, **CREDENTIALS}
    return Session().create_client("dynamodb", config=config, **options)


def _batches(stream: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(stream, BATCH)):
        yield batch


def _write(client: Any, table: str, batch: list[Row]) -> None:
    items = [{name: to_attribute(value) for name, value in row.items()} for row in batch]
    asked = {table: [{"PutRequest": {"Item": item}} for item in items]}
    while asked:
        asked = client.batch_write_item(RequestItems=asked).get("UnprocessedItems", {})
