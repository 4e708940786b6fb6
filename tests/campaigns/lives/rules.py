"""Single events of a history: of EC2, recorder, notifier and clocks."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from task_reporter.kinds.table import ALL
from tests.campaigns.lives.ec2 import MAX_CODE_DELAY, MOVES
from tests.campaigns.lives.faults import ACTIONS, Plan
from tests.campaigns.lives.world import FOREIGN_ROWS, WRITE, World, advance
from tests.support.event_bus import BUS

HOUR, DAY = 3600, 24 * 3600
SKEWS = {"ahead": DAY, "behind": -HOUR, "right": 0}
WAITS = {"an hour": HOUR, "quarter of a day": 6 * HOUR + 60, "a day": DAY + HOUR}
TASKS = 8
"""The most tasks of a history."""

code_delay = st.integers(0, MAX_CODE_DELAY)
move = st.sampled_from(MOVES)
moves = st.lists(st.tuples(st.integers(0, TASKS - 1), move, code_delay), max_size=5)
# Most lists have no tasks, so their requests are drawn less often.
position = st.sampled_from([*range(len(ALL)), *[*range(len(ALL), WRITE + 4)] * 3])
recorder_plans = st.dictionaries(position, st.sampled_from(ACTIONS), min_size=1, max_size=3)
notifier_plans = st.dictionaries(st.integers(0, 8), st.sampled_from(ACTIONS), min_size=1, max_size=3)
minutes = st.sampled_from([0, 0.5, 1, 2, 4, 5, 5, 5, 9, 12, 16, 30])
shard = st.integers(0, 1)


class Rules(RuleBasedStateMachine):
    """One history, event by event."""

    counts: ClassVar[Counter[str]]
    world: World

    # EC2

    @precondition(lambda self: len(self.world.ec2.tasks) < TASKS)
    @rule(many=st.sampled_from([1, 1, 2, 6]), past=st.lists(move, max_size=2))
    def start(self, many: int, past: list[str]) -> None:
        many = min(many, TASKS - len(self.world.ec2.tasks))
        self.world.start(many, [(move, MAX_CODE_DELAY) for move in past])

    @rule(moves=moves.filter(bool))
    def move_some(self, moves: list[Any]) -> None:
        self.world.move(moves)

    @rule(move=move, code_delay=code_delay)
    def move_all(self, move: str, code_delay: int) -> None:
        self.world.move([(number, move, code_delay) for number in range(TASKS)])

    # The recorder

    @rule(minutes=minutes)
    def poll(self, minutes: float) -> None:
        advance(self.world, minutes=minutes)
        self.world.poll()

    @rule(minutes=minutes)
    def poll_stale_list(self, minutes: float) -> None:
        """Answer the poll with a list that is older than EC2's last answer."""
        self.world.ec2.lags = True
        self.poll(minutes)
        self.world.ec2.lags = False

    @rule(minutes=minutes, plan=recorder_plans, meanwhile=moves)
    def poll_with_faults(self, minutes: float, plan: Plan, meanwhile: list[Any]) -> None:
        advance(self.world, minutes=minutes)
        self.world.poll(plan, lambda: self.poll_meanwhile(meanwhile))

    def poll_meanwhile(self, moves: list[Any]) -> None:
        """Run a second recorder during a request of the first, after ``moves``."""
        advance(self.world, seconds=1)
        self.world.move(moves)
        self.world.poll()

    # The notifier

    @rule(first=shard)
    def deliver(self, first: int) -> None:
        self.world.deliver(first=first)

    @rule(plan=notifier_plans, meanwhile=moves, first=shard, down=st.sampled_from([False, False, False, True]))
    def deliver_with_faults(self, plan: Plan, meanwhile: list[Any], first: int, down: bool) -> None:
        self.world.deliver(plan, lambda: self.poll_meanwhile(meanwhile), first, down)

    @precondition(lambda self: self.world.shards.served)
    @rule(
        picks=st.lists(st.integers(0, 30), min_size=1, max_size=4),
        split=st.booleans(),
        plan=st.just({}) | notifier_plans,
    )
    def deliver_again(self, picks: list[int], split: bool, plan: Plan) -> None:
        served = self.world.shards.served
        records = [served[pick % len(served)] for pick in picks]
        self.world.deliver_again(*([[record] for record in records] if split else [records]), plan=plan)
        self.counts["records again"] += len(records)

    # People

    @rule(subscribed=st.sampled_from([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]))
    def change_subscriptions(self, subscribed: tuple[int, int]) -> None:
        """Set the numbers of confirmed and pending subscriptions."""
        self.world.sns.subscribed = subscribed

    @rule(exists=st.booleans())
    def change_bus(self, exists: bool) -> None:
        """Delete the event bus, or make it again."""
        self.world.bridge.buses = {BUS} if exists else set()

    @precondition(lambda self: len(self.world.ec2.tasks) < TASKS)
    @rule(number=st.integers(0, len(FOREIGN_ROWS) - 1))
    def write_foreign_row(self, number: int) -> None:
        self.world.write_foreign_row(number)

    # Time

    @rule(event=st.sampled_from([*SKEWS, *WAITS, "expiry", "expiry"]))
    def change_time(self, event: str) -> None:
        """Set the functions' clocks, let much time pass, or expire the unserved records."""
        if event in SKEWS:
            self.world.set_skew(SKEWS[event])
            self.counts["clock jumps"] += 1
        elif event in WAITS:
            advance(self.world, seconds=WAITS[event])
        else:
            self.counts["records expired"] += self.world.shards.expire()
