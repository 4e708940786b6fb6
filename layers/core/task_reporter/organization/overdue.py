"""Regions of member accounts that were not read for longer than planned."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from task_reporter.kinds.kind import Kind
from task_reporter.organization.due import REGIONS_AGE, interval, is_active
from task_reporter.organization.members import ACTIVE, Member
from task_reporter.organization.problems import ACCOUNT_PLACE
from task_reporter.recording.roster import ListRecord
from task_reporter.recording.unreadable import ERROR, THROTTLED

ROUND = timedelta(minutes=5)
"""Time between two rounds, by the template's default."""
LATE_ROUNDS = 2
"""Intervals of a list after which it may be overdue."""
GRACE = timedelta(minutes=15)
"""Added to these intervals, for the queue and for a retry."""
NEW_FOR = timedelta(hours=1)
"""Time for the first poll of an account."""


@dataclass(frozen=True, slots=True)
class OverdueScope:
    """A region of an account with a list that is overdue."""

    account: str
    region: str
    """``*`` for an account of which no watched list was read."""
    since: int
    """Epoch seconds of the oldest last good answer, or of the account's joining."""

    @property
    def name(self) -> str:
        """``<account id>/<region>``."""
        return f"{self.account}/{self.region}"


def overdue_scopes(
    members: Iterable[Member],
    kinds: Iterable[Kind],
    quiet: timedelta,
    now: datetime,
    every: timedelta = ROUND,
) -> list[OverdueScope]:
    """Return the scopes that have an overdue list, by account and region.

    A list is overdue if its last good answer is older than twice its interval and 15 minutes. A list that is denied or
    absent is excused. One that is throttled, or that fails otherwise, is not. ``kinds`` are those that the stack
    watches, and ``every`` is the time between two rounds. Each member has only the lists that the stack watches.
    """
    watched = {kind.name: kind for kind in kinds}
    found = list[OverdueScope]()
    for member in members:
        if member.status in ("", ACTIVE) and not member.unreadable:
            found += _of_account(member, watched, quiet, now, every)
    return sorted(found, key=lambda scope: scope.name)


def _of_account(
    member: Member,
    kinds: dict[str, Kind],
    quiet: timedelta,
    now: datetime,
    every: timedelta,
) -> Iterator[OverdueScope]:
    joined = member.epoch("joined_at")
    if not member.lists:
        # An account that has none of the watched regions answers for its regions only.
        answered = max(member.epoch("polled_at"), member.epoch("regions_at"))
        limit = NEW_FOR + (REGIONS_AGE if answered else timedelta(0))
        if now.timestamp() - max(joined, answered) > limit.total_seconds():
            yield OverdueScope(member.account, ACCOUNT_PLACE, max(joined, answered))
        return
    for region, records in member.lists.items():
        if member.regions and region not in member.regions:
            continue  # it is not asked any more, and its records stay
        overdue = [
            asked
            for kind, record in records.items()
            if kind in kinds
            and (asked := _last_good(record, joined))
            and now.timestamp() - asked > _limit(kinds[kind], record, quiet, every).total_seconds()
        ]
        if overdue:
            yield OverdueScope(member.account, region, min(overdue))


def _last_good(record: ListRecord, joined: int) -> int:
    """Return the epoch seconds of the last good answer, 0 for an excused list."""
    if record.unreadable and record.unreadable not in (ERROR, THROTTLED):
        return 0
    # An account that comes back was not asked meanwhile.
    return max(record.at or record.unreadable_since, joined)


def _limit(kind: Kind, record: ListRecord, quiet: timedelta, every: timedelta) -> timedelta:
    return LATE_ROUNDS * (every if is_active(record) else max(interval(kind, quiet), every)) + GRACE
