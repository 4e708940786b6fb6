"""The end of a history: no more faults, time passes, everything becomes due."""

from __future__ import annotations

from task_reporter.history.rows import POLL_PREFIX, Key, Row
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import CANCELLED, FAILED, LOST
from tests.campaigns.lives.violation import KEPT, SETTLED, TOLD, hold
from tests.campaigns.lives.world import World, advance
from tests.campaigns.runner import ViolationError

ROUNDS = 12
SOON, LATER = 8, 26
"""Rounds of twenty minutes before rounds of hours; clocks may have been wrong."""


ONLY_WHILE_IT_WAITS = {"redriven_at", "redrives"}


def heal(world: World) -> None:
    """Poll and deliver until a poll finds nothing to do.

    Raises ViolationError where that never comes.
    """
    world.calm()
    for number in range(ROUNDS):
        advance(world, minutes=20) if number < SOON else advance(world, hours=LATER)
        before = _tasks(world)
        polled = world.poll()
        if polled is None or polled.problems:
            raise ViolationError(SETTLED, f"a poll fails although nothing else does: {polled}")
        world.shards.drain()
        if before == _tasks(world) and not _waiting(world):
            return
    raise ViolationError(SETTLED, f"still not quiet: {_tasks(world)}")


def check(world: World) -> None:
    """All that must hold when a history has healed."""
    rows = _tasks(world)
    for task in world.ec2.tasks:
        _check_task(world, task.task_id, rows.get(Key(world.scope, task.task_id)))
    for key, row in rows.items():
        if key.task_id.startswith("odd-"):
            continue
        hold(SETTLED, "awaiting" not in row or row["awaiting"] == "outcome", f"{row} waits")
        left = row.keys() & ({"awaiting_since"} | ONLY_WHILE_IT_WAITS if "awaiting" not in row else ONLY_WHILE_IT_WAITS)
        hold(SETTLED, not left, f"{row} waits no more, and has {left}")
        if "outcome" in row:
            hold(TOLD, (key.task_id, row["outcome"]) in world.judge.told, f"nobody was told of {row}")


def _check_task(world: World, task_id: str, row: Row | None) -> None:
    task = world.judge.tasks()[task_id]
    seen = [asked.answer[task_id] for asked in world.judge.polls if asked.good and task_id in (asked.answer or {})]
    if not seen:
        return
    hold(KEPT, row is not None, f"{task} was seen and has no row")
    assert row
    if any(one["State"] in BUNDLE.endings for one in seen):
        right = {task.outcome, FAILED if task.outcome == CANCELLED else task.outcome}  # told apart as it was written
        hold(KEPT, row.get("outcome") in right, f"{task} was seen finished; its row says {row}")
    elif task_id not in world.ec2.listed():
        hold(SETTLED, row.get("outcome") is not None, f"{task} vanished; its row says {row}")
    if row.get("outcome") == LOST:
        hold(SETTLED, task_id not in world.ec2.listed() or task.outcome is None, f"{task} is lost though it is listed")


def _tasks(world: World) -> dict[Key, Row]:
    return {key: row for key, row in world.history.rows.items() if not key.task_id.startswith(POLL_PREFIX)}


def _waiting(world: World) -> bool:
    return any(row.get("awaiting") == "notification" for row in world.history.rows.values())
