"""Record the tasks of several lists: one read, one round of writes."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from task_reporter.aws.failures import describe
from task_reporter.errors import HistoryError
from task_reporter.history.backlog import Backlog
from task_reporter.history.rows import AWAITING_OUTCOME, Key, Row, account_and_region, key_of
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Insert, Write
from task_reporter.kinds.kind import Kind
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ListResult
from task_reporter.recording.missing import write_for_unlisted
from task_reporter.recording.projection import ProjectedTasks
from task_reporter.recording.roster import parse_lists, record_of, roster_key
from task_reporter.recording.transitions import next_write, with_digest, without_notice
from task_reporter.runtime.deadline import Deadline

OnWritten = Callable[[Sequence[Write]], None]

MAX_ROUNDS = 4
"""Number of times to decide again about ended tasks that other writers change."""


@dataclass(frozen=True, slots=True)
class WatchedList:
    """One list of EC2 in one account and region."""

    kind: Kind
    poll: PollContext
    """The context of the poll, with the scope of the list."""
    read: Callable[[], ProjectedTasks]
    """Asks EC2 for the tasks."""


class ListPoll:
    """One list in a poll: EC2's answer or error, and the result.

    ``own_scope`` is the scope of the poll: a list of another one has its region in its name.
    """

    def __init__(self, watched: WatchedList, answer: Any, own_scope: str) -> None:
        self.kind, self.poll = watched.kind, watched.poll
        region = "" if self.poll.scope == own_scope else account_and_region({"scope": self.poll.scope})[1]
        error = answer if isinstance(answer, BaseException) else None
        self.result = ListResult(self.kind.name, error=error, region=region)  # type: ignore[arg-type]
        self.answer = ProjectedTasks() if self.result.error else answer
        self.tasks: dict[Key, Row] = {}
        self.running: list[Row] = []
        """The unfinished rows whose task is not listed."""
        self.awaited_outcome = False
        """A listed task was unfinished before this poll."""

    @property
    def keys(self) -> list[Key]:
        """The keys of the listed tasks, in the order of the answer."""
        return [Key(self.poll.scope, str(task["task_id"])) for task in self.answer.tasks]

    def take_tasks(self, rows: Mapping[Key, Row], taken: Container[Key]) -> None:
        """Take the listed tasks, except those whose id belongs to another kind's task."""
        self.result.unkeepable = list(self.answer.unkeepable)
        self.awaited_outcome = any(rows.get(key, {}).get("awaiting") == AWAITING_OUTCOME for key in self.keys)
        for key, task in zip(self.keys, self.answer.tasks, strict=True):
            if key in taken or rows.get(key, {}).get("kind", self.kind.name) != self.kind.name:
                sentence = f"{self.kind.operation} listed the id {key.task_id[:40]}, which a task of another kind has"
                self.result.unkeepable.append(sentence)
            else:
                self.tasks[key] = task
        self.result.tasks = list(self.tasks.values())

    def may_hold(self, row: Row) -> bool:
        """Tell whether the list may hold the unlisted task of ``row``, still running.

        A task that has ended waits for nothing but its reason, and only for a limited time.
        """
        if row.get("state") in self.kind.endings:
            return False
        supersedes = self.kind.supersedes
        return self.answer.may_hold(row) or (
            supersedes is not None and any(supersedes(task, row) for task in self.tasks.values())
        )

    @property
    def is_active(self) -> bool:
        """True if a task runs, awaits its outcome, or ended just now."""
        runs = any(task["state"] not in self.kind.endings for task in self.result.tasks)
        return runs or bool(self.running) or bool(self.result.ended) or self._awaits_outcome

    @property
    def _awaits_outcome(self) -> bool:
        """True if the error code of a failed task may still come."""
        if self.awaited_outcome:
            return True
        written = (write.row if isinstance(write, Insert) else write.set for write in self.result.written)
        return any(attributes.get("awaiting") == AWAITING_OUTCOME for attributes in written)

    def is_of(self, row: Row) -> bool:
        """Tell whether the task of ``row`` belongs to the list."""
        return row.get("kind") == self.kind.name and row["scope"] == self.poll.scope

    def has_ended(self, key: Key) -> bool:
        """Tell whether EC2 lists the task as ended."""
        return key in self.tasks and self.tasks[key]["state"] in self.kind.endings


