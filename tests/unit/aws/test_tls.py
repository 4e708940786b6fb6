"""The shared TLS context: authorities read once, connections still verified."""

import ssl
from contextlib import ExitStack

import pytest
import trustme
from botocore.exceptions import SSLError

from task_reporter.aws import clients, tls
from task_reporter.aws.request_limits import RequestLimits
from tests.support.http_server import http_server
from tests.support.waiting import WAIT_SECONDS


@pytest.fixture(autouse=True)
def anew():
    """Give each test a process's caches of its own."""
    tls.contexts.clear()
    yield
    tls.contexts.clear()


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """One that the clients trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "trusted.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "trusted.pem"))
    return authority


@pytest.fixture
def served():
    """Make TLS servers of an empty DynamoDB, certified by a given authority."""
    with ExitStack() as stack:

        def serve(authority, name="127.0.0.1"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(context)
            return stack.enter_context(http_server(lambda *_: (200, {}, b'{"TableNames": []}'), context))

        yield serve


def client(url, service="dynamodb"):
    return clients.client(
        service,
        RequestLimits(connect=WAIT_SECONDS, read=WAIT_SECONDS, attempts=1),
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


@pytest.fixture
def reads(monkeypatch):
    """Return the files of authorities that OpenSSL was made to read."""
    files, load = [], ssl.SSLContext.load_verify_locations

    def count(self, cafile=None, *more):
        files.append(cafile)
        return load(self, cafile, *more)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", count)
    return files


def test_authorities_are_read_once_for_all_clients(authority, reads, served):
    server = served(authority)
    for _ in range(2):
        one = client(server)
        for _ in range(3):
            assert one.list_tables()["TableNames"] == []
    assert len(reads) == 1, "or botocore names the file in another way, and task_reporter.aws.tls does nothing any more"


def test_what_was_read_in_advance_is_not_read_again(authority, reads, served):
    server = served(authority)
    clients.prepare([client(server)])
    assert client(server).list_tables()["TableNames"] == []
    assert len(reads) == 1


def test_only_who_is_trusted_is_read(authority, reads, monkeypatch, tmp_path, served):
    """botocore reads this variable too; urllib3 expands a home written as ~."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("AWS_CA_BUNDLE")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "~/trusted.pem")
    server = served(authority)
    clients.prepare([client(server)])
    assert client(server).list_tables()["TableNames"] == []
    assert reads == [str(tmp_path / "trusted.pem")]
    assert [len(made.get_ca_certs()) for made in tls.contexts.values()] == [1]


def test_a_missing_authorities_file_fails_the_first_connection(authority, monkeypatch, served):
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/authorities.pem")
    one = client(served(authority))
    clients.prepare([one])
    with pytest.raises(SSLError, match="No such file"):
        one.list_tables()


def test_clients_share_a_context_only_if_they_trust_the_same(authority, tmp_path, monkeypatch, served):
    one, same = client(served(authority)), client(served(authority))
    monkeypatch.delenv("AWS_CA_BUNDLE")
    other = client(served(authority))
    contexts = [made._endpoint.http_session._manager.connection_pool_kw["ssl_context"] for made in (one, same, other)]
    assert contexts[0] is contexts[1] is not contexts[2]


def test_where_nothing_is_encrypted_nothing_is_read(authority, reads):
    clients.prepare([clients.client("dynamodb", endpoint_url="http://127.0.0.1:9", region_name="eu-west-1")])
    assert reads == []


def test_whom_they_do_not_vouch_for_is_not_talked_to(authority, served):
    assert client(served(authority)).list_tables()["TableNames"] == []
    with pytest.raises(SSLError, match="certificate verify failed"):
        client(served(trustme.CA())).list_tables()
    with pytest.raises(SSLError, match=r"certificate verify failed|doesn't match"):
        client(served(authority, "elsewhere.example")).list_tables()
