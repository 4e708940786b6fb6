"""Text made to fit."""

CUT = "…"


def shortened(text: str, most: int) -> str:
    """``text`` in at most ``most`` bytes of UTF-8; where something had to go, it ends in ``…``."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= most:
        return encoded.decode()
    return encoded[: most - len(CUT.encode())].decode(errors="ignore") + CUT


def printable(text: str) -> str:
    """``text`` as one line of printable ASCII."""
    return "".join(char if " " <= char <= "~" else "?" for char in " ".join(text.split()))
