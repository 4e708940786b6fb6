"""AWS's prices, and the price of a measured function.

List prices in US dollars of us-east-1 as of August 2025, above all free tiers:
https://aws.amazon.com/lambda/pricing/ https://aws.amazon.com/dynamodb/pricing/on-demand/
https://aws.amazon.com/eventbridge/pricing/ https://aws.amazon.com/cloudwatch/pricing/ https://aws.amazon.com/sns/pricing/
"""

from dataclasses import dataclass

from benchmarks.sides import Step

OF = "list prices of us-east-1, August 2025, no free tier; without metrics, alarms and dashboard"
GB_SECOND = 0.0000133334
"""Dollars for an arm64 function; initialisation is charged as well."""
MILLION = 1e-6
INVOCATION = 0.20 * MILLION
SCHEDULED = 1.00 * MILLION
WRITE_UNIT, READ_UNIT = 0.625 * MILLION, 0.125 * MILLION
LOGGED_BYTE = 0.50 / 1e9
PUBLISHED = 0.50 * MILLION
EMAIL = 2.00 / 100_000
EVENT = 1.00 * MILLION
"""A custom event of EventBridge."""
QUEUED = 0.40 * MILLION
"""A request to SQS: https://aws.amazon.com/sqs/pricing/"""
ALARM, METRIC = 0.10, 0.30
"""Dollars a month."""

WHOLE_PROCESSOR = 1769
"""Megabytes that give one whole processor; less memory gives its share.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""
LAMBDA_S_OWN_LINES = 350
"""Bytes that Lambda logs of each invocation: START, END and REPORT."""


@dataclass(frozen=True, slots=True)
class Life:
    """A function's measured ``start``, ``first`` answer, and a ``later`` warm one.

    The start of the interpreter and of Lambda's runtime in it, which is the same for every function, is not in it.
    """

    start: Step
    first: Step
    later: Step

    def warm(self, megabytes: int) -> float:
        """Seconds of an answer of a function with so much memory."""
        return _slowed(self.later, megabytes)

    def cold(self, megabytes: int) -> float:
        """Return the cost with a start, which has a whole processor."""
        return self.start.seconds + _slowed(self.first, megabytes)


def _slowed(step: Step, megabytes: int) -> float:
    """Return the time with this memory: waiting stays, computing grows."""
    waiting = max(step.seconds - step.cpu, 0)
    return waiting + step.cpu * max(WHOLE_PROCESSOR / megabytes, 1)


def computing(seconds: float, megabytes: int) -> float:
    """Dollars for one invocation that takes so long."""
    return INVOCATION + seconds * megabytes / 1024 * GB_SECOND
