"""The runner of the random campaigns: Hypothesis draws and shrinks, on all processors.

Examples are run in portions with seeds of their own, so that each portion can be repeated alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import secrets
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from local.processes import TERMINATION_SIGNALS
from local.screen import Screen, run_with_screen

PORTION = 100
"""Examples from one seed."""
UNEXPECTED = "unexpected error"
"""Stands for the invariant if another error than a violation ends an example."""
HYPOTHESIS = settings(
    stateful_step_count=7,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


class ViolationError(Exception):
    """An invariant does not hold."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}; {text}")
        self.invariant = invariant


def require(invariant: str, condition: bool, detail: object) -> None:
    """Raise ViolationError unless ``condition`` is true."""
    if not condition:
        raise ViolationError(invariant, str(detail))


class CampaignError(OSError):
    """A campaign found a violation; the text describes it."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """Random examples of one or several families."""

    module: str
    """The module that runs it: ``python -m tests.campaigns.<module>``."""
    unit: str
    """The plural name of examples, such as ``histories``."""
    default: int
    """The default number of examples."""
    shares: Mapping[str, float]
    """Family → its share of all examples."""
    make_test: Callable[[str, Counter[str], settings], Callable[[], object]]
    """Returns the test of a family, which counts events."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that failed: the ``invariant``, and the smallest example as text."""

    invariant: str
    text: str


@dataclass(frozen=True, slots=True)
class Portion:
    """Examples of one family, from one seed."""

    family: str
    seed: int
    examples: int
    counts: Counter[str] = field(default_factory=Counter)
    failure: Failure | None = None


def run_portion(campaign: Campaign, portion: Portion, how: settings = HYPOTHESIS) -> Portion:
    """Run the examples of ``portion`` until one fails."""
    counts = Counter[str]()
    test = campaign.make_test(portion.family, counts, settings(how, max_examples=portion.examples))
    return replace(portion, counts=counts, failure=find_failure(seed(portion.seed)(test)))


def find_failure(test: Callable[[], object]) -> Failure | None:
    """Run ``test``; return its failure, or None."""
    try:
        test()
    except Exception as error:
        invariant = error.invariant if isinstance(error, ViolationError) else UNEXPECTED
        notes = "\n".join(getattr(error, "__notes__", []))
        return Failure(invariant, "".join(traceback.format_exception(error, limit=-6, chain=False)) or notes)
    return None


def plan(campaign: Campaign, examples: int, first_seed: int) -> list[Portion]:
    """Divide ``examples`` among the families, and into portions."""
    return [
        Portion(family, first_seed + start // PORTION, min(PORTION, count - start))
        for family, share in campaign.shares.items()
        for count in [round(examples * share)]
        for start in range(0, count, PORTION)
    ]


def run(campaign: Campaign, portions: list[Portion], minutes: float) -> Iterator[Portion]:
    """Yield each portion when it is done.

    After ``minutes`` no portion is started; such portions have no counts.
    """
    until = time.monotonic() + 60 * minutes
    work = [(campaign, portion, until) for portion in portions]
    with multiprocessing.get_context("spawn").Pool(min(os.cpu_count() or 1, len(work) or 1), ignore_signals) as pool:
        yield from pool.imap_unordered(_work, work)


def _work(work: tuple[Campaign, Portion, float]) -> Portion:
    campaign, portion, until = work
    return portion if time.monotonic() > until else run_portion(campaign, portion)


def ignore_signals() -> None:
    """Ignore Ctrl-C and hang-ups, so that only the parent ends this process."""
    for number in TERMINATION_SIGNALS:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)


def make_parser(campaign: Campaign) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m tests.campaigns.{campaign.module}")
    parser.add_argument(f"--{campaign.unit}", dest="examples", type=int, default=campaign.default, metavar="N")
    parser.add_argument("--seed", type=int, metavar="S", help="of the first portion (random)")
    parser.add_argument("--minutes", type=float, default=60, help="begin nothing new after so long (%(default)s)")
    parser.add_argument("--family", choices=campaign.shares, help="this family alone")
    return parser


def main(campaign: Campaign, arguments: Any) -> int:
    """Run ``campaign`` with the parsed ``arguments``; return the exit status.

    It is 1 after a failure.
    """
    if arguments.family:
        campaign = replace(campaign, shares={arguments.family: 1})
    return run_with_screen(lambda screen: _run_all(campaign, arguments, screen))


def _run_all(campaign: Campaign, arguments: Any, screen: Screen) -> None:
    first_seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    screen.say(f"{arguments.examples:,} {campaign.unit}, seed {first_seed}")
    started, totals = time.monotonic(), {family: Counter[str]() for family in campaign.shares}
    failed = None
    columns = TextColumn("{task.completed:,.0f} of {task.total:,.0f}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, disable=not sys.stdout.isatty(), transient=True) as progress:
        bar = progress.add_task(campaign.unit, total=arguments.examples)
        for portion in run(campaign, plan(campaign, arguments.examples, first_seed), arguments.minutes):
            totals[portion.family] += portion.counts
            progress.advance(bar, portion.counts[campaign.unit])
            if portion.failure:
                failed = portion
                break
    for family, counts in totals.items():
        screen.say(f"\n{family}")
        screen.say("\n".join(f"  {name:<38}{number:>10,}" for name, number in sorted(counts.items())))
    screen.say(f"\n{time.monotonic() - started:,.0f} seconds on {os.cpu_count()} processors")
    if failed and failed.failure:
        again = f"--family {failed.family} --{campaign.unit} {failed.examples} --seed {failed.seed}"
        raise CampaignError(
            f"violated: {failed.failure.invariant}\n{failed.failure.text}\n\n"
            f"again: python -m tests.campaigns.{campaign.module} {again}"
        )
    screen.say("No violation.")
