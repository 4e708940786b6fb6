"""The members of the organization, as the roster keeps them: one row per account.

The recorder writes what it found in an account, the planner what Organizations says of it. Each writes attributes of
its own, so neither can undo the other's writes.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from task_reporter.history.backlog import query_rows
from task_reporter.history.rows import ACCOUNT, REGION, ROSTER_SCOPE, Key, Row, to_attribute
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Insert, Update, Write
from task_reporter.recording.context import PollContext
from task_reporter.recording.roster import UNHEARD_SINCE, Lists, parse_lists
from task_reporter.recording.unreadable import NO_ROLE
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline
from task_reporter.times import seconds_since, to_text

ACTIVE, LEFT = "ACTIVE", "LEFT"
"""States of an account: watched, and no longer listed by Organizations."""
OF_A_FORMER_TIME = ("left_at", "unreadable", "unreadable_since", "tries", "asked_at")
"""Attributes that an account loses when it becomes active again.

So it is asked at once.
"""
ORGANIZATION_KEY = Key(ROSTER_SCOPE, "organization")
"""The row of the planner's own times."""
NAMES_KEY = Key(ROSTER_SCOPE, "names")
"""The row with the names of all accounts.

To find an account by its name, only this row is read.
"""
MAX_NAMES = 300_000
"""Characters in that row, above which it has no names.

A row of DynamoDB has at most 400 KB.
"""


@dataclass(frozen=True, slots=True)
class Account:
    """One account, as Organizations lists it."""

    id: str
    name: str
    status: str
    """``ACTIVE``, ``SUSPENDED``, ``CLOSED``, …"""


@dataclass(slots=True)
class Member:
    """One account in the roster."""

    account: str
    row: Row
    """The row as it was read; empty for a new account."""
    lists: Lists = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the account in Organizations."""
        return str(self.row.get("name", ""))

    @property
    def status(self) -> str:
        """The state of the account; empty if the planner has not written the row."""
        return str(self.row.get("status", ""))

    @property
    def unreadable(self) -> str:
        """The reason why the whole account can't be read, or ''."""
        return str(self.row.get("unreadable", ""))

    @property
    def tries(self) -> int:
        """The number of attempts for which the account has been unreadable."""
        tries = self.row.get("tries", 0)
        return tries if isinstance(tries, int) else 0

    @property
    def was_polled(self) -> bool:
        """True if the account has ever answered."""
        return bool(self.lists or self.row.get("polled_at") or self.row.get("regions_at"))

    def epoch(self, name: str) -> int:
        """Return the time in the attribute ``name`` in epoch seconds, or 0."""
        seconds = seconds_since(str(self.row.get(name, "")), datetime.fromtimestamp(0, UTC))
        return -seconds if seconds is not None else 0

    @property
    def regions(self) -> tuple[str, ...]:
        """The enabled regions, as far as they are known."""
        names = str(self.row.get("regions", "")).split()
        return tuple(name for name in names if REGION.fullmatch(name))  # another program may have written anything

    @property
    def announced(self) -> dict[str, str]:
        """The problems that were announced: place → reason."""
        return _parse_texts(self.row.get("announced"))


def read_roster(history: HistoryTable, deadline: Deadline = NO_DEADLINE) -> tuple[dict[str, Member], Row]:
    """Return the members by account, and the planner's own row.

    One query reads all. Raises OutOfTimeError, MalformedAnswerError and botocore's errors.
    """
    request = {
        "KeyConditionExpression": "#scope = :scope",
        "ExpressionAttributeNames": {"#scope": "scope"},
        "ExpressionAttributeValues": {":scope": to_attribute(ROSTER_SCOPE)},
    }
    members, own = dict[str, Member](), Row()
    for row in query_rows(history, request, "reading the roster", deadline):
        account = str(row["task_id"])
        if account == ORGANIZATION_KEY.task_id:
            own = row
        elif ACCOUNT.fullmatch(account):
            members[account] = Member(account, row, parse_lists(row))
    return members, own


