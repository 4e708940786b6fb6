"""The roster: one row per account that describes each polled list.

It proves when EC2 was asked, and shows for how long it was not. The row has a scope of its own and no index key.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cache
from typing import TypeVar
from zlib import crc32

from task_reporter.history.rows import ROSTER_SCOPE, Key, Row, Value, account_and_region
from task_reporter.history.writes import Insert, Update, Write
from task_reporter.kinds.kind import Kind
from task_reporter.recording.context import PollContext
from task_reporter.times import seconds_since, to_text

MAX_LISTING_SECONDS = 60 * 24 * 3600
"""Longest plausible listing time; an earlier end has a wrong clock.

The longest that EC2 documents is 31 days.
"""

MAX_NUMBER = 2**53
"""The largest number of a record.

JSON of another program may have one with which no time can be computed.
"""

MAX_FINGERPRINTS = 10
"""Keeps the row small with any number of tasks that can't be stored."""

UNHEARD_SINCE, SLOW_SINCE = "unheard_since", "slow_since"
DIGEST, DIGEST_DUE, DIGEST_LATER, DIGEST_AT = "digest", "due", "later", "digest_at"
"""Attributes that ask the notifier for the digest of the account, and values.

``later`` is that of a slow account: the poll that reads its remaining lists asks for the digest.
"""
TEMPORARY_ATTRIBUTES = (
    UNHEARD_SINCE, "without_bytecode", "unreadable", "unreadable_since", "tries", "asked_at", SLOW_SINCE,
    DIGEST, DIGEST_AT,
)  # fmt: skip
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
    active_at: int = 0
    """In a member account: the last answer with an unfinished or newly ended task."""
    asked: int = 0
    """The last answer that could not be read, in a member account."""
    tries: int = 0
    """The number of such answers in a row, with the same reason."""


Lists = dict[str, dict[str, ListRecord]]
"""Region → kind → record."""
SEPARATOR = ","
"""Separates regions, and kinds, with equal values in the row."""
Shared = TypeVar("Shared")


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
    lists: Lists = {}
    try:
        for regions, records in json.loads(str((row or {}).get("lists", "{}"))).items():
            parsed = {kinds: _parse(record) for kinds, record in records.items()}
            own = {kind: record for kinds, record in parsed.items() for kind in kinds.split(SEPARATOR)}
            lists |= {region: dict(own) for region in regions.split(SEPARATOR)}
    except (ValueError, AttributeError, RecursionError):
        return {}
    return lists


def _parse(values: Mapping[str, object]) -> ListRecord:
    types = _types()
    return ListRecord(
        **{name: value for name, value in values.items() if type(value) is types.get(name) and _is_plausible(value)}  # type: ignore[arg-type]
    )


@cache
def _types() -> dict[str, type]:
    """Return the type of each field of a record."""
    return {one.name: type(one.default) for one in fields(ListRecord)}


def _is_plausible(value: object) -> bool:
    """Tell whether ``value`` is text, or a number with which one can reckon."""
    return not isinstance(value, int) or 0 <= value <= MAX_NUMBER


def lists_of(row: Mapping[str, object] | None, scope: str) -> dict[str, ListRecord]:
    """Return the records of the region of ``scope`` by kind."""
    return parse_lists(row).get(account_and_region({"scope": scope})[1], {})


def record_of(lists: Lists, scope: str, kind: str) -> ListRecord:
    """Return the record of one list, which is empty if ``lists`` have none."""
    return lists.get(account_and_region({"scope": scope})[1], {}).get(kind, ListRecord())


def _to_text(lists: Lists) -> str:
    """Return compact JSON.

    Lists that are asked together have equal records. Where there are several regions, equal values share a key, because
    153 records with a key of their own take 10 KB, and each write of the row is charged by its size.
    """
    compact = {region: {kind: _values(record) for kind, record in kinds.items()} for region, kinds in lists.items()}
    if len(compact) > 1:
        compact = _share_keys({region: _share_keys(kinds) for region, kinds in compact.items()})
    return json.dumps(compact, separators=(",", ":"), sort_keys=True)


