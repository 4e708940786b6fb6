"""An HTTP server in place of STS: it knows each key's account."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.support import http_server

KEY = re.compile(r"Credential=(\d{12})/")
DEFAULT_ACCOUNT = "000000000000"


def answer(headers: Mapping[str, str], _body: bytes) -> http_server.Answer:
    """Return the account of a key: its twelve digits, or the default one."""
    key = KEY.search(headers["Authorization"])
    account = f"<Account>{key[1] if key else DEFAULT_ACCOUNT}</Account>"
    text = f"<GetCallerIdentityResponse><GetCallerIdentityResult>{account}</GetCallerIdentityResult>"
    return 200, {"Content-Type": "text/xml"}, f"{text}</GetCallerIdentityResponse>".encode()


@contextmanager
def sts_server() -> Iterator[str]:
    """Serve on a free port of this machine; yield the URL."""
    with http_server.http_server(answer) as url:
        yield url
