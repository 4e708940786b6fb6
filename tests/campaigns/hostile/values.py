"""Unusual values, and the common parts of all families of hostile input."""

import re
from functools import partial
from random import Random

from tests.campaigns import runner

require = partial(runner.require, "hostile input harms nothing else")
STEPS = (0, 1, 1, 1, 2, 2, 3, 4, 6, 10)
"""Numbers of steps that spoil an example, equally likely."""
WORDS = (
    "", " ", "\t\n", "0", "-1", "null", "true", "NaN", "Infinity", "1e999", "20%", "100 %", "101%", "-5%", "٣%", "1_0%",
    "complete", "failed", "cancelling", "Complete", " failed ", "cancelled", "hibernating", "Client.Cancelled",
    "roster", "poll#", "bun-00000001", "../../etc/passwd", "$(reboot)", "`reboot`", "'; --", '"', "\\", "<b>&amp;",
    "]]>", "\x85\x9f", "\u2028\u2029", "\ufeff", "\u202e", "\ud7ff\ue000", "é" * 60, "漢字", "😀" * 9, "\u0301" * 30,
    "\U0010ffff", "a\rb\r\nc", "x" * 1023, "x" * 1025, "é" * 1024, "x" * 2049,
)  # fmt: skip
TIMES = (
    "0000-00-00T00:00:00.000Z", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59-23:59", "1970-01-01", "2026-W47-1", "20261123T120000Z", "2026-11-23T12:00:00.000Z ",
    "2026-11-23T24:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23T12:00:60Z", "2026-11-23 12:00", "1764000000",
    "1.764e9", "-1", "now", "2026-11-23T12:00:00+99:99", "2026-11-23T12:00:00,5Z", "２０２６-11-23T12:00:00Z",
    "2036-11-23T12:00:00.000Z", "2026-11-23T11:59:59.999999999Z", "2026-11-23T12:00:00\x00Z", "é", "😀",
)  # fmt: skip
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
HUGE = (9_000, 70_000, 140_000, 300_000)


def text(rng: Random) -> str:
    """Return a text, most often a short one."""
    if rng.random() < 0.04:
        return rng.choice(("x", "é", "漢", "😀", "\n", "\\", '"', "<&>")) * rng.choice(HUGE)
    if rng.random() < 0.3:
        return "".join(chr(rng.choice((rng.randrange(32, 127), rng.randrange(0xA0, 0xD800)))) for _ in range(9))
    return rng.choice(WORDS)


def time(rng: Random) -> str:
    """Return a text for the place of a time."""
    return rng.choice(TIMES) if rng.random() < 0.8 else text(rng)


def xml_text(rng: Random) -> str:
    return to_xml(text(rng))


def to_xml(value: str) -> str:
    """Remove characters that XML 1.0 can't hold."""
    return FORBIDDEN.sub("", value)
