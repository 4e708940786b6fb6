"""A local EC2 whose clock each test moves."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.ec2 import Ec2Server
from tests.support.clock import Clock
from tests.support.ec2_client import client_of


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    # EC2 lists milliseconds, cut and not rounded.
    clock.now = clock.now.replace(microsecond=123_999)
    return clock


@pytest.fixture
def server(clock: Clock) -> Iterator[Ec2Server]:
    with Ec2Server(clock=clock, seed=1) as server:
        yield server


@pytest.fixture
def ec2(server: Ec2Server) -> Iterator[Any]:
    client = client_of(server)
    yield client
    client.close()
