"""The states of the accounts in a hub's roster."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from task_reporter.organization.members import ACTIVE, Member
from task_reporter.organization.overdue import OverdueScope, overdue_scopes
from task_reporter.organization.problems import ACCOUNT_PLACE, Problem, is_accepted, problems_of
from task_reporter.times import seconds_since, to_text
from task_reporter_cli.organization.hub import Hub, watched_members
from task_reporter_cli.organization.states import ERROR, LEFT, NOT_POLLED, OVERDUE, PROBLEMS, STATES, THROTTLED, WATCHED

LEFT_RECENTLY = timedelta(days=7)
"""Time for which an account that has left is worth a line."""

MAX_NAMED_STATES = 6
"""States in a summary: all that somebody has to change; others are counted."""


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account with one of its states: most accounts have one."""

    account: str
    name: str
    state: str
    since: str = ""
    """In the stored form; empty if unknown."""
    places: tuple[str, ...] = ()
    """``<region>`` or ``<region>/<kind>``; empty for the whole account."""
    polled_at: str = ""
    """The last poll that could read a list, in the stored form."""
    regions: int = 0
    """The number of regions that are enabled, as far as is known."""
    accepted: bool = False
    """The stack expects this denial."""

    @property
    def is_problem(self) -> bool:
        """True if somebody has to do something."""
        return self.state in PROBLEMS and not self.accepted

    def is_news(self, now: datetime) -> bool:
        """Tell whether the account is not watched completely, and is expected to be."""
        if self.state == LEFT:
            ago = seconds_since(self.since, now)
            return ago is not None and ago <= LEFT_RECENTLY.total_seconds()
        return self.state != WATCHED and not self.accepted


def account_states(members: Iterable[Member], hub: Hub, now: datetime) -> list[AccountState]:
    """Return the states of all accounts, worst first, then by account."""
    everyone = watched_members(members, hub)
    late: dict[str, list[OverdueScope]] = defaultdict(list)
    for scope in overdue_scopes(everyone, hub.kinds, hub.quiet, now, hub.every):
        late[scope.account].append(scope)
    states = [state for member in everyone for state in _states_of(member, hub, late[member.account])]
    rank = {state: number for number, state in enumerate(STATES)}
    return sorted(states, key=lambda each: (rank.get(each.state, 0), each.accepted, each.account))


def _states_of(member: Member, hub: Hub, late: Sequence[OverdueScope]) -> Iterator[AccountState]:
    account = AccountState(
        member.account,
        member.name,
        WATCHED,
        polled_at=str(member.row.get("polled_at", "")),
        regions=len(member.regions or member.lists),
    )
    states = list(_problem_states(account, member, hub.accepted))
    if late:
        places = tuple(scope.region for scope in late if scope.region != ACCOUNT_PLACE)
        since = _to_text(min(scope.since for scope in late))
        states.append(replace(account, state=OVERDUE, since=since, places=places))
    if member.status in ("", ACTIVE) and not member.unreadable:
        states += _passing_states(account, member)
        if not member.was_polled and not late:
            states.append(replace(account, state=NOT_POLLED, since=str(member.row.get("joined_at", ""))))
        elif all(state.accepted for state in states):
            states.append(account)
    return iter(states)


def _problem_states(account: AccountState, member: Member, accepted: Sequence[str]) -> Iterator[AccountState]:
    groups: dict[tuple[str, bool], list[Problem]] = defaultdict(list)
    for problem in problems_of(member):
        reason = problem.reason.replace("_", "-")
        groups[reason, is_accepted(member.account, problem.place, accepted)].append(problem)
    for (reason, is_expected), problems in groups.items():
        since = _to_text(min((problem.since for problem in problems if problem.since), default=0))
        places = tuple(problem.place for problem in problems if problem.place != ACCOUNT_PLACE)
        yield replace(account, state=reason, since=since, places=places, accepted=is_expected)


def _passing_states(account: AccountState, member: Member) -> Iterator[AccountState]:
    """Yield the states of lists that failed lately and may work again soon."""
    lists = [(f"{region}/{kind}", record) for region, kinds in member.lists.items() for kind, record in kinds.items()]
    for reason in (ERROR, THROTTLED):
        if failing := {place: record for place, record in lists if record.unreadable == reason}:
            since = min(record.unreadable_since for record in failing.values())
            yield replace(account, state=reason, since=_to_text(since), places=tuple(sorted(failing)))


def _to_text(seconds: int) -> str:
    try:
        return to_text(datetime.fromtimestamp(seconds, UTC)) if seconds else ""
    except (ValueError, OverflowError, OSError):  # another program may have written anything
        return ""


def summarize(states: Sequence[AccountState], now: datetime) -> str:
    """Return one line with the number of accounts in each state, worst first."""
    total = len({each.account for each in states if each.state != LEFT})
    watched = sum(each.state == WATCHED for each in states)
    counts = Counter(each.state for each in states if each.is_news(now))
    text = f"{watched:,} of {total:,} accounts are watched"
    found = [state for state in (*STATES, *(counts.keys() - STATES.keys())) if counts[state]]
    text += "".join(f", {counts[state]:,} {state}" for state in found[:MAX_NAMED_STATES])
    if others := found[MAX_NAMED_STATES:]:
        text += f", {sum(counts[state] for state in others):,} in {len(others)} other states"
    accepted = len({each.account for each in states if each.accepted})
    return f"{text}; {accepted:,} with accepted denials" if accepted else text
