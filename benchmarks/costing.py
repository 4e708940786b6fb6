"""Costs of a month of polls, and of a task, at published prices."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from benchmarks import prices
from benchmarks.bench import Bench
from benchmarks.ec2_lists import known, listed
from benchmarks.engine import filled
from benchmarks.figures import Figure, alone, figure
from benchmarks.meter import Reading, meter
from benchmarks.place import Place
from benchmarks.prices import Life
from benchmarks.sides import AGAINST, Side, Step, both, life, said
from benchmarks.streams import batch, waiting
from task_reporter.kinds.bundle import BUNDLE
from tests.support.canned_ec2 import told
from tests.support.template import template

LISTED = 10
"""Tasks that EC2 lists at any time."""
POLLS_A_MONTH = 30 * 24 * 60 // 5
WARM = 5
MEMORIES = (128, 192, 256, 512)
STATES = ("pending", "waiting-for-shutdown", "bundling", "storing", "complete")
"""A life of a task, a poll each."""


@dataclass(frozen=True, slots=True)
class Polling:
    """One side's poll without news: its time, its DynamoDB requests, its log."""

    life: Life
    asked: Reading
    logged: float

    def month(self, megabytes: int, cold: bool) -> float:
        """Return the cents for all polls, with cold or with warm functions."""
        seconds = self.life.cold(megabytes) if cold else self.life.warm(megabytes)
        requests = self.asked.units * prices.READ_UNIT + self.asked.write_units * prices.WRITE_UNIT
        logs = (self.logged + prices.LAMBDA_S_OWN_LINES) * prices.LOGGED_BYTE
        return 100 * POLLS_A_MONTH * (prices.SCHEDULED + prices.computing(seconds, megabytes) + requests + logs)


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the figures; raises StepError."""
    sides, chosen = both(bench), int(template()["Globals"]["Function"]["MemorySize"])
    bench.facts["prices"] = prices.OF
    here = bench.place
    with bench.screen.step("cost", "what a poll and a task take"):
        ours, theirs = (_polling(here, side) for side in sides)
        for when, cold in (("always warm", False), ("always cold", True)):
            pair = [(ours.month(chosen, cold), theirs.month(chosen, cold))]
            yield figure(f"a month of polls, {chosen} MB, {when}", "US cents", pair, float, AGAINST)
        for memory in MEMORIES:
            yield alone(f"a cold poll with {memory} MB", "ms", [1000 * ours.life.cold(memory)])
            yield alone(f"a warm poll with {memory} MB", "ms", [1000 * ours.life.warm(memory)])
            yield alone(f"a month of cold polls, {memory} MB", "US cents", [ours.month(memory, cold=True)])
        thousand = 100_000 * _task(here, sides[0], chosen)
        yield alone("a thousand tasks, from start to email", "US cents", [thousand])


def _polling(here: Place, side: Side) -> Polling:
    table, answer = filled(here.engine, []), listed(LISTED)
    with here.shell(table, answer, tls=True, announce_history="none") as shell:
        life(side, "RecorderFunction", [{}], shell)  # from here on nothing is new
        steps = life(side, "RecorderFunction", [{}] * (1 + WARM), shell)
        printed = said(shell)
    with meter(here.engine.endpoint) as between:
        with here.shell(table, answer, lag=0.0, dynamodb=between.endpoint) as shell:
            life(side, "RecorderFunction", [{}], shell)
        asked = between.reading
    return Polling(_life(steps), asked, len(printed.encode()) / (1 + WARM))


def _life(steps: list[Step]) -> Life:
    start, first, *later = steps
    return Life(start, first, Step(median(one.seconds for one in later), median(one.cpu for one in later)))


def _task(here: Place, side: Side, megabytes: int) -> float:
    """Return the dollars for one task: its row's writes, its notice, its event.

    Notice and event are sent by a function that starts for them.
    """
    with ExitStack() as stack:
        between = stack.enter_context(meter(here.engine.endpoint))
        answers = [told(state) for state in STATES]
        table = filled(here.engine, [])
        with here.shell(table, None, *answers, lag=0.0, dynamodb=between.endpoint, kinds=(BUNDLE,)) as shell:
            life(side, "RecorderFunction", [{}] * len(STATES), shell)
        roster_writes = len(STATES)
        between.reading.units = 0.0  # what polls read is the polls' cost
        row = next(map(waiting, known(1)))
        table = filled(here.engine, [row])
        with here.shell(table, dynamodb=between.endpoint, tls=True, bus="default") as shell:
            start, first = life(side, "NotifierFunction", [batch([row])], shell)
            logged = len(said(shell).encode()) + prices.LAMBDA_S_OWN_LINES
        asked = between.reading
    telling = prices.computing(Life(start, first, first).cold(megabytes), megabytes)
    requests = asked.units * prices.READ_UNIT + (asked.write_units - roster_writes) * prices.WRITE_UNIT
    return requests + telling + logged * prices.LOGGED_BYTE + prices.PUBLISHED + prices.EMAIL + prices.EVENT
