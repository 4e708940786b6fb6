"""Histories of a hub: a beginning, events in any order, and a judgement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from task_reporter.kinds.table import KINDS
from task_reporter.organization.members import ACTIVE
from tests.campaigns.fleet.convergence import converge
from tests.campaigns.fleet.services import EMPTY, NO_LIST, SILENT
from tests.campaigns.fleet.world import ACCOUNTS, HUB, MEMBERS, REFUSALS, REGIONS, SETTINGS, Delivery, Fleet
from tests.campaigns.lives.convergence import check_final_state
from tests.campaigns.lives.ec2 import ENDINGS, MAX_CODE_DELAY
from tests.campaigns.lives.faults import (
    ACTIONS,
    KILLED_AFTER,
    KILLED_BEFORE,
    LOST_RESPONSE,
    MEANWHILE,
    TIME_OUT,
    UNREACHABLE,
    Plan,
)
from tests.campaigns.lives.faults import REFUSALS as REFUSED
from tests.campaigns.lives.rules import Rules, minutes, moves
from tests.campaigns.lives.world import DEFERRED, advance
from tests.support.dynamodb import MAX_KEYS
from tests.support.inline import INLINE

DRAWN = ("bundle", "store-image", "export-image", *KINDS)
"""The kinds to draw from: some quiet, some hourly."""
ROUND = 5
"""Minutes between two rounds."""
position = st.sampled_from([0, 0, *range(13)])
plans = st.dictionaries(position, st.sampled_from(ACTIONS), min_size=1, max_size=3)
account = st.sampled_from(ACCOUNTS)
member = st.sampled_from(MEMBERS)
faults = st.sampled_from([*REFUSALS])
place = st.sampled_from(
    [
        *(f"{account}/{region}/*" for account in ACCOUNTS for region in REGIONS),
        *(f"{account}/*/{kind}" for account in ACCOUNTS for kind in ("bundle", "store-image", "export-image")),
        *(f"{account}/*" for account in ACCOUNTS),
        f"*/{REGIONS[1]}/*",
    ]
)
"""A pattern of lists."""


class Histories(Rules):
    """One history of a hub; ``counts`` is set before the first."""

    world: Fleet

    @initialize(
        world=st.builds(
            Fleet,
            setting=st.sampled_from(SETTINGS),
            every=st.sampled_from([False, False, False, True]),
            digest_above=st.sampled_from([5, 1]),
            page=st.sampled_from([MAX_KEYS, 1, 2]),
            pool=st.sampled_from([INLINE, DEFERRED]),
            email_subscription=st.booleans(),
            kinds=st.lists(st.sampled_from(DRAWN), min_size=1, max_size=4),
            newest_only=st.booleans(),
            bus=st.booleans(),
        ),
        first=st.sampled_from([1, 3, 6]),
        past=st.sampled_from([[], [], ["complete"], ["fail"]]),
        is_polled=st.sampled_from([True, True, False]),
    )
    def begin(self, world: Fleet, first: int, past: Sequence[str] = (), is_polled: bool = True) -> None:
        """Begin with tasks that may have ended before the first poll."""
        self.world = world
        self.world.start(first, [(move, MAX_CODE_DELAY) for move in past])
        if is_polled:
            self.world.poll()

    def begin_scene(self, kind: str = "bundle", first: int = 3, **options: Any) -> None:
        """Begin the short history of a defect."""
        self.begin(Fleet(kinds=[kind], **options), first)

    # Rounds

    @rule(minutes=minutes, order=st.integers(0, 9), twice=st.booleans())
    def deliver_messages(self, minutes: float, order: int, twice: bool) -> None:
        """Deliver the messages of a round in any order, or twice."""
        advance(self.world, minutes=minutes)
        self.world.round(Delivery(order=order, twice=twice))

    @rule(minutes=minutes | st.just(60), planner=plans)
    def plan_with_faults(self, minutes: float, planner: Plan) -> None:
        advance(self.world, minutes=minutes)
        self.world.round(planner=planner)

    @rule(
        minutes=minutes, account=account, plan=plans, move=st.sampled_from(ENDINGS), rounds=st.integers(1, 2),
        restart=st.booleans(),
    )  # fmt: skip
    def fail_a_worker(self, minutes: float, account: str, plan: Plan, move: str, rounds: int, restart: bool) -> None:
        """Change all tasks while the worker of one account has faults."""
        if restart:
            self.world.restart()
        self.move_all(move, 0)
        for _ in range(rounds):
            advance(self.world, minutes=minutes)
            self.world.round(Delivery(plans={account: plan}))

    @rule(
        account=member,
        fault=st.sampled_from([*REFUSED, TIME_OUT, UNREACHABLE, LOST_RESPONSE, KILLED_BEFORE, KILLED_AFTER]),
        rounds=st.integers(1, 2),
    )
    def fail_sts(self, account: str, fault: str, rounds: int) -> None:
        """Fail the request for a session of one account."""
        for _ in range(rounds):
            self.world.restart()
            advance(self.world, minutes=ROUND)
            self.world.round(Delivery(plans={account: {0: fault}}))

    @rule(at=position, killed=st.sampled_from([KILLED_BEFORE, KILLED_AFTER]), of_planner=st.booleans(), account=account)
    def kill(self, at: int, killed: str, of_planner: bool, account: str) -> None:
        """Kill the planner or a worker at a request."""
        advance(self.world, minutes=ROUND)
        plans = {} if of_planner else {account: {at: killed}}
        self.world.round(Delivery(plans=plans), {at: killed} if of_planner else {})

    @rule(at=position, account=account, moves=moves)
    def work_twice_at_once(self, at: int, account: str, moves: list[Any]) -> None:
        """Let two workers work on one account.

        The second one works before request ``at`` of the first.
        """
        self.world.move(moves)
        advance(self.world, minutes=ROUND)
        self.world.round(Delivery(plans={account: {at: MEANWHILE}}))

    @rule(held=st.sets(account, min_size=1), late=minutes, move=st.sampled_from(ENDINGS))
    def delay_messages(self, held: set[str], late: float, move: str) -> None:
        """Deliver the messages of some accounts late, perhaps after the next round."""
        advance(self.world, minutes=ROUND)
        self.world.round(Delivery(held=held))
        self.move_all(move, 0)
        advance(self.world, minutes=late)
        self.world.work()

    # Accounts

    @rule(account=member, opens=st.booleans(), rounds=st.integers(0, 3))
    def change_role(self, account: str, opens: bool, rounds: int) -> None:
        """Remove or make the role of a member."""
        if opens:
            self.world.sts.closed.discard(account)
        else:
            self.world.close_role(account)
        self.poll_often(rounds)

    @rule(account=member, move=st.sampled_from([*ENDINGS, "hide"]), rounds=st.integers(1, 3), restart=st.booleans())
    def lose_role(self, account: str, move: str, rounds: int, restart: bool) -> None:
        """Remove a role, change all tasks, and make the role again."""
        self.start(3, [])
        self.poll_often(1)
        self.world.close_role(account)
        if restart:
            self.world.restart()
        self.move_all(move, 0)
        self.poll_often(rounds)
        self.world.sts.closed.discard(account)
        self.poll_often(1)

    @rule(account=member, state=st.sampled_from(["", "SUSPENDED", ACTIVE]), wait=minutes)
    def change_state(self, account: str, state: str, wait: float) -> None:
        """Let a member leave, be suspended, or come back."""
        self.world.set_state(account, state)
        self.poll(wait)

    @rule(account=member, state=st.sampled_from(["", "SUSPENDED"]), move=st.sampled_from([*ENDINGS, "hide"]))
    def leave_and_come_back(self, account: str, state: str, move: str) -> None:
        """Let a member with running tasks be away for long."""
        self.start(3, [])
        self.poll_often(1)
        self.world.set_state(account, state)
        self.poll(60)
        self.move_all(move, 0)
        self.poll_often(4)
        self.world.set_state(account, ACTIVE)
        self.poll(60)

    @rule(outage=st.sampled_from([SILENT, EMPTY, NO_LIST, ""]), wait=st.sampled_from([ROUND, 60]))
    def change_organizations(self, outage: str, wait: float) -> None:
        self.world.organizations.outage = outage
        self.poll(wait)

    @rule(
        place=place,
        fault=st.sampled_from([*REFUSALS]),
        move=st.sampled_from([*ENDINGS, "hide"]),
        rounds=st.integers(1, 3),
    )
    def refuse_lists(self, place: str, fault: str, move: str, rounds: int) -> None:
        """Refuse some lists for some rounds, while all tasks change."""
        self.start(3, [])
        self.poll_often(1)
        self.world.refusals[place] = fault
        self.move_all(move, 0)
        self.poll_often(rounds)

    @rule(wait=st.sampled_from([ROUND, 60]))
    def allow_lists(self, wait: float) -> None:
        self.world.refusals.clear()
        self.poll(wait)

    @rule(account=account, regions=st.sampled_from([REGIONS, REGIONS[:1]]))
    def change_regions(self, account: str, regions: tuple[str, ...]) -> None:
        """Enable or disable the second region of an account."""
        self.world.enabled[account] = regions

    @rule(account=account)
    def slow_down(self, account: str) -> None:
        self.world.slow_down(account)

    @rule()
    def restart(self) -> None:
        self.world.restart()

    def poll_often(self, rounds: int) -> None:
        for _ in range(rounds):
            self.poll(ROUND)

    @invariant()
    def count_steps(self) -> None:
        self.counts["steps"] += 1

    def teardown(self) -> None:
        """Let the history converge, and check it; skip a history that has failed."""
        world = self.__dict__.get("world")
        if world is None or world.has_failed:
            return
        converge(world)
        check_final_state(world)
        world.oracle.check_all_over(world.active, world.list_keys())
        self.counts.update(world.counts)
        self.counts["histories"] += 1
        self.counts["tasks"] += len(world.ec2.tasks)
        self.counts["tasks of members"] += sum(not task.scope.startswith(HUB) for task in world.ec2.tasks)
        self.counts["repeats"] += world.oracle.repeats
