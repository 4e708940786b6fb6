"""The oracle of a hub: in addition, each account and each list stands alone."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from task_reporter.history.rows import AWAITING_OUTCOME
from task_reporter.history.writes import Write
from task_reporter.organization.members import ACTIVE, LEFT, NAMES_KEY, OF_A_FORMER_TIME, ORGANIZATION_KEY, member_key
from task_reporter.organization.problems import Changes
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ended_tasks
from task_reporter.recording.roster import DIGEST, DIGEST_AT, ListRecord
from task_reporter.recording.unreadable import ABSENT, ERROR, THROTTLED
from task_reporter.times import to_text
from tests.campaigns.lives.ec2 import ListKey
from tests.campaigns.lives.faults import MEANWHILE, Process
from tests.campaigns.lives.oracle import (
    NOTICE,
    QUIET,
    ROSTER,
    SETTLED,
    MessageRecord,
    Oracle,
    Pair,
    PollRecord,
    records_of,
)
from tests.campaigns.runner import require
from tests.support.dynamodb import Change

OWN = "9 own: no row carries another account, and no notice is about two"
DUE = "10 due: what has no fault is read in every round in which it is due"
PROBLEMS = "11 problems: announced at the second sighting, and once at the end"

OF_THE_PLANNER = {"name", "status", "joined_at", "left_at", "announced"}
"""Attributes of an account's row that only the planner writes."""
SCOPES = re.compile(r"\b(\d{12})/")
"""The account in each scope that a notice names."""
LATENESS = timedelta(minutes=1)
"""The longest time between the beginning of a round and an answer."""
LONGEST_PAUSE = timedelta(days=1)
"""Time after which everything that could not be read is tried again."""


@dataclass
class WorkRecord(PollRecord):
    """The work of one message."""

    account: str = ""
    role_denied: bool = False
    """STS denied the role."""
    is_clean: bool = False
    """It ended, and nothing but lists had a fault."""


@dataclass
class ListHistory:
    """The last answers of one list."""

    good: datetime | None = None
    """The last answer that was recorded."""
    is_hot: bool = False
    """That answer showed something unfinished, or a new end."""
    failed: datetime | None = None
    """The last time since then at which it could not be read."""


