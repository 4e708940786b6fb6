"""Runs histories: so many from one seed, on one engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.retries.standard
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import get_state_machine_test

from tests.campaigns.lives.dynamodb import Engine as Observed
from tests.campaigns.lives.figures import Figures
from tests.campaigns.lives.machine import Histories
from tests.campaigns.lives.violation import ViolationError
from tests.integration.engines import make_table

UNFORESEEN = "unforeseen"
"""Stands for the invariant where an error ended a history that none of the invariants is about."""
STEPS = 7
"""As many rules as one history goes by, at most."""
ORDINARY = settings(
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


@dataclass(frozen=True, slots=True)
class Found:
    """A history that went wrong: the ``invariant``, what is wrong, and the fewest steps that lead there."""

    invariant: str
    what: str
    steps: str


@contextmanager
def histories(client: Any, worker: int = 0) -> Iterator[type[Histories]]:
    """The state machine on a fresh table of ``client``'s engine. botocore's retries wait for nothing meanwhile."""
    backoff = botocore.retries.standard.ExponentialBackoff
    patient, backoff.delay_amount = backoff.delay_amount, lambda self, context: 0
    table = make_table(client, StreamSpecification={"StreamEnabled": False})
    observed = Observed(client, table.name)
    Histories.engine, Histories.worker, Histories.figures = observed, worker, Figures()
    try:
        yield Histories
    finally:
        observed.close()
        client.delete_table(TableName=table.name)
        backoff.delay_amount = patient


def violation(machine: type[Histories], how: settings, number: int | None = None) -> Found | None:
    """The first violation in as many histories as ``how`` says, shrunk; ``number`` is the seed."""
    test = get_state_machine_test(machine, settings=how)
    return tried(test if number is None else seed(number)(test))


def tried(histories: Callable[[], object]) -> Found | None:
    """What goes wrong in ``histories``; None where nothing does. What nobody foresaw is a violation too."""
    try:
        histories()
    except Exception as error:
        invariant = error.invariant if isinstance(error, ViolationError) else UNFORESEEN
        return Found(invariant, f"{type(error).__name__}: {error}", "\n".join(getattr(error, "__notes__", [])))
    return None
