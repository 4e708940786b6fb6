"""The judge of one history, who sees every write, notice and answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from task_reporter.history.rows import AWAITING_NOTIFICATION, POLL_PREFIX, Key, Row
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import CANCELLED, FAILED, LOST
from task_reporter.recording.context import PollContext
from task_reporter.recording.transitions import LATE_CODE_LIMIT
from task_reporter.times import parse, to_text
from tests.campaigns.lives.edge import Edge, Process
from tests.campaigns.lives.evidence import Asked, Pair, Told
from tests.campaigns.lives.tasks import SECRET, BundleTask
from tests.campaigns.lives.violation import HEARTBEAT, KEPT, ONCE, QUIET, SETTLED, TOLD, hold
from tests.campaigns.lives.violation import SECRET as OPEN
from tests.campaigns.runner import ViolationError
from tests.support.dynamodb import Change


@dataclass
class Judge:
    """``tasks`` is the truth, ``polls`` are all polls so far.

    ``clock_was_set`` excuses times that go back.
    """

    edge: Edge
    tasks: Callable[[], dict[str, BundleTask]]
    rows: dict[Key, Row]
    polls: list[Asked] = field(default_factory=list)
    told: dict[Pair, Told] = field(default_factory=dict)
    repeats: Counter[Pair] = field(default_factory=Counter)
    was_cancelling: set[str] = field(default_factory=set)
    clock_was_set: bool = False
    violation: ViolationError | None = None
    order: count[int] = field(default_factory=count)

    def begin(self, poll: PollContext) -> Asked:
        """Return a poll begins."""
        self.polls.append(Asked(poll, next(self.order)))
        return self.polls[-1]

    def end(self, asked: Asked, good: bool) -> None:
        """Return a poll ended, maybe killed; ``good`` is what it says of itself."""
        asked.ended, asked.good = next(self.order), good
        hold(HEARTBEAT, asked.answer is not None or not good, "a poll without a good answer calls itself good")

    def counted(self, process: Process, count: int) -> None:
        """Return a poll ended and counted so many ends that it recorded."""
        is_right = process.uncertain or count == process.endings
        hold(TOLD, is_right, f"a poll recorded {process.endings} ends, and counted {count}")

    def say(self, text: str) -> None:
        """Something is told to people, or logged."""
        hold(OPEN, SECRET not in text, text)

    # Notices

    def taken(self, pairs: list[Pair]) -> None:
        """SNS took a notice about ``pairs``."""
        self.edge.counts["notices"] += 1
        self.keep(lambda: self._taken(pairs))

    def keep(self, judgement: Callable[[], None]) -> None:
        """Keep a violation, which the function under test takes for a service's failure."""
        try:
            judgement()
        except ViolationError as violation:
            self.violation = self.violation or violation
            raise

    def _taken(self, pairs: list[Pair]) -> None:
        for pair in pairs:
            before = self.told.get(pair)
            if before is None:
                self.told[pair] = Told(self.edge.process, self.edge.process.requests)
                continue
            hold(ONCE, not before.marked, f"{pair} is told again although its mark stands")
            hold(ONCE, before.excused, f"{pair} is told again although nothing kept its mark from following")
            self.repeats[pair] += 1
            self.told[pair] = Told(self.edge.process, self.edge.process.requests, count=before.count + 1)

    # Writes

    def watch(self, change: Change) -> None:
        """Return a write was made, by somebody else where no function runs."""
        if self.edge.processes:
            self.keep(lambda: self._watch(change))

    def _watch(self, change: Change) -> None:
        self.say(repr(change.after))
        if change.key.task_id.startswith(POLL_PREFIX):
            self._heartbeat(change)
            return
        before = change.before or {}
        if self.edge.process.poll:
            hold(QUIET, change.before != change.after, f"{change.key.task_id} is written although nothing is new")
        if before:
            hold(KEPT, before.get("first_seen_at") == change.after.get("first_seen_at"), f"{before} is replaced")
        sent_again = before and change.after.get("redriven_at") != before.get("redriven_at")
        if sent_again and self.edge.process.poll:
            hold(QUIET, not self.edge.process.must_wait, f"{change.key.task_id} is sent again although nobody listens")
        if change.after.get("state") == "cancelling":
            self.was_cancelling.add(change.key.task_id)
        if before.get("outcome") not in (None, LOST, change.after.get("outcome")):
            hold(KEPT, False, f"{change.key.task_id} was {before['outcome']}, is {change.after.get('outcome')}")
        if "outcome" in change.after and change.after["outcome"] != before.get("outcome"):
            self._ended(change)
        if before.get("awaiting") == AWAITING_NOTIFICATION and "awaiting" not in change.after:
            self._marked((change.key.task_id, str(before.get("outcome"))))

    def _heartbeat(self, change: Change) -> None:
        asked, told = self.edge.process.poll, str(change.after.get("polled_at"))
        hold(HEARTBEAT, asked is not None and asked.answer is not None, "it beats without a good answer")
        hold(HEARTBEAT, told == to_text(asked.poll.now), f"it says {told}")
        hold(HEARTBEAT, not self.edge.process.refused, "it beats although a row was refused")
        missing = [task_id for task_id in asked.answer if Key(change.key.scope, task_id) not in self.rows]
        hold(HEARTBEAT, not missing, f"it beats although {missing} were not recorded")
        running = [task_id for task_id, one in asked.answer.items() if self._is_behind(change.key.scope, task_id, one)]
        hold(HEARTBEAT, not running, f"it beats although the end of {running} was not recorded")
        if change.before and not self.clock_was_set:
            hold(HEARTBEAT, told >= str(change.before["polled_at"]), f"it goes back to {told}")

    def _is_behind(self, scope: str, task_id: str, listed: dict[str, Any]) -> bool:
        """Tell whether a task is listed as ended while its row is running."""
        row = self.rows[Key(scope, task_id)]
        return listed["State"] in BUNDLE.endings and "outcome" not in row and row["state"] not in BUNDLE.endings

    def _marked(self, pair: Pair) -> None:
        hold(TOLD, pair in self.told, f"{pair} is marked and was not told")
        self.told[pair].marked = True

    def _ended(self, change: Change) -> None:
        self.edge.process.endings += 1
        task, outcome = self.tasks()[change.key.task_id], change.after["outcome"]
        self.edge.counts["lost and found" if (change.before or {}).get("outcome") else str(outcome)] += 1
        hold(TOLD, change.after.get("awaiting") == AWAITING_NOTIFICATION, f"{task} ended and awaits no notification")
        hold(TOLD, "notified_at" not in change.after, f"{task} ended anew and says that it was told")
        if outcome == LOST:
            self._lost(task)
        elif outcome == FAILED and task.outcome == CANCELLED:
            self._took_for_failed(task, change)
        else:
            hold(KEPT, outcome == task.outcome, f"{task} is recorded as {outcome}")

    def _took_for_failed(self, task: BundleTask, change: Change) -> None:
        """Tell whether only EC2's code distinguishes the cancelled task from a failed one.

        That is so where no poll saw its cancellation.
        """
        before, now = change.before or {}, self.edge.process.poll.poll.now
        listed = self.edge.process.poll.answer.get(task.task_id, {})
        seen = task.task_id in self.was_cancelling or "error_code" in before or "BundleTaskError" in listed
        hold(KEPT, not seen, f"{task} is recorded as failed, and it was seen that it was cancelled")
        since = listed.get("UpdateTime", before.get("updated_at", to_text(now)))
        waited = now - min(parse(str(since)), parse(str(change.after["first_seen_at"])))
        hold(KEPT, waited >= LATE_CODE_LIMIT, f"{task} is recorded as failed after {waited}, and its code came later")

    def _lost(self, task: BundleTask) -> None:
        """Tell whether two good answers, far enough apart, did not list a task.

        No poll recorded it between them.
        """
        now: Asked = self.edge.process.poll
        hold(SETTLED, now.answer is not None and task.task_id not in now.answer, f"{task} is lost, and it is listed")
        hold(SETTLED, any(self._missed(task, first, now) for first in self.polls), f"{task} is lost too soon")

    def _missed(self, task: BundleTask, first: Asked, now: Asked) -> bool:
        if first is now or first.answer is None or task.task_id in first.answer:
            return False
        between = (one for one in self.polls if one.good and one.began > first.ended and one.ended < now.began)
        listed = any(task.task_id in (one.answer or {}) for one in between)
        return not listed and now.poll.now - first.poll.now >= now.poll.lost_after
