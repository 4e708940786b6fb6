"""Every mutation in turn: which invariant catches it in its scene, and after how many histories any does."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from typing import Any

from hypothesis import Phase, settings

from local.screen import Screen
from tests.campaigns.lives.mutations import MUTATIONS
from tests.campaigns.lives.portions import quiet
from tests.campaigns.lives.run import ORDINARY, UNFORESEEN, Found, histories, violation
from tests.campaigns.lives.scenes import SCENES
from tests.integration.engines import Engine

AT_MOST = 1000
"""Histories in which a defect should show itself; in its scene it must."""
SEED = 1
ROUGHLY = settings(ORDINARY, max_examples=AT_MOST, phases=[Phase.generate])
"""Which steps lead to a defect that somebody made on purpose nobody needs to know."""


@dataclass(frozen=True, slots=True)
class Caught:
    """What catches a defect: the invariant in its ``scene``, and ``after`` how many histories; None where none does."""

    scene: str | None
    after: int | None


def hunt(client: Any, number: int, seed: int) -> Caught:
    """Play the scene of mutation ``number``, then the histories of ``seed``."""
    mutation = MUTATIONS[number]
    with histories(client, worker=number) as machine, mutation.applied():
        scene = _invariant(SCENES[mutation.name].play(machine))
        before = machine.figures.counts["histories"]
        found = _invariant(violation(machine, ROUGHLY, seed))
        return Caught(scene, machine.figures.counts["histories"] - before + 1 if found else None)


def _invariant(found: Found | None) -> str | None:
    """The invariant that was violated. An error that nobody foresaw may be one of the histories themselves."""
    return found.invariant.partition(":")[0] if found and found.invariant != UNFORESEEN else None


def report(engine: Engine, screen: Screen, seed: int) -> int:
    """Say of each what became of it; how many were not caught."""
    missed = 0
    screen.say(f"\n{'defect':<54}{'its scene violates':<22}histories")
    with multiprocessing.get_context("spawn").Pool(initializer=quiet) as pool:
        work = ((engine, number, seed) for number in range(len(MUTATIONS)))
        for mutation, caught in zip(MUTATIONS, pool.imap(_hunt, work), strict=True):
            missed += caught.scene is None
            after = f"{caught.after:,}" if caught.after else f"none of {AT_MOST:,}"
            screen.say(f"{mutation.name:<54}{caught.scene or 'NOTHING':<22}{after}")
    screen.say(f"\n{len(MUTATIONS) - missed} of {len(MUTATIONS)} defects caught")
    return missed


def _hunt(work: tuple[Engine, int, int]) -> Caught:
    engine, number, seed = work
    client = engine.client()
    try:
        return hunt(client, number, seed)
    finally:
        client.close()
