"""The planner's decisions: which lists of which accounts are due in a round."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from zlib import crc32

from task_reporter.kinds.kind import Kind
from task_reporter.organization.assignment import Assignment
from task_reporter.organization.due import REGIONS_AGE, has_passed, is_absurd, is_due, pause
from task_reporter.organization.members import ACTIVE, Member
from task_reporter.organization.regions import select_regions
from task_reporter.recording.roster import SLOW_SINCE, ListRecord

DEFAULT_ROUND = timedelta(minutes=5)
SHORTEST_ROUND, LONGEST_ROUND = timedelta(minutes=1), timedelta(hours=12)
SPREAD_ABOVE = 50
"""Number of assignments above which a round spreads them over time."""
SPREAD_SECONDS = 60
"""Time over which a round is spread; SQS allows 900 seconds at most."""
MAX_SLOW = 20
"""Slow accounts in one round, which leaves most of the time to others."""


def plan(
    members: Iterable[Member],
    kinds: Sequence[Kind],
    setting: Sequence[str],
    own_region: str,
    quiet: timedelta,
    now: datetime,
    round_length: timedelta = DEFAULT_ROUND,
) -> list[tuple[Assignment, int]]:
    """Return the assignments of one round, each with the seconds to delay it.

    The round begins at ``now``.
    ``setting`` names the regions to watch. Accounts with few lists come first, so that news comes fast, and slow
    accounts last.
    """
    assignments, slow = list[Assignment](), list[tuple[int, Assignment]]()
    until = int((now + round_length).timestamp()) + SPREAD_SECONDS
    for member in members:
        if member.status != ACTIVE:
            continue
        due, find_regions = _due(member, kinds, setting, own_region, quiet, now)
        if not (find_regions or any(due.values())):
            continue
        is_slow = SLOW_SINCE in member.row
        assignment = Assignment(int(now.timestamp()), until, member.account, due, find_regions, is_slow, member.name)
        if is_slow:
            slow.append((member.epoch("polled_at"), assignment))
        else:
            assignments.append(assignment)
    assignments.sort(key=lambda one: (one.find_regions, sum(map(len, one.due.values())), one.account))
    slow.sort(key=lambda pair: (pair[0], pair[1].account))
    several = len(assignments) > SPREAD_ABOVE
    planned = [(one, crc32(one.account.encode()) % SPREAD_SECONDS if several else 0) for one in assignments]
    return planned + [(one, SPREAD_SECONDS if several else 0) for _, one in slow[:MAX_SLOW]]


def _due(
    member: Member,
    kinds: Sequence[Kind],
    setting: Sequence[str],
    own_region: str,
    quiet: timedelta,
    now: datetime,
) -> tuple[Mapping[str, tuple[str, ...]], bool]:
    """Return the lists that are due by region, and whether the regions are.

    Nothing is due while an account waits to be tried again.
    """
    if member.unreadable:
        asked_at = member.epoch("asked_at")
        again = asked_at + pause(member.unreadable, member.tries).total_seconds()
        if not (has_passed(again, now) or is_absurd(asked_at, now)):
            return {}, False
    regions_at = member.epoch("regions_at")
    find_regions = has_passed(regions_at + REGIONS_AGE.total_seconds(), now) or is_absurd(regions_at, now)
    if find_regions and not member.lists:
        return {}, True  # the worker asks all lists of all regions that it finds
    due, joined_at = {}, member.epoch("joined_at")
    since = 0 if is_absurd(joined_at, now) else joined_at
    for region in select_regions(setting, member.regions, own_region):
        records = member.lists.get(region, {})
        pairs = ((kind, records.get(kind.name, ListRecord())) for kind in kinds)
        names = tuple(kind.name for kind, record in pairs if _is_due(kind, record, quiet, since, now))
        if names or find_regions:
            due[region] = names
    return due, find_regions


def _is_due(kind: Kind, record: ListRecord, quiet: timedelta, since: int, now: datetime) -> bool:
    """Tell whether a list is due, or its last answer older than the membership.

    The membership began at ``since``. Nobody knows then if a task runs there.
    """
    return max(record.at, record.asked) < since or is_due(kind, record, quiet, now)


def watched_lists(
    member: Member, kinds: Sequence[Kind], setting: Sequence[str], own_region: str
) -> dict[str, dict[str, ListRecord]]:
    """Return the records of the lists that are watched.

    Those of other regions and kinds stay in the row: the setting or the account has changed since.
    """
    names, regions = {kind.name for kind in kinds}, set(select_regions(setting, member.regions, own_region))
    return {
        region: {kind: record for kind, record in records.items() if kind in names}
        for region, records in member.lists.items()
        if region in regions
    }


def round_length(before: int, now: datetime) -> timedelta:
    """Return the length of a round: the time since the one before.

    That began at ``before``, in epoch seconds.
    """
    since = timedelta(seconds=now.timestamp() - before) if before else DEFAULT_ROUND
    return min(max(since, SHORTEST_ROUND), LONGEST_ROUND)
