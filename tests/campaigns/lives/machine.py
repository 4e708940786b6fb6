"""The histories: a beginning, events in any order, and a judgement."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.campaigns.lives.acts import Acts
from tests.campaigns.lives.at_last import AT_LAST
from tests.campaigns.lives.chances import TASKS, minutes, moves, plans, tellings
from tests.campaigns.lives.edge import FOR_GOOD, KILLED_BEFORE, MEANWHILE, ODD, Plan
from tests.campaigns.lives.healing import check, heal
from tests.campaigns.lives.sns import INVALID
from tests.campaigns.lives.tasks import ENDINGS, LATEST_CODE, SEEN_ENDINGS
from tests.campaigns.lives.world import World, advance
from tests.support.dynamodb import MAX_KEYS
from tests.support.inline import INLINE

WRITE = 4
"""Number of a poll's request that writes tasks.

Two queries, EC2's list and one read come before it.
"""
LIST = (0, 2)
"""Number of the request for EC2's list, with late and with early queries."""
NO_LISTS = ODD[:3]
AFTERWARDS = 4
"""Number after all requests of a notifier: the event comes when it has ended."""


class Histories(Acts):
    """One history; ``counts`` is set before the first."""

    @initialize(
        digest_above=st.sampled_from([5, 5, 1, 2]),
        page=st.sampled_from([MAX_KEYS, 1, 1, 2]),
        first=st.sampled_from([1, 1, 2, 3, 6]),
        pool=st.sampled_from([INLINE, AT_LAST]),
        poison=st.sampled_from([{}] * 12 + [{1: INVALID}, {0: INVALID}]),
        email=st.booleans(),
    )
    def begin(
        self, digest_above: int, page: int, first: int, poison: dict[int, str], pool: Executor, email: bool
    ) -> None:
        self.world = World(digest_above, page, pool, email)
        self.world.sns.poisoned = {f"bun-{number:08x}": error for number, error in poison.items()}
        self.world.start(first, timed=True)

    # What seldom comes together by itself

    @rule(minutes=minutes, polled=plans, told=tellings, moves=moves, meanwhile=moves, end=st.sampled_from(ENDINGS))
    def end_badly(
        self, minutes: float, polled: Plan, told: Plan, moves: list[Any], meanwhile: list[Any], end: str
    ) -> None:
        """Change tasks while a recorder and a notifier fail, beside a second recorder."""
        self.world.live(moves)
        self.poll_badly(minutes, polled, [])
        self.all_live(end, LATEST_CODE)
        self.poll(1)
        self.world.deliver(told, lambda: self.another_poll(meanwhile))

    @rule(at=st.sampled_from([WRITE, WRITE + 1, *range(8)]), more=st.integers(0, 1), moves=moves)
    def poll_twice_at_once(self, at: int, more: int, moves: list[Any]) -> None:
        """Two recorders, the second before request ``at`` of the first."""
        advance(self.world, minutes=5)
        self.world.start(min(more, TASKS - len(self.world.ec2.tasks)), timed=True)
        self.world.poll({at: MEANWHILE}, lambda: self.another_poll(moves))

    @rule(at=st.integers(3, 6))
    def overtaken_from_behind(self, at: int) -> None:
        """End a task for one recorder; another one sees it running.

        The other one's stale answer comes before request ``at`` of the first.

        EC2 forgets it then.
        """
        self.start(1, True, [])
        self.world.poll({3: KILLED_BEFORE})
        self.all_live("complete", 0)
        advance(self.world, minutes=5)
        self.world.poll({at: MEANWHILE}, lambda: self.poll_behind(0))
        self.all_live("forget", 0)

    @rule(at=st.integers(3, 6), more=st.integers(1, 3))
    def refused_for_good(self, at: int, more: int) -> None:
        """DynamoDB refuses one of a poll's writes for good."""
        self.start(more, True, [])
        advance(self.world, minutes=5)
        self.world.poll({at: FOR_GOOD})

    @rule(more=st.integers(2, 3))
    def ends_refused_for_good(self, more: int) -> None:
        """Tasks end together, and DynamoDB refuses what one of them came to."""
        self.start(more, True, [])
        self.poll(1)
        self.all_live("complete", 0)
        advance(self.world, minutes=5)
        self.world.poll({WRITE: FOR_GOOD})

    @rule(refusals=st.sampled_from([{2: "throttled"}, {2: "denied"}, {2: "throttled", 3: "denied"}, {3: "throttled"}]))
    def some_notices_refused(self, refusals: Plan) -> None:
        """Tasks end together, and SNS does not take the notices of some."""
        self.start(3, True, [])
        self.all_live("complete", 0)
        self.poll(5)
        self.world.deliver(refusals)

    @rule(at=st.integers(2, 5))
    def told_while_sent_again(self, at: int) -> None:
        """Announce tasks after a poll read them as waiting, before it redrives them."""
        self.all_live("complete", 0)
        self.poll(5)
        advance(self.world, minutes=11)
        self.world.poll({at: MEANWHILE}, self.world.deliver)

    @rule(minutes=minutes, pending=st.integers(0, 1))
    def ended_before_anybody_listens(self, minutes: float, pending: int) -> None:
        """Tasks end and are recorded before anybody has confirmed; later somebody does."""
        self.subscriptions_change((0, pending))
        self.all_live("complete", 0)
        self.poll(minutes)
        self.world.deliver()
        self.poll(11)
        self.subscriptions_change((1, 0))
        self.poll(1)

    @rule(minutes=minutes, later=minutes)
    def cancelled_in_view(self, minutes: float, later: float) -> None:
        """Tasks are seen being cancelled, and no code ever says so."""
        self.all_live("cancel", 0)
        self.poll(minutes)
        self.all_live("fail without code", 0)
        self.poll(later)

    @rule(at=st.sampled_from([*range(AFTERWARDS), *[AFTERWARDS] * 3]), end=st.sampled_from(SEEN_ENDINGS))
    def lost_and_found(self, at: int, end: str) -> None:
        """Hide running tasks for long, then list them as ended.

        That happens during or after the notice that they are lost.
        """
        self.start(1, True, [])
        self.poll(1)
        self.world.live([(number, "hide", 0) for number in range(TASKS)])
        self.poll(1)
        self.poll(16)
        back = [(number, move, 0) for move in ("show", end) for number in range(TASKS)]
        self.world.deliver({at: MEANWHILE}, lambda: self.another_poll(back))
        self.world.live(back)
        self.poll(1)

    @rule(late=st.integers(1, LATEST_CODE), end=st.sampled_from(["fail late", "cancelled late"]))
    def code_comes_late(self, late: int, end: str) -> None:
        """Tasks are seen to have failed before EC2 says why."""
        self.start(1, True, [])
        self.poll(1)
        self.all_live(end, late)
        self.poll(0)
        self.poll(5)

    @rule(at=st.sampled_from(LIST), answer=st.sampled_from(NO_LISTS))
    def odd_answer(self, at: int, answer: str) -> None:
        """EC2 answers with what is no list."""
        self.start(1, True, [])
        advance(self.world, minutes=1)
        self.world.poll({at: answer})

    @rule(long=st.sampled_from([16, 30]))
    def missing_twice(self, long: int) -> None:
        """Return a running task is missing, listed again for long, and missing once more."""
        self.start(1, True, [])
        self.poll(1)
        for move, wait in (("hide", 1), ("show", long), ("hide", 1)):
            self.world.live([(number, move, 0) for number in range(TASKS)])
            self.poll(wait)

    @rule(which=st.integers(2, 3))
    def some_vanish(self, which: int) -> None:
        """Return some tasks vanish, others run on beside them."""
        self.start(2, True, [])
        self.poll(1)
        self.world.live([(number, "hide", 0) for number in range(1, TASKS, which)])
        self.poll(1)

    @rule(move=st.sampled_from(ENDINGS), plan=tellings, meanwhile=moves)
    def end_and_tell_badly(self, move: str, plan: Plan, meanwhile: list[Any]) -> None:
        """All tasks end, a poll goes well, and what tells of them does not."""
        self.all_live(move, LATEST_CODE)
        self.poll(4)
        self.world.deliver(plan, lambda: self.another_poll(meanwhile))

    @invariant()
    def count(self) -> None:
        """Raise the judge's violation, after each step."""
        self.counts["steps"] += 1

    def teardown(self) -> None:
        """Skip the end of a history that has already failed."""
        world = self.__dict__.get("world")
        if world is None or world.stuck:
            return
        heal(world)
        check(world)
        self.counts.update(world.counts)
        self.counts["histories"] += 1
        self.counts["tasks"] += len(world.ec2.tasks)
        self.counts["repeats"] += world.judge.repeats.total()
