"""Notices and alarms that SNS took, and could not deliver to a subscriber."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from task_reporter_cli.paging import paginate
from task_reporter_cli.status.findings import WELL, WRONG, Finding

PART = "undelivered, last 24 hours"
RECENT = timedelta(hours=24)
HOUR = 3600


def check_deliveries(cloudwatch: Any, topics: Mapping[str, str], queue: str, now: datetime) -> Finding:
    """Find failed deliveries; ``topics`` maps their purpose to their ARNs. Raises botocore's errors.

    For HTTPS subscribers each attempt counts: https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
    """
    counts = count_failures(cloudwatch, topics, now)
    text = ", ".join(f"{count} of {what}" for what, count in counts.items() if count)
    if not text:
        return Finding(PART, WELL, "none")
    lists = "; ".join(
        f"aws sns list-subscriptions-by-topic --topic-arn {topics[what]}" for what, count in counts.items() if count
    )
    todo = f"see which subscriber does not take them ({lists}); the dead-letter queue {queue} holds what it lost"
    return Finding(PART, WRONG, text, todo)


def count_failures(cloudwatch: Any, topics: Mapping[str, str], now: datetime) -> dict[str, int]:
    """Count failed deliveries of each of ``topics`` in the last 24 hours.

    Raises botocore's errors.
    """
    ids = {f"m{number}": what for number, what in enumerate(topics)}
    queries = [{"Id": name, "MetricStat": _failure_metric(topics[what])} for name, what in ids.items()]
    counts = dict.fromkeys(topics, 0)
    for answer in paginate(
        lambda **more: cloudwatch.get_metric_data(
            MetricDataQueries=queries, StartTime=now - RECENT, EndTime=now, **more
        )
    ):
        for result in answer["MetricDataResults"]:
            counts[ids[result["Id"]]] += int(sum(result["Values"]))
    return counts


def _failure_metric(topic: str) -> dict[str, Any]:
    name = [{"Name": "TopicName", "Value": topic.rpartition(":")[2]}]
    metric = {"Namespace": "AWS/SNS", "MetricName": "NumberOfNotificationsFailed", "Dimensions": name}
    return {"Metric": metric, "Period": HOUR, "Stat": "Sum"}
