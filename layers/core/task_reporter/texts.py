"""Texts within limits."""

CUT = "…"


def truncate_utf8(text: str, max_bytes: int) -> str:
    """Return ``text`` in at most ``max_bytes`` of UTF-8, shortened with ``…``."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= max_bytes:
        return encoded.decode()
    return encoded[: max_bytes - len(CUT.encode())].decode(errors="ignore") + CUT


def printable_ascii(text: str) -> str:
    """Return ``text`` as one line of printable ASCII, with ``?`` for other characters."""
    return "".join(char if " " <= char <= "~" else "?" for char in " ".join(text.split()))
