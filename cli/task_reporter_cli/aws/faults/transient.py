"""Faults that can pass by themselves, and those that somebody has to mend."""

import builtins
import re
import ssl
from http import HTTPStatus
from typing import Any

from botocore import exceptions as aws
from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from task_reporter.aws.failures import code_of, status_of
from task_reporter.errors import HistoryError, MalformedAnswerError

BUSY_STATUSES = {
    HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT,
}  # fmt: skip
BUSY_CODES = {
    "IDPCommunicationError", "PriorRequestNotComplete", "ProvisionedThroughputExceededException",
    "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "RequestTimeout",
    "RequestTimeoutException", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
    "TooManyRequestsException", "TransactionInProgressException",
}  # fmt: skip
"""Codes that pass though their status is 400.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html"""
BUSY_ROWS = {"Throttled", "UnprocessedKeys"}
"""HistoryError's codes for rows that DynamoDB had no capacity for."""
INTERRUPTED_HANDSHAKE = (ssl.SSLEOFError, ssl.SSLZeroReturnError, builtins.ConnectionError, TimeoutError)
"""A TLS handshake that did not end, rather than one that failed."""
METADATA_SOURCES = {"container-role", "iam-role"}
"""botocore's names for sources of credentials that answer over a network of their own."""


def is_transient(error: BaseException | None) -> bool:
    """Tell whether the same request may succeed later although nobody changes anything.

    True for a network, a proxy, a service or a source of credentials that does not answer or has no capacity; False
    for everything that somebody has to mend, such as permissions, names, certificates and expired credentials.
    """
    match error:
        case ClientError():
            return status_of(error) in BUSY_STATUSES or code_of(error) in BUSY_CODES
        case HistoryError() if error.__cause__ is None:
            return set(error.problems.values()) <= BUSY_ROWS
        case aws.SSLError():
            return isinstance(find_tls_error(error), INTERRUPTED_HANDSHAKE)
        case aws.ProxyConnectionError():
            return _is_transient_proxy_error(error)
        case HTTPClientError():
            # The base class itself stands for what botocore knows nothing about, such as a URL that can't be parsed.
            return type(error) is not HTTPClientError
        case aws.ConnectionError() | aws.IncompleteReadError() | ResponseParserError() | MalformedAnswerError():
            return True
        case aws.MetadataRetrievalError():
            return is_transient(error.__context__) or find_status(str(error)) in BUSY_STATUSES
        case aws.CredentialRetrievalError() if error.kwargs.get("provider") in METADATA_SOURCES:
            return error.__context__ is None or is_transient(error.__context__)
        case None:
            return False
    return is_transient(error.__cause__)


def find_tls_error(error: aws.SSLError | aws.ProxyConnectionError) -> BaseException | None:
    """Return the wrapped TLS error, or None.

    It comes from the handshake, or from reading the trusted authorities.
    """
    found: Any = error.kwargs.get("error")
    found = getattr(found, "original_error", found)
    while isinstance(found, BaseException) and not isinstance(found, OSError | ValueError):
        found = next(iter(found.args), None)
    return found if isinstance(found, BaseException) else None


def find_proxy_refusal(error: aws.ProxyConnectionError) -> str:
    """Return status and reason of a proxy's refusal to connect, or ''.

    For example ``407 Proxy Authentication Required``.
    """
    original = getattr(error.kwargs.get("error"), "original_error", None)
    refused = re.fullmatch(r"Tunnel connection failed: (.+)", str(original))
    return refused[1] if refused else ""


def find_status(text: str) -> int:
    """Return the first number in ``text`` that can be an HTTP error, or 0."""
    found = re.search(r"\b[45]\d\d\b", text)
    return int(found[0]) if found else 0


def _is_transient_proxy_error(error: aws.ProxyConnectionError) -> bool:
    if refused := find_proxy_refusal(error):
        return find_status(refused) in BUSY_STATUSES
    failed = find_tls_error(error)
    return not isinstance(failed, ssl.SSLError) or isinstance(failed, INTERRUPTED_HANDSHAKE)
