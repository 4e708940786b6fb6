"""CloudWatch metrics in the embedded metric format: log lines from which CloudWatch reads them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from collections.abc import Iterable
from functools import cache
from threading import Lock
from typing import NamedTuple

from aws_lambda_powertools import Metrics

NAMESPACE = "ec2-task-reporter"
COUNT, SECONDS = "Count", "Seconds"
LOCK = Lock()


class Metric(NamedTuple):
    """One value of one metric."""

    name: str
    unit: str
    value: float


def emit(metrics: Iterable[Metric]) -> None:
    """Log ``metrics``. Without any, nothing is logged. Several threads may call it."""
    with LOCK:  # Powertools' metrics are one object for all threads
        log = _log()
        for metric in metrics:
            log.add_metric(*metric)
        if log.metric_set:  # Powertools warns where there is nothing to write
            log.flush_metrics()


@cache
def _log() -> Metrics:
    """Return Powertools' metrics with the stack as their one dimension.

    Each further dimension would cost money.
    """
    return Metrics(namespace=NAMESPACE)
