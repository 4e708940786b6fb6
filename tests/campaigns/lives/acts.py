"""Events of a history: to EC2's tasks, recorders, notifiers and clocks."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.campaigns.lives.chances import CLOCKS, PASSES, TASKS, late, minutes, move, moves, plans, shard, tellings
from tests.campaigns.lives.edge import Plan
from tests.campaigns.lives.tasks import LATEST_CODE
from tests.campaigns.lives.world import ODD, World, advance


class Acts(RuleBasedStateMachine):
    """One history, event by event, in a ``world`` with another owner."""

    counts: ClassVar[Counter[str]]
    world: World

    # EC2

    @precondition(lambda self: len(self.world.ec2.tasks) < TASKS)
    @rule(
        many=st.sampled_from([1, 1, 2, 6]), timed=st.sampled_from([True, True, False]), past=st.lists(move, max_size=2)
    )
    def start(self, many: int, timed: bool, past: list[str]) -> None:
        many = min(many, TASKS - len(self.world.ec2.tasks))
        self.world.start(many, timed, [(one, LATEST_CODE) for one in past])

    @rule(moves=moves.filter(bool))
    def live(self, moves: list[Any]) -> None:
        self.world.live(moves)

    @rule(move=move, late=late)
    def all_live(self, move: str, late: int) -> None:
        self.world.live([(number, move, late) for number in range(TASKS)])

    # The recorder

    @rule(minutes=minutes)
    def poll(self, minutes: float) -> None:
        advance(self.world, minutes=minutes)
        self.world.poll()

    @rule(minutes=minutes)
    def poll_behind(self, minutes: float) -> None:
        """EC2 answers with what was so before its last answer."""
        advance(self.world, minutes=minutes)
        self.world.ec2.lags = True
        self.world.poll()
        self.world.ec2.lags = False

    @rule(minutes=minutes, plan=plans, meanwhile=moves)
    def poll_badly(self, minutes: float, plan: Plan, meanwhile: list[Any]) -> None:
        advance(self.world, minutes=minutes)
        self.world.poll(plan, lambda: self.another_poll(meanwhile))

    def another_poll(self, meanwhile: list[Any]) -> None:
        """Run a second recorder during a request of the first; EC2's list advances."""
        advance(self.world, seconds=1)
        self.world.live(meanwhile)
        self.world.poll()

    # The notifier

    @rule(first=shard)
    def deliver(self, first: int) -> None:
        self.world.deliver(first=first)

    @rule(plan=tellings, meanwhile=moves, first=shard, down=st.sampled_from([False, False, False, True]))
    def deliver_badly(self, plan: Plan, meanwhile: list[Any], first: int, down: bool) -> None:
        self.world.deliver(plan, lambda: self.another_poll(meanwhile), first, down)

    @precondition(lambda self: self.world.shards.served)
    @rule(picks=st.lists(st.integers(0, 30), min_size=1, max_size=4), split=st.booleans(), plan=st.just({}) | tellings)
    def replay(self, picks: list[int], split: bool, plan: Plan) -> None:
        served = self.world.shards.served
        records = [served[pick % len(served)] for pick in picks]
        self.world.replay(*([[record] for record in records] if split else [records]), plan=plan)
        self.counts["records again"] += len(records)

    # People

    @rule(subscribed=st.sampled_from([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]))
    def subscriptions_change(self, subscribed: tuple[int, int]) -> None:
        """Somebody confirms, unsubscribes, or SNS deletes what was never confirmed."""
        self.world.sns.subscribed = subscribed

    @precondition(lambda self: len(self.world.ec2.tasks) < TASKS)
    @rule(number=st.integers(0, len(ODD) - 1))
    def somebody_else_writes_a_row(self, number: int) -> None:
        self.world.odd(number)

    # Time

    @rule(
        what=st.sampled_from(["ahead", "behind", "right", "an hour", "quarter of a day", "a day", "expiry", "expiry"])
    )
    def time_goes_its_way(self, what: str) -> None:
        """Jump the functions' clocks, or pass much time, or expire the stream's records."""
        if what in CLOCKS:
            self.world.jump(CLOCKS[what])
            self.counts["clock jumps"] += 1
        elif what in PASSES:
            advance(self.world, seconds=PASSES[what])
        else:
            self.counts["records expired"] += self.world.shards.lose()
