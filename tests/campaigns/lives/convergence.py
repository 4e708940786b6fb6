"""The end of a history: time without faults, until nothing is left."""

from __future__ import annotations

from task_reporter.history.rows import ROSTER_SCOPE, Key, Row
from task_reporter.kinds.kind import CANCELLED, FAILED, LOST
from tests.campaigns.lives.oracle import ANNOUNCED, RECORDED, SETTLED
from tests.campaigns.lives.world import World, advance
from tests.campaigns.runner import ViolationError, require

STEPS = [{"minutes": 20}] * 8 + [{"hours": 26}] * 4
"""Times between polls; the last ones are long because clocks may have been wrong."""
ONLY_WHILE_WAITING = {"redriven_at", "redrives"}


def converge(world: World) -> None:
    """Poll and deliver until a poll finds nothing to do.

    Raises ViolationError if polls do not come to an end.
    """
    world.end_faults()
    for step in STEPS:
        advance(world, **step)
        before = task_rows(world)
        result = world.poll()
        if result is None or result.problems:
            raise ViolationError(SETTLED, f"a poll fails although nothing else does: {result}")
        world.shards.drain()
        is_waiting = any(row.get("awaiting") == "notification" for row in world.history.rows.values())
        if before == task_rows(world) and not is_waiting:
            return
    raise ViolationError(SETTLED, f"still not quiet: {task_rows(world)}")


def check_final_state(world: World) -> None:
    """Check the rows and notices of a history that has converged."""
    rows = task_rows(world)
    for task_id, task in world.oracle.tasks().items():
        if world.is_watched(task):
            _check_task(world, task_id, rows)
    for key, row in rows.items():
        if key.task_id.startswith("foreign-"):
            continue
        require(SETTLED, "awaiting" not in row or row["awaiting"] == "outcome", f"{row} waits")
        obsolete = ONLY_WHILE_WAITING if "awaiting" in row else ONLY_WHILE_WAITING | {"awaiting_since"}
        require(SETTLED, not row.keys() & obsolete, f"{row} waits no more, and has {row.keys() & obsolete}")
        if "outcome" in row:
            for way in world.oracle.ways:
                is_sent = (way, (key.task_id, row["outcome"])) in world.oracle.messages
                require(ANNOUNCED, is_sent, f"{row} was not sent to {way}")


def _check_task(world: World, task_id: str, rows: dict[Key, Row]) -> None:
    task = world.oracle.tasks()[task_id]
    row, listed = rows.get(Key(task.scope, task_id)), world.ec2.list_tasks(task.scope)
    answers = [poll.lists[task.list_key] for poll in world.oracle.polls if task.list_key in poll.good]
    ends = [answer[task_id].has_ended for answer in answers if task_id in answer]
    if not ends:
        return
    require(RECORDED, row is not None, f"{task} was listed and has no row")
    assert row
    if any(ends):
        # The oracle distinguished cancelled from failed when the outcome was written.
        right = {task.outcome, task.kind.without_reason} if task.outcome in (FAILED, CANCELLED) else {task.outcome}
        require(RECORDED, row.get("outcome") in right, f"{task} was listed as ended; its row says {row}")
    elif not any(map(task.is_or_precedes, listed)):
        require(SETTLED, row.get("outcome") is not None, f"{task} vanished; its row says {row}")
    if row.get("outcome") == LOST:
        require(SETTLED, task_id not in listed or task.outcome is None, f"{task} is lost though it is listed")


def task_rows(world: World) -> dict[Key, Row]:
    return {key: row for key, row in world.history.rows.items() if key.scope != ROSTER_SCOPE}
