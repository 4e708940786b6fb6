"""The cost of the hub itself in a month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from task_reporter_cli.estimate import prices
from task_reporter_cli.estimate.calls import MONTH, WORKERS, Calls, Workload

MEMORY_GB = 0.5
"""Memory of the functions in a hub."""
BATCH = 5
"""Assumed number of assignments in one batch; at most 10."""
SECONDS_PER_BATCH = 0.3
"""Assumed, with 50 ms for each answer."""
SECONDS_PER_CALL = 0.004
"""Measured by `make bench`: 1.1 ms of a whole processor.

A function with 512 MB has 0.29 of one.
"""
SECONDS_PER_ROUND, SECONDS_PER_ACCOUNT = 0.5, 0.002
"""Assumed for the planner."""
ROW_BYTES, BYTES_PER_LIST = 600, 2
"""Assumed for a roster row, in which equal lists share their keys."""
LOG_BYTES = 1000
"""Assumed for a batch, and for a round."""
REQUESTS_PER_BATCH = 3
"""Send, receive, delete."""
LONG_POLL = timedelta(seconds=20)
METRICS, ALARMS = 15, 15
"""Those of a hub, besides one dashboard.

Further metrics are written only while tasks end.
"""
ASSUMPTIONS = (
    "each hot list is in another account, and the quiet lists of an account are due in the same round",
    f"the recorder takes {SECONDS_PER_BATCH} s for a batch of {BATCH} assignments and {SECONDS_PER_CALL} s for each"
    f" call, the planner {SECONDS_PER_ROUND} s for a round and {SECONDS_PER_ACCOUNT} s for each account, with"
    f" {MEMORY_GB * 1024:.0f} MB",
    f"a roster row has {ROW_BYTES} bytes and {BYTES_PER_LIST} for each list, and is written once for each assignment",
    f"{LOG_BYTES:,} bytes are logged for each batch and round; {METRICS} metrics, {ALARMS} alarms, a dashboard",
    "tasks are not in it: a thousand cost 6 cents",
)
"""Everything that is no price and no design."""


@dataclass(frozen=True, slots=True)
class Cost:
    """A part of the cost."""

    part: str
    dollars: float
    why: str


def hub_costs(work: Workload, calls: Sequence[Calls]) -> list[Cost]:
    """Return the parts of the hub's cost; ``calls`` are those of its recorder."""
    batches, count = work.assignments / BATCH, sum(each.count for each in calls)
    return [
        _compute("recorder", batches, batches * SECONDS_PER_BATCH + count * SECONDS_PER_CALL),
        _compute("planner", work.rounds, work.rounds * (SECONDS_PER_ROUND + work.accounts * SECONDS_PER_ACCOUNT)),
        _queue(batches),
        _writes(work),
        _reads(work),
        _logs(batches + work.rounds),
        _watching(),
        Cost("Scheduler", work.rounds * prices.SCHEDULED.each, f"{work.rounds:,.0f} rounds"),
    ]


def _compute(function: str, invocations: float, seconds: float) -> Cost:
    gb_seconds = seconds * MEMORY_GB
    dollars = gb_seconds * prices.GB_SECOND.each + invocations * prices.INVOCATION.each
    return Cost(f"Lambda, {function}", dollars, f"{invocations:,.0f} invocations, {gb_seconds:,.0f} GB-seconds")


def _queue(batches: float) -> Cost:
    idle = WORKERS * (MONTH / LONG_POLL)
    requests = batches * REQUESTS_PER_BATCH + idle
    why = f"{batches:,.0f} batches of assignments, {REQUESTS_PER_BATCH} requests each, and {idle:,.0f} polls of Lambda"
    return Cost("SQS", requests * prices.QUEUE_REQUEST.each, why)


def _row_kilobytes(work: Workload) -> float:
    return (ROW_BYTES + BYTES_PER_LIST * work.regions * work.kinds) / 1024


def _writes(work: Workload) -> Cost:
    writes, size = work.assignments, ceil(_row_kilobytes(work))
    units = writes * size + work.rounds
    why = f"{writes:,.0f} writes of roster rows, {size} unit{'' if size == 1 else 's'} each, and one unit a round"
    return Cost("DynamoDB, writes", units * prices.WRITE_UNIT.each, why)


def _reads(work: Workload) -> Cost:
    # A query without consistency takes half a unit for 4 KB of all its rows together, a consistent read a unit a row.
    roster = work.rounds * ceil(work.accounts * _row_kilobytes(work) / 4) / 2
    recorder = work.assignments * (ceil(_row_kilobytes(work) / 4) + 1)
    why = f"the roster in each round: {roster:,.0f} units; row and running tasks for each assignment: {recorder:,.0f}"
    return Cost("DynamoDB, reads", (roster + recorder) * prices.READ_UNIT.each, why)


def _logs(invocations: float) -> Cost:
    size = invocations * (LOG_BYTES + prices.LAMBDA_LOG_BYTES)
    return Cost("Logs", size * prices.LOGGED_BYTE.each, f"{size / 1e9:,.1f} GB")


def _watching() -> Cost:
    dollars = METRICS * prices.METRIC.each + ALARMS * prices.ALARM.each + prices.DASHBOARD.each
    return Cost("CloudWatch", dollars, f"{METRICS} metrics, {ALARMS} alarms, a dashboard")
