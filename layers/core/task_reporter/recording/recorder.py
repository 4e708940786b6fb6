"""Record the tasks of several lists: one read, one round of writes."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from task_reporter.aws.failures import describe
from task_reporter.errors import HistoryError
from task_reporter.history.backlog import Backlog
from task_reporter.history.rows import Key, Row, key_of
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Write
from task_reporter.kinds.kind import Kind
from task_reporter.recording.context import PollContext
from task_reporter.recording.kind_result import KindResult
from task_reporter.recording.missing import write_for_unlisted
from task_reporter.recording.projection import ProjectedTasks
from task_reporter.recording.roster import ListRecord, lists_of, roster_key
from task_reporter.recording.transitions import next_write, without_notice
from task_reporter.runtime.deadline import Deadline

OnWritten = Callable[[Sequence[Write]], None]

MAX_ROUNDS = 4
"""Number of times to decide again about ended tasks that other writers change."""


class ListPoll:
    """One list in a poll: its kind, EC2's answer or error, the result."""

    def __init__(self, kind: Kind, answer: Any) -> None:
        self.kind = kind
        self.result = KindResult(kind.name, error=answer if isinstance(answer, BaseException) else None)  # type: ignore[arg-type]
        self.answer = ProjectedTasks() if self.result.error else answer
        self.tasks: dict[Key, Row] = {}

    def take_tasks(self, rows: Mapping[Key, Row], taken: Container[Key], scope: str) -> None:
        """Take the listed tasks, except those whose id belongs to another kind's task."""
        self.result.unkeepable = list(self.answer.unkeepable)
        for task in self.answer.tasks:
            key = Key(scope, str(task["task_id"]))
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
        scope = self._poll.scope
        listed = (Key(scope, str(task["task_id"])) for each in lists for task in each.answer.tasks)
        rows = self._history.read([roster_key(scope), *listed], self._deadline)
        polled_before = lists_of(rows.get(roster_key(scope)), scope)
        writes: list[Write] = []
        for each in lists:
            each.take_tasks(rows, self._owners, scope)
            news = self._decide(each, [(key, next_write, task, rows.get(key)) for key, task in each.tasks.items()])
            is_first = not polled_before.get(each.kind.name, ListRecord()).at
            if is_first and not self._poll.announce_history:
                news = [without_notice(write, self._poll) for write in news]
            writes += news
        running = [row for row in backlog().running if key_of(row) not in self._owners]
        for each in lists:
            vanished = [row for row in running if row.get("kind") == each.kind.name and not each.may_hold(row)]
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
            (key, partial(decide, each.kind, *arguments, self._poll)) for key, decide, *arguments in decisions
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
