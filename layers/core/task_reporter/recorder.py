"""One poll of one kind: what EC2 lists, what of it is new, and the history brought up to it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.errors import HistoryError, TaskReporterError
from task_reporter.heartbeat import heartbeat_key
from task_reporter.history import History
from task_reporter.kinds import Kind
from task_reporter.life import Poll, next_write
from task_reporter.listing import listed
from task_reporter.projection import project
from task_reporter.rows import Key, Row, key_of
from task_reporter.vanishing import write_unlisted
from task_reporter.writes import Insert, Write

ROUNDS = 4
"""How often a poll decides anew about ended tasks that others go on writing."""


@dataclass(slots=True)
class Recorded:
    """What one poll of one kind did, and the ``heartbeat`` that was there before it.

    ``overtaken`` are the writes that somebody else was quicker with. ``refused``: the history did not take all of it.
    """

    kind: str
    tasks: list[Row] = field(default_factory=list)
    written: list[Write] = field(default_factory=list)
    overtaken: list[Write] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    refused: bool = False
    heartbeat: Row | None = None

    def refuse(self, why: str) -> None:
        """The history did not take all of it."""
        self.refused = True
        self.problems.append(f"{self.kind}: {why}")

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

    ``running`` is gone through only after EC2 and the history have answered. A poll that finds nothing new writes
    nothing. Rows that DynamoDB refuses are among the ``problems``. Raises MalformedAnswerError, OutOfTimeError,
    HistoryError where the history can't be read, and botocore's errors.
    """
    projected = project(kind, listed(ec2, kind, deadline))
    tasks = {Key(poll.scope, str(task["task_id"])): task for task in projected.tasks}
    beat = heartbeat_key(kind.name, poll.scope)
    rows = history.read([beat, *tasks], deadline)
    recorded = Recorded(kind.name, projected.tasks, problems=list(projected.problems), heartbeat=rows.get(beat))
    writes = [next_write(kind, task, rows.get(key), poll) for key, task in tasks.items()]
    unlisted = (row for row in running if row.get("kind") == kind.name and key_of(row) not in tasks)
    writes += [write_unlisted(kind, row, poll) for row in unlisted if not projected.may_hold(row)]
    _apply(recorded, [write for write in writes if write], history, deadline)
    try:
        _decide_anew(kind, recorded, tasks, rows, history, poll, deadline)
    except (TaskReporterError, BotoCoreError, ClientError) as error:  # what was written is told all the same
        recorded.refuse(str(error))
    return recorded


def _apply(recorded: Recorded, writes: Sequence[Write], history: History, deadline: Deadline) -> list[Write]:
    """Do ``writes``; those that somebody was quicker with."""
    try:
        applied = history.apply(writes, deadline)
    except HistoryError as error:
        applied = error.applied
        recorded.refuse(str(error))
    recorded.written += applied.written
    recorded.overtaken += applied.overtaken
    return applied.overtaken


def _decide_anew(
    kind: Kind,
    recorded: Recorded,
    tasks: Mapping[Key, Row],
    rows: Mapping[Key, Row],
    history: History,
    poll: Poll,
    deadline: Deadline,
) -> None:
    """Look again at the ended tasks whose writes were overtaken: who was quicker may have known less.

    Such a task may not be listed any more when the next poll asks. All others wait for it: what this poll was told of
    a running task may be older than what stands there now. A row that did not change since it was read would refuse
    the same write again.
    """
    overtaken: Sequence[Write] = recorded.overtaken
    for _ in range(ROUNDS):
        keys = [write.key for write in overtaken if _has_ended(kind, tasks.get(write.key))]
        if not keys:
            return
        now = history.read(keys, deadline)
        if stuck := [key for key in keys if now.get(key) == rows.get(key)]:
            recorded.refuse(_unwritten(stuck))
        writes = [next_write(kind, tasks[key], now.get(key), poll) for key in keys if key not in stuck]
        rows = now
        overtaken = _apply(recorded, [write for write in writes if write], history, deadline)
    if overtaken:
        recorded.refuse(_unwritten([write.key for write in overtaken]))


def _has_ended(kind: Kind, task: Row | None) -> bool:
    return task is not None and task["state"] in kind.endings


def _unwritten(keys: Sequence[Key]) -> str:
    return f"{len(keys)} rows are not as they were read: {', '.join(key.task_id for key in keys[:5])}"
