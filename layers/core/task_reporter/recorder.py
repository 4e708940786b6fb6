"""One poll: what EC2 lists, what of it is new, and the history brought up to it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.errors import HistoryError, PollError, TaskReporterError
from task_reporter.heartbeat import beat, blind_seconds, heartbeat_key
from task_reporter.history import History
from task_reporter.kinds import Kind
from task_reporter.known import Known, known_before
from task_reporter.life import Poll, next_write
from task_reporter.listing import listed
from task_reporter.projection import Projected, project
from task_reporter.redriving import touches
from task_reporter.rows import Key, Row, key_of
from task_reporter.vanishing import write_unlisted
from task_reporter.writes import Insert, Write

Result = TypeVar("Result")


@dataclass(slots=True)
class Recorded:
    """What one poll of one kind did. ``refused``: the history did not take all of it."""

    kind: str
    tasks: list[Row] = field(default_factory=list)
    written: list[Write] = field(default_factory=list)
    overtaken: list[Write] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    refused: bool = False

    @property
    def ended(self) -> dict[str, str]:
        """Id → outcome of the tasks whose end this poll recorded."""
        return {key.task_id: str(change["outcome"]) for key, change in self.endings}

    @property
    def endings(self) -> list[tuple[Key, Row]]:
        """What this poll wrote of the tasks whose end it recorded."""
        changes = ((write.key, write.row if isinstance(write, Insert) else write.set) for write in self.written)
        return [(key, change) for key, change in changes if "outcome" in change]

    def summary(self) -> dict[str, Any]:
        """The poll in numbers."""
        return {"listed": len(self.tasks), "written": len(self.written), "ended": dict(Counter(self.ended.values()))}


def record(
    kind: Kind,
    ec2: Any,
    history: History,
    poll: Poll,
    running: Iterable[Row] = (),
    deadline: Deadline = NO_DEADLINE,
) -> Recorded:
    """Record what EC2 lists of ``kind``, and what became of those of the ``running`` rows that it lists no longer.

    A poll that finds nothing new writes nothing. Rows that DynamoDB refuses are among the ``problems``. Raises
    MalformedAnswerError, OutOfTimeError, HistoryError where the history can't be read, and botocore's errors.
    """
    projected = project(kind, listed(ec2, kind, deadline))
    writes = _news(kind, projected, running, history, poll, deadline)
    recorded = Recorded(kind.name, projected.tasks, problems=list(projected.problems))
    try:
        applied = history.apply(writes, deadline)
    except HistoryError as error:
        applied, recorded.refused = error.applied, True
        recorded.problems.append(f"{kind.name}: {error}")
    recorded.written, recorded.overtaken = applied.written, applied.overtaken
    return recorded


def _news(
    kind: Kind, projected: Projected, running: Iterable[Row], history: History, poll: Poll, deadline: Deadline
) -> list[Write]:
    keyed = {Key(poll.scope, str(task["task_id"])): task for task in projected.tasks}
    rows = history.read(keyed, deadline)
    writes = [next_write(kind, task, rows.get(key), poll) for key, task in keyed.items()]
    if projected.names_all:
        gone = (row for row in running if row.get("kind") == kind.name and key_of(row) not in keyed)
        writes += [write_unlisted(kind, row, poll) for row in gone]
    return [write for write in writes if write]


@dataclass(slots=True)
class Polled:
    """What one poll of all ``kinds`` did, what the history knew before, and what went wrong.

    ``good`` are the kinds whose answer was well-formed and is recorded whole; ``redriven`` counts the rows that were
    sent to the notifier again; ``blind_seconds`` is the longest gap before this poll in which a task could have come
    and gone unseen.
    """

    kinds: list[str]
    known: Known = field(default_factory=Known)
    done: list[Recorded] = field(default_factory=list)
    good: list[str] = field(default_factory=list)
    redriven: int = 0
    blind_seconds: int = 0
    problems: list[str] = field(default_factory=list)

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
) -> Polled:
    """Record every kind, telling ``report`` of each as it is done; one that fails costs the others nothing."""
    polled = Polled([kind.name for kind in kinds])

    def attempt(what: str, work: Callable[[], Result]) -> Result | None:
        try:
            return work()
        except (TaskReporterError, BotoCoreError, ClientError) as error:
            polled.problems.append(f"{what}: {error}")
            return None

    polled.known = attempt("history", lambda: known_before(history, poll.scope, kinds, deadline)) or Known()
    for kind in kinds:
        recorded = attempt(kind.name, partial(record, kind, ec2, history, poll, polled.known.running, deadline))
        if recorded is None:
            continue
        polled.done.append(recorded)
        polled.problems += recorded.problems
        report(recorded)
        if not recorded.refused:
            polled.good.append(kind.name)
            beaten = partial(_beat, kind, recorded, polled.known, history, poll, deadline)
            polled.blind_seconds = max(polled.blind_seconds, attempt(f"{kind.name} heartbeat", beaten) or 0)
    again = touches(polled.known.waiting, poll)
    polled.redriven = attempt("redrive", lambda: len(history.apply(again, deadline).written)) or 0
    return polled


def _beat(kind: Kind, recorded: Recorded, known: Known, history: History, poll: Poll, deadline: Deadline) -> int:
    """Keep that this poll went well; the seconds of the gap that it ended, if that was too long.

    Where another poll was quicker, that is kept already.
    """
    before = known.heartbeats.get(heartbeat_key(kind.name, poll.scope))
    write = beat(kind, recorded.tasks, before, poll)
    done = history.apply([write] if write else [], deadline)
    return blind_seconds(before, poll) if done.written else 0
