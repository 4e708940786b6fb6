"""The test oracle of a history: evidence of polls and notices, and the invariants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from math import inf

from task_reporter.history.rows import AWAITING_NOTIFICATION, EVENT_SENT_AT, NOTIFIED_AT, ROSTER_SCOPE, Key, Row
from task_reporter.kinds.kind import COMPLETE, LOST
from task_reporter.recording.context import PollContext
from task_reporter.recording.roster import ListRecord, parse_lists
from task_reporter.recording.transitions import LATE_CODE_LIMIT, MAX_CLOCK_SKEW
from task_reporter.times import parse, to_text
from tests.campaigns.lives.ec2 import Listed, ListKey, Task, TaskList
from tests.campaigns.lives.faults import MEANWHILE, FaultInjector, Process
from tests.campaigns.lives.forms import PHASE, SECRET
from tests.campaigns.runner import ViolationError, require
from tests.support.dynamodb import Change

RECORDED = "1 recorded: a task that a poll saw ended has its row and the right outcome"
ANNOUNCED = "2 announced: every outcome has its notice and its event"
ONCE = "3 once: a message is repeated only where its own mark could not follow"
SETTLED = "4 settled: nothing waits forever, and nothing is lost too soon"
CONFIDENTIAL = "5 confidential: no secret leaves the answer of EC2"
QUIET = "6 quiet: no news, no write"
ROSTER = "7 roster: only good polls move it"
APART = "8 apart: a region's fault affects no other"

NOTICE, EVENT = "SNS", "EventBridge"
"""The ways out, by their service."""
MARKS = {NOTICE: NOTIFIED_AT, EVENT: EVENT_SENT_AT}

Pair = tuple[str, str]
"""Task and outcome."""


@dataclass
class PollRecord:
    """One poll: its answers, the numbers of its first and last event, its success."""

    context: PollContext
    began: int
    watched: set[ListKey]
    """The lists that the poll asks for."""
    lists: dict[ListKey, TaskList] = field(default_factory=dict)
    """The good answers."""
    ended: float = inf
    good: Set[ListKey] = frozenset()
    """The lists that the poll reports as recorded completely."""

    @property
    def answer(self) -> TaskList | None:
        """The tasks in all good answers, None without any."""
        return {name: task for tasks in self.lists.values() for name, task in tasks.items()} if self.lists else None

    def lacks(self, task: Task) -> bool:
        """Tell whether a good answer neither has nor supersedes the task."""
        return task.list_key in self.lists and not any(map(task.is_or_precedes, self.lists[task.list_key]))


@dataclass
class MessageRecord:
    """The last accepted notice or event of one outcome: its process and its request."""

    way: str
    process: Process
    request: int
    marked: bool = False

    @property
    def is_excused(self) -> bool:
        """Tell whether a fault with or after this message prevented its mark.

        A fault of the other way out is no excuse, unless the process died of it.
        """
        return any(
            number >= self.request and (service in (self.way, "DynamoDB") or action.startswith("killed"))
            for number, service, action in self.process.faults
        )


@dataclass
class Oracle:
    """Checks every write, notice and answer of one history."""

    faults: FaultInjector
    tasks: Callable[[], dict[str, Task]]
    """Returns the true state of all tasks."""
    rows: dict[Key, Row]
    ways: tuple[str, ...] = (NOTICE,)
    """The ways out that the stack has."""
    polls: list[PollRecord] = field(default_factory=list)
    messages: dict[tuple[str, Pair], MessageRecord] = field(default_factory=dict)
    repeats: int = 0
    was_cancelling: set[str] = field(default_factory=set)
    clock_was_set: bool = False
    """True if times may go back."""
    violation: ViolationError | None = None
    order: count[int] = field(default_factory=count)

    def begin_poll(self, context: PollContext, watched: set[ListKey]) -> PollRecord:
        self.polls.append(PollRecord(context, next(self.order), watched))
        return self.polls[-1]

    def end_poll(self, poll: PollRecord, good: Set[ListKey] = frozenset()) -> None:
        """End a poll, which may have been killed.

        ``good`` are the lists that it reports as recorded completely.
        """
        poll.ended, poll.good = next(self.order), good
        require(ROSTER, good <= poll.lists.keys(), "a list without a good answer is called good")

    def check_apart(self, process: Process) -> None:
        """Check that a poll in which nothing but lists failed has recorded all others."""
        poll: PollRecord = process.poll
        if all(service == "EC2" for _, service, _ in process.faults) and MEANWHILE not in process.plan.values():
            lacking = poll.lists.keys() - poll.good
            require(APART, not lacking, f"{lacking} are not recorded, and {process.faults} are faults of other lists")

    def check_metric(self, process: Process, count: int) -> None:
        """Compare the number of ended tasks in a poll's metrics with its writes."""
        is_right = process.uncertain or count == process.ended_tasks
        require(ANNOUNCED, is_right, f"a poll recorded {process.ended_tasks} ends, and counted {count}")

    def check_text(self, text: str) -> None:
        require(CONFIDENTIAL, SECRET not in text, text)

    @contextmanager
    def remember_violation(self) -> Iterator[None]:
        """Remember a violation that the package takes for a service's failure."""
        try:
            yield
        except ViolationError as violation:
            self.violation = self.violation or violation
            raise

    # Notices and events

    def accept(self, way: str, text: str, pairs: list[Pair]) -> None:
        """Check a message about ``pairs`` that a service has accepted."""
        with self.remember_violation():
            process = self.faults.process
            if way == NOTICE:
                require(ANNOUNCED, process.asked_sns, "a notice was sent, maybe to nobody")
                require(ANNOUNCED, not process.must_wait, "a notice was sent to nobody")
            self.check_text(text)
            self.faults.counts["notices" if way == NOTICE else "events"] += 1
            for pair in pairs:
                if before := self.messages.get((way, pair)):
                    require(ONCE, not before.marked, f"{pair} is sent to {way} again although it is marked")
                    require(ONCE, before.is_excused, f"{pair} is sent to {way} again although its mark could follow")
                    self.repeats += 1
                self.messages[way, pair] = MessageRecord(way, process, process.requests)

    # Writes

    def watch(self, change: Change) -> None:
        """Check a write of a function; other programs write while no function runs."""
        if self.faults.processes:
            with self.remember_violation():
                self._check_write(change)

    def _check_write(self, change: Change) -> None:
        task_id, before, after = change.key.task_id, change.before or {}, change.after or {}
        self.check_text(repr(after))
        if change.key.scope == ROSTER_SCOPE:
            self._check_roster(change)
            return
        if self.faults.process.poll:
            require(QUIET, change.before != change.after, f"{task_id} is written although nothing is new")
            redriven = before and after.get("redriven_at") != before.get("redriven_at")
            needs_event = EVENT in self.ways and EVENT_SENT_AT not in before
            must_wait = redriven and self.faults.process.must_wait and not needs_event
            require(QUIET, not must_wait, f"{task_id} is sent again although nobody listens")
        if before:
            require(RECORDED, before.get("first_seen_at") == after.get("first_seen_at"), f"{before} is replaced")
        require(RECORDED, PHASE not in repr(after), f"{after} has the phase of a running task")
        if task := self.tasks().get(task_id):
            require(APART, change.key.scope == task.scope, f"{task} is recorded in {change.key.scope}")
            self.was_cancelling |= {task_id} if after.get("state") == task.kind.cancelling_state else set()
        is_kept = before.get("outcome") in (None, LOST, after.get("outcome"))
        require(RECORDED, is_kept, f"{task_id} was {before.get('outcome')}, is {after.get('outcome')}")
        if "outcome" in after and after["outcome"] != before.get("outcome"):
            self._check_end(task_id, before, after)
        if before.get("awaiting") == AWAITING_NOTIFICATION:
            self._check_marks(task_id, before, after)

    def _check_marks(self, task_id: str, before: Row, after: Row) -> None:
        """Check that each new mark follows its message.

        At the end no needed mark is missing.
        """
        pair = task_id, str(before.get("outcome"))
        for way in self.ways:
            if after.get(MARKS[way]) not in (None, before.get(MARKS[way])):
                require(ANNOUNCED, (way, pair) in self.messages, f"{pair} is marked and was not sent to {way}")
                self.messages[way, pair].marked = True
            is_right = "awaiting" in after or MARKS[way] in after
            require(ANNOUNCED, is_right, f"{pair} awaits nothing, and has no mark of {way}")

    def _check_roster(self, change: Change) -> None:
        poll, polled_at = self.faults.process.poll, str((change.after or {}).get("polled_at"))
        require(ROSTER, poll is not None and poll.answer is not None, "it moves without a good answer")
        require(ROSTER, polled_at == to_text(poll.context.now), f"it is set to {polled_at}")
        self._check_moved_lists(change, poll)
        if change.before and not self.clock_was_set:
            require(ROSTER, polled_at >= str(change.before["polled_at"]), f"it goes back to {polled_at}")

    def _check_moved_lists(self, change: Change, poll: PollRecord) -> Set[ListKey]:
        """Check the lists that count as read now, and return them."""
        account, now = poll.context.scope.partition("/")[0], int(poll.context.now.timestamp())
        before, after = (records_of(row, account) for row in (change.before, change.after))
        moved = {key for key, record in after.items() if record.at == now != before.get(key, ListRecord()).at}
        require(ROSTER, moved <= poll.lists.keys(), f"{moved} move without a good answer")
        is_whole = moved == poll.watched
        require(ROSTER, not (self.faults.process.refused and is_whole), "all lists move although a row was refused")
        forgotten = [key for key in before.keys() - moved if after.get(key, ListRecord()).at != before[key].at]
        require(APART, not forgotten, f"{forgotten} are forgotten")
        listed = {Key(key[0], task_id): task for key in moved for task_id, task in poll.lists[key].items()}
        missing = [key for key in listed if key not in self.rows]
        require(ROSTER, not missing, f"it moves although {missing} were not recorded")
        running = [key for key, task in listed.items() if self._is_behind(key, task)]
        require(ROSTER, not running, f"it moves although the end of {running} was not recorded")
        return moved

    def _is_behind(self, key: Key, listed: Listed) -> bool:
        """Tell whether a task is listed as ended while its row is running."""
        row, endings = self.rows[key], self.tasks()[key.task_id].kind.endings
        return listed.has_ended and "outcome" not in row and row["state"] not in endings

    def _check_end(self, task_id: str, before: Row, after: Row) -> None:
        self.faults.process.ended_tasks += 1
        task, outcome = self.tasks()[task_id], after["outcome"]
        self.faults.counts["lost and found" if before.get("outcome") else str(outcome)] += 1
        awaits = after.get("awaiting") == AWAITING_NOTIFICATION
        require(ANNOUNCED, awaits, f"{task} ended and awaits no notification")
        require(ANNOUNCED, "notified_at" not in after, f"{task} ended anew and counts as announced")
        if outcome == LOST:
            self._check_loss(task)
        elif self._is_decided(task, before):
            require(RECORDED, outcome == task.outcome, f"{task} is recorded as {outcome}")
        else:
            self._check_missing_reason(task, before, after)

    def _is_decided(self, task: Task, before: Row) -> bool:
        """Tell whether a poll could know the outcome, without or with EC2's reason."""
        listed = self._listed(task)
        has_reason = {"error_code", "error_message"} & before.keys() or (listed and listed.reason)
        shows_outcome = task.outcome == COMPLETE or not task.form.reasons or task.task_id in self.was_cancelling
        return shows_outcome or bool(has_reason)

    def _check_missing_reason(self, task: Task, before: Row, after: Row) -> None:
        """Require that a poll waited for the reason before it used the kind's outcome."""
        outcome, listed, now = after["outcome"], self._listed(task), self.faults.process.poll.context.now
        require(RECORDED, outcome == task.kind.without_reason, f"{task} is recorded as {outcome} without a reason")
        since = listed and listed.updated
        if not since:
            since = str(before["updated_at"]) if before.get("state") in task.kind.endings else to_text(now)
        times = (parse(time) for time in (since, str(after["first_seen_at"])))
        waited = next((now - time for time in times if time <= now + MAX_CLOCK_SKEW), LATE_CODE_LIMIT)
        require(RECORDED, waited >= LATE_CODE_LIMIT, f"{task} is recorded as {outcome} after only {waited}")

    def _listed(self, task: Task) -> Listed | None:
        """Return the task as the running poll's answer lists it."""
        poll: PollRecord = self.faults.process.poll
        return (poll.answer or {}).get(task.task_id)

    def _check_loss(self, task: Task) -> None:
        """Require two good answers without the task, far enough apart.

        No poll may have recorded the task between them.
        """
        last: PollRecord = self.faults.process.poll
        require(SETTLED, last.lacks(task), f"{task} is lost, but listed")
        is_missing = any(self._is_missing_between(task, first, last) for first in self.polls)
        require(SETTLED, is_missing, f"{task} is lost too soon")

    def _is_missing_between(self, task: Task, first: PollRecord, last: PollRecord) -> bool:
        if first is last or not first.lacks(task):
            return False
        between = (poll for poll in self.polls if poll.began > first.ended and poll.ended < last.began)
        listed = any(task.task_id in poll.lists[task.list_key] for poll in between if task.list_key in poll.good)
        return not listed and last.context.now - first.context.now >= last.context.lost_after


def records_of(row: Row | None, account: str) -> dict[ListKey, ListRecord]:
    """Return all lists of a roster row."""
    regions = parse_lists(row).items()
    return {(f"{account}/{region}", kind): record for region, kinds in regions for kind, record in kinds.items()}
