"""Clients for the AWS services that the functions use."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from boto3.session import Session
from botocore.config import Config
from botocore.session import get_session

from task_reporter.aws import lists, tls
from task_reporter.aws.request_limits import (
    ASSUME_ROLE,
    COUNT_SUBSCRIBERS,
    LIST_ACCOUNTS,
    LIST_MEMBER_TASKS,
    LIST_TASKS,
    PUBLISH,
    SEND_ASSIGNMENTS,
    USE_TABLE,
    RequestLimits,
)

TIMEOUT_AND_ATTEMPTS = {
    "ec2": LIST_TASKS,
    "dynamodb": USE_TABLE,
    "sns": COUNT_SUBSCRIBERS,
    "events": PUBLISH,
    "sts": ASSUME_ROLE,
    "sqs": SEND_ASSIGNMENTS,
    "organizations": LIST_ACCOUNTS,
}
"""Service → limits of its requests, where the caller names no others."""

MAX_CONNECTIONS = 40
"""Connections that a client keeps.

At least as many as threads use a client at the same time: the others would be closed after each request, and botocore
would log a warning for each. A client opens only those that it needs.
"""

WITHOUT_VALIDATION = {"dynamodb"}
"""Services whose parameters botocore does not validate.

For a full transaction, validation takes longer than everything else that botocore does. Every value comes from
``rows.to_attribute``, and DynamoDB itself refuses what is not valid."""


def is_initialising(environment: Mapping[str, str]) -> bool:
    """Tell whether Lambda initialises a function in this process.

    A function has a whole processor while it is initialised, and afterwards a share that grows with its memory.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return "AWS_LAMBDA_INITIALIZATION_TYPE" in environment


def prepare(clients: Iterable[Any]) -> None:
    """Do the slow local work of the first requests of ``clients`` in advance."""
    encrypted = (client for client in clients if client.meta.endpoint_url.startswith("https:"))
    tls.read_authorities({client._endpoint.http_session._verify for client in encrypted})


def client(service: str, limits: RequestLimits | None = None, **options: Any) -> Any:
    """Make a client for ``service``, with region and credentials from the environment.

    ``limits`` are those of its requests, by default as in ``TIMEOUT_AND_ATTEMPTS``; ``options`` are boto3's.
    """
    config = _config(service, limits or TIMEOUT_AND_ATTEMPTS[service])
    return _session().client(service, config=config, **options)


def own_credentials() -> Any:
    """Return the frozen credentials of the environment."""
    return _session().get_credentials().get_frozen_credentials()


def member_client(region: str, credentials: Any) -> Any:
    """Make a client for EC2 in ``region``.

    It signs each request with what ``credentials`` are then.
    """
    return _member_session(credentials).client("ec2", config=_config("ec2", LIST_MEMBER_TASKS), region_name=region)


def _config(service: str, limits: RequestLimits) -> Config:
    """Return a configuration in standard mode, which retries throttling, server errors and broken connections.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    return Config(
        retries={"mode": "standard", "total_max_attempts": limits.attempts},
        connect_timeout=limits.connect,
        read_timeout=limits.read,
        max_pool_connections=MAX_CONNECTIONS,
        parameter_validation=service not in WITHOUT_VALIDATION,
    )


@cache
def _session() -> Session:
    """Make the session of all clients.

    Its parsers keep timestamps and blobs as raw text, so that one bad value cannot spoil the response.
    """
    return _prepare(get_session())


@cache
def _member_session(credentials: Any) -> Session:
    """Make the session of the clients for member accounts.

    It shares the parsed models with the other session.
    """
    session = get_session()
    session.register_component("data_loader", _session()._session.get_component("data_loader"))
    session._credentials = credentials  # type: ignore[attr-defined]
    return _prepare(session)


def _prepare(session: Any) -> Session:
    factory = session.get_component("response_parser_factory")
    factory.set_parser_defaults(timestamp_parser=str, blob_parser=str)
    session.register(lists.BEFORE_PARSE, lists.reject_malformed_lists)
    tls.share_contexts()
    return Session(botocore_session=session)
