"""Poll lists side by side, record the news at once, redrive rows."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, TypeVar

from task_reporter.aws.failures import describe
from task_reporter.aws.lists import list_pages
from task_reporter.aws.request_limits import LIST_TASKS, RequestLimits
from task_reporter.aws.subscribers import Audience
from task_reporter.errors import HistoryError, PollError
from task_reporter.history.backlog import Backlog, start_reading_backlog
from task_reporter.history.rows import (
    AWAITING_NOTIFICATION,
    AWAITING_OUTCOME,
    EVENT_SENT_AT,
    ROSTER_SCOPE,
    Row,
    account_and_region,
    common_scope,
)
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Update
from task_reporter.kinds.kind import Kind
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ListResult
from task_reporter.recording.projection import ProjectedTasks, project
from task_reporter.recording.recorder import ListPoll, OnWritten, Recorder, WatchedList
from task_reporter.recording.redrive import MAX_ROWS_PER_POLL, due, lacking, redrive_writes
from task_reporter.recording.roster import (
    DIGEST,
    DIGEST_LATER,
    UNHEARD_SINCE,
    Lists,
    blind_seconds,
    parse_lists,
    read_record,
    record_of,
    roster_key,
    roster_write,
    unreadable_record,
)
from task_reporter.recording.unreadable import lasting_reason, member_reason
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline

Result = TypeVar("Result")


@dataclass(slots=True)
class PollResult:
    """The result of polling some lists."""

    asked: int
    """Number of lists that were to be read."""
    backlog: Backlog = field(default_factory=Backlog)
    """The unfinished rows before this poll."""
    done: list[ListResult] = field(default_factory=list)
    """Results of the lists that were read, or are unreadable."""
    redriven: int = 0
    """Rows that were redriven."""
    blind_seconds: int = 0
    """Longest gap before this poll that could hide a whole task."""
    audience: Audience = field(default_factory=Audience)
    """The subscribers of the topic."""
    waited: bool = False
    """Notices waited for a subscriber before this poll, by the roster."""
    problems: list[str] = field(default_factory=list)
    lists_are_missing: bool = False
    """The poll did not know of all lists."""

    @property
    def good(self) -> list[str]:
        """The lists whose answer was well-formed and was recorded completely."""
        return [result.name for result in self.done if result.is_good]

    @property
    def unreadable(self) -> dict[str, str]:
        """List → reason, for the lists that can't be read."""
        return {result.name: result.unreadable for result in self.done if result.unreadable}

    @property
    def is_good(self) -> bool:
        """True if every list was recorded or is unreadable, and one was recorded."""
        complete = len(self.good) + len(self.unreadable) == self.asked
        return bool(self.good) and complete and not self.lists_are_missing

    @property
    def still_waiting(self) -> bool:
        """Tell whether notices wait for a subscriber, by SNS or by the roster.

        The roster decides where SNS does not answer.
        """
        return self.audience.must_wait or (self.audience.confirmed is None and self.waited)

    def miss_lists(self, problem: str) -> None:
        """Note that the poll did not know of all lists, and why."""
        self.lists_are_missing = True
        self.problems.append(problem)

    def attempt(self, name: str, work: Callable[[], Result]) -> Result | None:
        """Return the result of ``work``, or None and an added problem."""
        try:
            return work()
        except Exception as error:  # no failure may cost anything else that this poll does
            self.problems.append(f"{name}: {describe(error)}")
            return None

    def summary(self) -> dict[str, Any]:
        """Return the poll's numbers by list.

        Raises PollError where there are problems, so that Lambda sees the failure.
        """
        if self.problems:
            raise PollError(self.problems)
        return {result.name: result.summary() for result in self.done}


def poll_lists(
    lists: Sequence[WatchedList],
    history: HistoryTable,
    poll: PollContext,
    pool: Executor,
    deadline: Deadline = NO_DEADLINE,
    audience: Callable[[], Audience] = Audience,
    on_written: OnWritten = lambda written: None,
    roster_attributes: Callable[[bool], Row] = lambda holds_tasks: {},
) -> PollResult:
    """Poll ``lists``, which are lists of one account.

    A list that fails does not affect the others. The lists and the backlog are read in ``pool`` at the same time.
    ``audience`` returns the subscribers of the topic. ``on_written`` receives the writes of tasks as soon as they are
    made. ``roster_attributes`` returns further attributes of the roster row, when all lists are read. Its argument
    tells whether this poll, or a former one of a slow account, has recorded tasks that are held for its digest.
    """
    result = PollResult(len(lists))
    scope, states = (
        common_scope([each.poll.scope for each in lists] or [poll.scope]),
        (AWAITING_OUTCOME, AWAITING_NOTIFICATION),
    )
    read_backlog = start_reading_backlog(history, scope, pool, deadline, states[:1] if poll.member else states)
    answers = [pool.submit(each.read) for each in lists]

    @cache
    def backlog() -> Backlog:
        return result.attempt("history", read_backlog) or Backlog()

    pairs = zip(lists, answers, strict=True)
    polls = [ListPoll(each, answer.exception() or answer.result(), poll.scope) for each, answer in pairs]
    read = [each for each in polls if each.result.error is None]
    for each in polls:
        if error := each.result.error:
            each.result.unreadable = _reason(each, error, read)
            if not each.result.unreadable:
                result.problems.append(f"{each.result.name}: {describe(error)}")
    recorder = Recorder(history, poll, deadline, on_written)
    rows = result.attempt("history", partial(recorder.record, read, backlog)) if read or poll.member else None
    before = (rows or {}).get(roster_key(poll.scope))
    records = parse_lists(before)
    for each in polls:
        if each.result.unreadable or (each in read and rows is not None):
            each.result.before = record_of(records, each.poll.scope, each.kind.name)
            result.done.append(each.result)
            result.problems += each.result.problems
    result.waited = UNHEARD_SINCE in (before or {})
    if result.good or (poll.member and rows is not None):
        unheard = not poll.member and is_unheard(result.waited, audience(), backlog, poll)
        write = partial(_write_roster, polls, before, history, poll, deadline, unheard, roster_attributes)
        result.blind_seconds = result.attempt("roster", write) or 0
    result.backlog = backlog()
    if not poll.member:
        result.audience = audience()
        redrive_waiting(result, history, poll, deadline)
    return result


