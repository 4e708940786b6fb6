"""One poll of one kind: what EC2 lists, what of it is new, and the history brought up to it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.errors import HistoryError
from task_reporter.failures import describe
from task_reporter.heartbeat import heartbeat_key
from task_reporter.history import History
from task_reporter.kinds import Kind
from task_reporter.life import Poll, next_write
from task_reporter.listing import listed
from task_reporter.projection import project
from task_reporter.rows import Key, Row, key_of
from task_reporter.vanishing import write_unlisted
from task_reporter.writes import Insert, Write

OnWritten = Callable[[Sequence[Write]], None]

ROUNDS = 4
"""How often a poll decides anew about ended tasks that others go on writing."""


@dataclass(slots=True)
class Recorded:
    """What one poll of one kind did, and the ``heartbeat`` that was there before it.

    ``overtaken`` are the writes that somebody else was quicker with. ``unkeepable`` has a sentence for each listed
    task that can't be a row. ``refused``: something that could be recorded was not.
    """

    kind: str
    tasks: list[Row] = field(default_factory=list)
    written: list[Write] = field(default_factory=list)
    overtaken: list[Write] = field(default_factory=list)
    unkeepable: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    refused: bool = False
    heartbeat: Row | None = None

    def refuse(self, why: str) -> None:
        """Note that something could be recorded, was not, and ``why``."""
        self.refused = True
        self.problems.append(f"{self.kind}: {why}")

    def decide(self, decisions: Iterable[tuple[Key, Callable[[], Write | None]]]) -> list[Write]:
        """Make ``decisions`` and collect their writes. One that fails is a problem of its own row and of no other."""
        writes: list[Write | None] = []
        for key, decision in decisions:
            try:
                writes.append(decision())
            except Exception as error:  # rows that somebody else wrote may hold anything
                self.refuse(f"{key.task_id}: {describe(error)}")
        return [write for write in writes if write]

    @property
    def ended(self) -> dict[str, str]:
        """Id → outcome of the tasks whose end this poll recorded."""
        return {key.task_id: str(change["outcome"]) for key, change in endings(self.written)}

    def summary(self) -> dict[str, Any]:
        """The poll in numbers."""
        return {"listed": len(self.tasks), "written": len(self.written), "ended": dict(Counter(self.ended.values()))}


def endings(written: Iterable[Write]) -> Iterator[tuple[Key, Row]]:
    """The key and the attributes of each task whose end was ``written``."""
    for write in written:
        change = write.row if isinstance(write, Insert) else write.set
        if "outcome" in change:
            yield write.key, change


def record(
    kind: Kind,
    ec2: Any,
    history: History,
    poll: Poll,
    running: Iterable[Row] = (),
    deadline: Deadline = NO_DEADLINE,
    on_written: OnWritten = lambda written: None,
) -> Recorded:
    """Record what EC2 lists of ``kind``, and what became of those of the ``running`` rows that it lists no longer.

    ``running`` is gone through only after EC2 and the history have answered. ``on_written`` gets the writes as soon as
    they are made. A poll that finds nothing new writes nothing. What the history does not take is among the
    ``problems``. Raises MalformedAnswerError, OutOfTimeError, HistoryError where the history can't be read, and
    botocore's errors.
    """
    projected = project(kind, listed(ec2, kind, deadline))
    tasks = {Key(poll.scope, str(task["task_id"])): task for task in projected.tasks}
    beat = heartbeat_key(kind.name, poll.scope)
    rows = history.read([beat, *tasks], deadline)
    recorded = Recorded(kind.name, projected.tasks, unkeepable=projected.unkeepable, heartbeat=rows.get(beat))
    unlisted = (row for row in running if row.get("kind") == kind.name and key_of(row) not in tasks)
    vanished = [row for row in unlisted if not projected.may_hold(row)]
    writes = recorded.decide((key, partial(next_write, kind, task, rows.get(key), poll)) for key, task in tasks.items())
    writes += recorded.decide((key_of(row), partial(write_unlisted, kind, row, poll)) for row in vanished)
    recording = _Recording(kind, history, poll, deadline, on_written, recorded)
    overtaken = recording.apply(writes)
    try:
        recording.decide_anew(tasks, rows, overtaken)
    except Exception as error:  # what was written is told all the same
        recorded.refuse(describe(error))
    return recorded


@dataclass(frozen=True, slots=True)
class _Recording:
    """The part of a poll that writes, and what it has done so far."""

    kind: Kind
    history: History
    poll: Poll
    deadline: Deadline
    on_written: OnWritten
    recorded: Recorded

    def apply(self, writes: Sequence[Write]) -> list[Write]:
        """Apply ``writes``. Returns those whose condition failed, because another writer came first."""
        try:
            applied = self.history.apply(writes, self.deadline)
        except HistoryError as error:
            applied = error.applied
            self.recorded.refuse(str(error))
        self.recorded.written += applied.written
        self.recorded.overtaken += applied.overtaken
        self.on_written(applied.written)
        return applied.overtaken

    def decide_anew(self, tasks: Mapping[Key, Row], rows: Mapping[Key, Row], overtaken: Sequence[Write]) -> None:
        """Look again at the ended tasks whose writes were overtaken: the concurrent writer may have used older data.

        Such a task may not be listed any more when the next poll asks. All other tasks wait for the next poll, because
        this poll's answer about a running task may be older than the row is now. A row that did not change since it was
        read would refuse the same write again.
        """
        for _ in range(ROUNDS):
            keys = [write.key for write in overtaken if _has_ended(self.kind, tasks.get(write.key))]
            if not keys:
                return
            now = self.history.read(keys, self.deadline)
            if stuck := [key for key in keys if now.get(key) == rows.get(key)]:
                self.recorded.refuse(_unwritten(stuck))
            changed = [key for key in keys if key not in stuck]
            decisions = ((key, partial(next_write, self.kind, tasks[key], now.get(key), self.poll)) for key in changed)
            rows = now
            overtaken = self.apply(self.recorded.decide(decisions))
        if overtaken:
            self.recorded.refuse(_unwritten([write.key for write in overtaken]))


def _has_ended(kind: Kind, task: Row | None) -> bool:
    return task is not None and task["state"] in kind.endings


def _unwritten(keys: Sequence[Key]) -> str:
    return f"{len(keys)} rows are not as they were read: {', '.join(key.task_id for key in keys[:5])}"