def membership_writes(
    members: Mapping[str, Member], accounts: Iterable[Account], now: datetime
) -> list[tuple[Member, Write]]:
    """Return the writes after Organizations has listed ``accounts``.

    Each is given with the member after it. An account that is not listed has left, or is not selected. This may be the
    hub's own, whose row is from the time before the stack became a hub. Its rows stay.
    """
    listed, changes = {account.id: account for account in accounts}, list[tuple[Member, Write]]()
    for account in listed.values():
        news: Row = {"status": account.status}
        if account.name:
            news["name"] = account.name
        member = members.get(account.id)
        if member is None:
            row: Row = {"scope": ROSTER_SCOPE, "task_id": account.id, **news, "joined_at": to_text(now)}
            changes.append((Member(account.id, row), Insert(row)))
        elif any(member.row.get(name) != value for name, value in news.items()):
            if member.status in ("", LEFT):
                news["joined_at"] = to_text(now)
            is_back = account.status == ACTIVE != member.status
            changes.append(_change(member, news, OF_A_FORMER_TIME if is_back else ("left_at",)))
    gone = (member for member in members.values() if member.account not in listed and member.status != LEFT)
    return changes + [_change(member, {"status": LEFT, "left_at": to_text(now)}) for member in gone]


def _change(member: Member, news: Row, over: tuple[str, ...] = ()) -> tuple[Member, Write]:
    over = tuple(name for name in over if name in member.row)
    row = {name: value for name, value in {**member.row, **news}.items() if name not in over}
    expected = {"status": member.row.get("status")}
    return Member(member.account, row, member.lists), Update(member_key(member.account), news, expected, remove=over)


def announced_write(member: Member, announced: Mapping[str, str]) -> Write:
    """Return the write after the problems ``announced`` were made known."""
    text = json.dumps(announced, separators=(",", ":"), sort_keys=True)
    expected = {"announced": member.row.get("announced")}
    if announced:
        return Update(member_key(member.account), {"announced": text}, expected)
    return Update(member_key(member.account), {}, expected, remove=("announced",))


def without_role_write(account: str, before: Row | None, poll: PollContext) -> Write:
    """Return the write after the member's role could not be assumed."""
    member, now = Member(account, before or {}), to_text(poll.now)
    news: Row = {"unreadable": NO_ROLE, "tries": member.tries + 1, "asked_at": now}
    news["unreadable_since"] = member.row.get("unreadable_since", now)
    if before is None:
        return Insert({"scope": ROSTER_SCOPE, "task_id": account, **news})
    return Update(member_key(account), news, {"tries": before.get("tries"), "asked_at": before.get("asked_at")})


def names_write(members: Iterable[Member], before: Row | None) -> Write | None:
    """Return the write of the accounts' names, or None without a change."""
    names = {member.account: member.name for member in members if member.name}
    text = json.dumps(names, separators=(",", ":"), sort_keys=True)
    news: Row = {"names": text if len(text) <= MAX_NAMES else "{}"}
    if before is None:
        return Insert({"scope": NAMES_KEY.scope, "task_id": NAMES_KEY.task_id, **news})
    expected = {"names": before.get("names")}
    return Update(NAMES_KEY, news, expected) if news != expected else None


def parse_names(row: Row | None) -> dict[str, str]:
    """Return id → name of the accounts in ``row``, empty where it has none."""
    return _parse_texts((row or {}).get("names"))


def _parse_texts(value: object) -> dict[str, str]:
    """Return the texts of a JSON object by name, empty where ``value`` is none."""
    try:
        return {str(name): str(text) for name, text in json.loads(str(value)).items()}
    except (ValueError, AttributeError, RecursionError):  # another program may have written anything
        return {}


def organization_write(before: Row, news: Row) -> Write:
    """Return the write of the planner's own row."""
    if not before:
        return Insert({"scope": ORGANIZATION_KEY.scope, "task_id": ORGANIZATION_KEY.task_id, **news})
    over = tuple({UNHEARD_SINCE} & before.keys() - news.keys())
    return Update(ORGANIZATION_KEY, news, {"round_at": before.get("round_at")}, remove=over)


def member_key(account: str) -> Key:
    """Return the key of the roster row of ``account``."""
    return Key(ROSTER_SCOPE, account)
