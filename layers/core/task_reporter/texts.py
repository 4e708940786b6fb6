"""Texts within limits."""

import re

CUT = "…"
URL_QUERY = re.compile(r"(\w+://[^\s?\"'<>]*)\?[^\s\"'<>]*")


def without_url_queries(text: str) -> str:
    """Return ``text`` with ``?…`` for each URL's query, which may be a signature.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ShareObjectPreSignedURL.html
    """
    return URL_QUERY.sub(r"\1?…", text) if "://" in text else text


def truncate_utf8(text: str, max_bytes: int) -> str:
    """Return ``text`` in at most ``max_bytes`` of UTF-8, shortened with ``…``."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= max_bytes:
        return encoded.decode()
    return encoded[: max_bytes - len(CUT.encode())].decode(errors="ignore") + CUT


def printable_ascii(text: str) -> str:
    """Return ``text`` as one line of printable ASCII, with ``?`` for other characters."""
    return "".join(char if " " <= char <= "~" else "?" for char in " ".join(text.split()))