@dataclass
class FleetOracle(Oracle):
    """Checks the writes of planner and worker, and when lists are read."""

    states: Mapping[str, str] = field(default_factory=dict)
    """Account → its state in Organizations, of those that it lists."""
    lists: dict[ListKey, ListHistory] = field(default_factory=lambda: defaultdict(ListHistory))
    sightings: Counter[ListKey | str] = field(default_factory=Counter)
    """Refusals in a row, as recorded, of each list and account."""
    reasons: dict[ListKey | str, str] = field(default_factory=dict)
    """The reasons of these refusals."""

    def accept(self, way: str, text: str, pairs: list[Pair]) -> None:
        """Check a message about ``pairs`` that a service has accepted."""
        super().accept(way, text, pairs)
        with self.remember_violation():
            accounts = set(SCOPES.findall(text)) if way == NOTICE else ()
            require(OWN, len(accounts) <= 1, f"a notice is about {accounts}")

    denied_at: dict[str, datetime] = field(default_factory=dict)
    """Account → the last recorded denial of its role."""
    open: dict[tuple[str, str], tuple[str, MessageRecord]] = field(default_factory=dict)
    """Account and place → reason and message, of the announced problems."""
    over: dict[tuple[str, str], MessageRecord] = field(default_factory=dict)
    """Account and place → the message about its end."""

    def begin_work(self, context: PollContext, account: str, region: str) -> WorkRecord:
        scoped = replace(context, scope=f"{account}/{region}")
        self.polls.append(record := WorkRecord(scoped, next(self.order), set(), account=account))
        return record

    # Writes

    def _check_write(self, change: Change) -> None:
        process = self.faults.process
        if isinstance(work := process.poll, WorkRecord):
            is_own = change.key == member_key(work.account) or change.key.scope.startswith(f"{work.account}/")
            require(OWN, is_own, f"the worker of {work.account} writes {change.key}")
        elif process.must_wait and change.before and change.after:
            redriven = change.after.get("redriven_at", "") > change.before.get("redriven_at", "")  # type: ignore[operator]
            is_event = "event_sent_at" not in change.before and len(self.ways) > 1
            require(QUIET, not redriven or is_event, f"{change.key} is sent again although nobody listens")
        is_decided = (change.before or {}).get("outcome") == (change.after or {}).get("outcome")
        is_work = isinstance(work, WorkRecord)
        require(SETTLED, is_work or is_decided, f"{change.key} is {change.after} though no worker has read its list")
        if task := self.tasks().get(change.key.task_id):
            require(OWN, change.key.scope == task.scope, f"{task} is recorded in {change.key.scope}")
        super()._check_write(change)

    def _check_roster(self, change: Change) -> None:
        before, after = change.before or {}, change.after or {}
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        if isinstance(work := self.faults.process.poll, WorkRecord):
            require(ROSTER, not changed & OF_THE_PLANNER, f"the worker writes {changed & OF_THE_PLANNER}")
            self._check_work(change, work, changed)
        elif change.key not in (ORGANIZATION_KEY, NAMES_KEY):
            is_back = after.get("status") == ACTIVE != before.get("status")
            allowed = OF_THE_PLANNER | {DIGEST, DIGEST_AT} | ({*OF_A_FORMER_TIME} if is_back else set())
            state = self.states.get(change.key.task_id, LEFT)
            require(ROSTER, "status" not in changed or after["status"] == state, f"{after} is called {state} elsewhere")
            changed -= allowed | {"scope", "task_id"}
            require(ROSTER, not changed, f"the planner writes {changed}")
            if is_back:
                self.sightings[change.key.task_id] = 0

    def _check_work(self, change: Change, work: WorkRecord, changed: Set[str]) -> None:
        before, after, now = change.before or {}, change.after or {}, to_text(work.context.now)
        if after.get("unreadable"):
            if changed & {"tries", "unreadable", "asked_at"}:
                require(ROSTER, work.role_denied, f"{after} is unreadable without a denial")
                self._sight(work.account, str(after["unreadable"]))
                self.denied_at[work.account] = work.context.now
                return
        else:
            self.sightings[work.account] = 0
        moved = self._check_moved_lists(change, work)
        for key in moved:
            self.sightings[key] = 0
            self.lists[key] = ListHistory(work.context.now)  # the worker may die before it ends its work
        if "polled_at" in changed:
            require(ROSTER, bool(work.lists), "it moves without a good answer")
            require(ROSTER, after["polled_at"] == now, f"it is set to {after['polled_at']}")
        old = records_of(before, work.account)
        for key, record in records_of(after, work.account).items():
            if record.unreadable and record != old.get(key, ListRecord()):
                is_refused = key in work.watched - work.lists.keys()
                require(ROSTER, is_refused, f"{key} is called {record.unreadable} although it answered")
                self._sight(key, record.unreadable)
                self.lists[key].failed = work.context.now

    def _sight(self, what: ListKey | str, reason: str) -> None:
        is_same = self.sightings[what] and self.reasons.get(what) == reason
        self.sightings[what] = self.sightings[what] + 1 if is_same else 1
        self.reasons[what] = reason

    # Rounds

    def end_work(self, process: Process, good: Set[ListKey], written: Iterable[Write]) -> None:
        """End the work of one message."""
        work: WorkRecord = process.poll
        self.end_poll(work, good)
        self.check_apart(process)
        others = [service for _, service, _ in process.faults if service != "EC2"]
        work.is_clean = MEANWHILE not in process.plan.values() and not others
        running = (row for row in self.rows.values() if row.get("awaiting") == AWAITING_OUTCOME)
        active = {(str(row["scope"]), str(row.get("kind"))) for row in running}
        active |= {(key.scope, str(self.rows[key]["kind"])) for key, _ in ended_tasks(written)}
        for key in work.watched:
            if key in good:
                self.lists[key] = ListHistory(work.context.now, work.is_clean and key in active)
            elif key not in work.lists and not self._was_read_since(key, work.context.now):
                self.lists[key].failed = work.context.now

    def _was_read_since(self, key: ListKey, then: datetime) -> bool:
        """Tell whether another worker has read a list at that time or later."""
        good = self.lists[key].good
        return good is not None and good >= then

    def may_rest(self, account: str, now: datetime) -> bool:
        """Tell whether an account whose role was denied may wait to be tried again."""
        denied_at = self.denied_at.get(account)
        return bool(denied_at and self.sightings[account] > 1 and now - denied_at < LONGEST_PAUSE)

    def check_due(
        self,
        keys: Iterable[ListKey],
        intervals: Mapping[str, timedelta],
        began: datetime,
        before: Mapping[ListKey, ListHistory],
    ) -> None:
        """Check the lists of an account without a fault.

        Its message came in the round that ``began`` then.

        ``before`` are the lists before the round, and ``intervals`` the times between two answers by kind.
        """
        for key in keys:
            history, now = before.get(key, ListHistory()), self.lists[key]
            if history.failed:
                must = began - history.failed >= self._longest_rest(key) - LATENESS
            else:
                must = history.good is None or history.is_hot
                must = must or began - history.good >= intervals[key[1]] - LATENESS  # type: ignore[operator]
            is_asked = any(time and time >= began for time in (now.good, now.failed))
            require(DUE, is_asked or not must, f"{key} was not asked at {began}; before: {history}")

    def _longest_rest(self, key: ListKey) -> timedelta:
        """Return the longest time until an unreadable list is asked again."""
        if self.sightings[key] <= 1:
            return timedelta(minutes=5)
        return timedelta(hours=1) if self.reasons[key] in (ERROR, THROTTLED) else LONGEST_PAUSE

    # Problems

    def announce(self, changes: Changes) -> None:
        """Check a message about problems that SNS has accepted."""
        with self.remember_violation():
            process = self.faults.process
            for member, place, reason in changes.new:
                before = self.open.get((member.account, place))
                if before and before[0] == reason:
                    self._check_repeat(before[1], f"{member.account} {place} {reason}")
                require(
                    PROBLEMS, self._is_confirmed(member.account, place, reason), f"{member.account} {place} {reason}"
                )
                self.open[member.account, place] = reason, MessageRecord(NOTICE, process, process.requests)
            for member, place, reason in changes.over:
                if not self.open.pop((member.account, place), None):
                    before_over = self.over.get((member.account, place))
                    require(PROBLEMS, before_over is not None, f"{member.account} {place} was not announced")
                    assert before_over
                    self._check_repeat(before_over, f"the end of {member.account} {place} {reason}")
                still = [key for key in self._keys(member.account, place) if self._is_denied(key)]
                require(PROBLEMS, not still, f"the end of {member.account} {place} is announced, not so: {still}")
                self.over[member.account, place] = MessageRecord(NOTICE, process, process.requests)

    def _check_repeat(self, before: MessageRecord, what: str) -> None:
        require(PROBLEMS, before.is_excused, f"{what} is announced again although its mark could follow")
        self.repeats += 1

    def _is_confirmed(self, account: str, place: str, reason: str) -> bool:
        row = self.rows[member_key(account)]
        if place == "*" and row.get("status") != ACTIVE:
            return str(row.get("status")).lower() == reason
        confirmed = [
            key for key in self._keys(account, place) if self.sightings[key] >= 2 and self.reasons[key] == reason
        ]
        is_region = place != "*" and "/" not in place
        return len(confirmed) > is_region

    def _keys(self, account: str, place: str) -> list[ListKey | str]:
        """Return what ``place`` stands for: the account, or lists."""
        if place == "*":
            return [account]
        region, _, kind = place.partition("/")
        return [
            key
            for key in self.reasons
            if not isinstance(key, str) and key[0] == f"{account}/{region}" and kind in ("", key[1])
        ]

    def _is_denied(self, key: ListKey | str) -> bool:
        return self.sightings[key] > 0 and self.reasons[key] != ABSENT

    def check_announced(self, active: Set[str], watched: Set[ListKey]) -> None:
        """Check after a round without faults that every confirmed problem is announced."""
        for key, sightings in self.sightings.items():
            account = key if isinstance(key, str) else key[0].partition("/")[0]
            if sightings < 2 or account not in active or self.reasons[key] in (ABSENT, ERROR, THROTTLED):
                continue
            places = {"*"}
            if not isinstance(key, str):
                is_settling = self._is_joined_by_the_last(key[0], watched)
                if key not in watched or self.sightings[account] or is_settling:
                    continue
                region = key[0].partition("/")[2]
                places = {region, f"{region}/{key[1]}"}
            is_announced = any((account, place) in self.open for place in places)
            require(PROBLEMS, is_announced, f"{key} is {self.reasons[key]} for {sightings} times, and not announced")

    def _is_joined_by_the_last(self, scope: str, watched: Set[ListKey]) -> bool:
        """Tell whether the last readable list of a region was refused just now.

        The whole region is then announced in the next round.
        """
        sightings = [self.sightings[key] for key in watched if key[0] == scope]
        return min(sightings, default=0) == 1

    def check_all_over(self, active: Set[str], watched: Set[ListKey]) -> None:
        """Check at the end that the end of every announced problem was announced."""
        for (account, place), (reason, message) in self.open.items():
            if account in active and not message.is_excused and not self._is_covered(account, place, watched):
                require(PROBLEMS, False, f"the end of {account} {place} {reason} is not announced")

    def _is_covered(self, account: str, place: str, watched: Set[ListKey]) -> bool:
        """Tell whether the message about another place stands for ``place``, or nobody watches it."""
        region, _, kind = place.partition("/")
        if place == "*":
            return False
        is_watched = any(key[0] == f"{account}/{region}" and kind in ("", key[1]) for key in watched)
        return not is_watched or bool(kind and (account, region) in self.over)
