"""Scopes of which a list was not read for too long."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from task_reporter.kinds.kind import Kind
from task_reporter.organization.due import HOUR, interval, is_active
from task_reporter.organization.members import ACTIVE, Member
from task_reporter.recording.roster import ListRecord

GRACE = timedelta(minutes=15)
"""Time beyond two intervals until a list is overdue."""
ROUND = timedelta(minutes=5)


def overdue_scopes(members: Iterable[Member], kinds: Sequence[Kind], quiet: timedelta, now: datetime) -> list[str]:
    """Return the overdue scopes, sorted; ``<account id>/*`` for an account that was never polled.

    A list that is known to be unreadable is not overdue, but denied.
    """
    return sorted(scope for member in members for scope in _of(member, kinds, quiet, now.timestamp()))


def _of(member: Member, kinds: Sequence[Kind], quiet: timedelta, now: float) -> Iterator[str]:
    if member.status != ACTIVE or member.unreadable:
        return
    if not member.lists and member.epoch("joined_at") < now - HOUR.total_seconds():
        yield f"{member.account}/*"
    for region, records in member.lists.items():
        if any(_is_overdue(kind, records[kind.name], quiet, now) for kind in kinds if kind.name in records):
            yield f"{member.account}/{region}"


def _is_overdue(kind: Kind, record: ListRecord, quiet: timedelta, now: float) -> bool:
    between = ROUND if is_active(record) else interval(kind, quiet)
    return bool(record.at) and not record.unreadable and now - record.at > (2 * between + GRACE).total_seconds()
