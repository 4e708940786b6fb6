"""The world of one history of a hub: accounts, queue, planner, workers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from botocore import xform_name

from local.cloud import REGION
from task_reporter.history.rows import Row
from task_reporter.history.writes import Write
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import KINDS
from task_reporter.organization.assignment import parse_assignment
from task_reporter.organization.credentials import CurrentCredentials, MemberRoles
from task_reporter.organization.directory import list_accounts
from task_reporter.organization.members import ACTIVE, member_key
from task_reporter.organization.planner import Planner, RoundResult, send_assignments
from task_reporter.organization.problems import Changes, message, subject
from task_reporter.organization.worker import AccountResult, Worker
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ended_tasks
from task_reporter.runtime.deadline import NO_DEADLINE
from task_reporter.runtime.settings import ALL_REGIONS
from tests.campaigns.fleet.oracle import DUE, FleetOracle, ListHistory
from tests.campaigns.fleet.services import (
    QUEUE,
    FaultyOrganizations,
    FaultyQueue,
    FaultySts,
    Message,
    account_in,
    own_credentials,
)
from tests.campaigns.lives.ec2 import ListKey, Task
from tests.campaigns.lives.faults import EXPECTED_ERRORS, MEANWHILE, Plan, Process
from tests.campaigns.lives.oracle import EVENT, SETTLED
from tests.campaigns.lives.world import SCOPE, World, log_text
from tests.campaigns.runner import require
from tests.support.dynamodb import refusal

HUB = SCOPE.partition("/")[0]
ACCOUNTS = (HUB, "111111111111", "222222222222")
MEMBERS = ACCOUNTS[1:]
OTHER_REGION = "us-east-1"
REGIONS = (REGION, OTHER_REGION)
SETTINGS = ((), REGIONS, ALL_REGIONS)
"""Values of the setting of the regions."""
QUIET = timedelta(hours=6)
INTERVALS = {name: timedelta(hours=1) if kind.hourly else QUIET for name, kind in KINDS.items()}
SLOW_SECONDS = 1.0
"""Time in which a slow account answers."""
ROLE = "arn:aws:iam::{}:role/ec2-task-reporter-member"
PLACES = "{account}/{region}/{kind}"
REFUSALS: Mapping[str, Callable[[], Exception]] = {
    "denied": lambda: refusal("UnauthorizedOperation", status=403),
    "denied by an SCP": lambda: refusal(
        "UnauthorizedOperation",
        status=403,
        Error={"Code": "UnauthorizedOperation", "Message": "an explicit deny in a service control policy"},
    ),
    "disabled": lambda: refusal("AuthFailure", status=401),
    "throttled": lambda: refusal("RequestLimitExceeded", status=503),
    "broken": lambda: refusal("InternalError", status=500),
}
"""Lasting faults of EC2."""


@dataclass(frozen=True)
class Delivery:
    """The faults of the messages of one round."""

    first: Plan = field(default_factory=dict)
    """Faults of the first worker."""
    plans: Mapping[str, Plan] = field(default_factory=dict)
    """Account → faults of its workers."""
    meanwhile: Callable[[], object] | None = None
    """Runs during a request; without it, another worker works on the same message."""
    held: Collection[str] = ()
    """Accounts whose messages are late."""
    order: int = 0
    """Stands for the order of the messages."""
    twice: bool = False
    """All messages come twice."""


PROMPT = Delivery()


class Fleet(World):
    """A hub with two members.

    setting  the setting of the regions
    every    True if all kinds are watched, and not only those of the tasks

    refusals  pattern of ``<account>/<region>/<kind>`` → a lasting fault of EC2
    enabled   account → its enabled regions
    slow      the accounts that answer slowly
    """

    oracle: FleetOracle

    def __init__(self, setting: Sequence[str] = REGIONS, every: bool = False, **options: Any) -> None:
        super().__init__(oracle=FleetOracle, **options)
        self.setting = setting
        self.kinds = {kind.name: kind for kind in (KINDS.values() if every else self._kinds)}
        self.organizations = FaultyOrganizations(ACCOUNTS, self.faults)
        self.oracle.states = self.organizations.states
        self.sts = FaultySts(self.faults, self.clock)
        self.queue = FaultyQueue(self.faults, self.clock)
        self.refusals: dict[str, str] = {}
        self.enabled: dict[str, Sequence[str]] = dict.fromkeys(ACCOUNTS, REGIONS)
        self.slow: set[str] = set()
        self._was_slow: set[str] = set()
        self._seconds = 0.0
        self.restart()
        self.began = self.now
        self._rounds = 0

    # Events outside

    def scope_of(self, number: int, kind: Kind) -> str:
        region = REGIONS[number // len(ACCOUNTS) % 2 if self.setting else 0]
        return f"{ACCOUNTS[number % len(ACCOUNTS)]}/{region}"

    def is_watched(self, task: Task) -> bool:
        account, _, region = task.scope.partition("/")
        return account in self.active and region in self.watched_regions(account)

    @property
    def active(self) -> set[str]:
        """The accounts that Organizations calls active."""
        return {account for account, state in self.organizations.states.items() if state == ACTIVE}

    def set_state(self, account: str, state: str) -> None:
        """Let an account leave (no state), be suspended, or come back."""
        if account != HUB:
            self.organizations.states.pop(account, None)
            if state:
                self.organizations.states[account] = state

    def close_role(self, account: str) -> None:
        if account != HUB:
            self.sts.close_role(account)

    def slow_down(self, account: str) -> None:
        self.slow.add(account)
        self._was_slow.add(account)

    def restart(self) -> None:
        """Start new execution environments of the recorder, which have no sessions.

        Workers that run at the same time have one each.
        """
        self._workers: dict[int, Worker] = defaultdict(self._make_worker)

    def _make_worker(self) -> Worker:
        own = own_credentials(HUB)
        roles = MemberRoles(self.sts, ROLE.format, "external", HUB, lambda: own, lambda: self.now)
        return Worker(
            self.history,
            roles,
            self.client_in,
            self.kinds,
            self.setting,
            REGION,
            QUIET,
            self._pool,
            lambda: self._seconds,
        )

    def end_faults(self) -> None:
        """End all faults; accounts that have left stay away."""
        super().end_faults()
        self.sts.closed.clear()
        self.refusals.clear()
        self.slow.clear()
        self.organizations.outage = ""

    # EC2

    def client_in(self, region: str) -> Any:
        """Return the recorder's client of a region, which serves all accounts."""
        return _Client(self, region)

    def describe(self, region: str, kind: str) -> Any:
        """Answer as the account that the signature names."""
        credentials = CurrentCredentials().get_frozen_credentials()
        account = account_in(credentials)
        self._seconds += SLOW_SECONDS if account in self.slow else 0
        place = PLACES.format(account=account, region=region, kind=kind)
        if kind:
            self.faults.process.poll.watched.add((f"{account}/{region}", kind))
        self.sts.check(credentials)
        for pattern, fault in self.refusals.items():
            if fnmatchcase(place, pattern):
                self.counts[f"EC2: lastingly {fault}"] += 1
                raise REFUSALS[fault]()
        if region not in self.enabled[account]:
            raise REFUSALS["disabled"]()
        if kind:
            return self.ec2.describe((f"{account}/{region}", kind))
        return self.faults.perform("EC2", partial(_regions_answer, self.enabled[account]), {})

    # Runs of the functions

    def poll(self, plan: Plan | None = None, meanwhile: Callable[[], None] | None = None) -> RoundResult | None:
        """Run one round; the first worker has the faults of ``plan``."""
        return self.round(Delivery(first=plan or {}, meanwhile=meanwhile))

    def round(self, delivery: Delivery = PROMPT, planner: Plan | None = None) -> RoundResult | None:
        """Run the planner, which has faults of its own, and deliver its messages."""
        self._rounds += 1
        outer, number, self.began = self.began, self._rounds, self.now
        before = {key: replace(history) for key, history in self.oracle.lists.items()}
        result, process = self._plan_round(planner or {})
        is_planned = result is not None and not process.faults
        disturbed = self.work(delivery) | {*delivery.held}
        if is_planned and number == self._rounds and not self.oracle.clock_was_set:
            self._check_due(disturbed, before)
        self.began = outer
        return result

    def _plan_round(self, plan: Plan) -> tuple[RoundResult | None, Process]:
        self.counts["rounds"] += 1
        process = Process(plan, lambda: _run(self.work))
        planner = Planner(
            self.history,
            partial(list_accounts, self.organizations),
            partial(send_assignments, self.queue, QUEUE),
            self._announce_problems,
            self._audience,
            tuple(self.kinds.values()),
            self.setting,
            REGION,
            QUIET,
            (),
        )
        try:
            with self.faults.running(process):
                result = planner.run(self._context())
                self._raise_violation()
                self._check_problems(result.problems)
                if not process.faults and MEANWHILE not in plan.values():
                    self.oracle.check_announced(self._planned_accounts(), self.list_keys())
                return result, process
        except EXPECTED_ERRORS as error:
            self.oracle.check_text(log_text(error))
        self._raise_violation()
        return None, process

    def _announce_problems(self, changes: Changes) -> None:
        self.oracle.check_text(subject(changes) + message(changes, "stack"))
        self.faults.perform("SNS", partial(self.oracle.announce, changes), {})
        self.counts["problems"] += len(changes.new)
        self.counts["ends of problems"] += len(changes.over)

    def work(self, delivery: Delivery = PROMPT) -> set[str]:
        """Work on all messages that SQS delivers now; return the accounts with a fault."""
        disturbed, plan, again = set[str](), delivery.first, delivery.twice
        while batch := self.queue.receive(delivery.held, delivery.order):
            for number, each in enumerate(batch):
                self.clock.advance(1)
                meanwhile = delivery.meanwhile or partial(self._work_on, each, {}, _nothing)
                is_done = self._work_on(each, {**plan, **delivery.plans.get(each.account, {})}, meanwhile)
                plan = {}
                disturbed |= set() if is_done else {each.account}
                if is_done is None:  # the process died, and with it the rest of its batch
                    disturbed |= {other.account for other in batch[number:]}
                    break
                if is_done and not again:
                    self.queue.delete(each)
            for each in batch if again else ():
                each.visible_at = self.clock.now
            again = False
        return disturbed

    def _work_on(self, message: Message, plan: Plan, meanwhile: Callable[[], object]) -> bool | None:
        """Run the worker with one message.

        Return whether it could do its work, None if its process died.
        """
        assignment, context = parse_assignment(message.body), self._context()
        work = self.oracle.begin_work(context, assignment.account, REGION)
        process, written, depth = (
            Process(plan, lambda: _run(meanwhile), work),
            list[Write](),
            len(self.faults.processes),
        )
        self.counts["works"] += 1
        try:
            with self.faults.running(process):
                result = self._workers[depth].work(assignment, context, NO_DEADLINE, written.extend)
                self._raise_violation()
                self._end_work(process, result, written, assignment.until)
                return work.is_clean
        except EXPECTED_ERRORS as error:
            self._raise_violation()
            self._check_problems([log_text(error)])
            self.oracle.end_poll(work)
            return False
        self._raise_violation()
        self.oracle.end_poll(work)
        self._workers.pop(depth, None)
        return None

    def _end_work(self, process: Process, result: AccountResult, written: Sequence[Write], until: int) -> None:
        now = process.poll.context.now
        require(DUE, not result.dropped or now.timestamp() > until, f"{result} is dropped at {now}")
        polled = result.polled
        if polled:
            self._check_problems(polled.problems)
        account = result.account
        done = polled.done if polled else []
        good = {(f"{account}/{each.region or REGION}", each.kind) for each in done if each.is_good}
        self.oracle.end_work(process, good, written)
        self.oracle.check_metric(process, len(list(ended_tasks(written))))
        self.counts["dropped messages"] += result.dropped

    def _check_problems(self, problems: Sequence[str]) -> None:
        text = str(problems)
        self.oracle.check_text(text)
        require(SETTLED, "please report it" not in text, text)

    def _context(self) -> PollContext:
        return PollContext(SCOPE, self.now, sends_events=EVENT in self.oracle.ways)

    # Checks

    def row_of(self, account: str) -> Row:
        return self.history.rows.get(member_key(account), {})

    def _planned_accounts(self) -> set[str]:
        """Return the accounts that the planner calls active."""
        return {account for account in ACCOUNTS if self.row_of(account).get("status") == ACTIVE}

    def list_keys(self) -> set[ListKey]:
        """Return the lists of the regions that the reporter has found."""
        return {
            (f"{account}/{region}", kind)
            for account in ACCOUNTS
            for region in self._found_regions(account)
            for kind in self.kinds
        }

    def watched_regions(self, account: str) -> Sequence[str]:
        """Return the regions that the setting and the account enable."""
        if not self.setting:
            return REGIONS[:1]
        return self.enabled[account]

    def _found_regions(self, account: str) -> set[str]:
        found = {*str(self.row_of(account).get("regions", "")).split()}
        wanted = {REGION} if self.setting in ((), ALL_REGIONS) and not (found and self.setting) else {*self.setting}
        wanted = found if wanted == {*ALL_REGIONS} else wanted
        return wanted & found if found else wanted

    def _check_due(self, disturbed: Collection[str], before: Mapping[ListKey, ListHistory]) -> None:
        keys = self.list_keys()
        for account in self._planned_accounts() - {*disturbed} - self._was_slow:
            if not self.oracle.may_rest(account, self.began) and not self._was_denied(account):
                own = [key for key in keys if key[0].startswith(account)]
                self.oracle.check_due(own, INTERVALS, self.began, before)
                self.counts["accounts without a fault"] += 1

    def _was_denied(self, account: str) -> bool:
        return self.oracle.denied_at.get(account, self.began) > self.began


class _Client:
    """The recorder's client in one region."""

    def __init__(self, fleet: Fleet, region: str) -> None:
        for name, kind in KINDS.items():
            setattr(self, xform_name(kind.operation), partial(fleet.describe, region, name))
        self.describe_regions = partial(fleet.describe, region, "")

    def can_paginate(self, _operation: str) -> bool:
        return False


def _regions_answer(regions: Sequence[str]) -> dict[str, Any]:
    return {"Regions": [{"RegionName": region} for region in regions]}


def _nothing() -> None:
    pass


def _run(work: Callable[[], object]) -> None:
    work()
