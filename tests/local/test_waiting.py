"""Test of the time limits in tests."""

import re

from local.environments import ROOT

OWN_LIMIT = re.compile(r"timeout=\d|\.wait\([1-9]|requestAnimation[F]rame")
"""A time limit or a number of frames, which a slow machine may exceed."""


def test_no_test_has_a_time_limit_of_its_own() -> None:
    lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / "tests").rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if OWN_LIMIT.search(line)
    ]
    assert lines == []
