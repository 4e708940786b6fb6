"""Defects that a campaign must find, each with one short history that shows it.

A defect replaces one function, value or client while it is applied.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any
from unittest.mock import patch

from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test

from local.screen import Screen, run_with_screen
from tests.campaigns import runner
from tests.campaigns.runner import HYPOTHESIS, UNEXPECTED, Campaign, CampaignError, Failure, Portion

MAX_HUNT = 5000
"""Histories in which a defect should be found; its scene must find it."""
UNSHRUNK = settings(HYPOTHESIS, phases=[Phase.generate])
"""Settings without shrinking: the steps to an injected defect are not needed."""

Step = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect, and its scene: a short history that shows it."""

    inject: Callable[[], AbstractContextManager[Any]]
    steps: tuple[Step, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the world in which the scene is played."""

    def play_scene(self, machine: type[Any]) -> None:
        """Play the steps, with one task at first. Raises ViolationError."""
        history = machine()
        history.begin_scene(**self.options)
        for step in self.steps:
            step(history)
        history.teardown()


def instead(owner: Any, name: str, new: Any, *steps: Step, **options: Any) -> Defect:
    """Put ``new`` in the place of attribute ``name``."""
    return Defect(lambda: patch.object(owner, name, new), steps, options)


def around(owner: Any, name: str, wrapper: Callable[..., Any], *steps: Step, **options: Any) -> Defect:
    """Put ``wrapper`` in the place of function ``name``; its first argument is that function."""
    real = getattr(owner, name)
    # A plain function, so that it can be a method.
    return instead(owner, name, lambda *arguments, **named: wrapper(real, *arguments, **named), *steps, **options)


def make_history_test(
    machine: type[RuleBasedStateMachine], counts: Counter[str], how: settings
) -> Callable[[], object]:
    """Return the test of random histories, which counts events in ``counts``."""
    machine.counts = counts
    return get_state_machine_test(machine, settings=how)


def play_scene(campaign: str, name: str) -> Failure | None:
    """Play the scene of the defect ``name``, with or without the defect."""
    machine = import_module(f"tests.campaigns.{campaign}.machine").Histories
    machine.counts = Counter()
    return runner.find_failure(partial(_defects(campaign)[name].play_scene, machine))


def main(campaign: Campaign, arguments: list[str]) -> int:
    """Run ``campaign``, or hunt its defects; return the exit status."""
    parser = runner.make_parser(campaign)
    parser.add_argument("--mutations", action="store_true", help="put defects into the package: each must be found")
    options = parser.parse_args(arguments)
    if options.mutations:
        return run_with_screen(lambda screen: _hunt_all(campaign, screen, 1 if options.seed is None else options.seed))
    return runner.main(campaign, options)


def _hunt_all(campaign: Campaign, screen: Screen, seed: int) -> None:
    """Inject each defect in turn, and show which invariant and history find it.

    Raises CampaignError for defects that are not found.
    """
    screen.say(f"{'defect':<54}{'its scene violates':<22}histories")
    missed, defects = 0, _defects(campaign.module)
    work = ((campaign, name, seed) for name in defects)
    with multiprocessing.get_context("spawn").Pool(initializer=runner.ignore_signals) as pool:
        for name, (invariant, after) in zip(defects, pool.imap(_hunt, work), strict=True):
            missed += invariant is None
            screen.say(f"{name:<54}{invariant or 'NOTHING':<22}{f'{after:,}' if after else f'none of {MAX_HUNT:,}'}")
    screen.say(f"\n{len(defects) - missed} of {len(defects)} defects found")
    if missed:
        raise CampaignError(f"{missed} defects were not found")


def _hunt(work: tuple[Campaign, str, int]) -> tuple[str | None, int | None]:
    """Return the scene's violated invariant, and the first violating history's number."""
    campaign, name, seed = work
    with _defects(campaign.module)[name].inject():
        scene = _invariant(play_scene(campaign.module, name))
        done = runner.run_portion(campaign, Portion("histories", seed, MAX_HUNT), UNSHRUNK)
    return scene, done.counts["histories"] + 1 if _invariant(done.failure) else None


def _defects(campaign: str) -> Mapping[str, Defect]:
    found: Mapping[str, Defect] = import_module(f"tests.campaigns.{campaign}.defects").DEFECTS
    return found


def _invariant(failure: Failure | None) -> str | None:
    """Return the invariant's short name; None for an error of the campaign."""
    return failure.invariant.partition(":")[0] if failure and failure.invariant != UNEXPECTED else None
