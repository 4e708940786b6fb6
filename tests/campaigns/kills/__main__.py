"""``python -m tests.campaigns.kills``: rounds of killed functions.

Exit status 1 for a missing or wrong task.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random

from local.local_stack import local_stack
from local.screen import Screen, run_with_screen
from tests.campaigns.kills import rounds
from tests.campaigns.kills.hearing import heard
from tests.campaigns.kills.judging import Round
from tests.e2e.conftest import StagedEc2
from tests.support.canned_ec2 import Answer, canned_ec2

KILLS = (4, 8)
"""In each round."""
PARAMETERS = {
    "NotificationEmail": "killed@example.com",
    "PollSchedule": "rate(12 hours)",
    "RedriveAfterMinutes": "0",
    "LostAfterMinutes": "0",
}


def main(arguments: list[str]) -> int:
    """0 where every round healed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.kills", description="Kills functions while they work."
    )
    parser.add_argument("--rounds", type=int, default=25, metavar="N", help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), metavar="S", help="of all chance (the time)")
    asked = parser.parse_args(arguments)
    done: list[Round] = []
    status = run_with_screen(lambda screen: done.extend(_played(screen, asked.rounds, asked.seed)))
    return status or int(any(one.problems for one in done))


def _played(screen: Screen, count: int, seed: int) -> list[Round]:
    with (
        _ec2() as ec2,
        local_stack(screen, ec2.url, PARAMETERS) as deployment,
        heard(deployment, "killed") as received,
    ):
        done = []
        for number in range(count):
            ec2.lists(*rounds.listed(rounds.outcomes(number)))
            with screen.step(f"round {number + 1}", f"of {count}, {rounds.TASKS} tasks"):
                rng = Random(f"{seed}/{number}")
                one = rounds.play(deployment, number, rng, rng.randint(*KILLS), received)
            screen.say(f"    {_told(one)}")
            done.append(one)
            for problem in one.problems:
                screen.show_error(f"    {problem}")
    screen.say(f"\n{_summary(done)}\nSeed {seed}.")
    return done


@contextmanager
def _ec2() -> Iterator[StagedEc2]:
    with canned_ec2(Answer(b"")) as canned:
        staged = StagedEc2(canned)
        staged.lists()
        yield staged


def _told(one: Round) -> str:
    killed = ", ".join(f"{count} {name}" for name, count in sorted(one.killed.items())) or "none"
    return (
        f"killed: {killed}; {one.broken_polls} of {one.polls} polls broken; {one.notices} notices,"
        f" {one.interrupted} of them told again, {one.repeated} tasks more than once; {one.seconds:.1f} s"
    )


def _summary(done: Sequence[Round]) -> str:
    killed = sum((one.killed for one in done), Counter())
    bad = sum(bool(one.problems) for one in done)
    return (
        f"{len(done)} rounds of {rounds.TASKS} tasks, {killed.total()} functions killed"
        f" ({killed['Recorder']} recorders, {killed['Notifier']} notifiers): {bad} rounds with something missing,"
        f" wrong or untold; {sum(one.notices for one in done)} notices, {sum(one.interrupted for one in done)} told"
        f" again because their mark did not follow."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
