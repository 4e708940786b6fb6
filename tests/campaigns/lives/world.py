"""The world of one history: all services and functions on one clock.

The functions may misread the clock.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

from local.cloud import REGION
from task_reporter.aws.subscribers import Audience, find_audience
from task_reporter.errors import PollError
from task_reporter.history.rows import Key, Row, is_held
from task_reporter.history.writes import Write
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import ALL, KINDS
from task_reporter.notifying.announce import NotificationPolicy, announce, announce_groups
from task_reporter.notifying.announce_result import AnnounceResult
from task_reporter.notifying.stream_batch import process_batch, record_key
from task_reporter.notifying.topic import Topic
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ended_tasks
from task_reporter.recording.poll_lists import PollResult, poll_lists
from task_reporter.recording.recorder import WatchedList
from tests.campaigns.lives.dynamodb import FaultyDynamoDb, Shards
from tests.campaigns.lives.ec2 import Ec2, ListKey, RegionalClient, Task
from tests.campaigns.lives.event_bridge import FaultyEventBridge
from tests.campaigns.lives.faults import EXPECTED_ERRORS, FaultInjector, Plan, Process
from tests.campaigns.lives.oracle import ANNOUNCED, EVENT, MARKS, NOTICE, Oracle
from tests.campaigns.lives.sns import FaultySns
from tests.campaigns.runner import require
from tests.support.dynamodb import MAX_KEYS, Table
from tests.support.event_bus import BUS
from tests.support.inline import INLINE
from tests.support.polled import watched
from tests.support.sns import TOPIC
from tests.support.stream_mapping import FakeClock
from tests.support.stream_records import Record, sequence_of

SCOPE, OTHER_SCOPE = f"123456789012/{REGION}", "123456789012/us-east-1"
"""The stack's own scope, and the one of a second region."""
OTHER_KINDS = ("bundle", "store-image", "import-image")
"""The kinds of the lists in the second region."""
WINDOW = 6
"""Seconds in which a batch is gathered and served."""
FIRST_LIST = (0, 2)
"""Positions of a poll's request for its first list, with deferred and immediate queries."""
WRITE = 2 + len(ALL) + len(OTHER_KINDS) + 1
"""Position of a poll's request that writes tasks.

Two queries, EC2's lists and one read come before it. Where there is one region, the positions of the other's lists are
left out.
"""
FOREIGN_ROWS: tuple[Row, ...] = (
    {"state": "complete"},
    {"state": "complete", "updated_at": "yesterday", "progress": -5},
    {"state": "storing"},
    {},
    {"first_seen_at": 12, "missing_since": 7},
)
"""Attributes of rows that another program wrote."""
Move = tuple[int, str, int]
"""A task's number, its event, and the seconds until EC2 adds the reason."""


