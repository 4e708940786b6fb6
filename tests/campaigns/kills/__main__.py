"""``python -m tests.campaigns.kills``: rounds of killed functions.

The exit status is 1 if a task is missing or wrong.
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
    """Return 0 if every round healed, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.kills", description="Kills functions while they work."
    )
    parser.add_argument("--rounds", type=int, default=25, metavar="N", help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), metavar="S", help="of all chance (the time)")
    options = parser.parse_args(arguments)
    results: list[Round] = []
    status = run_with_screen(lambda screen: results.extend(_play(screen, options.rounds, options.seed)))
    return status or int(any(result.problems for result in results))


def _play(screen: Screen, count: int, seed: int) -> list[Round]:
    with _ec2() as ec2, local_stack(screen, ec2.url, PARAMETERS) as deployment, heard(deployment, "killed") as received:
        results = []
        for number in range(count):
            ec2.lists(*rounds.listed(rounds.outcomes(number)))
            with screen.step(f"round {number + 1}", f"of {count}, {rounds.TASKS} tasks"):
                rng = Random(f"{seed}/{number}")
                result = rounds.play(deployment, number, rng, rng.randint(*KILLS), received)
            screen.say(f"    {_description(result)}")
            results.append(result)
            for problem in result.problems:
                screen.show_error(f"    {problem}")
    screen.say(f"\n{_summary(results)}\nSeed {seed}.")
    return results


@contextmanager
def _ec2() -> Iterator[StagedEc2]:
    with canned_ec2(Answer(b"")) as canned:
        staged = StagedEc2(canned)
        staged.lists()
        yield staged


def _description(result: Round) -> str:
    killed = ", ".join(f"{count} {name}" for name, count in sorted(result.killed.items())) or "none"
    return (
        f"killed: {killed}; {result.broken_polls} of {result.polls} polls broken; {result.notices} notices,"
        f" {result.interrupted} of them told again, {result.repeated} tasks more than once,"
        f" {result.repeated_events} events again; {result.seconds:.1f} s"
    )


def _summary(results: Sequence[Round]) -> str:
    killed = sum((result.killed for result in results), Counter())
    bad = sum(bool(result.problems) for result in results)
    return (
        f"{len(results)} rounds of {rounds.TASKS} tasks, {killed.total()} functions killed"
        f" ({killed['Recorder']} recorders, {killed['Notifier']} notifiers): {bad} rounds with something missing,"
        f" wrong or untold; {sum(result.notices for result in results)} notices,"
        f" {sum(result.interrupted for result in results)} told again because their mark did not follow;"
        f" {sum(result.repeated_events for result in results)} events again."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
