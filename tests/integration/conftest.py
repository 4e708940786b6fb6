"""Engines for all tests, and a fresh table for each test."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.cloud import Cloud, local_cloud
from tests.integration.dynamodb_local import UnavailableError, dynamodb_local
from tests.integration.engines import DYNAMODB_LOCAL, ENGINES, LOCAL_AWS, Engine, Table, make_table


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Return the local AWS: DynamoDB, SNS, SQS and email, without an EC2.

    No test here deploys functions.
    """
    folder = tmp_path_factory.mktemp("cloud")
    with local_cloud(folder, "http://127.0.0.1:9") as cloud:
        yield cloud


@pytest.fixture(scope="session")
def local_aws(cloud: Cloud) -> Iterator[Any]:
    client = Engine(LOCAL_AWS, cloud.endpoint).client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def aws_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    try:
        with dynamodb_local(tmp_path_factory.mktemp("dynamodb-local")) as endpoint:
            client = Engine(DYNAMODB_LOCAL, endpoint).client()
            yield client
            client.close()
    except UnavailableError as lacking:
        pytest.skip(f"no DynamoDB Local: {lacking}")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Any:
    """Return a client of each engine in turn."""
    return request.getfixturevalue({LOCAL_AWS: "local_aws", DYNAMODB_LOCAL: "aws_own"}[request.param])


@pytest.fixture
def table(engine: Any) -> Iterator[Table]:
    table = make_table(engine)
    yield table
    engine.delete_table(TableName=table.name)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let botocore repeat a failed request at once, without a random pause."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda self, context: 0)