class World:
    """All parts of one history.

    page   the most rows or keys of an answer of DynamoDB
    pool   decides when a poll reads what it could read at any time
    kinds  the kinds of the tasks, in turn
    bus    True if the stack has an event bus
    apart  True if every second task is in a second region, as far as that has its kind
    oracle  the oracle that checks the history
    """

    def __init__(
        self,
        digest_above: int = 5,
        page: int = MAX_KEYS,
        pool: Executor = INLINE,
        email_subscription: bool = True,
        kinds: Sequence[str] = ("bundle",),
        newest_only: bool = False,
        bus: bool = False,
        apart: bool = False,
        oracle: type[Oracle] = Oracle,
    ) -> None:
        self._pool, self._apart = pool, apart
        self._kinds = [KINDS[kind] for kind in kinds]
        self.scope = SCOPE
        self.counts = Counter[str]()
        self.clock, self.skew = FakeClock(), 0.0
        self.faults = FaultInjector(self.counts)
        self.history = Table(clock=self.clock)
        self.history.client = FaultyDynamoDb(self.history, self.faults, page)
        self.ec2 = Ec2(self.faults, self.clock, newest_only)
        self.oracle = oracle(self.faults, lambda: {task.task_id: task for task in self.ec2.tasks}, self.history.rows)
        self.history.watch = self.oracle.watch
        self.sns = FaultySns(self.faults, self.oracle, email_subscription)
        self.bridge = FaultyEventBridge(self.faults, self.oracle)
        self.oracle.ways = (NOTICE, EVENT) if bus else (NOTICE,)
        self.topic, self.policy = Topic(self.sns, TOPIC), NotificationPolicy(digest_above)
        self._next_notifier = Process({})
        self._excused: set[Key] = set()
        """Keys that the last batch left waiting, without asking for their records again."""
        self.shards = Shards(self.history.records, self._notify, self.clock)

    @property
    def now(self) -> datetime:
        """The time as the functions read it."""
        return datetime.fromtimestamp(self.clock.now + self.skew, UTC)

    @property
    def has_failed(self) -> bool:
        """Tell whether a process ended with an unexpected error."""
        return bool(self.faults.processes)

    # Events outside

    def start(self, count: int, moves: Sequence[tuple[str, int]] = ()) -> None:
        """Start new tasks, and apply ``moves`` to each."""
        for _ in range(count):
            number = len(self.ec2.tasks)
            # No two tasks start at the same time, because AMI and start identify a store task.
            started = self.clock.now + number / 1000
            kind = self._kinds[number % len(self._kinds)]
            task = Task(kind, number, started, self.clock.now, self.scope_of(number, kind))
            self.ec2.tasks.append(task)
            for move, code_delay in moves:
                task.move(move, self.clock.now, code_delay)

    def scope_of(self, number: int, kind: Kind) -> str:
        """Return the scope in which the task ``number`` is started."""
        is_apart = self._apart and number // len(self._kinds) % 2 == 1 and kind.name in OTHER_KINDS
        return OTHER_SCOPE if is_apart else SCOPE

    def is_watched(self, task: Task) -> bool:
        """Tell whether the reporter watches the list of ``task`` at the end."""
        return True

    def move(self, moves: Sequence[Move]) -> None:
        for number, move, code_delay in moves:
            if self.ec2.tasks:
                self.ec2.tasks[number % len(self.ec2.tasks)].move(move, self.clock.now, code_delay)

    def set_skew(self, seconds: float) -> None:
        """Set the functions' clocks ahead by ``seconds``."""
        self.oracle.clock_was_set |= seconds != self.skew
        self.skew = seconds

    def write_foreign_row(self, number: int) -> None:
        """Write an incomplete row, as another program might.

        The row is of no task, or of a new one.
        """
        row: Row = {"scope": self.scope, "task_id": f"foreign-{number}", "kind": "bundle", "awaiting": "outcome"}
        if "state" in FOREIGN_ROWS[number]:
            self.start(1, [("complete", 0)])
            task = self.ec2.tasks[-1]
            row |= {"scope": task.scope, "task_id": task.task_id, "kind": task.kind.name}
        self.history.put(row | FOREIGN_ROWS[number])

    def end_faults(self) -> None:
        """End all faults, set the clocks right, and let somebody subscribe."""
        self.set_skew(0)
        self.sns.subscribed = (1, 0)
        self.bridge.buses.add(BUS)
        self._next_notifier = Process({})

    # Runs of the functions

    def poll(self, plan: Plan | None = None, meanwhile: Callable[[], None] = lambda: None) -> PollResult | None:
        """Run the recorder once; return None if it was killed."""
        context = PollContext(self.scope, self.now, sends_events=EVENT in self.oracle.ways)
        poll = self.oracle.begin_poll(context, set(self._list_keys()))
        self.counts["polls"] += 1
        process, written = Process(self._plan(plan or {}), meanwhile, poll), list[Write]()
        with self.faults.running(process):
            result = poll_lists(
                self._watched_lists(context),
                self.history,
                context,
                self._pool,
                audience=cache(self._audience),
                on_written=written.extend,
            )
            self._raise_violation()
            good = {(self._scope_in(each.region), each.kind) for each in result.done if each.is_good}
            self.oracle.end_poll(poll, good)
            self.oracle.check_apart(process)
            self.oracle.check_metric(process, len(list(ended_tasks(written))))
            try:
                self.oracle.check_text(str(result.summary()))
            except PollError as error:
                self.oracle.check_text(log_text(error))
            return result
        self._raise_violation()
        self.oracle.end_poll(poll)
        return None

    def positions(self, scope: str) -> range:
        """Return the positions of a poll's requests for the lists of one region."""
        first = FIRST_LIST[self._pool is INLINE]
        return range(first, first + len(ALL)) if scope == SCOPE else range(first + len(ALL), first + WRITE - 3)

    def position(self, task: Task) -> int:
        """Return the position of a poll's request for the list of a task."""
        keys = [key for key in self._list_keys() if key[0] == task.scope]
        return self.positions(task.scope)[keys.index(task.list_key)]

    def _list_keys(self) -> list[ListKey]:
        """Return the polled lists in the order of the requests."""
        others = OTHER_KINDS if self._apart else ()
        return [*((SCOPE, kind.name) for kind in ALL), *((OTHER_SCOPE, kind) for kind in others)]

    def _watched_lists(self, context: PollContext) -> list[WatchedList]:
        kinds = {kind.name: kind for kind in ALL}  # a defect may replace one
        clients = {scope: RegionalClient(self.ec2, scope) for scope in (SCOPE, OTHER_SCOPE)}
        return [
            watched(kinds[kind], clients[scope], replace(context, scope=scope)) for scope, kind in self._list_keys()
        ]

    def _plan(self, plan: Plan) -> Plan:
        """Leave out the positions of lists that are not polled."""
        absent = range(0) if self._apart else self.positions(OTHER_SCOPE)
        return {at - sum(each < at for each in absent): plan[at] for at in plan if at not in absent}

    def _scope_in(self, region: str) -> str:
        return f"{SCOPE.partition('/')[0]}/{region}" if region else SCOPE

    def _audience(self) -> Audience:
        """Return SNS's answer to a poll; only the notifier's requests to SNS fail."""
        self.faults.process.must_wait = self.sns.audience.must_wait
        return self.sns.audience

    def _raise_violation(self) -> None:
        if self.oracle.violation:
            raise self.oracle.violation

    def deliver(
        self, plan: Plan | None = None, meanwhile: Callable[[], None] = lambda: None, first: int = 0, down: bool = False
    ) -> None:
        """Serve the stream as far as possible; the notifier's first run has faults."""
        self.sns.is_down, self._next_notifier = down, Process(plan or {}, meanwhile)
        self.shards.feed()
        self.clock.advance(WINDOW)
        self.shards.serve(first)
        self.sns.is_down = False

    def deliver_again(self, *batches: Sequence[Record], plan: Plan | None = None) -> None:
        self._next_notifier = Process(plan or {})
        self.shards.deliver_again(*batches)

    def _notify(self, event: dict[str, Any]) -> Any:
        """Run the notifier once. Raises unexpected errors as they are."""
        process, self._next_notifier = self._next_notifier, Process({})
        self.counts["batches"] += 1
        waiting = self._waiting(event)
        with self.faults.running(process):
            try:
                answer = process_batch(event["Records"], self._announce)
                again = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
                left = waiting.items() & self._waiting(event).items()
                excused = {sequence_of(record) for record in event["Records"] if record_key(record) in self._excused}
                is_complete = all(number in again | excused for number, _ in left)
                require(ANNOUNCED, is_complete, f"{left} still wait, and only {again} come again")
                return answer
            except EXPECTED_ERRORS as error:
                self.oracle.check_text(log_text(error))
                raise
            finally:
                self._raise_violation()
        raise ChildProcessError("the notifier died")

    def _waiting(self, event: dict[str, Any]) -> dict[str, str]:
        """Sequence number → outcome, of the records whose rows lack their notice now.

        If a row lacks its event alone, redriving sends it.
        """
        rows = {sequence_of(record): self.history.rows[record_key(record)] for record in event["Records"]}
        return {
            number: str(row["outcome"])
            for number, row in rows.items()
            if row.get("awaiting") == "notification" and MARKS[NOTICE] not in row and not is_held(row)
        }

    def _announce(self, keys: Sequence[Key]) -> dict[Key, Exception]:
        failed, self._excused = dict[Key, Exception](), set[Key]()
        for result in announce_groups(keys, self._announce_group):
            for error in [*result.failed.values(), *result.unmarked.values()]:
                self.oracle.check_text(str(error))
            self._excused |= result.unmarked.keys() | set(result.waiting)
            failed |= result.failed
        return failed

    def _announce_group(self, keys: Sequence[Key]) -> AnnounceResult:
        return announce(
            keys,
            self.history,
            self.topic,
            self.policy,
            clock=lambda: self.now,
            must_wait=lambda: find_audience(self.sns, TOPIC, self.sns.email_subscription).must_wait,
            bus=self.bridge.bus() if EVENT in self.oracle.ways else None,
            pool=self._pool,
        )


def advance(world: World, **time: float) -> None:
    world.clock.advance(timedelta(**time).total_seconds())


def log_text(error: Exception) -> str:
    """Return Lambda's log text of an error that a function raises."""
    return "".join(traceback.format_exception(error))


class _DeferredFuture(Future[Any]):
    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._run = cache(partial(INLINE.submit, work))

    def result(self, timeout: float | None = None) -> Any:
        return self._run().result()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        return self._run().exception()


class DeferredExecutor(Executor):
    """Run each call only when its result is requested: the opposite of ``INLINE``."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        return _DeferredFuture(partial(work, *arguments, **named))


DEFERRED = DeferredExecutor()