class Recorder:
    """Records the tasks of all lists, and notes the effects in their results."""

    def __init__(self, history: HistoryTable, poll: PollContext, deadline: Deadline, on_written: OnWritten) -> None:
        self._history, self._poll, self._deadline, self._on_written = history, poll, deadline, on_written
        self._owners: dict[Key, ListPoll] = {}

    def record(self, lists: Sequence[ListPoll], backlog: Callable[[], Backlog]) -> Mapping[Key, Row]:
        """Record listed tasks, and missing or lost rows; return the rows read.

        ``backlog`` is called only after EC2 and the history have answered. Raises OutOfTimeError, HistoryError where
        the history can't be read, and botocore's errors. Writes that the history refuses are problems of their lists.
        """
        roster = roster_key(self._poll.scope)
        rows = self._history.read([roster, *(key for each in lists for key in each.keys)], self._deadline)
        polled_before = parse_lists(rows.get(roster))
        writes: list[Write] = []
        for each in lists:
            each.take_tasks(rows, self._owners)
            news = self._decide(each, [(key, next_write, task, rows.get(key)) for key, task in each.tasks.items()])
            is_first = not record_of(polled_before, each.poll.scope, each.kind.name).at
            if is_first and not self._poll.announce_history:
                news = [without_notice(write, each.poll) for write in news]
            elif is_first and self._poll.member:
                news = [with_digest(write) for write in news]
            writes += news
        running = [row for row in backlog().running if key_of(row) not in self._owners]
        for each in lists:
            each.running = [row for row in running if each.is_of(row)]
            vanished = [row for row in each.running if not each.may_hold(row)]
            writes += self._decide(each, [(key_of(row), write_for_unlisted, row) for row in vanished])
        overtaken = self._apply(writes)
        try:
            self._decide_again(rows, overtaken)
        except Exception as error:  # the results still report what was written
            for each in {self._owners[write.key] for write in overtaken}:
                each.result.fail(describe(error))
        return rows

    def _decide(self, each: ListPoll, decisions: Sequence[tuple[Any, ...]]) -> list[Write]:
        """Make decisions, given as key, function, and arguments between kind and poll."""
        self._owners |= {key: each for key, *_ in decisions}
        return each.result.decide(
            (key, partial(decide, each.kind, *arguments, each.poll)) for key, decide, *arguments in decisions
        )

    def _apply(self, writes: Sequence[Write]) -> list[Write]:
        """Apply ``writes``. Return those whose condition failed, because another writer was faster."""
        try:
            applied = self._history.apply(writes, self._deadline)
        except HistoryError as error:
            applied = error.applied
            for each, keys in self._by_list(error.problems):
                problems = {key: error.problems[key] for key in keys}
                each.result.fail(str(HistoryError(problems, cause=error.__cause__)))  # type: ignore[arg-type]
        for write in applied.written:
            self._owners[write.key].result.written.append(write)
        for write in applied.overtaken:
            self._owners[write.key].result.overtaken.append(write)
        self._on_written(applied.written)
        return applied.overtaken

    def _decide_again(self, rows: Mapping[Key, Row], overtaken: Sequence[Write]) -> None:
        """Decide again about ended tasks whose writes were overtaken.

        The concurrent writer may have used older data.

        EC2 may no longer list such a task when the next poll asks. All other tasks wait for the next poll, because this
        poll's answer about a running task may be older than the row is now. Where a row is unchanged since it was read,
        the same write would fail again.
        """
        for _ in range(MAX_ROUNDS):
            keys = [write.key for write in overtaken if self._owners[write.key].has_ended(write.key)]
            if not keys:
                return
            current = self._history.read(keys, self._deadline)
            self._fail_as_changed([key for key in keys if current.get(key) == rows.get(key)])
            writes: list[Write] = []
            for each, own in self._by_list(key for key in keys if current.get(key) != rows.get(key)):
                writes += self._decide(each, [(key, next_write, each.tasks[key], current.get(key)) for key in own])
            rows, overtaken = current, self._apply(writes)
        self._fail_as_changed([write.key for write in overtaken])

    def _fail_as_changed(self, keys: Iterable[Key]) -> None:
        for each, own in self._by_list(keys):
            ids = ", ".join(key.task_id for key in own[:5])
            each.result.fail(f"{len(own)} rows are not as they were read: {ids}")

    def _by_list(self, keys: Iterable[Key]) -> Iterable[tuple[ListPoll, list[Key]]]:
        grouped: dict[ListPoll, list[Key]] = defaultdict(list)
        for key in keys:
            grouped[self._owners[key]].append(key)
        return grouped.items()
