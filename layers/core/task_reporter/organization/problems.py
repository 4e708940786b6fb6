"""Accounts, regions and lists that can't be read, and how people learn of them.

A problem is announced once, at its second sighting, and once more when it is over.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from task_reporter.organization.members import ACTIVE, LEFT, Member
from task_reporter.recording.roster import ListRecord
from task_reporter.recording.unreadable import ABSENT, ERROR, THROTTLED
from task_reporter.texts import truncate_utf8

ACCOUNT_PLACE = "*"
"""The place of a problem that concerns the whole account."""
SIGHTINGS = 2
"""Refusals in a row after which a problem is announced."""
PASSING = {ABSENT, ERROR, THROTTLED}
"""Reasons that are no denial: such a list is overdue at most."""
MAX_LINES = 100
"""Lines of one message, which names the rest as a number."""
MAX_LINE = 400
"""Bytes of one line; another program may have written an endless name."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in an account that can't be read."""

    place: str
    """``*`` for the account, ``<region>``, or ``<region>/<kind>``."""
    reason: str
    tries: int
    since: int
    """Epoch seconds, 0 if unknown."""


def problems_of(member: Member, accepted: Sequence[str] = ()) -> list[Problem]:
    """Return the problems of an account: with all of it, regions, or lists.

    ``accepted`` are patterns of scopes, such as ``*/ap-*``, whose problems are expected.
    """
    return [each for each in _find(member) if not is_accepted(member.account, each.place, accepted)]


def is_accepted(account: str, place: str, accepted: Sequence[str]) -> bool:
    """Tell whether a problem at ``place`` is expected."""
    return any(fnmatchcase(_scope(account, place), pattern) for pattern in accepted)


def _scope(account: str, place: str) -> str:
    return f"{account}/{place.partition('/')[0]}"


def is_unreadable(member: Member) -> bool:
    """Tell whether a problem concerns the whole account."""
    return bool(member.status not in ("", ACTIVE) or member.unreadable)


def _find(member: Member) -> Iterator[Problem]:
    if member.status not in ("", ACTIVE):
        yield Problem(ACCOUNT_PLACE, member.status.lower(), SIGHTINGS, member.epoch("left_at"))
    elif member.unreadable:
        yield Problem(ACCOUNT_PLACE, member.unreadable, member.tries, member.epoch("unreadable_since"))
    else:
        for region, kinds in sorted(member.lists.items()):
            yield from _of_region(region, kinds)


def _of_region(region: str, kinds: Mapping[str, ListRecord]) -> Iterator[Problem]:
    denied = {kind: record for kind, record in kinds.items() if record.unreadable and record.unreadable not in PASSING}
    reasons = {record.unreadable for record in denied.values()}
    rest = {kind for kind in kinds.keys() - denied.keys() if kinds[kind].unreadable != ABSENT}
    if len(denied) > 1 and len(reasons) == 1 and not rest:
        tries = min(record.tries for record in denied.values())
        yield Problem(region, min(reasons), tries, min(record.unreadable_since for record in denied.values()))
        return
    for kind, record in sorted(denied.items()):
        yield Problem(f"{region}/{kind}", record.unreadable, record.tries, record.unreadable_since)


@dataclass(slots=True)
class Changes:
    """The problems to announce in one round."""

    new: list[tuple[Member, str, str]] = field(default_factory=list)
    """Member, place and reason of each problem that is confirmed and not announced yet."""
    over: list[tuple[Member, str, str]] = field(default_factory=list)
    """The same of each announced problem whose place can be read again."""
    announced: dict[str, dict[str, str]] = field(default_factory=dict)
    """Account → its announced problems after this announcement, where they change.

    They may change without an announcement, such as where a problem is accepted now.
    """

    def __bool__(self) -> bool:
        """Return True if there is something to announce."""
        return bool(self.new or self.over)


