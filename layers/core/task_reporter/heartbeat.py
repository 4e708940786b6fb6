"""The poller's own rows, one a kind: proof that EC2 was asked, and of how long it went unasked.

They stand under the tasks' scope with an id that no task has, and carry no index key.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from task_reporter.kinds import Kind
from task_reporter.rows import POLL_PREFIX, Key, Row
from task_reporter.times import seconds_since, stamp
from task_reporter.writes import Insert, Update, Write

LONGEST_LISTING = 60 * 24 * 3600
"""Seconds. An end further back tells of a clock, not of EC2, whose longest known listing is 31 days."""


def heartbeat_key(kind: str, scope: str) -> Key:
    """The key of the heartbeat of ``kind``."""
    return Key(scope, POLL_PREFIX + kind)


def beat(kind: Kind, tasks: Iterable[Row], before: Row | None, now: datetime, scope: str) -> Write:
    """The write after a good answer to ``kind``: its ``tasks`` as EC2 lists them ``now``, its heartbeat ``before``.

    ``polled_at``: when EC2 was asked; ``listed``: how many tasks it told; ``longest_gap_seconds`` and
    ``longest_gap_at``: the longest time without a good answer, and when it ended; ``listed_for_seconds``: how long
    after its end a task was still listed, the longest that was ever seen, which AWS does not tell.
    """
    key, known = heartbeat_key(kind.name, scope), list(tasks)
    told: Row = {"polled_at": stamp(now), "listed": len(known)}
    ages = [*listed_for(kind, known, now), *_number(before, "listed_for_seconds")]
    told |= {"listed_for_seconds": max(ages)} if ages else {}
    if before is None:
        return Insert({"scope": key.scope, "task_id": key.task_id, **told})
    gap = gap_seconds(before, now)
    if gap is not None and gap > max(_number(before, "longest_gap_seconds"), default=0):
        told |= {"longest_gap_seconds": gap, "longest_gap_at": stamp(now)}
    return Update(key, told, {"polled_at": before.get("polled_at")})


def gap_seconds(before: Row, now: datetime) -> int | None:
    """Seconds since the last good poll; None where that is unknown, or where clocks disagree."""
    seconds = seconds_since(str(before.get("polled_at", "")), now)
    return seconds if seconds is not None and seconds >= 0 else None


def listed_for(kind: Kind, tasks: Iterable[Row], now: datetime) -> Iterator[int]:
    """For each ended one of ``tasks``: how many seconds after its end EC2 still lists it."""
    for task in tasks:
        if task["state"] in kind.endings:
            age = seconds_since(str(task.get("finished_at", task.get("updated_at", ""))), now)
            if age is not None and 0 <= age <= LONGEST_LISTING:
                yield age


def _number(row: Row | None, name: str) -> list[int]:
    value = (row or {}).get(name)
    return [value] if isinstance(value, int) else []
