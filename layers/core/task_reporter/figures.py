"""Figures in CloudWatch's embedded metric format, which CloudWatch reads out of the log.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
Each name costs as one custom metric, so there is no other dimension than the stack, which the template names.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

NAMESPACE = "ec2-task-reporter"
COUNT, SECONDS = "Count", "Seconds"


class Figure(NamedTuple):
    """One value of one metric."""

    name: str
    unit: str
    value: float


def emit(metrics: Any, figures: Iterable[Figure]) -> None:
    """Write ``figures`` through Powertools' ``metrics``; none writes nothing."""
    for figure in figures:
        metrics.add_metric(*figure)
    if metrics.metric_set:  # Powertools warns where there is nothing to write
        metrics.flush_metrics()
