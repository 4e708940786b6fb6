"""The poller's own rows, one a kind: proof that EC2 was asked, and of how long it went unasked.

They stand under the tasks' scope with an id that no task has, and carry no index key.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zlib import crc32

from task_reporter.kinds import Kind
from task_reporter.life import Poll
from task_reporter.rows import POLL_PREFIX, Key, Row
from task_reporter.times import seconds_since, stamp
from task_reporter.writes import Insert, Update, Write

LONGEST_LISTING = 60 * 24 * 3600
"""Seconds. An end further back tells of a clock, not of EC2, whose longest known listing is 31 days."""

MOST_FINGERPRINTS = 100
"""The heartbeat stays below 1 KB, the size of one write unit, however many tasks can't be kept."""

WHILE_IT_LASTS = ("unkeepable", "unkeepable_logged", "unheard_since", "without_bytecode")
"""Attributes that a heartbeat has only while their reason lasts."""


def runtime_without_bytecode(docstring: str | None = __doc__) -> str | None:
    """Name the runtime if it compiled this module itself, because the layer has no bytecode for it.

    The layer's bytecode holds no docstrings.
    """
    return None if docstring is None else f"python{sys.version_info.major}.{sys.version_info.minor}"


def heartbeat_key(kind: str, scope: str) -> Key:
    """The key of the heartbeat of ``kind``."""
    return Key(scope, POLL_PREFIX + kind)


def beat(
    kind: Kind,
    tasks: Iterable[Row],
    before: Row | None,
    poll: Poll,
    unkeepable: Sequence[str] = (),
    unheard: bool = False,
) -> Write | None:
    """The write after a good answer to ``kind``, which lists ``tasks``; ``before`` is the heartbeat so far.

    None where a poll that began later was quicker: the heartbeat does not go back.

    ``polled_at``: when EC2 was asked; ``listed``: how many tasks it told; ``longest_gap_seconds`` and
    ``longest_gap_at``: the longest time without a good answer, and when it ended; ``listed_for_seconds``: how long
    after its end a task was still listed, the longest that was ever seen, which AWS does not tell; ``blind_from`` and
    ``blind_until``: the last gap in which a task could have come and gone unseen.

    While there are any: ``unkeepable`` counts the listed tasks that can't be kept, ``unkeepable_logged`` holds the
    fingerprints of what was logged of them. While notices wait for a subscriber (``unheard``): ``unheard_since``. While
    each start compiles the package: ``without_bytecode``, the runtime.
    """
    key, known, now = heartbeat_key(kind.name, poll.scope), list(tasks), stamp(poll.now)
    told: Row = {"polled_at": now, "listed": len(known)}
    ages = [*listed_for(kind, known, poll.now), *_number(before, "listed_for_seconds")]
    told |= {"listed_for_seconds": max(ages)} if ages else {}
    if unkeepable:
        told |= {"unkeepable": len(unkeepable), "unkeepable_logged": _logged(unkeepable)}
    if poll.without_bytecode:
        told["without_bytecode"] = poll.without_bytecode
    if unheard:
        told["unheard_since"] = (before or {}).get("unheard_since", now)
    if before is None:
        return Insert({"scope": key.scope, "task_id": key.task_id, **told})
    if _is_overtaken(before, poll):
        return None
    if gap_seconds(before, poll.now) > max(_number(before, "longest_gap_seconds"), default=0):
        told |= {"longest_gap_seconds": gap_seconds(before, poll.now), "longest_gap_at": now}
    if blind_seconds(before, poll):
        told |= {"blind_from": before["polled_at"], "blind_until": now}
    over = tuple(name for name in WHILE_IT_LASTS if name in before and name not in told)
    return Update(key, told, {"polled_at": before.get("polled_at")}, remove=over)


def not_logged_yet(unkeepable: Iterable[str], before: Row | None) -> list[str]:
    """The sentences about tasks that can't be kept which no poll has logged; ``before`` is the heartbeat so far.

    Of very many, only so many are ever logged as a heartbeat can remember; all are counted.
    """
    logged = str((before or {}).get("unkeepable_logged", "")).split()
    return [sentence for sentence in _remembered(unkeepable) if _fingerprint(sentence) not in logged]


def _logged(unkeepable: Iterable[str]) -> str:
    return " ".join(map(_fingerprint, _remembered(unkeepable)))


def _remembered(unkeepable: Iterable[str]) -> list[str]:
    return sorted(set(unkeepable))[:MOST_FINGERPRINTS]


def _fingerprint(sentence: str) -> str:
    return f"{crc32(sentence.encode()):08x}"


def _is_overtaken(before: Row, poll: Poll) -> bool:
    """Whether ``before`` is of a later poll. One that lies far ahead is of a clock that was wrong, and not kept."""
    told = str(before.get("polled_at", ""))
    seconds = seconds_since(told, poll.now)
    return seconds is not None and told > stamp(poll.now) and -seconds <= poll.silent_after.total_seconds()


def gap_seconds(before: Row, now: datetime) -> int:
    """Seconds since the last good poll; 0 where that is unknown, or where clocks disagree."""
    return max(seconds_since(str(before.get("polled_at", "")), now) or 0, 0)


def blind_seconds(before: Row | None, poll: Poll) -> int:
    """Seconds of a gap in which a task could have come and gone unseen; 0 where the gap is too short for that.

    What ended in a gap is still listed after it, if EC2 lists ended tasks for longer than that. How long EC2 does is
    only known from what was seen, so a gap is long when it is longer than that, and than is ever to be expected.
    """
    gap = gap_seconds(before or {}, poll.now)
    seen = max(_number(before, "listed_for_seconds"), default=0)
    return gap if gap > max(seen, poll.silent_after.total_seconds()) else 0


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
