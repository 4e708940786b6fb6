"""One TLS context for all clients, which reads the authorities that it trusts once.

botocore names their file for each connection, and urllib3 has OpenSSL read the whole of it each time: some 20 ms of a
whole processor, of which a small function has a seventh. Nothing else that a connection takes is as long.
https://github.com/urllib3/urllib3/blob/main/src/urllib3/util/ssl_.py (``ssl_wrap_socket``)
"""

from functools import cache
from ssl import SSLContext

from botocore.httpsession import URLLib3Session, create_urllib3_context, get_cert_path


@cache
def context() -> SSLContext:
    """The context, as botocore makes it for each client."""
    made: SSLContext = create_urllib3_context()
    made.load_verify_locations = cache(made.load_verify_locations)  # type: ignore[method-assign, assignment]
    return made


def read_authorities(bundle: str | None) -> None:
    """Read those in the file ``bundle``, or botocore's own, before the first connection needs them."""
    context().load_verify_locations(get_cert_path(bundle or True), None, None)  # type: ignore[arg-type]


def share_context() -> None:
    """From here on, every client that this process makes uses the one context.

    Meant for clients that trust the same authorities, as those of one session do.
    """
    URLLib3Session._get_ssl_context = lambda _self: context()  # type: ignore[attr-defined]
