"""Clients for the AWS services that the functions talk to, made by botocore: all that boto3 adds goes unused."""

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session, get_session

# Standard mode retries throttling, server errors and broken connections with a growing, random pause:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
# Five tries of ten seconds and the pauses between them end well before the recorder's time-out.
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=3,
    read_timeout=10,
    max_pool_connections=10,
)


def client(service: str, **options: Any) -> Any:
    """A client for ``service``, its region and credentials from the environment; ``options`` as botocore takes them."""
    return _session().create_client(service, config=CONFIG, **options)


@cache
def _session() -> Session:
    """A session whose clients leave times as the text that AWS sent.

    One ugly time must not make an answer unreadable, as it does for botocore's own parser; and text is what the
    history keeps.
    """
    session = get_session()
    factory = session.get_component("response_parser_factory")
    factory.set_parser_defaults(timestamp_parser=str)
    return session
