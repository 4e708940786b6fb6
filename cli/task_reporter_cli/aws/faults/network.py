"""Faults between this machine and AWS: names, connections, certificates, proxies."""

import os
import re
import ssl
from datetime import date
from urllib.parse import urlsplit

from botocore import exceptions as aws
from botocore.exceptions import BotoCoreError

from task_reporter_cli.aws.faults.transient import INTERRUPTED_HANDSHAKE, find_proxy_refusal, find_tls_error

PASSWORD = re.compile(r"//[^\s\"']*@")
"""User and password in a URL, also in one that is written wrong."""
PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")
CA_VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""Variables in botocore's order; a profile's ca_bundle comes between the two."""
EXPIRED, NOT_YET_VALID, HOST_MISMATCH = 10, 9, 62
"""https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/"""


def mask_passwords(text: str) -> str:
    """``text`` in which no URL shows a user or a password."""
    return PASSWORD.sub("//***@", text)


def explain_network_error(error: BotoCoreError) -> str | None:
    """Explain a request that got no answer; None where ``error`` is of another kind."""
    match error:
        case aws.SSLError():
            return _explain_tls(
                find_tls_error(error), urlsplit(error.kwargs["endpoint_url"]).hostname or "AWS", str(error)
            )
        case aws.ProxyConnectionError():
            return _explain_proxy(error)
        case aws.ConnectionError():
            return f"AWS can't be reached ({error}); check --region and the network"
        case aws.ReadTimeoutError() | aws.ConnectionClosedError() | aws.ResponseStreamingError():
            return f"AWS gave no whole answer ({error}); check the network, and try again"
        case aws.IncompleteReadError():
            return f"AWS gave no whole answer ({error}); check the network, and try again"
        case aws.HTTPClientError():
            # Its text may hold a part of the URL, and so of a password.
            encoded = "characters such as / and @ in a password are written as %2F and %40"
            return f"no request can be sent; check {_find_proxy_variable()} and AWS_ENDPOINT_URL, where {encoded}"
    return None


def explain_proxy_password(url: str = "") -> str:
    """Explain the answer 407 of the proxy at ``url``."""
    variable = _find_proxy_variable()
    wants = "wants a user and a password, or other ones"
    return f"the proxy{url and f' {url}'} {wants}; write user:password before @ and the host in {variable}"


def _explain_tls(failed: BaseException | None, host: str, text: str) -> str:
    """Explain why no TLS connection to ``host`` came about."""
    match failed:
        case ssl.SSLCertVerificationError(verify_code=code) if code in (EXPIRED, NOT_YET_VALID):
            today = f"by this machine's clock, which says {date.today()}"
            return f"the certificate of {host} is not valid, {today} ({failed.verify_message}); check the clock"
        case ssl.SSLCertVerificationError() if failed.verify_code != HOST_MISMATCH:
            return _explain_untrusted(host, failed.verify_message)
        case ValueError():  # of urllib3, which compares the names itself, or of OpenSSL
            return (
                f"{host} answers with the certificate of another host ({failed}); check --region and AWS_ENDPOINT_URL"
            )
        case ssl.SSLError() if not isinstance(failed, INTERRUPTED_HANDSHAKE):
            if failed.library == "SSL":
                return f"{host} does not answer with TLS ({failed.reason}); check AWS_ENDPOINT_URL and the proxy"
            return _explain_unusable_bundle("it holds no certificates in PEM format")
        case OSError() if not isinstance(failed, INTERRUPTED_HANDSHAKE):
            return _explain_unusable_bundle(str(failed.strerror))
    return f"AWS can't be reached ({text}); check --region and the network"


def _explain_untrusted(host: str, why: str) -> str:
    variable, path = _certificate_setting()
    now = f" (now {path})" if path else ""
    return (
        f"the certificate of {host} is not trusted ({why}); probably a proxy that inspects TLS stands in between: set"
        f" {variable}{now} to the PEM file of its authority, or ca_bundle in the profile"
    )


def _explain_unusable_bundle(why: str) -> str:
    variable, path = _certificate_setting()
    named = f"{path}, which {variable} names," if path else "that ca_bundle of the profile names"
    return f"the file of trusted certificates {named} can't be used: {why}"


def _certificate_setting() -> tuple[str, str]:
    """Return the variable that names trusted authorities, and its value."""
    found = ((name, os.environ[name]) for name in CA_VARIABLES if os.environ.get(name))
    return next(found, (CA_VARIABLES[0], ""))


def _explain_proxy(error: aws.ProxyConnectionError) -> str:
    variable, url = _find_proxy_variable(), error.kwargs["proxy_url"]
    if (status := find_proxy_refusal(error)).startswith("407"):
        return explain_proxy_password(url)
    if status:
        return f"the proxy {url} does not let AWS through ({status}); check {variable} and NO_PROXY"
    failed = find_tls_error(error)
    if isinstance(failed, ssl.SSLError):
        return _explain_tls(failed, f"the proxy {urlsplit(url).hostname}", str(error))
    return f"the proxy {url}, which {variable} names, can't be reached; check {variable} and the network"


def _find_proxy_variable() -> str:
    return next((name for name in PROXY_VARIABLES if os.environ.get(name)), "HTTPS_PROXY")
