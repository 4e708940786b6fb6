"""Explanations of network faults, which real servers make."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from task_reporter.aws.failures import REQUEST_ERRORS
from task_reporter_cli.aws.account import Account
from task_reporter_cli.aws.explanations import explain
from task_reporter_cli.aws.faults.transient import is_transient
from tests.support.canned_ec2 import no_pauses
from tests.support.cli import REGION, in_environment, run, somewhere
from tests.support.servers import Behaviour, answers, closes, resets, says, server

SECRET = "S3CRET"
FINE = b'{"Items": [], "Count": 0, "ScannedCount": 0}'
YEAR = timedelta(days=365)
OF_THIS_MACHINE = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle")


class Authority:
    """An authority, and the TLS of servers that it vouches for."""

    def __init__(self, folder: Path) -> None:
        self._made = trustme.CA()
        self.file = folder / "authority.pem"
        self._made.cert_pem.write_to_path(self.file)

    def vouches(self, name: str = "127.0.0.1", **validity: datetime) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._made.issue_cert(name, **validity).configure_cert(context)
        return context


@pytest.fixture(autouse=True)
def nothing_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OF_THIS_MACHINE:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("trusted"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, trusted: Authority) -> Iterator["Place"]:
    no_pauses(monkeypatch)
    with ExitStack() as stack:
        yield Place(stack, trusted)


class Place:
    """Servers in place of AWS, and the explanations of requests to them."""

    def __init__(self, stack: ExitStack, trusted: Authority) -> None:
        self._stack = stack
        self._trusted = trusted

    def serve(self, behaviour: Behaviour, context: ssl.SSLContext | None = None) -> int:
        """Serve until the test ends; return the port."""
        return self._stack.enter_context(server(behaviour, context=context))

    def says(self, url: str, passes: bool, **environment: str) -> str:
        """Return the explanation of a failed request to ``url``; it must hold no secret."""
        given = somewhere(dynamodb=url) | {"AWS_CA_BUNDLE": str(self._trusted.file)} | environment
        with in_environment({name: value for name, value in given.items() if value}):
            client = Account(region=REGION).client("dynamodb")
            with pytest.raises(REQUEST_ERRORS) as raised:
                client.list_tables()
            line = explain(raised.value)
        assert is_transient(raised.value) is passes
        assert SECRET not in line
        assert "should not have happened" not in line
        return line


def https(port: int) -> str:
    return f"https://127.0.0.1:{port}"


def test_an_unknown_authority_leads_to_a_proxy(at: Place, other: Authority, trusted: Authority) -> None:
    line = at.says(https(at.serve(closes, context=other.vouches())), passes=False)
    assert line.startswith("the certificate of 127.0.0.1 is not trusted (unable to get local issuer certificate)")
    assert f"proxy that inspects TLS stands in between: set AWS_CA_BUNDLE (now {trusted.file}) to the PEM file" in line
    assert "ca_bundle in the profile" in line


OUT_OF_DATE = {
    "expired": ({"not_before": datetime.now(UTC) - 2 * YEAR, "not_after": datetime.now(UTC) - YEAR}, "has expired"),
    "of the future": (
        {"not_before": datetime.now(UTC) + YEAR, "not_after": datetime.now(UTC) + 2 * YEAR}, "is not yet valid"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("validity", "why"), OUT_OF_DATE.values(), ids=OUT_OF_DATE)
def test_a_certificate_out_of_date_leads_to_the_clock(
    at: Place, trusted: Authority, validity: Mapping[str, datetime], why: str
) -> None:
    line = at.says(https(at.serve(closes, context=trusted.vouches(**validity))), passes=False)
    assert line.startswith("the certificate of 127.0.0.1 is not valid, by this machine's clock")
    assert f"(certificate {why}" in line
    assert line.endswith("; check the clock")


def test_a_certificate_of_another_host_leads_to_the_endpoint(at: Place, trusted: Authority) -> None:
    line = at.says(https(at.serve(closes, context=trusted.vouches("elsewhere.example"))), passes=False)
    assert line.startswith("127.0.0.1 answers with the certificate of another host")
    assert "elsewhere.example" in line
    assert "AWS_ENDPOINT_URL" in line


NO_TLS = "127.0.0.1 does not answer with TLS"
CUT = "AWS gave no whole answer"
NOT_AWS = "what answers ListTables is not AWS, or a proxy stands in between (HTTP status "
BROKEN = {
    "HTTP in place of TLS": ("https", says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), False, [NO_TLS, "AWS_ENDPOINT_URL"]),
    "SSH in place of TLS": ("https", says(b"SSH-2.0-OpenSSH\r\n"), False, [NO_TLS, "AWS_ENDPOINT_URL"]),
    "closed in the handshake": ("https", closes, True, ["check"]),
    "reset in the handshake": ("https", resets, True, ["check"]),
    "closed": ("http", closes, True, [CUT, "check the network"]),
    "reset": ("http", resets, True, [CUT, "check the network"]),
    "no HTTP": ("http", says(b"SSH-2.0-OpenSSH\r\n"), True, [CUT, "check the network"]),
    "cut in a chunk": (
        "http", says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"), True, [CUT, "check the network"]
    ),
    "cut in the body": (
        "http", says(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"TableNames": ['), True, ["is not AWS, or a proxy"]
    ),
    "a page": ("http", answers("200 OK", b"<html>welcome</html>"), True, ["is not AWS, or a proxy"]),
    "a login page": ("http", answers("302 Found", b"<html>"), False, [NOT_AWS]),
    "a page that forbids": ("http", answers("403 Forbidden", b"<html>"), False, [NOT_AWS]),
    "a page of a busy server": ("http", answers("503 Busy", b"<html>"), True, [NOT_AWS]),
}  # fmt: skip


@pytest.mark.parametrize(("scheme", "behaviour", "passes", "named"), BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_says_what_to_check(
    at: Place, scheme: str, behaviour: Behaviour, passes: bool, named: list[str]
) -> None:
    line = at.says(f"{scheme}://127.0.0.1:{at.serve(behaviour)}", passes)
    assert [part for part in named if part not in line] == []


BUNDLES = {
    "missing": (None, "No such file or directory"),
    "a folder": ("", "Is a directory"),
    "empty": (b"", "it holds no certificates in PEM format"),
    "a text": (b"no certificate", "it holds no certificates in PEM format"),
    "broken": (
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "it holds no certificates in PEM format"
    ),
}  # fmt: skip


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize(("content", "why"), BUNDLES.values(), ids=BUNDLES)
def test_a_file_of_authorities_that_is_none_is_named(
    at: Place, trusted: Authority, tmp_path: Path, content: bytes | str | None, why: str, variable: str
) -> None:
    file = tmp_path / "given.pem"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        file.mkdir()
    given = {"AWS_CA_BUNDLE": "", "REQUESTS_CA_BUNDLE": ""} | {variable: str(file)}
    line = at.says(https(at.serve(closes, context=trusted.vouches())), passes=False, **given)
    assert line == f"the file of trusted certificates {file}, which {variable} names, can't be used: {why}"


def test_a_file_of_authorities_in_a_profile_is_told(at: Place, trusted: Authority, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nca_bundle = /nowhere/ca.pem\n")
    port = at.serve(closes, context=trusted.vouches())
    line = at.says(https(port), passes=False, AWS_CA_BUNDLE="", AWS_CONFIG_FILE=str(config))
    assert line == (
        "the file of trusted certificates that ca_bundle of the profile names can't be used: No such file or directory"
    )


def test_a_proxy_that_is_not_there_is_named(at: Place) -> None:
    line = at.says("https://dynamodb.invalid", passes=True, HTTPS_PROXY=f"http://ann:{SECRET}@127.0.0.1:9")
    assert line.startswith("the proxy http://***@127.0.0.1:9, which HTTPS_PROXY names, can't be reached")
    assert "check HTTPS_PROXY and the network" in line


def test_a_proxy_that_is_not_trusted_leads_to_its_authority(at: Place, other: Authority) -> None:
    proxy = f"https://ann:{SECRET}@127.0.0.1:{at.serve(closes, context=other.vouches())}"
    line = at.says("https://dynamodb.invalid", passes=False, HTTPS_PROXY=proxy)
    assert line.startswith("the certificate of the proxy 127.0.0.1 is not trusted")
    assert "AWS_CA_BUNDLE" in line


PROXIES = {
    "wants a password": ("HTTPS", answers("407 Proxy Authentication Required"), False, ["wants a user and a password"]),
    "wants one for HTTP": (
        "HTTP", answers("407 Proxy Authentication Required"), False, ["the proxy wants a user", "HTTP_PROXY"]
    ),
    "forbids": ("HTTPS", answers("403 Forbidden"), False, ["does not let AWS through (403 Forbidden)", "NO_PROXY"]),
    "has no way": ("HTTPS", answers("502 Bad Gateway"), True, ["does not let AWS through (502 Bad Gateway)"]),
    "hangs up": ("HTTPS", closes, True, ["AWS gave no whole answer"]),
}  # fmt: skip


@pytest.mark.parametrize(("scheme", "behaviour", "passes", "named"), PROXIES.values(), ids=PROXIES)
def test_a_proxy_is_named_without_its_password(
    at: Place, scheme: str, behaviour: Behaviour, passes: bool, named: list[str]
) -> None:
    proxy = {f"{scheme}_PROXY": f"http://ann:{SECRET}@127.0.0.1:{at.serve(behaviour)}"}
    line = at.says(f"{scheme.lower()}://dynamodb.invalid", passes, **proxy)
    assert [part for part in named if part not in line] == []


URLS = {
    "of a kind that botocore does not know": (f"socks5://ann:{SECRET}@127.0.0.1:9", True),
    "without a port": (f"http://ann:{SECRET}@host:port", False),
    "with a slash in its password": (f"http://ann:{SECRET}/{SECRET}@host", False),
    "with a letter that must be encoded": (f"http://ann:Ä{SECRET}@127.0.0.1:9", False),
    "without a scheme": (f"ann:{SECRET}@127.0.0.1:9", True),
}


@pytest.mark.parametrize(("url", "passes"), URLS.values(), ids=URLS)
def test_a_proxy_url_that_is_wrong_shows_no_password(at: Place, url: str, passes: bool) -> None:
    assert "HTTPS_PROXY" in at.says("https://dynamodb.invalid", passes, HTTPS_PROXY=url)


def test_an_endpoint_shows_no_password(at: Place) -> None:
    assert "http://***@127.0.0.1:9/" in at.says(f"http://ann:{SECRET}@127.0.0.1:9", passes=True)


def test_a_whole_answer_is_taken(at: Place, trusted: Authority) -> None:
    """Without this, the tests above could test their servers only."""
    url = https(at.serve(answers("200 OK", FINE), context=trusted.vouches()))
    with in_environment(somewhere(dynamodb=url) | {"AWS_CA_BUNDLE": str(trusted.file)}):
        assert run("list", "--table", "t", "--output", "json").out == "[]\n"


SKEWS = {
    "behind": (timedelta(minutes=37), "37 minutes behind"),
    "ahead": (timedelta(minutes=-37), "37 minutes ahead of"),
    "far ahead": (timedelta(days=-1), "24 hours ahead of"),
}
CODES = {
    "DynamoDB": "InvalidSignatureException", "DynamoDB, expired": "ExpiredTokenException", "EC2": "AuthFailure",
    "EC2, expired": "RequestExpired", "S3": "RequestTimeTooSkewed", "STS": "SignatureDoesNotMatch",
}  # fmt: skip


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
@pytest.mark.parametrize(("ahead", "expected"), SKEWS.values(), ids=SKEWS)
def test_a_wrong_clock_is_told_by_the_answers_own_time(at: Place, code: str, ahead: timedelta, expected: str) -> None:
    body = f'{{"__type": "com.amazon.coral.service#{code}", "message": "Request has expired."}}'.encode()
    behaviour = answers("400 Bad Request", body, at=datetime.now(UTC) + ahead)
    line = at.says(f"http://127.0.0.1:{at.serve(behaviour)}", passes=False)
    assert line == f"this machine's clock is {expected} AWS's, which therefore refuses its signatures; set the clock"


def test_a_right_clock_is_not_blamed(at: Place) -> None:
    body = b'{"__type": "com.amazon.coral.service#InvalidSignatureException", "message": "does not match"}'
    behaviour = answers("400 Bad Request", body, at=datetime.now(UTC) + timedelta(minutes=3))
    line = at.says(f"http://127.0.0.1:{at.serve(behaviour)}", passes=False)
    assert line.startswith("AWS does not take these credentials (the environment)")
