"""One poll of every kind, and what it says of itself."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, TypeVar

from task_reporter.aside import IN_TURN
from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.errors import HistoryError, PollError
from task_reporter.failures import describe
from task_reporter.heartbeat import beat, blind_seconds
from task_reporter.history import History
from task_reporter.kinds import Kind
from task_reporter.known import Known, known_before
from task_reporter.life import Poll
from task_reporter.recorder import OnWritten, Recorded, record
from task_reporter.redriving import AT_A_TIME, due, touches
from task_reporter.rows import Row
from task_reporter.subscribers import Audience
from task_reporter.writes import Update

Result = TypeVar("Result")


@dataclass(slots=True)
class Polled:
    """What one poll of all ``kinds`` did, what the history knew before, and what went wrong.

    ``good`` are the kinds whose answer was well-formed and is recorded whole; ``redriven`` counts the rows that were
    sent to the notifier again; ``blind_seconds`` is the longest gap before this poll in which a task could have come
    and gone unseen. ``audience`` holds the subscribers of the topic.
    """

    kinds: list[str]
    known: Known = field(default_factory=Known)
    done: list[Recorded] = field(default_factory=list)
    good: list[str] = field(default_factory=list)
    redriven: int = 0
    blind_seconds: int = 0
    audience: Audience = field(default_factory=Audience)
    problems: list[str] = field(default_factory=list)

    @property
    def waited(self) -> bool:
        """Tell whether a heartbeat says that notices waited for a subscriber before this poll."""
        return any("unheard_since" in (recorded.heartbeat or {}) for recorded in self.done)

    @property
    def still_waiting(self) -> bool:
        """Tell whether notices wait for a subscriber now. Where SNS does not say, it is as it was."""
        return self.audience.must_wait or (self.audience.confirmed is None and self.waited)

    def attempt(self, what: str, work: Callable[[], Result]) -> Result | None:
        """What ``work`` comes to; where it fails, that is a problem, and None."""
        try:
            return work()
        except Exception as error:  # whatever it is, it costs nothing else that this poll does
            self.problems.append(f"{what}: {describe(error)}")
            return None

    def summary(self) -> dict[str, Any]:
        """The poll in numbers, by kind. Raises PollError where anything went wrong, so that the platform sees it."""
        if self.problems:
            raise PollError(self.problems)
        return {recorded.kind: recorded.summary() for recorded in self.done}


def record_all(
    kinds: Sequence[Kind],
    ec2: Any,
    history: History,
    poll: Poll,
    deadline: Deadline = NO_DEADLINE,
    report: Callable[[Recorded], None] = lambda recorded: None,
    pool: Executor = IN_TURN,
    audience: Callable[[], Audience] = Audience,
    on_written: OnWritten = lambda written: None,
) -> Polled:
    """Record every kind, telling ``report`` of each as it is done; one that fails costs the others nothing.

    What the history knows is read in ``pool``, while EC2 is asked. ``audience`` answers who listens to the topic;
    ``on_written`` gets the writes of tasks as soon as they are made.
    """
    polled = Polled([kind.name for kind in kinds])
    read = known_before(history, poll.scope, pool, deadline)

    @cache
    def known() -> Known:
        return polled.attempt("history", read) or Known()

    def running() -> Iterator[Row]:
        yield from known().running

    for kind in kinds:
        recorded = polled.attempt(kind.name, partial(record, kind, ec2, history, poll, running(), deadline, on_written))
        if recorded is None:
            continue
        polled.done.append(recorded)
        polled.problems += recorded.problems
        report(recorded)
        if not recorded.refused:
            polled.good.append(kind.name)
            unheard = _is_unheard(recorded.heartbeat, audience(), known, poll)
            beaten = partial(_beat, kind, recorded, history, poll, deadline, unheard)
            blind = polled.attempt(f"{kind.name} heartbeat", beaten)
            polled.blind_seconds = max(polled.blind_seconds, blind or 0)
    polled.known = known()
    polled.audience = audience()
    if not polled.still_waiting:
        again = partial(touches, polled.known.waiting, poll, released=polled.waited)
        polled.redriven = _redrive(polled, polled.attempt("redrive", again) or [], history, deadline)
    return polled


def _is_unheard(before: Row | None, audience: Audience, known: Callable[[], Known], poll: Poll) -> bool:
    """Tell whether a heartbeat must say that notices wait for a subscriber; ``before`` is the heartbeat so far.

    That lasts until somebody listens, and until one poll can send all that waited.
    """
    if audience.must_wait or "unheard_since" not in (before or {}):
        return audience.must_wait
    return audience.confirmed is None or len(due(known().waiting, poll, released=True)) > AT_A_TIME


def _redrive(polled: Polled, again: Sequence[Update], history: History, deadline: Deadline) -> int:
    """Send rows to the notifier once more; how many were sent."""
    try:
        return len(history.apply(again, deadline).written)
    except HistoryError as error:
        polled.problems.append(f"redrive: {error}")
        return len(error.applied.written)


def _beat(kind: Kind, recorded: Recorded, history: History, poll: Poll, deadline: Deadline, unheard: bool) -> int:
    """Keep that this poll went well; the seconds of the gap that it ended, if that was too long.

    Where another poll was quicker, that is kept already.
    """
    write = beat(kind, recorded.tasks, recorded.heartbeat, poll, recorded.unkeepable, unheard)
    done = history.apply([write] if write else [], deadline)
    return blind_seconds(recorded.heartbeat, poll) if done.written else 0
