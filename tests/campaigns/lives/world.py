"""The world of one history: all services and functions on one clock.

Recorders may misread the clock.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Sequence, Set
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from local.cloud import REGION
from task_reporter.aws.subscribers import Audience, find_audience
from task_reporter.errors import PollError
from task_reporter.history.rows import Key, Row
from task_reporter.history.writes import Write
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.notifying.announce import NotificationPolicy, announce
from task_reporter.notifying.stream_batch import process_batch, record_key
from task_reporter.notifying.topic import Topic
from task_reporter.recording.context import PollContext
from task_reporter.recording.poll_kind import ended_tasks
from task_reporter.recording.poll_kinds import PollResult, poll_kinds
from tests.campaigns.lives.dynamodb import EdgeDynamoDb
from tests.campaigns.lives.ec2 import Ec2
from tests.campaigns.lives.edge import FORESEEN, Edge, Plan, Process
from tests.campaigns.lives.judge import Judge
from tests.campaigns.lives.shards import Shards
from tests.campaigns.lives.sns import Sns
from tests.campaigns.lives.tasks import BundleTask
from tests.campaigns.lives.violation import TOLD, hold
from tests.support.dynamodb import MAX_KEYS, Table
from tests.support.inline import INLINE
from tests.support.sns import TOPIC
from tests.support.stream_mapping import FakeClock
from tests.support.stream_records import Record, sequence_of

SCOPE = f"123456789012/{REGION}"
WINDOW = 6
"""Seconds, in which a batch is gathered and served."""
ODD: tuple[Row, ...] = (
    {"state": "complete"},
    {"state": "complete", "updated_at": "yesterday", "progress": -5},
    {"state": "storing"},
    {},
    {"first_seen_at": 12, "missing_since": 7},
)
"""Texts in rows that another program wrote."""
Move = tuple[int, str, int]
"""A task, its event, and the seconds until EC2 gives its error code."""


class World:
    """``page`` is the most rows or keys that an answer of DynamoDB's holds.

    ``pool`` says when a poll asks what could be asked at any time.
    """

    def __init__(
        self,
        digest_above: int = 5,
        page: int = MAX_KEYS,
        pool: Executor = INLINE,
        email_subscription: bool = True,
    ) -> None:
        self._pool = pool
        self.scope = SCOPE
        self.counts = Counter[str]()
        self.clock, self.skew = FakeClock(), 0.0
        self.edge = Edge(self.counts)
        self.history = Table(clock=self.clock)
        self.history.client = EdgeDynamoDb(self.history, self.edge, page)
        self.judge = Judge(self.edge, self._truth, self.history.rows)
        self.history.watch = self.judge.watch
        self.ec2, self.sns = Ec2(self.edge, self.clock), Sns(self.edge, self.judge, email_subscription)
        self.topic, self.policy = Topic(self.sns, TOPIC), NotificationPolicy(digest_above)
        self._next = Process({})
        self._left_alone: Set[Key] = set()
        self.shards = Shards(self.history.records, self._notified, self.clock)

    @property
    def now(self) -> datetime:
        """The time as the functions read it."""
        return datetime.fromtimestamp(self.clock.now + self.skew, UTC)

    @property
    def stuck(self) -> bool:
        """Tell whether a process ended with an unforeseen error."""
        return bool(self.edge.processes)

    # What happens outside

    def start(self, count: int, timed: bool, moves: Sequence[tuple[str, int]] = ()) -> None:
        """Start new tasks, some of which have already changed."""
        for _ in range(count):
            task_id = f"bun-{len(self.ec2.tasks):08x}"
            self.ec2.tasks.append(BundleTask(task_id, self.clock.now, self.clock.now, timed))
            for move, late in moves:
                self.ec2.tasks[-1].move(move, self.clock.now, late)

    def live(self, moves: Sequence[Move]) -> None:
        """Something happens to some tasks."""
        for which, move, late in moves:
            if self.ec2.tasks:
                self.ec2.tasks[which % len(self.ec2.tasks)].move(move, self.clock.now, late)

    def jump(self, seconds: float) -> None:
        """Return the functions' clocks are that much ahead from now on."""
        self.judge.clock_was_set |= seconds != self.skew
        self.skew = seconds

    # What the functions do

    def poll(self, plan: Plan | None = None, meanwhile: Callable[[], None] = lambda: None) -> PollResult | None:
        """Return the recorder runs once; None where it was killed."""
        asked = self.judge.begin(PollContext(self.scope, self.now))
        self.counts["polls"] += 1
        process, written = Process(plan or {}, meanwhile, asked), list[Write]()
        with self.edge.running(process):
            polled = poll_kinds(
                [BUNDLE],
                self.ec2,
                self.history,
                asked.poll,
                pool=self._pool,
                audience=cache(self._audience),
                on_written=written.extend,
            )
            self._raise_violation()
            self.judge.end(asked, polled.good == polled.kinds)
            self.judge.counted(process, len(list(ended_tasks(written))))
            self._report(polled)
            return polled
        self._raise_violation()
        self.judge.end(asked, good=False)
        return None

    def _audience(self) -> Audience:
        """Return SNS's answer to a poll; the notifier's part covers its failures."""
        self.edge.process.must_wait = self.sns.must_wait
        return Audience(self.sns.subscribed[0], self.sns.must_wait)

    def _raise_violation(self) -> None:
        if self.judge.violation:
            raise self.judge.violation

    def odd(self, number: int) -> None:
        """Write an incomplete row as another program.

        It is of no task, or of a new one that EC2 lists without times.
        """
        row = {"scope": self.scope, "task_id": f"odd-{number}", "kind": "bundle", "awaiting": "outcome", **ODD[number]}
        if "state" in row:
            self.start(1, timed=False, moves=[("complete", 0)])
            row["task_id"] = self.ec2.tasks[-1].task_id
        self.history.put(row)

    def _report(self, polled: PollResult) -> None:
        try:
            self.judge.say(str(polled.summary()))
        except PollError as error:
            self.judge.say(_logged(error))

    def deliver(
        self, plan: Plan | None = None, meanwhile: Callable[[], None] = lambda: None, first: int = 0, down: bool = False
    ) -> None:
        """Serve the stream as far as possible; the notifier's first run has faults."""
        self.sns.down, self._next = down, Process(plan or {}, meanwhile)
        self.shards.feed()
        self.clock.advance(WINDOW)
        self.shards.serve(first)
        self.sns.down = False

    def replay(self, *batches: Sequence[Record], plan: Plan | None = None) -> None:
        """Return the notifier gets ``batches`` once more, whoever brings them."""
        self._next = Process(plan or {})
        self.shards.again(*batches)

    def calm(self) -> None:
        """Nothing fails any more, the clocks are right, and somebody listens."""
        self.jump(0)
        self.sns.subscribed = (1, 0)
        self._next = Process({})

    def _notified(self, event: dict[str, Any]) -> Any:
        """One run of the notifier. What nobody foresaw is raised as it is."""
        process, self._next = self._next, Process({})
        self.counts["batches"] += 1
        waiting = self._waiting(event)
        with self.edge.running(process):
            try:
                answer = process_batch(event["Records"], self._announce)
                again = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
                left = waiting.items() & self._waiting(event).items()
                alone = {sequence_of(record) for record in event["Records"] if record_key(record) in self._left_alone}
                hold(
                    TOLD,
                    all(number in again | alone for number, _ in left),
                    f"{left} still wait, and only {again} come again",
                )
                return answer
            except FORESEEN as error:
                self.judge.say(_logged(error))
                raise
            finally:
                self._raise_violation()
        raise ChildProcessError("the notifier died")

    def _waiting(self, event: dict[str, Any]) -> dict[str, str]:
        """Sequence number → outcome, of the records whose rows await their notification now."""
        rows = {sequence_of(record): self.history.rows[record_key(record)] for record in event["Records"]}
        return {number: str(row["outcome"]) for number, row in rows.items() if row.get("awaiting") == "notification"}

    def _announce(self, keys: Sequence[Key]) -> Any:
        announced = announce(
            keys,
            self.history,
            self.topic,
            self.policy,
            clock=lambda: self.now,
            must_wait=lambda: find_audience(self.sns, TOPIC, self.sns.email_subscription).must_wait,
        )
        for error in [*announced.failed.values(), *announced.unmarked.values()]:
            self.judge.say(str(error))
        self._left_alone = announced.unmarked.keys() | announced.waiting
        return announced.failed

    def _truth(self) -> dict[str, BundleTask]:
        return {task.task_id: task for task in self.ec2.tasks}


def advance(world: World, **time: float) -> None:
    """Time passes."""
    world.clock.advance(timedelta(**time).total_seconds())


def _logged(error: Exception) -> str:
    """Return Lambda's log text of an error that a function raises."""
    return "".join(traceback.format_exception(error))
