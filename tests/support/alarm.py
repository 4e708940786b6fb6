"""CloudWatch's evaluation of a metric alarm.

A test gives the properties in the template, and the data points of the metric.

Pages of https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/ that the docstrings cite by name:
  alarm-evaluation            periods, evaluation periods, data points to alarm
  alarms-and-missing-data     periods without data points
  cloudwatch_limits           the longest range of an alarm
"Silent:" marks a choice where the pages say nothing.
"""

from __future__ import annotations

import operator
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from typing import Any

DAY = 24 * 60 * 60
STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
    "Average": lambda values: sum(values) / len(values),
    "SampleCount": len,
}
COMPARISONS = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


class Alarm:
    """One alarm on one metric.

    ``further`` is the number of periods before the evaluated ones in which CloudWatch looks for data points. Silent: on
    the number; "a higher number of data points than the number specified as Evaluation Periods", and the page's tables
    have two further ones. A test should pass with several numbers.
    """

    def __init__(self, properties: Mapping[str, Any], further: int = 2) -> None:
        if {"Metrics", "ThresholdMetricId", "ExtendedStatistic"} & properties.keys():
            raise ValueError("metric math and percentiles are not modelled")
        if properties["TreatMissingData"] not in {"breaching", "notBreaching", "ignore"}:
            raise ValueError("an alarm that has no state for want of data is not modelled")
        self.period = int(properties["Period"])
        self.evaluated = int(properties["EvaluationPeriods"])
        self.enough = int(properties.get("DatapointsToAlarm", self.evaluated))
        self.missing_breaches = properties["TreatMissingData"] == "breaching"
        self.missing_is_ignored = properties["TreatMissingData"] == "ignore"
        self._statistic = STATISTICS[properties["Statistic"]]
        self._breaches = COMPARISONS[properties["ComparisonOperator"]]
        self._threshold = float(properties["Threshold"])
        self._further = further
        self._points: list[tuple[float, ...]] = []
        self._check()

    def _check(self) -> None:
        """Limit the range to a day, a week for long periods (page cloudwatch_limits)."""
        longest = 7 * DAY if self.period >= 3600 else DAY
        if self.period % 60 or not 1 <= self.enough <= self.evaluated or self.period * self.evaluated > longest:
            raise ValueError("CloudWatch refuses such an alarm")

    def put(self, at: float, value: float) -> None:
        """Add a data point at a time in seconds."""
        insort(self._points, (at, value))

    def rings(self, at: float) -> bool:
        """Tell whether the alarm is in ALARM after its evaluation at a minute.

        If data are too few, an alarm that ignores missing data keeps the state of the evaluation before.
        Its first state is INSUFFICIENT_DATA.
        """
        end = at - at % 60
        while self._points and end > self._points[0][0]:
            decided = self._decide(end)
            if decided is not None:
                return decided
            end -= 60
        return self._decide(end) or False

    def _decide(self, end: float) -> bool | None:
        """Return True for ALARM, False for OK, None for no change.

        Page alarm-evaluation: periods end with the minute of the evaluation, so they slide. Page
        alarms-and-missing-data: if there are enough real data points, the latest ones count, from farther back if need
        be. If there are fewer, each of them counts, and missing ones fill up the number; or, if missing ones are
        ignored, the state stays as long as no real data point speaks against an alarm.
        """
        periods = [self._value(end - self.period * number) for number in range(self.evaluated + self._further)]
        real = [value for value in periods if value is not None][: self.evaluated]
        breaching = sum(self._breaches(value, self._threshold) for value in real)
        if self.missing_is_ignored and len(real) < self.evaluated and breaching == len(real) < self.enough:
            return None
        filled = self.evaluated - len(real) if self.missing_breaches else 0
        return bool(breaching + filled >= self.enough)

    def _value(self, end: float) -> float | None:
        first, last = (bisect_left(self._points, (at,)) for at in (end - self.period, end))
        values = [value for _, value in self._points[first:last]]
        return self._statistic(values) if values else None
