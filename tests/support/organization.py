"""A hub whose worker has a fake STS, EC2 and table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import KINDS
from task_reporter.organization.assignment import Assignment
from task_reporter.organization.call_counter import BEFORE_SEND
from task_reporter.organization.credentials import CurrentCredentials, MemberRoles
from task_reporter.organization.members import Member, member_key, read_roster
from task_reporter.organization.planning import plan, watched_lists
from task_reporter.organization.worker import AccountResult, Worker
from task_reporter.recording.context import PollContext
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline
from tests.support.clock import Clock
from tests.support.dynamodb import Table
from tests.support.inline import INLINE

HUB, ACCOUNT, OTHER = "999999999999", "111111111111", "222222222222"
REGION = "us-east-1"
REGIONS = (
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1",
    "us-east-2", "us-west-1", "us-west-2",
)  # fmt: skip
"""The 17 regions that are enabled for every account."""
SECRET = "s3cret"
QUIET = timedelta(hours=6)
OPERATIONS = {xform_name(kind.operation): kind for kind in KINDS.values()}


def error(code: str, message: str = "no") -> ClientError:
    """Return the error that botocore raises for a service's error ``code``."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "Describe")


SCP_DENIAL = error("UnauthorizedOperation", "with an explicit deny in a service control policy")
DENIAL = error("UnauthorizedOperation", "You are not authorized to perform this operation.")


class Events:
    """The events of a client, which emits one before each request."""

    def __init__(self) -> None:
        self._handlers: set[Callable[[], Any]] = set()

    def register(self, event: str, handler: Callable[[], Any]) -> None:
        assert event == BEFORE_SEND
        self._handlers.add(handler)

    def emit(self) -> None:
        for handler in self._handlers:
            handler()


class Meta(NamedTuple):
    events: Events


class FakeSts:
    """A client that makes keys with the account in their name.

    assumed  the account of each request
    refused  account → error
    """

    def __init__(self, now: Callable[[], Any]) -> None:
        self.assumed: list[str] = []
        self.refused: dict[str, Exception] = {}
        self.meta = Meta(Events())
        self._now = now

    def assume_role(self, RoleArn: str, RoleSessionName: str, ExternalId: str, DurationSeconds: int) -> dict[str, Any]:
        self.meta.events.emit()
        account = RoleArn.split(":")[4]
        self.assumed.append(account)
        if account in self.refused:
            raise self.refused[account]
        expires = self._now() + timedelta(seconds=DurationSeconds)
        keys = {
            "AccessKeyId": f"key-{account}-{len(self.assumed)}",
            "SecretAccessKey": SECRET,
            "SessionToken": SECRET,
        }
        return {"Credentials": keys | {"Expiration": expires.isoformat()}}


class Request(NamedTuple):
    account: str
    region: str
    kind: str
    """The kind of the list; empty for DescribeRegions."""


Answer = Sequence[Mapping[str, Any]] | Exception


@dataclass
class FakeEc2:
    """EC2 in all accounts and regions.

    requests  all requests
    lists     what each list answers: items, or an error; nothing if it is not named
    regions   account → its enabled regions, or an error
    """

    requests: list[Request] = field(default_factory=list)
    lists: dict[Request, Answer] = field(default_factory=dict)
    regions: dict[str, Sequence[str] | Exception] = field(default_factory=dict)
    before: Callable[[Request], None] = lambda request: None
    events: Events = field(default_factory=Events)

    def __call__(self, region: str) -> Any:
        """Return the client of a region."""
        return _Client(self, region)

    def answer(self, region: str, kind: Kind | None) -> dict[str, Any]:
        account = CurrentCredentials().get_frozen_credentials().access_key.split("-")[1]
        request = Request(account, region, kind.name if kind else "")
        self.requests.append(request)
        self.events.emit()
        self.before(request)
        if kind is None:
            enabled = self.regions.get(account, REGIONS)
            return {"Regions": [{"RegionName": name} for name in _raised(enabled)]}
        found = re.search(r"\w+", kind.projection)
        assert found
        return {found[0]: list(_raised(self.lists.get(request, ())))}

    def refuse(self, account: str, region: str, refusal: Exception, kinds: Sequence[str] = tuple(KINDS)) -> None:
        self.lists |= {Request(account, region, kind): refusal for kind in kinds}

    def take_requests(self) -> Counter[str]:
        """Return the numbers of requests since the last call.

        They are by region, those of DescribeRegions by an empty text.
        """
        taken = Counter(request.region if request.kind else "" for request in self.requests)
        self.requests.clear()
        return taken


def _raised(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


@dataclass(frozen=True)
class _Client:
    ec2: FakeEc2
    region: str

    @property
    def meta(self) -> Meta:
        return Meta(self.ec2.events)

    def can_paginate(self, _operation: str) -> bool:
        return False

    def __getattr__(self, operation: str) -> Any:
        kind = None if operation == "describe_regions" else OPERATIONS[operation]
        return partial(self.ec2.answer, self.region, kind)


class Hub:
    """The worker of a hub, and rounds that plan and work without a queue."""

    def __init__(
        self,
        *rows: Row,
        setting: Sequence[str] = ("all",),
        pool: Executor = INLINE,
        seconds: Callable[[], float] = lambda: 0,
    ) -> None:
        self.clock = Clock()
        self.table = Table(*rows)
        self.sts, self.ec2, self.setting = FakeSts(self.clock), FakeEc2(), setting
        own = ReadOnlyCredentials(f"key-{HUB}-0", SECRET, SECRET)
        arn = "arn:aws:iam::{}:role/ec2-task-reporter-member".format
        self.roles = MemberRoles(self.sts, arn, "external", HUB, lambda: own, self.clock)
        self.worker = Worker(self.table, self.roles, self.ec2, dict(KINDS), setting, REGION, QUIET, pool, seconds)

    @property
    def poll(self) -> PollContext:
        return PollContext(f"{HUB}/{REGION}", self.clock.now)

    @property
    def members(self) -> dict[str, Member]:
        """The members, with the lists that are watched."""
        members, _ = read_roster(self.table)
        for member in members.values():
            member.lists = watched_lists(member, tuple(KINDS.values()), self.setting, REGION)
        return members

    def join(self, *accounts: str) -> None:
        """Add active accounts to the roster."""
        for account in accounts:
            self.table.put(
                {"scope": "roster", "task_id": account, "status": "ACTIVE", "joined_at": "2026-11-01T00:00:00.000Z"}
            )

    def row(self, account: str = ACCOUNT) -> Row:
        return self.table.rows[member_key(account)]

    def work(
        self,
        due: Mapping[str, Sequence[str]] | None = None,
        account: str = ACCOUNT,
        find_regions: bool = False,
        deadline: Deadline = NO_DEADLINE,
        **more: Any,
    ) -> AccountResult:
        """Carry out one assignment of the present round."""
        now = int(self.clock.now.timestamp())
        lists = {region: tuple(kinds) for region, kinds in (due or {}).items()}
        assignment = replace(Assignment(now, now + 360, account, lists, find_regions), **more)
        return self.worker.work(assignment, self.poll, deadline)

    def plan(self) -> list[Assignment]:
        members, kinds = self.members.values(), tuple(KINDS.values())
        return [each for each, _ in plan(members, kinds, self.setting, REGION, QUIET, self.clock.now)]

    def round(self, minutes: float = 0) -> dict[str, AccountResult]:
        """Plan and carry out a round so many ``minutes`` after the last one."""
        self.clock.forward(minutes)
        return {each.account: self.worker.work(each, self.poll, NO_DEADLINE) for each in self.plan()}
