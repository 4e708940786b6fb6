"""The roster: one row per account that describes each polled list.

It proves when EC2 was asked, and shows for how long it was not. The row has a scope of its own and no index key.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from zlib import crc32

from task_reporter.history.rows import Key, Row, account_and_region
from task_reporter.history.writes import Insert, Update, Write
from task_reporter.kinds.kind import Kind
from task_reporter.recording.context import PollContext
from task_reporter.times import seconds_since, to_text

ROSTER_SCOPE = "roster"

MAX_LISTING_SECONDS = 60 * 24 * 3600
"""Longest plausible listing time; an earlier end has a wrong clock.

The longest that EC2 documents is 31 days.
"""

MAX_FINGERPRINTS = 10
"""Keeps the row small with any number of tasks that can't be stored."""

TEMPORARY_ATTRIBUTES = ("unheard_since", "without_bytecode")
"""Attributes that the row has only as long as their reason lasts."""


@dataclass(frozen=True, slots=True)
class ListRecord:
    """One list in the roster. Times are epoch seconds, 0 where there is none."""

    at: int = 0
    """The last good answer that was recorded completely."""
    n: int = 0
    """Number of tasks in that answer."""
    listed_for: int = 0
    """Most seconds after its end at which an ended task was listed."""
    gap: int = 0
    """Seconds between two good answers, the most so far."""
    gap_at: int = 0
    """End of that gap."""
    blind_from: int = 0
    """Beginning of the last gap that could hide a whole task."""
    blind_until: int = 0
    """End of that gap."""
    unreadable: str = ""
    """Reason why the list can't be read: ``denied``, ``malformed`` or ``absent``."""
    unreadable_since: int = 0
    unkeepable: int = 0
    """Number of listed tasks that can't be stored."""
    logged: str = ""
    """Fingerprints of the sentences about such tasks that were logged."""


Lists = dict[str, dict[str, ListRecord]]
"""Region → kind → record."""


def runtime_without_bytecode(docstring: str | None = __doc__) -> str | None:
    """Return the name of the runtime where it had to compile this module.

    The layer's bytecode has no docstrings, so a docstring proves that the source was compiled.
    """
    return None if docstring is None else f"python{sys.version_info.major}.{sys.version_info.minor}"


def roster_key(scope: str) -> Key:
    """Return the key of the roster row for the account of ``scope``."""
    return Key(ROSTER_SCOPE, scope.partition("/")[0])


def parse_lists(row: Mapping[str, object] | None) -> Lists:
    """Read the lists of a roster row.

    Values of other programs that are no records are left out.
    """
    try:
        regions = json.loads(str((row or {}).get("lists", "{}")))
        return {
            str(region): {str(kind): _parse(record) for kind, record in kinds.items()}
            for region, kinds in regions.items()
        }
    except (ValueError, AttributeError, RecursionError):
        return {}


def _parse(values: Mapping[str, object]) -> ListRecord:
    known = {one.name: type(one.default) for one in fields(ListRecord)}
    return ListRecord(**{name: value for name, value in values.items() if type(value) is known.get(name)})  # type: ignore[arg-type]


def lists_of(row: Mapping[str, object] | None, scope: str) -> dict[str, ListRecord]:
    """Return the records of the region of ``scope`` by kind."""
    return parse_lists(row).get(account_and_region({"scope": scope})[1], {})


def _to_text(lists: Lists) -> str:
    compact = {
        region: {
            kind: {one.name: value for one in fields(record) if (value := getattr(record, one.name)) != one.default}
            for kind, record in kinds.items()
        }
        for region, kinds in lists.items()
    }
    return json.dumps(compact, separators=(",", ":"), sort_keys=True)


