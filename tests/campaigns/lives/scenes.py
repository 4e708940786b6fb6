"""One short history for each defect that shows it with any seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import methodcaller

from tests.campaigns.lives.machine import AFTERWARDS, LIST, NO_LISTS, WRITE, Histories
from tests.support.dynamodb import MAX_KEYS
from tests.support.inline import INLINE

Act = Callable[[Histories], None]
POLL, SOON = methodcaller("poll", minutes=5), methodcaller("poll", minutes=1)
DELIVER = methodcaller("deliver", first=0)
THREE_START = methodcaller("start", many=3, timed=True, past=[])
CONFLICT = "odd 1"
"""DynamoDB's answer that another transaction writes one of the rows."""


def all_tasks(move: str) -> Act:
    return methodcaller("all_live", move=move, late=0)


@dataclass(frozen=True, slots=True)
class Scene:
    """``acts`` on one task; ``page`` is the size of DynamoDB's pages."""

    acts: tuple[Act, ...]
    digest_above: int = 5
    page: int = MAX_KEYS

    def play(self, machine: type[Histories]) -> None:
        """Play it. Raises ViolationError where it goes wrong."""
        history = machine()
        history.begin(self.digest_above, self.page, first=1, pool=INLINE, poison={}, email=True)
        for act in self.acts:
            act(history)
        history.teardown()


def of(*acts: Act) -> Scene:
    return Scene(acts)


IN_A_DIGEST = Scene((THREE_START, all_tasks("complete"), POLL, DELIVER), digest_above=1)
UNHEARD = of(methodcaller("ended_before_anybody_listens", minutes=5, pending=1))
OVERTAKEN = methodcaller("poll_twice_at_once", at=WRITE, more=0, moves=[(0, "complete", 0)])
MISSING_TWICE = of(methodcaller("missing_twice", long=16))

SCENES: Mapping[str, Scene] = {
    "an insert without a condition": of(OVERTAKEN),
    "an update without a condition": of(POLL, all_tasks("step"), OVERTAKEN),
    "a later poll ends a task anew": of(all_tasks("complete"), POLL, POLL),
    "the code that comes late is not waited for": of(methodcaller("code_comes_late", late=60, end="cancelled late")),
    "cancelling is forgotten": of(methodcaller("cancelled_in_view", minutes=1, later=5)),
    "keys that were not read are forgotten": Scene((THREE_START, POLL, all_tasks("complete"), POLL), page=1),
    "a conflict is taken for done": of(
        THREE_START, methodcaller("poll_badly", minutes=5, plan={WRITE: CONFLICT}, meanwhile=[])
    ),
    "what was overtaken is not looked at again": of(methodcaller("overtaken_from_behind", at=WRITE)),
    "marked before it is published": of(
        all_tasks("complete"),
        POLL,
        methodcaller("deliver_badly", plan={2: "throttled"}, meanwhile=[], first=0, down=False),
    ),
    "told to nobody": UNHEARD,
    "what was written before a request failed is forgotten": of(methodcaller("ends_refused_for_good", more=3)),
    "marked whatever the outcome is by now": of(methodcaller("lost_and_found", at=3, end="complete")),
    "a digest names one task too few": IN_A_DIGEST,
    "a digest forgets a task": IN_A_DIGEST,
    "a failed record is not brought again": of(methodcaller("some_notices_refused", refusals={2: "throttled"})),
    "a correction says that it was told": of(methodcaller("lost_and_found", at=AFTERWARDS, end="complete")),
    "the rest of the waiting rows is not read": Scene(
        (THREE_START, POLL, methodcaller("some_vanish", which=2)), page=1
    ),
    "nothing is sent again": of(all_tasks("complete"), POLL, methodcaller("time_goes_its_way", what="expiry")),
    "told whether or not it waits": of(
        all_tasks("complete"), POLL, DELIVER, methodcaller("replay", picks=[0], split=False, plan={})
    ),
    "no mark": of(all_tasks("complete"), POLL, DELIVER),
    "sent again while nobody listens": UNHEARD,
    "lost at the first answer without it": MISSING_TWICE,
    "lost at the second answer without it": of(POLL, all_tasks("hide"), SOON, SOON),
    "missing since long ago, though listed since": MISSING_TWICE,
    "an answer without a list is an empty list": of(methodcaller("odd_answer", at=LIST[1], answer=NO_LISTS[0])),
    "sent again without a condition": of(methodcaller("told_while_sent_again", at=WRITE)),
    "the policy is kept": of(POLL),
    "a task that is running is written at each poll": of(POLL, POLL),
    "the heart beats although rows were refused": of(methodcaller("refused_for_good", at=WRITE, more=2)),
}
"""By the defect's name."""
