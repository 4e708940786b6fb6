"""Tests wait for conditions, and the limits of all waits stand in one place."""

import re

from local.environments import ROOT

OF_ITS_OWN = re.compile(r"timeout=\d|\.wait\([1-9]|requestAnimation[F]rame")
"""A limit, or a number of frames, that a slow machine exceeds."""


def test_no_test_has_a_time_limit_of_its_own() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / "tests").rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if OF_ITS_OWN.search(line)
    ]
    assert found == []
