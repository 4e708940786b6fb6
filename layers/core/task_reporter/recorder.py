"""One poll: what EC2 lists, what of it is new, and the history brought up to it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.errors import HistoryError, PollError, TaskReporterError
from task_reporter.history import History
from task_reporter.kinds import Kind
from task_reporter.life import Poll, next_write, write_unlisted
from task_reporter.listing import listed
from task_reporter.projection import Projected, project
from task_reporter.rows import AWAITING_OUTCOME, Key, key_of
from task_reporter.unfinished import rows_awaiting
from task_reporter.writes import Insert, Write


@dataclass(slots=True)
class Recorded:
    """What one poll of one kind did: numbers for the log, and ids."""

    kind: str
    listed: int
    written: list[Write] = field(default_factory=list)
    overtaken: list[Write] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def ended(self) -> dict[str, str]:
        """Id → outcome of the tasks whose end this poll recorded."""
        changes = ((write.key, write.row if isinstance(write, Insert) else write.set) for write in self.written)
        return {key.task_id: str(change["outcome"]) for key, change in changes if "outcome" in change}

    def summary(self) -> dict[str, Any]:
        """The poll in numbers."""
        return {"listed": self.listed, "written": len(self.written), "ended": dict(Counter(self.ended.values()))}


def record(kind: Kind, ec2: Any, history: History, poll: Poll, deadline: Deadline = NO_DEADLINE) -> Recorded:
    """Record what EC2 lists of ``kind``. A poll that finds nothing new writes nothing.

    Rows that DynamoDB refuses are among the ``problems``. Raises MalformedAnswerError, OutOfTimeError, HistoryError
    where the history can't be read, and botocore's errors.
    """
    projected = project(kind, listed(ec2, kind, deadline))
    writes = _news(kind, projected, history, poll, deadline)
    problems = projected.problems
    try:
        applied = history.apply(writes, deadline)
    except HistoryError as error:
        applied, problems = error.applied, [*problems, f"{kind.name}: {error}"]
    return Recorded(kind.name, len(projected.tasks), applied.written, applied.overtaken, problems)


def _news(kind: Kind, projected: Projected, history: History, poll: Poll, deadline: Deadline) -> list[Write]:
    keyed = {Key(poll.scope, str(task["task_id"])): task for task in projected.tasks}
    rows = history.read(keyed, deadline)
    writes = [next_write(kind, task, rows.get(key), poll) for key, task in keyed.items()]
    running = rows_awaiting(history, poll.scope, AWAITING_OUTCOME, deadline)
    gone = (row for row in running if row.get("kind") == kind.name and key_of(row) not in keyed)
    writes += [write_unlisted(kind, row, poll) for row in gone]
    return [write for write in writes if write]


def record_all(
    kinds: Sequence[Kind],
    ec2: Any,
    history: History,
    poll: Poll,
    deadline: Deadline = NO_DEADLINE,
    report: Callable[[Recorded], None] = lambda recorded: None,
) -> list[Recorded]:
    """Record every kind, telling ``report`` of each as it is done; one that fails costs the others nothing.

    Raises PollError at the end where a kind failed or a task can't be kept, so that the platform sees it.
    """
    done: list[Recorded] = []
    problems: list[str] = []
    for kind in kinds:
        try:
            recorded = record(kind, ec2, history, poll, deadline)
        except (TaskReporterError, BotoCoreError, ClientError) as error:
            problems.append(f"{kind.name}: {error}")
            continue
        report(recorded)
        done.append(recorded)
        problems += recorded.problems
    if problems:
        raise PollError(problems)
    return done
