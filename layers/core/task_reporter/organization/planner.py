"""One round of the planner: accounts, assignments, announcements, redriving."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from task_reporter.aws.failures import describe
from task_reporter.aws.request_limits import COUNT_SUBSCRIBERS, SEND_ASSIGNMENTS
from task_reporter.aws.subscribers import Audience
from task_reporter.errors import AssignmentsNotSentError
from task_reporter.history.backlog import Backlog, query_awaiting
from task_reporter.history.rows import AWAITING_NOTIFICATION, AWAITING_OUTCOME, Row
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.kind import Kind
from task_reporter.organization.assignment import Assignment
from task_reporter.organization.directory import ALL_ACCOUNTS
from task_reporter.organization.members import (
    ACTIVE,
    NAMES_KEY,
    Account,
    Member,
    announced_write,
    membership_writes,
    names_write,
    organization_write,
    read_roster,
)
from task_reporter.organization.overdue import OverdueScope, overdue_scopes
from task_reporter.organization.planning import DEFAULT_ROUND, plan, round_length, watched_lists
from task_reporter.organization.problems import Changes, find_changes, problems_of
from task_reporter.recording.context import PollContext
from task_reporter.recording.missing import unreachable_writes
from task_reporter.recording.poll_lists import PollResult, is_unheard, redrive_waiting
from task_reporter.recording.roster import UNHEARD_SINCE
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline
from task_reporter.times import seconds_since, to_text

ACCOUNTS_AGE = timedelta(minutes=55)
"""Time until the accounts are listed again; new ones are found within an hour."""
FINISHING_SECONDS = 90
"""Time reserved for announcing, counting and redriving while assignments are sent."""
LATER_STEPS_SECONDS = FINISHING_SECONDS + 30
"""Time reserved for the rest of a round while accounts are listed.

Thousands of accounts are hundreds of pages. A round that ended there would send no assignment, and so would the next.
"""
MAX_ENTRIES = 10
"""Messages in one request.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""
MAX_FAILURES = 3
"""Failed requests in a row after which the others are not tried.

The other steps of the round need the time.
"""


@dataclass(slots=True)
class RoundResult(PollResult):
    """The result of one round.

    It has no lists. The fields about waiting rows are as in a poll.
    """

    members: dict[str, Member] = field(default_factory=dict)
    sent: int = 0
    """Assignments that were sent."""
    lists_due: int = 0
    """Lists in them; those of an account's first round are not known yet."""
    overdue: list[OverdueScope] = field(default_factory=list)
    """Scopes of which a list was not read for too long."""
    changes: Changes = field(default_factory=Changes)
    """The problems that were announced."""

    @property
    def is_good(self) -> bool:
        """True if everything was done."""
        return not self.problems


