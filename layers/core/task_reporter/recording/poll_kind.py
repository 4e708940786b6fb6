"""Poll one kind: list its tasks, find what is new, update the history."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from task_reporter.aws.failures import describe
from task_reporter.aws.lists import list_pages
from task_reporter.errors import HistoryError
from task_reporter.history.rows import Key, Row, key_of
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Insert, Write
from task_reporter.kinds.kind import Kind
from task_reporter.recording.context import PollContext
from task_reporter.recording.heartbeat import heartbeat_key
from task_reporter.recording.missing import write_for_unlisted
from task_reporter.recording.projection import project
from task_reporter.recording.transitions import next_write
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline

OnWritten = Callable[[Sequence[Write]], None]

MAX_ROUNDS = 4
"""Number of times to decide again about ended tasks that other writers change."""


@dataclass(slots=True)
class KindResult:
    """The result of polling one kind."""

    kind: str
    tasks: list[Row] = field(default_factory=list)
    """The listed tasks."""
    written: list[Write] = field(default_factory=list)
    overtaken: list[Write] = field(default_factory=list)
    """Writes whose condition failed, because another writer was faster."""
    unkeepable: list[str] = field(default_factory=list)
    """A sentence for each listed task that can't be a row."""
    problems: list[str] = field(default_factory=list)
    refused: bool = False
    """Something that should have been recorded was not."""
    heartbeat: Row | None = None
    """The heartbeat before this poll."""

    def refuse(self, reason: str) -> None:
        """Note that something was not recorded, and the reason."""
        self.refused = True
        self.problems.append(f"{self.kind}: {reason}")

    def decide(self, decisions: Iterable[tuple[Key, Callable[[], Write | None]]]) -> list[Write]:
        """Make ``decisions`` and return their writes.

        A decision that fails is a problem of its own row alone.
        """
        writes: list[Write | None] = []
        for key, decision in decisions:
            try:
                writes.append(decision())
            except Exception as error:  # a row of another program may hold anything
                self.refuse(f"{key.task_id}: {describe(error)}")
        return [write for write in writes if write]

    @property
    def ended(self) -> dict[str, str]:
        """Id → outcome of the tasks whose end this poll recorded."""
        return {key.task_id: str(attributes["outcome"]) for key, attributes in ended_tasks(self.written)}

    def summary(self) -> dict[str, Any]:
        """Return the numbers of the poll."""
        return {"listed": len(self.tasks), "written": len(self.written), "ended": dict(Counter(self.ended.values()))}


def ended_tasks(written: Iterable[Write]) -> Iterator[tuple[Key, Row]]:
    """Yield key and written attributes of each task whose end was ``written``."""
    for write in written:
        attributes = write.row if isinstance(write, Insert) else write.set
        if "outcome" in attributes:
            yield write.key, attributes


def poll_kind(
    kind: Kind,
    ec2: Any,
    history: HistoryTable,
    poll: PollContext,
    running: Iterable[Row] = (),
    deadline: Deadline = NO_DEADLINE,
    on_written: OnWritten = lambda written: None,
) -> KindResult:
    """Record the tasks that EC2 lists, and missing or lost ``running`` rows.

    ``running`` is iterated only after EC2 and the history have answered. ``on_written`` receives writes as soon as they
    are made. A poll that finds nothing new writes nothing. Writes that the history refuses are among the ``problems``.
    Raises MalformedAnswerError, OutOfTimeError, HistoryError where the history can't be read, and botocore's errors.
    """
    projected = project(kind, list_pages(ec2, kind, deadline))
    tasks = {Key(poll.scope, str(task["task_id"])): task for task in projected.tasks}
    heartbeat = heartbeat_key(kind.name, poll.scope)
    rows = history.read([heartbeat, *tasks], deadline)
    result = KindResult(kind.name, projected.tasks, unkeepable=projected.unkeepable, heartbeat=rows.get(heartbeat))
    unlisted = (row for row in running if row.get("kind") == kind.name and key_of(row) not in tasks)
    vanished = [row for row in unlisted if not projected.may_hold(row)]
    writes = result.decide((key, partial(next_write, kind, task, rows.get(key), poll)) for key, task in tasks.items())
    writes += result.decide((key_of(row), partial(write_for_unlisted, kind, row, poll)) for row in vanished)
    writer = _KindWriter(kind, history, poll, deadline, on_written, result)
    overtaken = writer.apply(writes)
    try:
        writer.decide_again(tasks, rows, overtaken)
    except Exception as error:  # the result still reports what was written
        result.refuse(describe(error))
    return result


@dataclass(frozen=True, slots=True)
class _KindWriter:
    """The writing part of a poll, which notes in ``result`` what it does."""

    kind: Kind
    history: HistoryTable
    poll: PollContext
    deadline: Deadline
    on_written: OnWritten
    result: KindResult

    def apply(self, writes: Sequence[Write]) -> list[Write]:
        """Apply ``writes``. Return those whose condition failed, because another writer was faster."""
        try:
            applied = self.history.apply(writes, self.deadline)
        except HistoryError as error:
            applied = error.applied
            self.result.refuse(str(error))
        self.result.written += applied.written
        self.result.overtaken += applied.overtaken
        self.on_written(applied.written)
        return applied.overtaken

    def decide_again(self, tasks: Mapping[Key, Row], rows: Mapping[Key, Row], overtaken: Sequence[Write]) -> None:
        """Decide again about ended tasks whose writes were overtaken.

        The concurrent writer may have used older data.

        EC2 may no longer list such a task when the next poll asks. All other tasks wait for the next poll, because this
        poll's answer about a running task may be older than the row is now. Where a row is
        unchanged since it was read, the same write would fail again.
        """
        for _ in range(MAX_ROUNDS):
            keys = [write.key for write in overtaken if _has_ended(self.kind, tasks.get(write.key))]
            if not keys:
                return
            current = self.history.read(keys, self.deadline)
            if unchanged := [key for key in keys if current.get(key) == rows.get(key)]:
                self.result.refuse(_not_as_read(unchanged))
            changed = [key for key in keys if key not in unchanged]
            decisions = (
                (key, partial(next_write, self.kind, tasks[key], current.get(key), self.poll)) for key in changed
            )
            rows = current
            overtaken = self.apply(self.result.decide(decisions))
        if overtaken:
            self.result.refuse(_not_as_read([write.key for write in overtaken]))


def _has_ended(kind: Kind, task: Row | None) -> bool:
    return task is not None and task["state"] in kind.endings


def _not_as_read(keys: Sequence[Key]) -> str:
    return f"{len(keys)} rows are not as they were read: {', '.join(key.task_id for key in keys[:5])}"
