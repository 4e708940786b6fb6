"""Clients for the AWS services that the functions talk to, made by botocore: all that boto3 adds goes unused."""

import gc
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session, get_session

from task_reporter import tls, wire
from task_reporter.patience import COUNT_SUBSCRIBERS, LIST_TASKS, USE_TABLE, Patience

PATIENCE = {"ec2": LIST_TASKS, "dynamodb": USE_TABLE, "sns": COUNT_SUBSCRIBERS}
"""Service → time limits of its requests, where the caller names no others."""

UNCHECKED = {"dynamodb"}
"""What botocore hands on without checking its types first: for a full transaction that takes longer than all else that
botocore does with it. Every value is made by ``rows.to_attribute``, and DynamoDB itself says what it can't take."""

OBJECTS_BETWEEN_SEARCHES = 20_000
"""New objects before Python looks for unreachable ones. At its own 700 or 2,000 it looks through a large answer again
and again while that is parsed: a seventh of the time with Python 3.11, a fourteenth from 3.12 on.
https://docs.python.org/3/library/gc.html#gc.set_threshold"""


def is_initialising(environment: Mapping[str, str]) -> bool:
    """Whether Lambda initialises a function here: it gives it a whole processor for that, and later only a share.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return "AWS_LAMBDA_INITIALIZATION_TYPE" in environment


def prepare(clients: Iterable[Any]) -> None:
    """Do, without a network, what makes the first requests of ``clients`` quick, and large answers."""
    gc.set_threshold(OBJECTS_BETWEEN_SEARCHES)
    encrypted = (client for client in clients if client.meta.endpoint_url.startswith("https:"))
    tls.read_authorities({client._endpoint.http_session._verify for client in encrypted})


def client(service: str, patience: Patience | None = None, **options: Any) -> Any:
    """Make a client for ``service``, with region and credentials from the environment.

    ``patience`` limits its requests, by default as ``PATIENCE`` says; ``options`` are botocore's.
    """
    return _session().create_client(service, config=_config(service, patience or PATIENCE[service]), **options)


def _config(service: str, patience: Patience) -> Config:
    """Standard mode retries throttling, server errors and broken connections with a growing, random pause.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    return Config(
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        max_pool_connections=10,
        parameter_validation=service not in UNCHECKED,
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
    tls.share_contexts()
    return session
