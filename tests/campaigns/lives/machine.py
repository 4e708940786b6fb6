"""Whole histories: a beginning, events in any order, and a judgement.

Further rules combine events that random choice seldom combines.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from task_reporter.kinds.table import KINDS
from tests.campaigns.lives.convergence import check_final_state, converge
from tests.campaigns.lives.ec2 import ENDINGS, LISTED_ENDINGS, MAX_CODE_DELAY
from tests.campaigns.lives.faults import (
    KILLED_BEFORE,
    MEANWHILE,
    PERMANENT,
    REFUSALS,
    SERVICE_FAULTS,
    TIME_OUT,
    UNREACHABLE,
    Plan,
)
from tests.campaigns.lives.rules import TASKS, Rules, minutes, moves, notifier_plans, position, recorder_plans
from tests.campaigns.lives.sns import INVALID
from tests.campaigns.lives.world import DEFERRED, OTHER_SCOPE, SCOPE, WRITE, World, advance
from tests.support.dynamodb import MAX_KEYS
from tests.support.inline import INLINE

NO_LISTS = SERVICE_FAULTS[:3]
AFTERWARDS = 4
"""Position after all requests of a notifier: the event comes when it has ended."""
DRAWN = ("bundle", "store-image", "import-image", *KINDS, "bundle", "store-image")
"""The kinds to draw from; some often, because much is peculiar to them."""


class Histories(Rules):
    """One history; ``counts`` is set before the first."""

    @initialize(
        world=st.builds(
            World,
            digest_above=st.sampled_from([5, 5, 1, 2]),
            page=st.sampled_from([MAX_KEYS, 1, 1, 2]),
            pool=st.sampled_from([INLINE, DEFERRED]),
            email_subscription=st.booleans(),
            kinds=st.lists(st.sampled_from(DRAWN), min_size=1, max_size=4),
            newest_only=st.booleans(),
            bus=st.sampled_from([True, True, False]),
            apart=st.booleans(),
        ),
        first=st.sampled_from([1, 1, 2, 3, 6]),
        poison=st.sampled_from([{}] * 12 + [{1: INVALID}, {0: INVALID}]),
    )
    def begin(self, world: World, first: int, poison: dict[int, str]) -> None:
        self.world = world
        self.world.sns.poisoned = poison
        self.world.start(first)

    def begin_scene(self, kind: str = "bundle", **options: Any) -> None:
        """Begin the short history of a defect."""
        self.begin(World(kinds=[kind], **options), first=1, poison={})

    @rule(
        minutes=minutes, plan=recorder_plans, notifier_plan=notifier_plans, moves=moves, meanwhile=moves,
        end=st.sampled_from(ENDINGS),
    )  # fmt: skip
    def end_with_faults(
        self, minutes: float, plan: Plan, notifier_plan: Plan, moves: list[Any], meanwhile: list[Any], end: str
    ) -> None:
        """Change tasks while a recorder and a notifier fail, beside a second recorder."""
        self.world.move(moves)
        self.poll_with_faults(minutes, plan, [])
        self.move_all(end, MAX_CODE_DELAY)
        self.poll(1)
        self.world.deliver(notifier_plan, lambda: self.poll_meanwhile(meanwhile))

    @rule(at=st.sampled_from([WRITE, WRITE + 1]) | position, more=st.integers(0, 1), moves=moves)
    def poll_twice_at_once(self, at: int, more: int, moves: list[Any]) -> None:
        """Run two recorders, the second one before request ``at`` of the first."""
        advance(self.world, minutes=5)
        self.world.start(min(more, TASKS - len(self.world.ec2.tasks)))
        self.world.poll({at: MEANWHILE}, lambda: self.poll_meanwhile(moves))

    @rule(at=st.integers(WRITE - 1, WRITE + 2))
    def overtake_with_stale_list(self, at: int) -> None:
        """Show one recorder the end of a task, another a stale list.

        The second recorder works before request ``at`` of the first. Then EC2 forgets the task.
        """
        self.start(1, [])
        self.world.poll({WRITE - 1: KILLED_BEFORE})
        self.move_all("complete", 0)
        advance(self.world, minutes=5)
        self.world.poll({at: MEANWHILE}, lambda: self.poll_stale_list(0))
        self.move_all("forget", 0)

    @rule(at=st.integers(WRITE - 1, WRITE + 2), more=st.integers(1, 3))
    def refuse_a_write(self, at: int, more: int) -> None:
        """Refuse one of a poll's writes permanently."""
        self.start(more, [])
        advance(self.world, minutes=5)
        self.world.poll({at: PERMANENT})

    @rule(more=st.integers(2, 3))
    def refuse_an_outcome(self, more: int) -> None:
        """End tasks together, and refuse to write the outcome of one of them."""
        self.start(more, [])
        self.poll(1)
        self.move_all("complete", 0)
        advance(self.world, minutes=5)
        self.world.poll({WRITE: PERMANENT})

    @rule(refusals=st.sampled_from([{2: "throttled"}, {2: "denied"}, {2: "throttled", 3: "denied"}, {3: "throttled"}]))
    def refuse_some_notices(self, refusals: Plan) -> None:
        self.start(3, [])
        self.move_all("complete", 0)
        self.poll(5)
        self.world.deliver(refusals)

    @rule(at=st.integers(WRITE - 2, WRITE + 1))
    def announce_during_redrive(self, at: int) -> None:
        """Announce tasks after a poll read them as waiting, before it redrives them."""
        self.move_all("complete", 0)
        self.poll(5)
        advance(self.world, minutes=11)
        self.world.poll({at: MEANWHILE}, self.world.deliver)

    @rule(minutes=minutes, pending=st.integers(0, 1))
    def end_before_confirmation(self, minutes: float, pending: int) -> None:
        """End and record tasks before anybody has confirmed a subscription."""
        self.change_subscriptions((0, pending))
        self.move_all("complete", 0)
        self.poll(minutes)
        self.world.deliver()
        self.poll(11)
        self.change_subscriptions((1, 0))
        self.poll(1)

    @rule(minutes=minutes, later=minutes)
    def cancel_without_code(self, minutes: float, later: float) -> None:
        """Show that tasks are being cancelled, and never give an error code."""
        self.move_all("cancel", 0)
        self.poll(minutes)
        self.move_all("fail without code", 0)
        self.poll(later)

    @rule(
        at=st.sampled_from([*range(AFTERWARDS), *[AFTERWARDS] * 3]),
        end=st.sampled_from(LISTED_ENDINGS),
        code_delay=st.integers(0, MAX_CODE_DELAY),
    )
    def lose_and_find(self, at: int, end: str, code_delay: int) -> None:
        """Hide running tasks for long, then list them as ended.

        That happens during or after the notice that they are lost.
        """
        self.start(1, [])
        self.poll(1)
        self.move_all("hide", 0)
        self.poll(1)
        self.poll(16)
        back = [(number, move, code_delay) for move in ("show", end) for number in range(TASKS)]
        self.world.deliver({at: MEANWHILE}, lambda: self.poll_meanwhile(back))
        self.world.move(back)
        self.poll(1)

    @rule(code_delay=st.integers(1, MAX_CODE_DELAY), end=st.sampled_from(["fail late", "cancelled late"]))
    def delay_code(self, code_delay: int, end: str) -> None:
        """Show that tasks have failed before EC2 gives the error code."""
        self.start(1, [])
        self.poll(1)
        self.move_all(end, code_delay)
        self.poll(0)
        self.poll(5)

    @rule(answer=st.sampled_from([*NO_LISTS, "denied"]))
    def answer_without_list(self, answer: str) -> None:
        """Answer one poll without the list of the newest task."""
        self.start(1, [])
        advance(self.world, minutes=1)
        self.world.poll({self.world.position(self.world.ec2.tasks[-1]): answer})

    @rule(
        minutes=minutes,
        scope=st.sampled_from([SCOPE, OTHER_SCOPE]),
        fault=st.sampled_from([*NO_LISTS, *REFUSALS, TIME_OUT, UNREACHABLE]),
        move=st.sampled_from([*ENDINGS, "hide", "show"]),
        step=st.sampled_from([1, 2]),
    )
    def fail_a_region(self, minutes: float, scope: str, fault: str, move: str, step: int = 1) -> None:
        """Change tasks of both regions, and poll twice while one can't be read.

        All its lists fail, or every second one.
        """
        self.start(2, [])
        self.poll(1)
        self.move_all(move, 0)
        for wait in (minutes, 16):
            advance(self.world, minutes=wait)
            self.world.poll(dict.fromkeys(self.world.positions(scope)[::step], fault))

    @rule(long=st.sampled_from([16, 30]))
    def hide_twice(self, long: int) -> None:
        """Hide running tasks, list them again for long, and hide them once more."""
        self.start(1, [])
        self.poll(1)
        for move, wait in (("hide", 1), ("show", long), ("hide", 1)):
            self.move_all(move, 0)
            self.poll(wait)

    @rule(step=st.integers(2, 3))
    def hide_some(self, step: int) -> None:
        """Hide every second or third task beside running ones."""
        self.start(2, [])
        self.poll(1)
        self.world.move([(number, "hide", 0) for number in range(1, TASKS, step)])
        self.poll(1)

    @rule(move=st.sampled_from(ENDINGS), plan=notifier_plans, meanwhile=moves)
    def announce_with_faults(self, move: str, plan: Plan, meanwhile: list[Any]) -> None:
        """End all tasks and record them; only the notifier has faults."""
        self.move_all(move, MAX_CODE_DELAY)
        self.poll(4)
        self.world.deliver(plan, lambda: self.poll_meanwhile(meanwhile))

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
        self.counts.update(world.counts)
        self.counts["histories"] += 1
        self.counts["tasks"] += len(world.ec2.tasks)
        self.counts.update(f"{task.kind.name} tasks" for task in world.ec2.tasks)
        self.counts["tasks of the second region"] += sum(task.scope == OTHER_SCOPE for task in world.ec2.tasks)
        self.counts["repeats"] += world.oracle.repeats
