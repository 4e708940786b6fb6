"""The time that is left: checks of steps, and time reserved for later ones."""

from __future__ import annotations

import pytest

from task_reporter.errors import OutOfTimeError
from task_reporter.runtime.deadline import MARGIN_SECONDS, Deadline


def test_step_must_end_before_the_margin() -> None:
    Deadline(lambda: (10 + MARGIN_SECONDS) * 1000).check("reading", 10)
    with pytest.raises(OutOfTimeError, match="while reading"):
        Deadline(lambda: (10 + MARGIN_SECONDS) * 1000 - 1).check("reading", 10)


def test_reserved_seconds_are_no_longer_left() -> None:
    left = iter([60_000, 59_999])
    reading = Deadline(lambda: next(left)).reserve(20)
    reading.check("reading", 40 - MARGIN_SECONDS)
    with pytest.raises(OutOfTimeError):
        reading.check("reading", 40 - MARGIN_SECONDS)


def test_reserved_seconds_add_up_in_deadlines_of_their_own() -> None:
    whole = Deadline(lambda: 60_000)
    part = whole.reserve(20).reserve(10)
    assert (part.remaining_ms(), whole.remaining_ms()) == (30_000, 60_000)


def test_a_waived_check_is_the_first_alone() -> None:
    tried = Deadline(lambda: 0).after_first_try()
    tried.check("reading", 40)
    with pytest.raises(OutOfTimeError):
        tried.check("reading", 40)
