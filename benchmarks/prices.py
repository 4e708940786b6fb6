"""The price of a measured function, at AWS's prices."""

from dataclasses import dataclass

from benchmarks.sides import Step
from task_reporter_cli.estimate import prices

OF = f"list prices of {prices.REGION}, {prices.AS_OF}, no free tier; without metrics, alarms and dashboard"
GB_SECOND, INVOCATION, SCHEDULED = prices.GB_SECOND.each, prices.INVOCATION.each, prices.SCHEDULED.each
WRITE_UNIT, READ_UNIT = prices.WRITE_UNIT.each, prices.READ_UNIT.each
LOGGED_BYTE = prices.LOGGED_BYTE.each
PUBLISHED, EMAIL, EVENT = prices.PUBLISHED.each, prices.EMAIL.each, prices.EVENT.each
QUEUED, ALARM, METRIC, DASHBOARD = (
    price.each for price in (prices.QUEUE_REQUEST, prices.ALARM, prices.METRIC, prices.DASHBOARD)
)
LAMBDA_S_OWN_LINES = prices.LAMBDA_LOG_BYTES

WHOLE_PROCESSOR = 1769
"""Megabytes that give one whole processor; less memory gives its share.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""


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
