"""TLS contexts that read the authorities they trust once.

botocore names their file for each connection, and urllib3 has OpenSSL read the whole of it each time: some 20 ms of a
whole processor, of which a small function has a seventh. Nothing else that a connection takes is as long.
https://github.com/urllib3/urllib3/blob/main/src/urllib3/util/ssl_.py (``ssl_wrap_socket``)
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from os.path import expanduser
from ssl import SSLContext
from typing import Any

from botocore.httpsession import URLLib3Session, create_urllib3_context, get_cert_path

Verify = str | bool | None
"""Whom a client trusts, as botocore says it: the authorities in a file, or its own (True), or everybody (False)."""
contexts: dict[Verify, SSLContext] = {}
"""The contexts made so far: one for all clients that trust the same authorities."""
PROTOCOLS = ["http/1.1"]


def share_contexts() -> None:
    """From here on, the clients that this process makes share contexts, where they trust the same authorities."""
    URLLib3Session._get_ssl_context = lambda session: _context(session._verify)  # type: ignore[attr-defined]


def read_authorities(verifying: Iterable[Verify]) -> None:
    """Read those that are trusted, before the first connection needs them.

    A file that can't be read is what the first connection complains of.
    """
    for verify in verifying:
        if verify:
            with suppress(OSError):
                path = get_cert_path(verify)  # type: ignore[arg-type]
                _context(verify).load_verify_locations(expanduser(str(path)), None, None)


def _context(verify: Verify) -> SSLContext:
    """As botocore makes it for each client, but for two calls that urllib3 makes for each connection: done once.

    The protocols are no setting that threads may change while others connect:
    https://github.com/python/cpython/issues/141012
    """
    if verify not in contexts:
        made: Any = create_urllib3_context()
        made.load_verify_locations = cache(made.load_verify_locations)
        made.set_alpn_protocols(PROTOCOLS)
        made.set_alpn_protocols = lambda protocols: None
        contexts[verify] = made
    return contexts[verify]
