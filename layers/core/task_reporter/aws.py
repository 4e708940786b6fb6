"""Clients for the AWS services that the functions talk to, made by botocore: all that boto3 adds goes unused."""

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session, get_session

from task_reporter import wire

# Seconds to wait for an answer, and how often to ask, so that the worst of all of a poll's waits, one after another,
# still ends before the recorder's time-out. EC2 is the slow one: it may have thousands of tasks to list.
PATIENCE = {"ec2": (10, 5)}
PATIENCE_ELSEWHERE = (5, 4)


def client(service: str, **options: Any) -> Any:
    """A client for ``service``, its region and credentials from the environment; ``options`` as botocore takes them."""
    return _session().create_client(service, config=_config(service), **options)


def _config(service: str) -> Config:
    """Standard mode retries throttling, server errors and broken connections with a growing, random pause.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    seconds, tries = PATIENCE.get(service, PATIENCE_ELSEWHERE)
    return Config(
        retries={"mode": "standard", "total_max_attempts": tries},
        connect_timeout=3,
        read_timeout=seconds,
        max_pool_connections=10,
    )


@cache
def _session() -> Session:
    """A session whose clients leave times, and binary values, as the text that AWS sent.

    One ugly time or upload policy must not make a whole answer unreadable, as it does for botocore's own parsers;
    text is what the history keeps of times, and of policies it keeps nothing. A list that is none does.
    """
    session = get_session()
    factory = session.get_component("response_parser_factory")
    factory.set_parser_defaults(timestamp_parser=str, blob_parser=str)
    session.register(wire.EVENT, wire.check_lists)
    return session
