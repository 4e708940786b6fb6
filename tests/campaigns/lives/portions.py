"""Histories in portions, each from a seed of its own, so that one can be run again alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import settings

from local.processes import TERMINATION_SIGNALS
from tests.campaigns.lives.figures import Figures
from tests.campaigns.lives.run import ORDINARY, Found, histories, violation
from tests.integration.engines import Engine

A_PORTION = 100
"""Histories from one seed."""


@dataclass(frozen=True, slots=True)
class Portion:
    """The histories of ``seed``: so many, unless it is after ``until``."""

    seed: int
    histories: int
    until: float
    figures: Figures = field(default_factory=Figures)
    found: Found | None = None


def portions(engine: Engine, many: int, seed: int, until: float) -> Iterator[Portion]:
    """Every portion as it is done, side by side on all processors."""
    share = min(A_PORTION, many)
    planned = [Portion(number, share, until) for number in range(seed, seed - (-many // share))]
    with multiprocessing.get_context("spawn").Pool(min(os.cpu_count() or 1, len(planned)), quiet) as pool:
        yield from pool.imap_unordered(_run, [(engine, portion) for portion in planned])


def quiet() -> None:
    """Being ended is the parent's business."""
    for sign in TERMINATION_SIGNALS:
        signal.signal(sign, signal.SIG_DFL if sign == signal.SIGTERM else signal.SIG_IGN)


def _run(work: tuple[Engine, Portion]) -> Portion:
    """One portion, in a process of its own."""
    engine, planned = work
    if time.monotonic() > planned.until:
        return planned
    client = engine.client()
    try:
        with histories(client, os.getpid() % 1000) as machine:
            how = settings(ORDINARY, max_examples=planned.histories)
            found = violation(machine, how, planned.seed)
            return Portion(planned.seed, planned.histories, planned.until, machine.figures, found)
    finally:
        client.close()