def _values(record: ListRecord) -> dict[str, int | str]:
    return {one.name: value for one in fields(record) if (value := getattr(record, one.name)) != one.default}


def _share_keys(values: Mapping[str, Shared]) -> dict[str, Shared]:
    """Join the keys of equal values."""
    keys: dict[str, list[str]] = {}
    for key, value in sorted(values.items()):
        keys.setdefault(json.dumps(value, sort_keys=True), []).append(key)
    return {SEPARATOR.join(sharing): values[sharing[0]] for sharing in keys.values()}


def regions_attributes(regions: Sequence[str], now: datetime) -> Row:
    """Return the attributes of the row after EC2 was asked for the enabled regions."""
    return {"regions": " ".join(regions), "regions_at": to_text(now)}


def read_record(
    kind: Kind,
    tasks: Iterable[Row],
    before: ListRecord,
    poll: PollContext,
    unkeepable: Sequence[str] = (),
    active: bool = False,
) -> ListRecord:
    """Return the record after a good answer that lists ``tasks``.

    ``unkeepable`` has a sentence for each listed task that can't be stored. ``active`` tells that a task has not ended,
    or ended just now.
    """
    rows, now = list(tasks), int(poll.now.timestamp())
    record = replace(
        before,
        at=now,
        n=len(rows),
        listed_for=max([before.listed_for, *listing_ages(kind, rows, poll.now)]),
        unreadable="",
        unreadable_since=0,
        asked=0,
        tries=0,
        unkeepable=len(unkeepable),
        logged=" ".join(map(_fingerprint, _limited(unkeepable))),
    )
    if poll.member and active:
        record = replace(record, active_at=now)
    if (gap := gap_seconds(before, poll.now)) > before.gap:
        record = replace(record, gap=gap, gap_at=now)
    if blind_seconds(kind, before, poll):
        record = replace(record, blind_from=before.at, blind_until=now)
    return record


def unreadable_record(reason: str, before: ListRecord, poll: PollContext) -> ListRecord:
    """Return the record after an answer that can't be read for ``reason``."""
    now, is_same = int(poll.now.timestamp()), before.unreadable == reason
    since = before.unreadable_since if is_same else now
    record = replace(before, unreadable=reason, unreadable_since=since)
    return replace(record, asked=now, tries=before.tries + 1 if is_same else 1) if poll.member else record


def roster_write(
    before: Row | None,
    records: Lists,
    poll: PollContext,
    unheard: bool = False,
    has_read: bool = True,
    more: Mapping[str, Value] | None = None,
) -> Write | None:
    """Return the write after a poll, or None after a faster later poll.

    ``before`` is the row so far, ``records`` are those of the polled lists, and ``unheard`` tells that notices wait for
    a subscriber. ``has_read`` tells that the poll has read a list, and ``more`` are further attributes of a member
    account. The attributes are:

    - ``polled_at``: the time of the last poll that could read a list.
    - ``lists``: compact JSON, region → kind → the fields of ``ListRecord`` that are not empty. If the account has
      several regions, a key may name several regions or kinds with equal values, separated by commas.
    - ``unheard_since``: the time since which notices wait for a subscriber.
    - ``regions``, ``regions_at``: the account's enabled regions, and when EC2 was asked for them. The stack asks only
      where it watches all regions.
    - ``without_bytecode``: the runtime that compiles the package at each start.

    ``digest`` and ``digest_at`` ask the notifier for the digest of the account. The first poll of a member account and
    redriving write them, and the next poll removes them.
    """
    key, now = roster_key(poll.scope), to_text(poll.now)
    lists = parse_lists(before)
    for region, kinds in records.items():
        lists[region] = {**lists.get(region, {}), **kinds}
    news: Row = {"lists": _to_text(lists)}
    if has_read:
        news["polled_at"] = now
    if poll.without_bytecode:
        news["without_bytecode"] = poll.without_bytecode
    if unheard:
        news[UNHEARD_SINCE] = (before or {}).get(UNHEARD_SINCE, now)
    news |= more or {}
    if SLOW_SINCE in news:
        news[SLOW_SINCE] = (before or {}).get(SLOW_SINCE, now)
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
