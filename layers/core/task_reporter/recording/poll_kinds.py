"""Poll every kind, write the heartbeats, and redrive rows."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, TypeVar

from task_reporter.aws.failures import describe
from task_reporter.aws.subscribers import Audience
from task_reporter.errors import HistoryError, PollError
from task_reporter.history.backlog import Backlog, start_reading_backlog
from task_reporter.history.rows import Row
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Update
from task_reporter.kinds.kind import Kind
from task_reporter.recording.context import PollContext
from task_reporter.recording.heartbeat import blind_seconds, heartbeat_write
from task_reporter.recording.poll_kind import KindResult, OnWritten, poll_kind
from task_reporter.recording.redrive import MAX_ROWS_PER_POLL, due, redrive_writes
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline

Result = TypeVar("Result")


@dataclass(slots=True)
class PollResult:
    """The result of polling all ``kinds``."""

    kinds: list[str]
    backlog: Backlog = field(default_factory=Backlog)
    """The unfinished rows before this poll."""
    done: list[KindResult] = field(default_factory=list)
    """The results of the kinds that could be polled."""
    good: list[str] = field(default_factory=list)
    """The kinds whose answer was well-formed and was recorded completely."""
    redriven: int = 0
    """Rows that were redriven."""
    blind_seconds: int = 0
    """Longest gap before this poll that could hide a whole task."""
    audience: Audience = field(default_factory=Audience)
    """The subscribers of the topic."""
    problems: list[str] = field(default_factory=list)

    @property
    def waited(self) -> bool:
        """Tell whether notices waited for a subscriber before this poll, by the heartbeats."""
        return any("unheard_since" in (result.heartbeat or {}) for result in self.done)

    @property
    def still_waiting(self) -> bool:
        """Tell whether notices wait for a subscriber, by SNS or by the heartbeats.

        The heartbeats decide where SNS does not answer.
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
    report: Callable[[KindResult], None] = lambda result: None,
    audience: Callable[[], Audience] = Audience,
    on_written: OnWritten = lambda written: None,
) -> PollResult:
    """Poll every kind, and call ``report`` with each result.

    A kind that fails does not affect the others.

    The backlog is read in ``pool`` while EC2 is asked. ``audience`` returns the subscribers of the topic.
    ``on_written`` receives the writes of tasks as soon as they are made.
    """
    result = PollResult([kind.name for kind in kinds])
    read_backlog = start_reading_backlog(history, poll.scope, pool, deadline)

    @cache
    def backlog() -> Backlog:
        return result.attempt("history", read_backlog) or Backlog()

    def running() -> Iterator[Row]:
        yield from backlog().running

    for kind in kinds:
        work = partial(poll_kind, kind, ec2, history, poll, running(), deadline, on_written)
        kind_result = result.attempt(kind.name, work)
        if kind_result is None:
            continue
        result.done.append(kind_result)
        result.problems += kind_result.problems
        report(kind_result)
        if not kind_result.refused:
            result.good.append(kind.name)
            unheard = _is_unheard(kind_result.heartbeat, audience(), backlog, poll)
            beat = partial(_write_heartbeat, kind, kind_result, history, poll, deadline, unheard)
            result.blind_seconds = max(result.blind_seconds, result.attempt(f"{kind.name} heartbeat", beat) or 0)
    result.backlog = backlog()
    result.audience = audience()
    if not result.still_waiting:
        find_writes = partial(redrive_writes, result.backlog.waiting, poll, released=result.waited)
        result.redriven = _redrive(result, result.attempt("redrive", find_writes) or [], history, deadline)
    return result


def _is_unheard(before: Row | None, audience: Audience, backlog: Callable[[], Backlog], poll: PollContext) -> bool:
    """Tell whether a heartbeat must say that notices wait for a subscriber.

    ``before`` is the heartbeat so far.

    The heartbeat says so until somebody has confirmed a subscription, and until one poll can redrive all waiting rows.
    """
    if audience.must_wait or "unheard_since" not in (before or {}):
        return audience.must_wait
    return audience.confirmed is None or len(due(backlog().waiting, poll, released=True)) > MAX_ROWS_PER_POLL


def _redrive(result: PollResult, writes: Sequence[Update], history: HistoryTable, deadline: Deadline) -> int:
    """Apply the ``writes`` that redrive rows, and return their number."""
    try:
        return len(history.apply(writes, deadline).written)
    except HistoryError as error:
        result.problems.append(f"redrive: {error}")
        return len(error.applied.written)


def _write_heartbeat(
    kind: Kind, result: KindResult, history: HistoryTable, poll: PollContext, deadline: Deadline, unheard: bool
) -> int:
    """Write the heartbeat after a good poll.

    Return the seconds of the gap that ended with it, if that was too long.

    A concurrent poll that was faster has written the heartbeat already.
    """
    write = heartbeat_write(kind, result.tasks, result.heartbeat, poll, result.unkeepable, unheard)
    applied = history.apply([write] if write else [], deadline)
    return blind_seconds(result.heartbeat, poll) if applied.written else 0
