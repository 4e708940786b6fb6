"""The recorder's work in one account of the organization."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError

from task_reporter.aws.failures import EXPECTED_ERRORS, code_of
from task_reporter.aws.regions import list_enabled_regions
from task_reporter.aws.request_limits import LIST_MEMBER_TASKS
from task_reporter.errors import NoRoleError
from task_reporter.history.rows import REGION, Row
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.kind import Kind
from task_reporter.organization.account_table import AccountTable
from task_reporter.organization.assignment import Assignment
from task_reporter.organization.call_counter import CallCounter
from task_reporter.organization.credentials import EXPIRED_CODES, REVOKED_CODES, MemberRoles, as_member
from task_reporter.organization.due import interval
from task_reporter.organization.members import member_key, without_role_write
from task_reporter.organization.regions import select_regions
from task_reporter.recording.context import PollContext
from task_reporter.recording.poll_lists import PollResult, poll_lists, read_list
from task_reporter.recording.projection import ProjectedTasks
from task_reporter.recording.recorder import OnWritten, WatchedList
from task_reporter.recording.roster import DIGEST, DIGEST_AT, DIGEST_DUE, DIGEST_LATER, SLOW_SINCE
from task_reporter.recording.unreadable import NO_ROLE, THROTTLED, lasting_reason, member_reason
from task_reporter.runtime.deadline import Deadline
from task_reporter.times import to_text

Result = TypeVar("Result")

PROBED_LISTS = 16
"""Number of lists above which one of them is asked first.

Its answer shows if the account is slow.
"""
SLOW_SECONDS = 0.75
"""Time of an answer above which an account is slow.

