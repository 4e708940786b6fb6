"""What AWS charges, and what that makes of a measured function.

List prices in US dollars of us-east-1 as of August 2025, above all free tiers:
https://aws.amazon.com/lambda/pricing/ https://aws.amazon.com/dynamodb/pricing/on-demand/
https://aws.amazon.com/eventbridge/pricing/ https://aws.amazon.com/cloudwatch/pricing/ https://aws.amazon.com/sns/pricing/
"""

from dataclasses import dataclass

from benchmarks.sides import Step

OF = "list prices of us-east-1, August 2025, no free tier; without metrics, alarms and dashboard"
GB_SECOND = 0.0000133334
"""Of an arm64 function. The time in which it initialises is charged as well, since that August."""
MILLION = 1e-6
INVOCATION = 0.20 * MILLION
SCHEDULED = 1.00 * MILLION
WRITE_UNIT, READ_UNIT = 0.625 * MILLION, 0.125 * MILLION
LOGGED_BYTE = 0.50 / 1e9
PUBLISHED = 0.50 * MILLION
EMAIL = 2.00 / 100_000

WHOLE_PROCESSOR = 1769
"""Megabytes at which a function has one whole processor; with less it has that share of one.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
LAMBDA_S_OWN_LINES = 350
"""Bytes that Lambda logs of each invocation: START, END and REPORT."""


@dataclass(frozen=True, slots=True)
class Life:
    """What a function was seen to take: its ``start``, its ``first`` answer, and a ``later`` one while it is warm.

    The start of the interpreter and of Lambda's runtime in it, which is the same for every function, is not in it.
    """

    start: Step
    first: Step
    later: Step

    def warm(self, megabytes: int) -> float:
        """Seconds of an answer of a function with so much memory."""
        return _slowed(self.later, megabytes)

    def cold(self, megabytes: int) -> float:
        """The same where it has to start first. While it starts, Lambda gives it a whole processor."""
        return self.start.seconds + _slowed(self.first, megabytes)


def _slowed(step: Step, megabytes: int) -> float:
    """Waiting takes as long as it takes; computing waits for its share of a processor."""
    waiting = max(step.seconds - step.cpu, 0)
    return waiting + step.cpu * max(WHOLE_PROCESSOR / megabytes, 1)


def computing(seconds: float, megabytes: int) -> float:
    """Dollars for one invocation that takes so long."""
    return INVOCATION + seconds * megabytes / 1024 * GB_SECOND