def _reason(each: ListPoll, error: Exception, read: Sequence[ListPoll]) -> str:
    """Return the reason for an unreadable list, or '' where the poll failed.

    In the reporter's own account, a poll that can read no list at all has failed. Where a whole region does not answer,
    but others do, that is a state of the region, and the poll of the others is good.
    """
    is_silent_region = bool(read) and all(other.poll.scope != each.poll.scope for other in read)
    if each.poll.member or is_silent_region:
        return member_reason(error)
    return lasting_reason(error) if read else ""


def redrive_waiting(result: PollResult, history: HistoryTable, poll: PollContext, deadline: Deadline) -> None:
    """Redrive the rows that ``result`` found waiting, and note the effects there."""
    waiting = result.backlog.waiting
    if result.still_waiting:  # for a subscriber, which concerns notices alone
        waiting = lacking(EVENT_SENT_AT, waiting) if poll.sends_events else []
    find_writes = partial(redrive_writes, waiting, poll, released=result.waited and not result.still_waiting)
    result.redriven = _redrive(result, result.attempt("redrive", find_writes) or [], history, deadline)


def read_list(
    kind: Kind, ec2: Any, deadline: Deadline = NO_DEADLINE, limits: RequestLimits = LIST_TASKS
) -> ProjectedTasks:
    """Return the tasks that EC2 lists. Raises MalformedAnswerError, OutOfTimeError and botocore's errors."""
    return project(kind, list_pages(ec2, kind, deadline, limits))


def is_unheard(waited: bool, audience: Audience, backlog: Callable[[], Backlog], poll: PollContext) -> bool:
    """Tell whether the roster must say that notices wait for a subscriber.

    ``waited`` tells that it says so already. It says so until somebody has confirmed a subscription, and until one poll
    can redrive all waiting rows.
    """
    if audience.must_wait or not waited:
        return audience.must_wait
    return audience.confirmed is None or len(due(backlog().waiting, poll, released=True)) > MAX_ROWS_PER_POLL


def _redrive(result: PollResult, writes: Sequence[Update], history: HistoryTable, deadline: Deadline) -> int:
    """Apply the ``writes`` that redrive rows, and return the number of the rows."""
    try:
        applied = history.apply(writes, deadline)
    except HistoryError as error:
        result.problems.append(f"redrive: {error}")
        applied = error.applied
    return sum(write.key.scope != ROSTER_SCOPE for write in applied.written)


def _write_roster(
    lists: Sequence[ListPoll],
    before: Row | None,
    history: HistoryTable,
    poll: PollContext,
    deadline: Deadline,
    unheard: bool,
    roster_attributes: Callable[[bool], Row],
) -> int:
    """Write the roster row.

    Return the seconds of the longest gap that ended with it and was too long.

    A concurrent poll that was faster has written the row already.
    """
    records: Lists = {}
    for each in lists:
        result, own = each.result, records.setdefault(account_and_region({"scope": each.poll.scope})[1], {})
        if result.unreadable:
            own[each.kind.name] = unreadable_record(result.unreadable, result.before, poll)
        elif result.is_good:
            own[each.kind.name] = read_record(
                each.kind, result.tasks, result.before, each.poll, result.unkeepable, each.is_active
            )
    has_read = any(each.result.is_good for each in lists)
    holds_tasks = any(each.result.has_held for each in lists) or (before or {}).get(DIGEST) == DIGEST_LATER
    write = roster_write(before, records, poll, unheard, has_read, roster_attributes(holds_tasks))
    applied = history.apply([write] if write else [], deadline)
    gaps = (blind_seconds(each.kind, each.result.before, each.poll) for each in lists if each.result.is_good)
    return max(gaps, default=0) if applied.written else 0