A first connection takes a part of it.
"""
RECORDING_SECONDS = 60
"""Time reserved for the history when the last list is read."""


@dataclass(frozen=True, slots=True)
class AccountResult:
    """The result of one assignment."""

    account: str
    polled: PollResult | None = None
    """The result of the lists; None if there was nothing to poll."""
    unreadable: str = ""
    """Reason why nothing in the account can be read."""
    dropped: bool = False
    """The assignment belongs to a past round."""


@dataclass(slots=True)
class Worker:
    """Carries out assignments."""

    history: HistoryTable
    roles: MemberRoles
    ec2_in: Callable[[str], Any]
    """Returns the client of a region, which serves all accounts."""
    kinds: Mapping[str, Kind]
    """The kinds that the hub watches, by name."""
    regions: Sequence[str]
    """The setting of the regions to watch."""
    own_region: str
    quiet: timedelta
    """Time between two answers of a quiet list."""
    pool: Executor
    """Threads for the requests to EC2."""
    clock: Callable[[], float] = field(default=time.monotonic)
    calls: CallCounter = field(default_factory=CallCounter)
    """Counts the requests in the accounts, and those for their roles."""

    def work(
        self,
        assignment: Assignment,
        poll: PollContext,
        deadline: Deadline,
        on_written: OnWritten = lambda written: None,
    ) -> AccountResult:
        """Ask the lists that are due, and record what they answer.

        ``poll`` has the limits and the time. Raises botocore's errors where the role or the history does not answer.
        """
        account = assignment.account
        if poll.now.timestamp() > assignment.until:
            return AccountResult(account, dropped=True)
        poll = replace(poll, scope=f"{account}/{self.own_region}", member=True, account_name=assignment.name)
        table = AccountTable(self.history, account)
        try:
            credentials = self.roles.credentials(account)
        except NoRoleError:
            key = member_key(account)
            table.apply([without_role_write(account, table.read([key], deadline).get(key), poll)], deadline)
            return AccountResult(account, unreadable=NO_ROLE)
        reader = _Reader(self.roles, account, credentials, deadline.reserve(RECORDING_SECONDS))
        enabled, is_answered = self._find_regions(reader) if assignment.find_regions else ((), False)
        lists = self._lists(assignment, enabled, poll, reader)
        slow = assignment.slow
        if len(lists) > PROBED_LISTS:
            lists, slow = self._probe(lists, assignment.slow)

        def roster_attributes(holds_tasks: bool) -> Row:
            now = to_text(poll.now)
            is_complete = assignment.slow or not slow
            found: Row = {"regions": " ".join(enabled)} if enabled else {}
            found |= {DIGEST: DIGEST_DUE if is_complete else DIGEST_LATER, DIGEST_AT: now} if holds_tasks else {}
            return found | ({"regions_at": now} if is_answered else {}) | ({SLOW_SINCE: now} if slow else {})

        polled = poll_lists(
            lists, table, poll, self.pool, deadline, on_written=on_written, roster_attributes=roster_attributes
        )
        return AccountResult(account, polled)

    def _probe(self, lists: Sequence[WatchedList], patient: bool) -> tuple[list[WatchedList], bool]:
        """Return the lists of this round, and whether the account is slow.

        A slow account would hold up the others. Unless the round is ``patient``, it is asked only what was asked now,
        and gets the time that it needs in a later round. The first answer may be late because of a new connection.
        """
        probed = _two_of_one_region_first(lists)
        for number in range(2):
            probed[number], slow = self._ask_now(probed[number])
            if not slow:
                return probed, False
        return probed if patient else probed[:2], True

    def _ask_now(self, first: WatchedList) -> tuple[WatchedList, bool]:
        """Ask a list, and tell whether its answer was slow."""
        started, throttled = self.clock(), False
        answer: Future[ProjectedTasks] = Future()
        try:
            answer.set_result(first.read())
        except Exception as error:  # it is the answer of this list, as in the pool
            answer.set_exception(error)
            throttled = member_reason(error) == THROTTLED
        return replace(first, read=answer.result), throttled or self.clock() - started > SLOW_SECONDS

    def _find_regions(self, reader: "_Reader") -> tuple[Sequence[str], bool]:
        """Return the enabled regions of the account, and if EC2 answered.

        A denial is an answer: it is an event in the account's trail, so EC2 is asked again a day later.
        """
        try:
            regions = reader.call(partial(list_enabled_regions, self.ec2_in(self.own_region)))
        except EXPECTED_ERRORS as error:
            return (), bool(lasting_reason(error))
        return [region for region in regions if REGION.fullmatch(region)], True

    def _lists(
        self, assignment: Assignment, enabled: Sequence[str], poll: PollContext, reader: "_Reader"
    ) -> list[WatchedList]:
        """Return the lists that are due, and all lists of new regions.

        Regions that are disabled now are left out. Regions take turns. The hub's own comes first, because its
        connection is the fastest.
        """
        due = {region: set(kinds) for region, kinds in assignment.due.items()}
        if assignment.find_regions:
            watched = select_regions(self.regions, enabled, self.own_region)
            due = {region: kinds for region, kinds in due.items() if region in watched or not enabled}
            due |= {region: set(self.kinds) for region in watched if region not in due}
        due = dict(sorted(due.items(), key=lambda item: item[0] != self.own_region))
        places = [(region, kinds, self.ec2_in(region)) for region, kinds in due.items() if kinds]
        return [
            WatchedList(kind, self._context(poll, kind, region), partial(reader.read, kind, ec2))
            for kind in self.kinds.values()
            for region, kinds, ec2 in places
            if kind.name in kinds
        ]

    def _context(self, poll: PollContext, kind: Kind, region: str) -> PollContext:
        """Return the context of one list, whose gaps exceed two intervals."""
        silent = max(poll.silent_after, 2 * interval(kind, self.quiet))
        return replace(poll, scope=f"{poll.scope.partition('/')[0]}/{region}", silent_after=silent)


def _two_of_one_region_first(lists: Sequence[WatchedList]) -> list[WatchedList]:
    """Put two lists of the first region in front, which share a connection."""
    nearest = [each for each in lists if each.poll.scope == lists[0].poll.scope][:2]
    return nearest + [each for each in lists if all(each is not other for other in nearest)]


class _Reader:
    """Calls EC2 with the credentials of one account.

    They are renewed once if EC2 calls them expired, or does not know them: the role may have been made anew.
    """

    def __init__(self, roles: MemberRoles, account: str, credentials: ReadOnlyCredentials, deadline: Deadline) -> None:
        self._roles, self._account, self._deadline = roles, account, deadline
        self._first = self._credentials = credentials

    def read(self, kind: Kind, ec2: Any) -> ProjectedTasks:
        """Return the tasks of one list."""
        return self.call(partial(read_list, kind, ec2, self._deadline, LIST_MEMBER_TASKS))

    def call(self, work: Callable[[], Result]) -> Result:
        """Return the result of ``work`` in the account."""
        used = self._credentials
        try:
            return as_member(used, work)
        except ClientError as error:
            if not (code_of(error) in EXPIRED_CODES or (code_of(error) in REVOKED_CODES and used is self._first)):
                raise
        self._credentials = self._roles.renewed(self._account, used)
        return as_member(self._credentials, work)
