"""Every mutation in turn, and which invariant caught it after how many histories."""

from __future__ import annotations

import multiprocessing
from typing import Any

from hypothesis import Phase, settings

from local.screen import Screen
from tests.integration.engines import Engine
from tests.soak.mutations import MUTATIONS
from tests.soak.portions import quiet
from tests.soak.run import ORDINARY, UNFORESEEN, Found, histories, violation

AT_MOST = 1000
"""Histories in which a defect must show itself."""
SEED = 1
ROUGHLY = settings(ORDINARY, max_examples=AT_MOST, phases=[Phase.generate])
"""Which steps lead to a defect that somebody made on purpose nobody needs to know."""


def hunt(client: Any, number: int, seed: int) -> tuple[Found | None, int]:
    """What the histories of ``seed`` found of mutation ``number``, and after how many."""
    with histories(client, worker=number) as machine, MUTATIONS[number].applied():
        return violation(machine, ROUGHLY, seed), machine.figures.counts["histories"] + 1


def report(engine: Engine, screen: Screen, seed: int) -> int:
    """Say of each what became of it; how many were not caught."""
    missed = 0
    screen.say(f"\n{'defect':<54}{'after histories':<17}caught by")
    with multiprocessing.get_context("spawn").Pool(initializer=quiet) as pool:
        work = ((engine, number, seed) for number in range(len(MUTATIONS)))
        for mutation, (found, after) in zip(MUTATIONS, pool.imap(_hunt, work), strict=True):
            # An error that nobody foresaw may be one of the histories themselves, and then catches nothing.
            caught = found.invariant.partition(":")[0] if found and found.invariant != UNFORESEEN else "NOTHING"
            missed += caught == "NOTHING"
            screen.say(f"{mutation.name:<54}{after:<17,}{caught}")
    screen.say(f"\n{len(MUTATIONS) - missed} of {len(MUTATIONS)} defects caught")
    return missed


def _hunt(work: tuple[Engine, int, int]) -> tuple[Found | None, int]:
    engine, number, seed = work
    client = engine.client()
    try:
        return hunt(client, number, seed)
    finally:
        client.close()
