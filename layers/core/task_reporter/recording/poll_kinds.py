"""Poll all lists side by side, record the news at once, redrive rows."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, TypeVar

from task_reporter.aws.failures import code_of, describe
from task_reporter.aws.lists import list_pages
from task_reporter.aws.subscribers import Audience
from task_reporter.errors import HistoryError, MalformedAnswerError, PollError
from task_reporter.history.backlog import Backlog, start_reading_backlog
from task_reporter.history.rows import EVENT_SENT_AT, Row
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Update
from task_reporter.kinds.kind import Kind
from task_reporter.recording.context import PollContext
from task_reporter.recording.kind_result import KindResult
from task_reporter.recording.projection import ProjectedTasks, project
from task_reporter.recording.recorder import ListPoll, OnWritten, Recorder
from task_reporter.recording.redrive import MAX_ROWS_PER_POLL, due, lacking, redrive_writes
from task_reporter.recording.roster import (
    ListRecord,
    blind_seconds,
    lists_of,
    read_record,
    roster_key,
    roster_write,
    unreadable_record,
)
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline

Result = TypeVar("Result")

DENIED, MALFORMED, ABSENT = "denied", "malformed", "absent"
"""Lasting reasons for an unreadable list; a region lacks one that is ``absent``."""
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
UNREADABLE_CODES = {
    "UnauthorizedOperation": DENIED,
    "AccessDenied": DENIED,
    "AccessDeniedException": DENIED,
    "InvalidAction": ABSENT,
    "UnknownOperationException": ABSENT,
    "UnsupportedOperation": ABSENT,
}


@dataclass(slots=True)
class PollResult:
    """The result of polling all ``kinds``."""

    kinds: list[str]
    backlog: Backlog = field(default_factory=Backlog)
    """The unfinished rows before this poll."""
    done: list[KindResult] = field(default_factory=list)
    """Results of the kinds whose lists were read, or are unreadable."""
    redriven: int = 0
    """Rows that were redriven."""
    blind_seconds: int = 0
    """Longest gap before this poll that could hide a whole task."""
    audience: Audience = field(default_factory=Audience)
    """The subscribers of the topic."""
    waited: bool = False
    """Notices waited for a subscriber before this poll, by the roster."""
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> list[str]:
        """The kinds whose answer was well-formed and was recorded completely."""
        return [result.kind for result in self.done if result.is_good]

    @property
    def unreadable(self) -> dict[str, str]:
        """Kind → reason, for the lists that can't be read."""
        return {result.kind: result.unreadable for result in self.done if result.unreadable}

    @property
    def is_good(self) -> bool:
        """True if every list was recorded or is unreadable, and one was recorded."""
        return bool(self.good) and len(self.good) + len(self.unreadable) == len(self.kinds)

    @property
    def still_waiting(self) -> bool:
        """Tell whether notices wait for a subscriber, by SNS or by the roster.

        The roster decides where SNS does not answer.
        """
        return self.audience.must_wait or (self.audience.confirmed is None and self.waited)

    def attempt(self, name: str, work: Callable[[], Result]) -> Result | None:
        """Return the result of ``work``, or None and an added problem."""
        try:
            return work()
        except Exception as error:  # no failure may cost anything else that this poll does
            self.problems.append(f"{name}: {describe(error)}")
            return None

    def summary(self) -> dict[str, Any]:
        """Return the poll's numbers by kind.

        Raises PollError where there are problems, so that Lambda sees the failure.
        """
        if self.problems:
            raise PollError(self.problems)
        return {result.kind: result.summary() for result in self.done}


