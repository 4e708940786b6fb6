"""Clients of a local EC2, as a user's program makes them."""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

from local.ec2 import Ec2Server

# One session for all: each would parse the whole model of EC2 again.
SESSION = cache(botocore.session.Session)


def client_of(server: Ec2Server, region: str = "eu-west-1", key: str = "test", **config: Any) -> Any:
    """Make a botocore client that repeats no request."""
    return SESSION().create_client(
        "ec2",
        region_name=region,
        endpoint_url=server.url,
        aws_access_key_id=key,
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, proxies={}, **config),
    )