def read_record(
    kind: Kind, tasks: Iterable[Row], before: ListRecord, poll: PollContext, unkeepable: Sequence[str] = ()
) -> ListRecord:
    """Return the record after a good answer that lists ``tasks``.

    ``unkeepable`` has a sentence for each listed task that can't be stored.
    """
    rows, now = list(tasks), int(poll.now.timestamp())
    record = replace(
        before,
        at=now,
        n=len(rows),
        listed_for=max([before.listed_for, *listing_ages(kind, rows, poll.now)]),
        unreadable="",
        unreadable_since=0,
        unkeepable=len(unkeepable),
        logged=" ".join(map(_fingerprint, _limited(unkeepable))),
    )
    if (gap := gap_seconds(before, poll.now)) > before.gap:
        record = replace(record, gap=gap, gap_at=now)
    if blind_seconds(kind, before, poll):
        record = replace(record, blind_from=before.at, blind_until=now)
    return record


def unreadable_record(reason: str, before: ListRecord, poll: PollContext) -> ListRecord:
    """Return the record after an answer that can't be read for ``reason``."""
    since = before.unreadable_since if before.unreadable == reason else int(poll.now.timestamp())
    return replace(before, unreadable=reason, unreadable_since=since)


def roster_write(
    before: Row | None, records: Mapping[str, ListRecord], poll: PollContext, unheard: bool = False
) -> Write | None:
    """Return the write after a poll, or None after a faster later poll.

    ``before`` is the row so far, ``records`` are those of the polled kinds, and ``unheard`` tells that notices wait for
    a subscriber. The attributes are:

    - ``polled_at``: the time of the last poll that could read a list.
    - ``lists``: compact JSON, region → kind → the fields of ``ListRecord`` that are not empty.
    - ``unheard_since``: the time since which notices wait for a subscriber.
    - ``without_bytecode``: the runtime that compiles the package at each start.
    """
    key, now = roster_key(poll.scope), to_text(poll.now)
    lists, region = parse_lists(before), account_and_region({"scope": poll.scope})[1]
    lists[region] = {**lists.get(region, {}), **records}
    news: Row = {"polled_at": now, "lists": _to_text(lists)}
    if poll.without_bytecode:
        news["without_bytecode"] = poll.without_bytecode
    if unheard:
        news["unheard_since"] = (before or {}).get("unheard_since", now)
    if before is None:
        return Insert({"scope": key.scope, "task_id": key.task_id, **news})
    if _is_of_a_later_poll(before, poll):
        return None
    over = tuple(name for name in TEMPORARY_ATTRIBUTES if name in before and name not in news)
    return Update(key, news, {"polled_at": before.get("polled_at")}, remove=over)


def not_yet_logged(unkeepable: Iterable[str], before: ListRecord) -> list[str]:
    """Return the sentences about tasks that can't be stored that no poll has logged.

    ``before`` is the record so far. At most ``MAX_FINGERPRINTS`` sentences are ever logged; all are counted.
    """
    return [sentence for sentence in _limited(unkeepable) if _fingerprint(sentence) not in before.logged.split()]


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


def gap_seconds(before: ListRecord, now: datetime) -> int:
    """Return the seconds since the last good answer, 0 if unknown or negative."""
    return max(int(now.timestamp()) - before.at, 0) if before.at else 0


def blind_seconds(kind: Kind, before: ListRecord, poll: PollContext) -> int:
    """Return the seconds of a gap that can hide a whole task, or 0.

    A task that ended in a gap is still listed after it, if EC2 lists ended tasks for longer than the gap. AWS documents
    that time for some lists; for the others it is only known from observation. So a gap counts where it is longer than
    these times and ``poll.silent_after``.
    """
    gap = gap_seconds(before, poll.now)
    listed = max(kind.listed_for.total_seconds(), before.listed_for, poll.silent_after.total_seconds())
    return gap if gap > listed else 0


def listing_ages(kind: Kind, tasks: Iterable[Row], now: datetime) -> Iterator[int]:
    """Yield for each ended task the seconds since its end."""
    for task in tasks:
        if task["state"] in kind.endings:
            age = seconds_since(str(task.get("finished_at", task.get("updated_at", ""))), now)
            if age is not None and 0 <= age <= MAX_LISTING_SECONDS:
                yield age