def poll_kinds(
    kinds: Sequence[Kind],
    ec2: Any,
    history: HistoryTable,
    poll: PollContext,
    pool: Executor,
    deadline: Deadline = NO_DEADLINE,
    audience: Callable[[], Audience] = Audience,
    on_written: OnWritten = lambda written: None,
) -> PollResult:
    """Poll every kind.

    A kind that fails does not affect the others. The lists and the backlog are read in ``pool`` at the same time.
    ``audience`` returns the subscribers of the topic. ``on_written`` receives the writes of tasks as soon as they are
    made.
    """
    result = PollResult([kind.name for kind in kinds])
    read_backlog = start_reading_backlog(history, poll.scope, pool, deadline)
    answers = [pool.submit(read_list, kind, ec2, deadline) for kind in kinds]

    @cache
    def backlog() -> Backlog:
        return result.attempt("history", read_backlog) or Backlog()

    pairs = zip(kinds, answers, strict=True)
    lists = [ListPoll(kind, answer.exception() or answer.result()) for kind, answer in pairs]
    read = [each for each in lists if each.result.error is None]
    for each in lists:
        if error := each.result.error:
            each.result.unreadable = unreadable_reason(error) if read else ""
            if not each.result.unreadable:
                result.problems.append(f"{each.kind.name}: {describe(error)}")
    recorder = Recorder(history, poll, deadline, on_written)
    rows = result.attempt("history", partial(recorder.record, read, backlog)) if read else None
    before = (rows or {}).get(roster_key(poll.scope))
    records = lists_of(before, poll.scope)
    for each in lists:
        if each.result.unreadable or (each in read and rows is not None):
            each.result.before = records.get(each.kind.name, ListRecord())
            result.done.append(each.result)
            result.problems += each.result.problems
    result.waited = "unheard_since" in (before or {})
    if result.good:
        unheard = _is_unheard(result.waited, audience(), backlog, poll)
        write = partial(_write_roster, lists, before, history, poll, deadline, unheard)
        result.blind_seconds = result.attempt("roster", write) or 0
    result.backlog = backlog()
    result.audience = audience()
    waiting = result.backlog.waiting
    if result.still_waiting:  # for a subscriber, which concerns notices alone
        waiting = lacking(EVENT_SENT_AT, waiting) if poll.sends_events else []
    find_writes = partial(redrive_writes, waiting, poll, released=result.waited and not result.still_waiting)
    result.redriven = _redrive(result, result.attempt("redrive", find_writes) or [], history, deadline)
    return result


def read_list(kind: Kind, ec2: Any, deadline: Deadline = NO_DEADLINE) -> ProjectedTasks:
    """Return the tasks that EC2 lists. Raises MalformedAnswerError, OutOfTimeError and botocore's errors."""
    return project(kind, list_pages(ec2, kind, deadline))


def unreadable_reason(error: Exception) -> str:
    """Return the lasting reason for an unreadable list, or '' for a transient error."""
    return MALFORMED if isinstance(error, MalformedAnswerError) else UNREADABLE_CODES.get(code_of(error), "")


def _is_unheard(waited: bool, audience: Audience, backlog: Callable[[], Backlog], poll: PollContext) -> bool:
    """Tell whether the roster must say that notices wait for a subscriber.

    ``waited`` tells that it says so already. It says so until somebody has confirmed a subscription, and until one poll
    can redrive all waiting rows.
    """
    if audience.must_wait or not waited:
        return audience.must_wait
    return audience.confirmed is None or len(due(backlog().waiting, poll, released=True)) > MAX_ROWS_PER_POLL


def _redrive(result: PollResult, writes: Sequence[Update], history: HistoryTable, deadline: Deadline) -> int:
    """Apply the ``writes`` that redrive rows, and return their number."""
    try:
        return len(history.apply(writes, deadline).written)
    except HistoryError as error:
        result.problems.append(f"redrive: {error}")
        return len(error.applied.written)


def _write_roster(
    lists: Sequence[ListPoll],
    before: Row | None,
    history: HistoryTable,
    poll: PollContext,
    deadline: Deadline,
    unheard: bool,
) -> int:
    """Write the roster row.

    Return the seconds of the longest gap that ended with it and was too long.

    A concurrent poll that was faster has written the row already.
    """
    records: dict[str, ListRecord] = {}
    for each in lists:
        result = each.result
        if result.unreadable:
            records[result.kind] = unreadable_record(result.unreadable, result.before, poll)
        elif result.is_good:
            records[result.kind] = read_record(each.kind, result.tasks, result.before, poll, result.unkeepable)
    write = roster_write(before, records, poll, unheard)
    applied = history.apply([write] if write else [], deadline)
    gaps = (blind_seconds(each.kind, each.result.before, poll) for each in lists if each.result.is_good)
    return max(gaps, default=0) if applied.written else 0
