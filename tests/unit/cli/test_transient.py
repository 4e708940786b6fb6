"""Faults that pass by themselves, and faults that last."""

import ssl

import pytest
from botocore import exceptions as aws
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from urllib3 import exceptions as urllib3

from task_reporter.errors import HistoryError, MalformedAnswerError
from task_reporter.history.rows import Key
from task_reporter_cli.aws.faults.transient import is_transient

KEY = Key("a/b", "bun-1")


def refused(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Query")


def tls(error: Exception) -> aws.SSLError:
    return aws.SSLError(endpoint_url="https://x.test", error=urllib3.SSLError(error))


def proxy(error: Exception) -> aws.ProxyConnectionError:
    return aws.ProxyConnectionError(proxy_url="http://p.test", error=urllib3.ProxyError("", error))


def raised(error: Exception, cause: Exception | None = None, context: Exception | None = None) -> Exception:
    error.__cause__, error.__context__ = cause, context
    return error


def container(error: Exception) -> Exception:
    return raised(aws.CredentialRetrievalError(provider="container-role", error_msg="no"), context=error)


UNREACHABLE = aws.EndpointConnectionError(endpoint_url="https://x.test")
PASS = {
    "a network that is not there": UNREACHABLE,
    "a silent host": aws.ConnectTimeoutError(endpoint_url="https://x.test"),
    "a slow answer": aws.ReadTimeoutError(endpoint_url="https://x.test"),
    "a connection that is closed": aws.ConnectionClosedError(endpoint_url="https://x.test"),
    "a body that breaks off": aws.ResponseStreamingError(error="cut"),
    "half of a body": aws.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    "an answer of somebody else": ResponseParserError("<html>"),
    "a malformed answer": MalformedAnswerError("DescribeBundleTasks", "no list"),
    "throttled": refused("ThrottlingException"),
    "throttled by EC2": refused("RequestLimitExceeded", 503),
    "throttled without a code": refused("429", 429),
    "capacity": refused("ProvisionedThroughputExceededException"),
    "an internal error": refused("InternalServerError", 500),
    "a gateway without a service": refused("502", 502),
    "unavailable": refused("ServiceUnavailable", 503),
    "a handshake that breaks off": tls(ssl.SSLEOFError(8, "EOF")),
    "a handshake that is reset": tls(ConnectionResetError(104, "reset")),
    "a proxy that is not there": proxy(urllib3.NewConnectionError(None, "refused")),  # type: ignore[arg-type]
    "a proxy without a way": proxy(OSError("Tunnel connection failed: 502 Bad Gateway")),
    "a proxy whose handshake breaks off": proxy(urllib3.SSLError(ssl.SSLEOFError(8, "EOF"))),
    "rows that were throttled": HistoryError({KEY: "Throttled"}),
    "rows that were left out": HistoryError({KEY: "UnprocessedKeys"}),
    "rows of a request that was not answered": HistoryError({KEY: "x"}, cause=UNREACHABLE),
    "credentials of a container out of reach": container(
        raised(aws.MetadataRetrievalError(error_msg="no"), context=UNREACHABLE)
    ),
    "credentials of a busy container": container(aws.MetadataRetrievalError(error_msg="non 200 response 503 from x")),
    "credentials of an instance": aws.CredentialRetrievalError(provider="iam-role", error_msg="did not contain"),
    "what came of any of these": raised(aws.LoginError(), cause=UNREACHABLE),
}  # fmt: skip
STAY = {
    "denied": refused("AccessDeniedException"),
    "denied with 403": refused("UnauthorizedOperation", 403),
    "expired": refused("ExpiredTokenException"),
    "no such table": refused("ResourceNotFoundException"),
    "not implemented": refused("UnknownOperationException", 501),
    "a certificate that is not trusted": tls(ssl.SSLCertVerificationError(1, "certificate verify failed")),
    "no TLS": tls(ssl.SSLError(1, "wrong version number")),
    "no file of authorities": tls(FileNotFoundError(2, "No such file")),
    "a proxy that wants a password": proxy(OSError("Tunnel connection failed: 407 Proxy Authentication Required")),
    "a proxy that forbids": proxy(OSError("Tunnel connection failed: 403 Forbidden")),
    "a proxy that is not trusted": proxy(urllib3.SSLError(ssl.SSLCertVerificationError(1, "verify failed"))),
    "a URL that is none": aws.HTTPClientError(error=urllib3.LocationParseError("x")),
    "no credentials": aws.NoCredentialsError(),
    "a session that is over": aws.UnauthorizedSSOTokenError(),
    "a program without credentials": aws.CredentialRetrievalError(provider="custom-process", error_msg="503"),
    "a container without a role": container(aws.MetadataRetrievalError(error_msg="Received non 200 response 404")),
    "a profile that is not there": aws.ProfileNotFound(profile="x"),
    "rows that were refused": HistoryError({KEY: "Throttled", Key("a/b", "bun-2"): "ValidationException"}),
    "rows of a request that was denied": HistoryError({KEY: "x"}, cause=refused("AccessDeniedException")),
    "a mistake": KeyError("x"),
    "a mistake after a fault that passes": raised(KeyError("x"), context=UNREACHABLE),
}


@pytest.mark.parametrize("error", PASS.values(), ids=PASS)
def test_a_fault_that_needs_nobody_can_pass(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize("error", STAY.values(), ids=STAY)
def test_a_fault_that_somebody_must_mend_stays(error: Exception) -> None:
    assert not is_transient(error)


def test_what_botocore_takes_for_throttling_can_pass() -> None:
    """Except limits, which are no throttling of read requests."""
    from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

    codes = {*ThrottledRetryableChecker._THROTTLED_ERROR_CODES, *TransientRetryableChecker._TRANSIENT_ERROR_CODES}
    of_other_services = {"BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException"}
    assert {code for code in codes - of_other_services if not is_transient(refused(code))} == set()
    assert all(is_transient(refused("x", status)) for status in TransientRetryableChecker._TRANSIENT_STATUS_CODES)