@dataclass(slots=True)
class Planner:
    """Plans rounds. All functions that talk to AWS are arguments."""

    history: HistoryTable
    list_accounts: Callable[[], list[Account]]
    send: Callable[[Sequence[tuple[Assignment, int]]], int]
    """Sends assignments with their delays, and returns their number."""
    announce: Callable[[Changes], None]
    """Publishes a message about problems."""
    audience: Callable[[], Audience]
    kinds: Sequence[Kind]
    regions: Sequence[str]
    own_region: str
    quiet: timedelta
    accepted: Sequence[str]
    """Patterns of scopes whose problems are expected."""
    every: timedelta | None = None
    """Time between two rounds by the schedule.

    None where the schedule is no rate. Then the time between the last two rounds counts.
    """
    selection: str = ALL_ACCOUNTS
    """Names the selected accounts: they are listed again when it changes."""

    def run(self, poll: PollContext, deadline: Deadline = NO_DEADLINE) -> RoundResult:
        """Carry out the round that begins at ``poll.now``.

        A step that fails does not affect the others. Raises botocore's errors where the roster can't be read.
        """
        members, own = read_roster(self.history, deadline)
        result = RoundResult(0, members=members)
        news: Row = {"round_at": to_text(poll.now)}
        is_due, listing = self._accounts_are_due(own, members, poll), deadline.reserve(LATER_STEPS_SECONDS)
        if is_due and result.attempt("accounts", partial(self._update_members, members, poll, listing)):
            news["accounts_at"] = to_text(poll.now)
            if self.selection != own.get("selection", ALL_ACCOUNTS):
                news["selection"] = self.selection
        for member in members.values():
            member.lists = watched_lists(member, self.kinds, self.regions, self.own_region)
        length = round_length(Member("", own).epoch("round_at"), poll.now)
        result.attempt("assignments", partial(self._send, result, poll, self.every or length))
        result.attempt("problems", partial(self._announce, result, deadline))
        result.attempt("overdue", partial(self._find_overdue, result, poll, length))
        self._redrive(result, own, news, poll, deadline)
        result.attempt("roster", partial(self.history.apply, [organization_write(own, news)], deadline))
        return result

    def _accounts_are_due(self, own: Row, members: dict[str, Member], poll: PollContext) -> bool:
        ago = seconds_since(str(own.get("accounts_at", "")), poll.now)
        if own.get("selection", ALL_ACCOUNTS) != self.selection:
            return True
        return ago is None or not 0 <= ago < ACCOUNTS_AGE.total_seconds() or not members

    def _update_members(self, members: dict[str, Member], poll: PollContext, deadline: Deadline) -> bool:
        """Update the roster, and return True.

        The tasks of accounts that are not active any more are marked first: a failure is then tried again.
        """
        changes = membership_writes(members, self.list_accounts(), poll.now)
        if inactive := {member.account for member, _ in changes if member.status != ACTIVE}:
            running = query_awaiting(self.history, None, AWAITING_OUTCOME, deadline)
            self.history.apply(list(unreachable_writes(running, inactive, poll.now)), deadline)
        self.history.apply([write for _, write in changes], deadline)
        members |= {member.account: member for member, _ in changes}
        write = names_write(members.values(), self.history.read([NAMES_KEY], deadline).get(NAMES_KEY))
        self.history.apply([write] if write else [], deadline)
        return True

    def _send(self, result: RoundResult, poll: PollContext, length: timedelta) -> None:
        """Send the assignments, and note their numbers."""
        members = result.members.values()
        planned = plan(members, self.kinds, self.regions, self.own_region, self.quiet, poll.now, length)
        result.lists_due = sum(len(kinds) for assignment, _ in planned for kinds in assignment.due.values())
        try:
            result.sent = self.send(planned)
        except AssignmentsNotSentError as error:
            result.sent = error.sent
            raise

    def _announce(self, result: RoundResult, deadline: Deadline) -> None:
        """Publish first and mark then, so that a failure loses nothing."""
        changes = result.changes = find_changes(result.members.values(), self.accepted)
        if changes:
            self.announce(changes)
        writes = [announced_write(result.members[account], after) for account, after in changes.announced.items()]
        self.history.apply(writes, deadline.reserve(COUNT_SUBSCRIBERS.max_seconds))

    def _find_overdue(self, result: RoundResult, poll: PollContext, length: timedelta) -> None:
        # A round that is tried again, or that somebody starts, comes soon after the last one.
        every = max(length, self.every or DEFAULT_ROUND, DEFAULT_ROUND)
        result.overdue = overdue_scopes(result.members.values(), self.kinds, self.quiet, poll.now, every)

    def _redrive(self, result: RoundResult, own: Row, news: Row, poll: PollContext, deadline: Deadline) -> None:
        """Redrive the rows of all accounts."""
        result.audience, result.waited = self.audience(), UNHEARD_SINCE in own
        find = partial(query_awaiting, self.history, None, AWAITING_NOTIFICATION, deadline)
        result.backlog = Backlog([], result.attempt("history", find) or [])
        if is_unheard(result.waited, result.audience, lambda: result.backlog, poll):
            news[UNHEARD_SINCE] = own.get(UNHEARD_SINCE, to_text(poll.now))
        redrive_waiting(result, self.history, poll, deadline)


def send_assignments(
    sqs: Any, queue: str, planned: Sequence[tuple[Assignment, int]], deadline: Deadline = NO_DEADLINE
) -> int:
    """Send ``planned`` to the queue; return their number.

    Raises AssignmentsNotSentError after all requests, where SQS did not take some, or ``deadline`` left no time for
    them: the next round sends them again.
    """
    failed, in_a_row = list[str](), 0
    for start in range(0, len(planned), MAX_ENTRIES):
        if in_a_row == MAX_FAILURES:
            failed += [f"{assignment.account}: not tried" for assignment, _ in planned[start:]]
            break
        entries = [
            {"Id": assignment.account, "MessageBody": assignment.to_message(), "DelaySeconds": delay}
            for assignment, delay in planned[start : start + MAX_ENTRIES]
        ]
        try:
            deadline.check("sending assignments", SEND_ASSIGNMENTS.max_seconds)
            answer = sqs.send_message_batch(QueueUrl=queue, Entries=entries)
            failed += [f"{entry.get('Id')}: {entry.get('Code')}" for entry in answer.get("Failed", [])]
            in_a_row = 0
        except Exception as error:  # each batch stands alone
            failed += [f"{entry['Id']}: {describe(error)}" for entry in entries]
            in_a_row += 1
    if failed:
        raise AssignmentsNotSentError(failed, len(planned) - len(failed))
    return len(planned)


def count_states(members: Sequence[Member], accepted: Sequence[str]) -> tuple[int, int, int]:
    """Return the numbers of active accounts, readable scopes and unaccepted problems."""
    active = [member for member in members if member.status == ACTIVE]
    problems = sum(len(problems_of(member, accepted)) for member in members)
    readable = sum(
        any(record.at and not record.unreadable for record in kinds.values())
        for member in active
        if not member.unreadable
        for kinds in member.lists.values()
    )
    return len(active), readable, problems