def find_changes(members: Iterable[Member], accepted: Sequence[str]) -> Changes:
    """Return what is to be announced.

    A problem that was announced is over when its place can be read again. Where its reason has changed, a new problem
    takes its place once it is confirmed. While a whole account can't be read, nothing is known of its lists. The
    announcement of a region covers its lists, so lists that are refused one after the other need few messages.
    """
    changes = Changes()
    for member in members:
        before = member.announced
        expected = {place for place in before if is_accepted(member.account, place, accepted)}
        is_open = {place: _is_open(member, place) for place in before.keys() - expected}
        remaining = {place: reason for place, reason in before.items() if is_open.get(place)}
        after = _with_confirmed(remaining, problems_of(member, accepted))
        if after != before:
            changes.new += [(member, *item) for item in sorted(after.items()) if before.get(item[0]) != item[1]]
            changes.over += [(member, *item) for item in sorted(before.items()) if is_open.get(item[0]) is False]
            changes.announced[member.account] = after
    return changes


def _is_open(member: Member, place: str) -> bool | None:
    """Tell whether something at an announced ``place`` still can't be read.

    Return None if it is not watched any more.
    """
    if is_unreadable(member):
        return True
    if place == ACCOUNT_PLACE:
        return False
    region, _, kind = place.partition("/")
    records = member.lists.get(region, {})
    concerned = [record for name, record in records.items() if kind in ("", name)]
    return any(record.unreadable not in ("", ABSENT) for record in concerned) if concerned else None


def _with_confirmed(announced: Mapping[str, str], problems: Iterable[Problem]) -> dict[str, str]:
    """Add confirmed problems, except lists whose region says the same."""
    after = dict(announced)
    for each in problems:
        region, _, kind = each.place.partition("/")
        if each.tries < SIGHTINGS or (kind and after.get(region) == each.reason):
            continue
        if not kind:
            after = {place: reason for place, reason in after.items() if not place.startswith(f"{region}/")}
        after[each.place] = each.reason
    return after


WORDS = {
    "no-role": "its role can't be assumed",
    "denied-by-scp": "denied by a service control policy",
    "region-disabled": "the region is disabled",
    "left": "the account has left the organization, or is no longer selected",
    "pending_activation": "the account is not activated yet",
    "suspended": "the account is suspended",
    "closed": "the account is closed",
    "pending_closure": "the account is being closed",
}
"""Reason → words for it; other reasons stand for themselves."""


def describe_reason(reason: str) -> str:
    """Return words for ``reason``."""
    return WORDS.get(reason, reason.replace("-", " ").replace("_", " "))


def subject(changes: Changes) -> str:
    """Return the subject of the message: ASCII, under 100 characters."""
    new = [f"{len(changes.new)} can't be read"] if changes.new else []
    over = [f"{len(changes.over)} can be read again"] if changes.over else []
    return f"EC2 task reporter, accounts and regions: {', '.join(new + over)}"


def message(changes: Changes, stack: str) -> str:
    """Return the text of the message about ``changes``, for people."""
    sections = []
    if changes.new:
        sections.append("Tasks there are not reported while this lasts:\n" + _lines(changes.new))
    if changes.over:
        sections.append("These problems are over:\n" + _lines(changes.over))
    more = f"All accounts that are not watched, since when and why:\n  task-reporter accounts --stack {stack}"
    sections.append("\n".join([more, *(_how_to_accept(member, place) for member, place, _ in changes.new[:1])]))
    return "\n\n".join(sections)


def _how_to_accept(member: Member, place: str) -> str:
    scope = _scope(member.account, place)
    return f"To silence what is expected, add its scope, such as {scope}, to the parameter AcceptedDenials."


def _lines(items: Sequence[tuple[Member, str, str]]) -> str:
    texts = (f"{_place(member, place)}: {describe_reason(reason)}" for member, place, reason in items[:MAX_LINES])
    lines = [f"  {truncate_utf8(text, MAX_LINE)}" for text in texts]
    if len(items) > MAX_LINES:
        lines.append(f"  and {len(items) - MAX_LINES} more")
    return "\n".join(lines)


def _place(member: Member, place: str) -> str:
    name = f" ({member.name})" if member.name else ""
    return member.account + name + ("" if place == ACCOUNT_PLACE else f" {place}")


def has_left(member: Member) -> bool:
    """Tell whether Organizations no longer lists the account."""
    return member.status == LEFT
