"""Heartbeats: one row for each kind, proof of when EC2 was asked.

It also shows how long EC2 was not asked.

They have the scope of the tasks, an id that no task has, and no index key.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zlib import crc32

from task_reporter.history.rows import POLL_PREFIX, Key, Row
from task_reporter.history.writes import Insert, Update, Write
from task_reporter.kinds.kind import Kind
from task_reporter.recording.context import PollContext
from task_reporter.times import seconds_since, to_text

MAX_LISTING_SECONDS = 60 * 24 * 3600
"""Longest listing time that EC2 documents; an earlier end has a wrong clock.

It is 31 days.
"""

MAX_FINGERPRINTS = 100
"""Keeps the heartbeat below 1 KB, one write unit, with any number of tasks."""

TEMPORARY_ATTRIBUTES = ("unkeepable", "unkeepable_logged", "unheard_since", "without_bytecode")
"""Attributes that a heartbeat has only as long as their reason lasts."""


def runtime_without_bytecode(docstring: str | None = __doc__) -> str | None:
    """Return the name of the runtime where it had to compile this module.

    The layer's bytecode has no docstrings, so a docstring proves that the source was compiled.
    """
    return None if docstring is None else f"python{sys.version_info.major}.{sys.version_info.minor}"


def heartbeat_key(kind: str, scope: str) -> Key:
    """Return the key of the heartbeat of ``kind``."""
    return Key(scope, POLL_PREFIX + kind)


def heartbeat_write(
    kind: Kind,
    tasks: Iterable[Row],
    before: Row | None,
    poll: PollContext,
    unkeepable: Sequence[str] = (),
    unheard: bool = False,
) -> Write | None:
    """Return the write after a good answer, or None after a faster later poll.

    ``tasks`` are those that the answer lists.

    ``before`` is the heartbeat so far, ``unkeepable`` has a sentence for each listed task that can't be stored, and
    ``unheard`` tells that notices wait for a subscriber. The attributes are:

    - ``polled_at``, ``listed``: the time of the poll, and the number of tasks.
    - ``longest_gap_seconds``, ``longest_gap_at``: the longest time between two good answers, and its end.
    - ``listed_for_seconds``: the longest time after its end at which a task was still listed. AWS does not document it.
    - ``blind_from``, ``blind_until``: the last gap in which a task could have come and gone unseen.
    - ``unkeepable``, ``unkeepable_logged``: the number of such tasks, and fingerprints of the sentences already logged.
    - ``unheard_since``: the time since which notices wait for a subscriber.
    - ``without_bytecode``: the runtime that compiles the package at each start.
    """
    key, rows, now = heartbeat_key(kind.name, poll.scope), list(tasks), to_text(poll.now)
    news: Row = {"polled_at": now, "listed": len(rows)}
    ages = [*listing_ages(kind, rows, poll.now), *_number(before, "listed_for_seconds")]
    news |= {"listed_for_seconds": max(ages)} if ages else {}
    if unkeepable:
        news |= {"unkeepable": len(unkeepable), "unkeepable_logged": _fingerprints(unkeepable)}
    if poll.without_bytecode:
        news["without_bytecode"] = poll.without_bytecode
    if unheard:
        news["unheard_since"] = (before or {}).get("unheard_since", now)
    if before is None:
        return Insert({"scope": key.scope, "task_id": key.task_id, **news})
    if _is_of_a_later_poll(before, poll):
        return None
    if gap_seconds(before, poll.now) > max(_number(before, "longest_gap_seconds"), default=0):
        news |= {"longest_gap_seconds": gap_seconds(before, poll.now), "longest_gap_at": now}
    if blind_seconds(before, poll):
        news |= {"blind_from": before["polled_at"], "blind_until": now}
    over = tuple(name for name in TEMPORARY_ATTRIBUTES if name in before and name not in news)
    return Update(key, news, {"polled_at": before.get("polled_at")}, remove=over)


def not_yet_logged(unkeepable: Iterable[str], before: Row | None) -> list[str]:
    """Return the sentences about tasks that can't be stored that no poll has logged.

    ``before`` is the heartbeat so far. At most ``MAX_FINGERPRINTS`` sentences are ever logged; all are counted.
    """
    logged = str((before or {}).get("unkeepable_logged", "")).split()
    return [sentence for sentence in _limited(unkeepable) if _fingerprint(sentence) not in logged]


def _fingerprints(unkeepable: Iterable[str]) -> str:
    return " ".join(map(_fingerprint, _limited(unkeepable)))


def _limited(unkeepable: Iterable[str]) -> list[str]:
    return sorted(set(unkeepable))[:MAX_FINGERPRINTS]


def _fingerprint(sentence: str) -> str:
    return f"{crc32(sentence.encode()):08x}"


def _is_of_a_later_poll(before: Row, poll: PollContext) -> bool:
    """Tell whether ``before`` is of a later poll.

    A time far in the future comes from a wrong clock, and is replaced.
    """
    polled_at = str(before.get("polled_at", ""))
    seconds = seconds_since(polled_at, poll.now)
    return seconds is not None and polled_at > to_text(poll.now) and -seconds <= poll.silent_after.total_seconds()


def gap_seconds(before: Row, now: datetime) -> int:
    """Return the seconds since the last good poll, 0 if unknown or negative."""
    return max(seconds_since(str(before.get("polled_at", "")), now) or 0, 0)


def blind_seconds(before: Row | None, poll: PollContext) -> int:
    """Return the seconds of a gap that can hide a whole task, or 0.

    A task that ended in a gap is still listed after it, if EC2 lists ended tasks for longer than the gap. That time is
    only known from observation. So a gap counts where it is longer than the observed time and ``poll.silent_after``.
    """
    gap = gap_seconds(before or {}, poll.now)
    observed = max(_number(before, "listed_for_seconds"), default=0)
    return gap if gap > max(observed, poll.silent_after.total_seconds()) else 0


def listing_ages(kind: Kind, tasks: Iterable[Row], now: datetime) -> Iterator[int]:
    """Yield for each ended task the seconds since its end."""
    for task in tasks:
        if task["state"] in kind.endings:
            age = seconds_since(str(task.get("finished_at", task.get("updated_at", ""))), now)
            if age is not None and 0 <= age <= MAX_LISTING_SECONDS:
                yield age


def _number(row: Row | None, name: str) -> list[int]:
    value = (row or {}).get(name)
    return [value] if isinstance(value, int) else []
