"""Functions killed while they work leave nothing missing, wrong or unannounced.

`make killed` does more.
"""

import time
from itertools import count
from random import Random

import pytest

from local.deployment import Deployment
from tests.campaigns.kills.hearing import heard
from tests.campaigns.kills.judging import Round, interrupted_among, judge
from tests.campaigns.kills.rounds import listed, outcomes, play
from tests.e2e.conftest import StagedEc2
from tests.e2e.steps import poll

ROUNDS, KILLS = 3, 2


def test_what_kills_leave_behind_heals(impatient: Deployment, ec2: StagedEc2) -> None:
    seed = int(time.time())
    print(f"seed {seed}")
    killed = 0
    with heard(impatient, "killed") as received:
        # A round may be over before anything was killed.
        for number in count():
            ec2.lists(*listed(outcomes(number)))
            done = play(impatient, number, Random(f"{seed}/{number}"), KILLS, received)
            assert done.problems == [], done
            killed += done.killed.total()
            if min(number + 1, killed) >= ROUNDS:
                break
    ec2.lists()
    assert poll(impatient)["written"] == 0


@pytest.mark.parametrize(
    ("notices", "count"),
    [([], 0), ([["a"], ["b"]], 0), ([["a"], ["a"]], 1), ([["a", "b"], ["a"], ["b"]], 1), ([["a"], ["a"], ["a"]], 2)],
)
def test_what_was_told_again_is_counted(notices: list[list[str]], count: int) -> None:
    assert interrupted_among(notices) == count


def test_a_round_would_see_what_must_not_be() -> None:
    ended = {"a": "complete", "b": "failed", "c": "failed"}
    rows = {"a": {"outcome": "failed", "notified_at": "x"}, "b": {"outcome": "failed", "awaiting": "notification"}}
    done = Round(1)
    judge(done, rows, ended, [["a"], ["a"]], ["a", "c", "c"])
    assert [problem.partition(":")[0] for problem in done.problems] == [
        "1 missing",
        "1 with a wrong outcome",
        "2 unmarked",
        "2 untold",
        "1 without an event",
        "1 notices told again, and 0 notifiers killed",
        "1 events again, and 0 notifiers killed",
    ]
