"""The campaign of histories, and the hunt for injected defects."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable
from functools import partial

from hypothesis import Phase, settings
from hypothesis.stateful import get_state_machine_test

from local.screen import Screen
from tests.campaigns.lives.defects import DEFECTS
from tests.campaigns.lives.machine import Histories
from tests.campaigns.runner import (
    HYPOTHESIS,
    UNEXPECTED,
    Campaign,
    CampaignError,
    Failure,
    Portion,
    find_failure,
    ignore_signals,
    run_portion,
)

MAX_HUNT = 5000
"""Histories in which a defect should be found; its scene must find it."""
UNSHRUNK = settings(HYPOTHESIS, phases=[Phase.generate])
"""Settings without shrinking: the steps to an injected defect are not needed."""


def make_test(_family: str, counts: Counter[str], how: settings) -> Callable[[], object]:
    return get_state_machine_test(machine(counts), settings=how)


def machine(counts: Counter[str]) -> type[Histories]:
    """Return the state machine, which counts events in ``counts``."""
    Histories.counts = counts
    return Histories


CAMPAIGN = Campaign("lives", "histories", 10_000, {"histories": 1}, make_test)


def play_scene(name: str) -> Failure | None:
    """Play the scene of the defect ``name``, with or without the defect."""
    return find_failure(partial(DEFECTS[name].play_scene, machine(Counter())))


def hunt_all(screen: Screen, seed: int) -> None:
    """Inject each defect in turn, and show which invariant and history find it.

    Raises CampaignError for defects that are not found.
    """
    screen.say(f"{'defect':<54}{'its scene violates':<22}histories")
    missed = 0
    with multiprocessing.get_context("spawn").Pool(initializer=ignore_signals) as pool:
        for name, (invariant, after) in zip(DEFECTS, pool.imap(_hunt, ((name, seed) for name in DEFECTS)), strict=True):
            missed += invariant is None
            screen.say(f"{name:<54}{invariant or 'NOTHING':<22}{f'{after:,}' if after else f'none of {MAX_HUNT:,}'}")
    screen.say(f"\n{len(DEFECTS) - missed} of {len(DEFECTS)} defects found")
    if missed:
        raise CampaignError(f"{missed} defects were not found")


def _hunt(work: tuple[str, int]) -> tuple[str | None, int | None]:
    """Return the scene's violated invariant, and the first violating history's number."""
    name, seed = work
    with DEFECTS[name].inject():
        scene = _invariant(play_scene(name))
        done = run_portion(CAMPAIGN, Portion("histories", seed, MAX_HUNT), UNSHRUNK)
    return scene, done.counts["histories"] + 1 if _invariant(done.failure) else None


def _invariant(failure: Failure | None) -> str | None:
    """Return the invariant's short name; None for an error of the campaign."""
    return failure.invariant.partition(":")[0] if failure and failure.invariant != UNEXPECTED else None
