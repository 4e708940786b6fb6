"""The finding of a look at one part."""

from dataclasses import dataclass

WELL, WRONG, UNKNOWN = "well", "wrong", "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """``text`` about one ``part``, and ``todo`` where something can be done about it.

    ``level`` is well, wrong, or unknown where looking failed. What is unknown is not well.
    """

    part: str
    level: str
    text: str
    todo: str = ""


def make_finding(is_well: bool, part: str, text: str, todo: str = "") -> Finding:
    """Make a good or a bad finding; only a bad one has a remedy."""
    return Finding(part, WELL, text) if is_well else Finding(part, WRONG, text, todo)
