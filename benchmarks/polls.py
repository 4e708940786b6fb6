"""Polls without news, as nearly every poll is: requests and time."""

from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.bench import Bench
from benchmarks.ec2_lists import listed
from benchmarks.engine import filled
from benchmarks.figures import Figure, alone, figure, in_turns
from benchmarks.lag import LAG
from benchmarks.meter import Reading, meter
from benchmarks.place import Place
from benchmarks.sides import AGAINST, Side, both, life
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import ALL

FUNCTION = "RecorderFunction"
FEW, MANY, MOST = 10, 1000, 10_000
"""Tasks in EC2's lists."""
SMALL = 100
"""Rows in a history that has just begun."""
PAIRS = 3
WARM = 5
"""Polls that are timed after the first one, which begins the connections."""
FAR = 0.05
"""Seconds that a request takes longer where round trips are counted."""
NINE = 1.5
"""The time of a poll of nine lists, divided by that of one list."""
ROUND_TRIPS = 3.4
"""Seconds: EC2's answer and two more in sequence, and the function's own time."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the figures; raises StepError."""
    ours, theirs = both(bench)
    here = bench.place
    with bench.screen.step("polls", f"{SMALL:,} rows in the history"):
        table = _history(here, ours, here.history(SMALL), FEW)
        small = _asked(here, ours, table, FEW)
        yield from _few(here, (ours, theirs), table, small)
        yield from _nine(here, ours, table, small)
        yield from _many(here, (ours, theirs))
    with bench.screen.step("polls", f"{bench.rows:,} rows in the history"):
        large = _asked(here, ours, _history(here, ours, here.history(bench.rows), FEW), FEW)
    name, against = f"with {bench.rows:,} rows in the history", f"ours with {SMALL:,} rows"
    for what, unit in (("requests", "requests"), ("units", "read units"), ("write_units", "write units")):
        pair = [(getattr(large, what), getattr(small, what))]
        yield figure(f"{name}, {FEW} listed", unit, pair, float, against, at_most=1.0)


def _few(here: Place, sides: tuple[Side, Side], table: str, small: Reading) -> Iterator[Figure]:
    """Measure the usual poll."""
    ours, theirs = sides
    name, empty = f"nothing new, {FEW} listed", filled(here.engine, [])
    times = in_turns(lambda: _seconds(here, ours, table, FEW), lambda: _seconds(here, theirs, empty, FEW), PAIRS, 0)
    yield figure(name, "ms", times, lambda seconds: seconds * 1000, AGAINST)
    asked = [(small, _asked(here, theirs, empty, FEW))]
    yield figure(f"{name}: asked of DynamoDB", "requests", asked, lambda read: read.requests, AGAINST)
    yield alone(f"{name}: charged for reads", "read units", [small.units])  # theirs reads nothing
    yield figure(f"{name}: tasks written", "rows", asked, lambda read: read.tasks, AGAINST, limit=0)
    yield figure(f"{name}: charged for writes", "write units", asked, lambda read: read.write_units, AGAINST)
    trips = [(_round_trips(here, ours, table), _round_trips(here, theirs, empty))]
    yield figure(f"{name}: one after the other", "trips", trips, float, AGAINST, limit=ROUND_TRIPS)


def _nine(here: Place, ours: Side, table: str, small: Reading) -> Iterator[Figure]:
    """Measure a poll of all lists beside a poll of one."""
    name, one = f"nothing new, {FEW} listed, nine lists", (BUNDLE,)
    table_of_one = _history(here, ours, here.history(SMALL), FEW, one)
    pairs = in_turns(
        lambda: _seconds(here, ours, table, FEW, lag=FAR),
        lambda: _seconds(here, ours, table_of_one, FEW, lag=FAR, kinds=one),
        PAIRS,
        warm_ups=0,
    )
    yield figure(f"{name}, {FAR * 1000:.0f} ms away", "ms", pairs, lambda seconds: seconds * 1000, "one list", NINE)
    yield alone(f"{name}: asked of DynamoDB", "requests", [small.requests], limit=4)
    yield alone(f"{name}: charged for writes", "write units", [small.write_units], limit=1)


def _many(here: Place, sides: tuple[Side, Side]) -> Iterator[Figure]:
    """Measure a poll of lists that a pipeline filled."""
    ours, theirs = sides
    for count in (MANY, MOST):
        name, table = f"nothing new, {count:,} listed", _history(here, ours, here.history(SMALL), count)
        seconds = _seconds(here, ours, table, count, polls=2)
        if count == MANY:
            pair = [(seconds, _seconds(here, theirs, filled(here.engine, []), count, polls=1))]
            yield figure(name, "ms", pair, lambda seconds: seconds * 1000, AGAINST)
        else:
            yield alone(name, "ms", [seconds * 1000])
        asked = _asked(here, ours, table, count)
        yield alone(f"{name}: asked of DynamoDB", "requests", [asked.requests])
        yield alone(f"{name}: tasks written", "rows", [asked.tasks], limit=0)


def _history(here: Place, ours: Side, table: str, count: int, kinds: Sequence[Kind] = ALL) -> str:
    """Return ``table`` with ``count`` listed tasks that were recorded without a notice."""
    with here.shell(table, listed(count, kinds), lag=0.0, kinds=kinds, announce_history="none") as shell:
        life(ours, FUNCTION, [{}], shell)
    return table


def _seconds(
    here: Place, side: Side, table: str, count: int, polls: int = WARM, lag: float = LAG, kinds: Sequence[Kind] = ALL
) -> float:
    """Return the median time of later polls in one process.

    The first one opens the connections.
    """
    with here.shell(table, listed(count, kinds), lag=lag, kinds=kinds) as shell:
        steps = life(side, FUNCTION, [{}] * (1 + polls), shell)
    return median(step.seconds for step in steps[2:])


def _round_trips(here: Place, side: Side, table: str) -> float:
    """Return the number of a poll's requests that wait for one another.

    The added time, divided by the added delay of each request.
    """
    near, far = (_seconds(here, side, table, FEW, lag=lag) for lag in (0.0, FAR))
    return (far - near) / FAR


def _asked(here: Place, side: Side, table: str, count: int) -> Reading:
    """Count the DynamoDB requests of a poll without news."""
    with meter(here.engine.endpoint) as between:
        with here.shell(table, listed(count), lag=0.0, dynamodb=between.endpoint) as shell:
            life(side, FUNCTION, [{}], shell)
            between.reading = Reading()
            life(side, FUNCTION, [{}], shell)
        return between.reading
