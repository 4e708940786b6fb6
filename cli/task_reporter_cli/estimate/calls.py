"""The calls of a hub in a month, and their CloudTrail events."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import KINDS
from task_reporter.organization.due import REGIONS_AGE, SLACK, interval
from task_reporter_cli.estimate.prices import GUARDDUTY, TRAIL

MONTH = timedelta(days=30)
WORKERS = 5
"""Concurrent recorders, each with sessions of its own."""
SESSION = timedelta(minutes=55)
"""Time for which a recorder uses a session of an assumed role."""
TRAILS_OF_ROLE = 2
"""An assumed role is an event in the member's account, and in the hub's."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The lists that a hub watches, and how often."""

    accounts: int
    regions: int
    """Regions of each account."""
    kinds: int
    """Watched kinds; where not all, those that are asked most often."""
    hot: float
    """Share of the lists in which something happens, from 0 to 1."""
    quiet: timedelta
    """Time between two answers of a quiet list."""
    every: timedelta
    """Time between two rounds."""

    @property
    def lists(self) -> int:
        """The number of lists."""
        return self.accounts * self.regions * self.kinds

    @property
    def hot_lists(self) -> float:
        """The number of lists that are asked in every round."""
        return self.lists * self.hot

    @property
    def rounds(self) -> float:
        """Rounds in a month."""
        return MONTH / self.every

    @property
    def watched(self) -> list[Kind]:
        """The watched kinds, the most often asked ones first."""
        return sorted(KINDS.values(), key=lambda kind: not kind.hourly)[: self.kinds]

    def pause(self, kind: Kind) -> timedelta:
        """Return the time between two answers of a quiet list of ``kind``: whole rounds."""
        return max(1, ceil((interval(kind, self.quiet) - SLACK) / self.every)) * self.every

    @property
    def assignments(self) -> float:
        """Messages to the recorder in a month.

        There is one for each account and round with a due list.

        Each hot list is taken to be in another account, and the quiet lists of an account to be due together.
        """
        hot = self.hot_accounts
        return hot * self.rounds + (self.accounts - hot) * (MONTH / min(map(self.pause, self.watched)))

    @property
    def hot_accounts(self) -> float:
        """Accounts that have a hot list, at most."""
        return min(float(self.accounts), self.hot_lists)


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one sort in a month."""

    part: str
    count: float
    why: str
    trails: int = 1
    """Accounts in whose trail each call is an event."""

    @property
    def events(self) -> float:
        """The number of CloudTrail events."""
        return self.count * self.trails

    @property
    def guardduty(self) -> float:
        """Dollars for the events where GuardDuty is on."""
        return self.events * GUARDDUTY.each

    @property
    def trail(self) -> float:
        """Dollars for the events in a second trail."""
        return self.events * TRAIL.each


def list_calls(work: Workload) -> list[Calls]:
    """Return the calls for hot lists, then for quiet ones by interval."""
    hot = f"hot lists, {format_every(work.every)}"
    number = f"{work.hot_lists:,.0f}"
    calls = [Calls(hot, work.hot_lists * work.rounds, f"{number} list{'' if number == '1' else 's'}")]
    pauses = [work.pause(kind) for kind in work.watched]
    for pause in sorted(set(pauses)):
        count = pauses.count(pause)
        lists = work.accounts * work.regions * count * (1 - work.hot)
        why = f"{lists:,.0f} lists of {count} kind{'' if count == 1 else 's'}"
        calls.append(Calls(f"quiet lists, {format_every(pause)}", lists * (MONTH / pause), why))
    return calls


def other_calls(work: Workload) -> Iterator[Calls]:
    """Yield the calls that find regions, and that assume roles."""
    yield Calls("enabled regions", work.accounts * (MONTH / REGIONS_AGE), "DescribeRegions, daily in each account")
    hot, sessions = work.hot_accounts, WORKERS * (MONTH / SESSION)
    others = MONTH / min(map(work.pause, work.watched))
    count = hot * min(work.rounds, sessions) + (work.accounts - hot) * min(others, sessions)
    minutes = int(SESSION.total_seconds()) // 60
    why = f"sessions of {minutes} minutes, {WORKERS} recorders; each an event in the member's trail and in the hub's"
    yield Calls("assumed roles", count, why, TRAILS_OF_ROLE)


def format_every(pause: timedelta) -> str:
    """Format a pause: ``every 5 minutes``, ``every hour``."""
    minutes = int(pause.total_seconds()) // 60
    count, unit = (minutes, "minute") if minutes % 60 else (minutes // 60, "hour")
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"
