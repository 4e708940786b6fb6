"""TLS contexts that read the trusted certificate authorities once.

botocore passes their file for each connection, and urllib3 has OpenSSL read all of it each time: some 20 ms of a whole
processor, of which a small function has a seventh. Nothing else that a connection needs takes as long.
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
"""The trusted authorities, as in botocore: a file, botocore's own (True), or all (False)."""
contexts: dict[Verify, SSLContext] = {}
"""The contexts so far, one for all clients that trust the same authorities."""
PROTOCOLS = ["http/1.1"]


def share_contexts() -> None:
    """Let all clients of this process that trust the same authorities share a context."""
    URLLib3Session._get_ssl_context = lambda session: _context(session._verify)  # type: ignore[attr-defined]


def read_authorities(verifying: Iterable[Verify]) -> None:
    """Read the trusted authorities before the first connection needs them.

    Where a file can't be read, the first connection reports it.
    """
    for verify in verifying:
        if verify:
            with suppress(OSError):
                path = get_cert_path(verify)  # type: ignore[arg-type]
                _context(verify).load_verify_locations(expanduser(str(path)), None, None)


def _context(verify: Verify) -> SSLContext:
    """Make a context as botocore does, but with each setting applied only once.

    urllib3 makes two further calls for each connection, which are slow and change nothing the second time.

    Threads must not set the protocols while others connect: https://github.com/python/cpython/issues/141012
    """
    if verify not in contexts:
        context: Any = create_urllib3_context()
        context.load_verify_locations = cache(context.load_verify_locations)
        context.set_alpn_protocols(PROTOCOLS)
        context.set_alpn_protocols = lambda protocols: None
        contexts[verify] = context
    return contexts[verify]
