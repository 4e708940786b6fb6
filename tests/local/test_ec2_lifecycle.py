"""Tests of the lifecycle of a task."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.ec2 import lifecycle
from local.ec2.lifecycle import Lifecycle, image_state

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ORDER = ["pending", "waiting-for-shutdown", "bundling", "storing", "cancelling", "failed", "complete"]


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


SUCCESS = [
    (0, "pending", None), (0.99, "pending", None), (1, "waiting-for-shutdown", None), (5, "bundling", 0),
    (15, "bundling", 35), (24.99, "bundling", 65), (25, "storing", 70), (34.99, "storing", 95), (35, "complete", 100),
    (10_000, "complete", 100),
]  # fmt: skip


@pytest.mark.parametrize(("minutes", "state", "progress"), SUCCESS)
def test_a_successful_task_shows_each_state(minutes: float, state: str, progress: int | None) -> None:
    step = Lifecycle(START).at(after(minutes))
    assert (step.state, step.progress) == (state, progress)


FAILING = Lifecycle(START, will_fail=True)
CANCELLED, CANCELLED_FAILING = Lifecycle(START).cancel(after(10)), FAILING.cancel(after(10))
FAILURES = [
    (FAILING, 29.99, "storing", None), (FAILING, 30, "failed", None), (FAILING, 31.99, "failed", None),
    (FAILING, 32, "failed", "Client.S3Error"),
    *((life, minutes, state, code) for life in (CANCELLED, CANCELLED_FAILING) for minutes, state, code in (
        (9.99, "bundling", None), (10, "cancelling", None), (11, "failed", None), (13, "failed", "Client.Cancelled"),
    )),
]  # fmt: skip


@pytest.mark.parametrize(("life", "minutes", "state", "code"), FAILURES)
def test_a_failing_or_cancelled_task_gets_its_error_later(
    life: Lifecycle, minutes: float, state: str, code: str | None
) -> None:
    failure = life.failure(after(minutes))
    assert (life.at(after(minutes)).state, failure and failure.code) == (state, code)


def test_cancelling_keeps_the_progress_that_was_reached() -> None:
    life = Lifecycle(START).cancel(after(15))
    assert life.at(after(15)).progress == life.at(after(60)).progress == 35


def test_cancelling_twice_changes_nothing() -> None:
    life = Lifecycle(START).cancel(after(10))
    assert life.cancel(after(10.5)) is life


def test_an_ended_task_cannot_be_cancelled() -> None:
    with pytest.raises(ValueError, match="ended"):
        Lifecycle(START).cancel(after(35))


def test_a_clock_that_was_set_back_shows_the_start() -> None:
    assert Lifecycle(START).at(after(-60)).state == "pending"


def test_speed_divides_everything() -> None:
    life = Lifecycle(START, speed=7, will_fail=True)
    assert life.ended == START + timedelta(minutes=30) / 7
    assert life.failure(START + timedelta(minutes=32.001) / 7) == lifecycle.S3_FAILURE
    assert life.is_listed(START + timedelta(minutes=89.99) / 7, listed_for=60)
    assert not life.is_listed(START + timedelta(minutes=90.01) / 7, listed_for=60)


def test_an_image_becomes_available() -> None:
    states = [image_state(START, 2, after(minutes)) for minutes in (0, 0.49, 0.5, 60)]
    assert states == ["pending", "pending", "available", "available"]


@st.composite
def lifecycles(draw: st.DrawFn) -> Lifecycle:
    life = Lifecycle(START, draw(st.floats(0.01, 1e7)), draw(st.booleans()))
    share = draw(st.none() | st.floats(0, 0.999))
    if share is None:
        return life
    # Rounded down: a microsecond more could already be the end.
    lasts = (life.ended - START) // timedelta(microseconds=1)
    return life.cancel(START + timedelta(microseconds=int(lasts * share)))


MINUTES = st.lists(st.floats(0, 120), min_size=2, max_size=20).map(sorted)


@given(lifecycles(), MINUTES)
def test_states_and_progress_only_go_forward(life: Lifecycle, minutes: list[float]) -> None:
    moments = [START + lifecycle.real_time(minute, life.speed) for minute in minutes]
    steps = [life.at(moment) for moment in moments]
    ranks = [ORDER.index(step.state) for step in steps]
    progress = [step.progress or 0 for step in steps]
    assert ranks == sorted(ranks)
    assert progress == sorted(progress)
    assert all(0 <= value <= 100 for value in progress)
    assert [step.moment for step in steps] == sorted(step.moment for step in steps)
    assert all(START <= step.moment <= moment for step, moment in zip(steps, moments, strict=True))


@given(lifecycles(), st.floats(0, 1000))
def test_an_ended_task_does_not_change(life: Lifecycle, minutes: float) -> None:
    end, later = life.at(life.ended), life.at(life.ended + lifecycle.real_time(minutes, life.speed))
    assert end == later
    assert end.state == ("failed" if life.will_fail or life.cancelled else "complete")


@given(lifecycles(), st.floats(0, 120))
def test_only_a_failed_task_has_a_failure(life: Lifecycle, minutes: float) -> None:
    moment = START + lifecycle.real_time(minutes, life.speed)
    if life.failure(moment):
        assert life.at(moment).state == "failed"
