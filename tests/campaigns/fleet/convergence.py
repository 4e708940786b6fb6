"""The end of a hub's history: time without faults, until nothing is left."""

from __future__ import annotations

from task_reporter.organization.members import ACTIVE
from tests.campaigns.fleet.world import Fleet
from tests.campaigns.lives.convergence import task_rows
from tests.campaigns.lives.oracle import SETTLED
from tests.campaigns.lives.world import advance
from tests.campaigns.runner import ViolationError

STEPS = [*[{"minutes": 20}] * 2, {"hours": 26}, *[{"minutes": 20}] * 4, *[{"hours": 26}] * 3]
"""Times between rounds.

After the long ones every list is due, even where clocks were wrong.
"""


def converge(world: Fleet) -> None:
    """Run rounds and deliver until a round finds nothing to do.

    Raises ViolationError if that does not come to an end.
    """
    world.end_faults()
    first = len(world.oracle.polls)
    for step in STEPS:
        advance(world, **step)
        before = task_rows(world)
        result = world.round()
        if result is None or result.problems:
            raise ViolationError(SETTLED, f"a round fails although nothing else does: {result}")
        world.shards.drain()
        is_waiting = any(row.get("awaiting") == "notification" for row in world.history.rows.values())
        if before == task_rows(world) and not is_waiting and not open_matters(world, first):
            return
    raise ViolationError(SETTLED, f"still not quiet: {open_matters(world, first)} {task_rows(world)}")


def open_matters(world: Fleet, first: int) -> list[object]:
    """Return what is left to do in active accounts.

    These are lists that were not read since the poll ``first``, and rows that are not as those of readable accounts.
    """
    read = {key for poll in world.oracle.polls[first:] for key in poll.good}
    scopes = [f"{account}/{region}" for account in world.active for region in world.watched_regions(account)]
    unread = [key for scope in scopes for kind in world.kinds if (key := (scope, kind)) not in read]
    rows = [world.row_of(account) for account in world.active]
    return [*unread, *(row for row in rows if row.get("status") != ACTIVE or row.keys() & {"unreadable", "announced"})]
