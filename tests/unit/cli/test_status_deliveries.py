"""Findings of `status` about failed deliveries of notices and alarms."""

from datetime import timedelta
from typing import Any

from botocore.session import Session
from botocore.validate import validate_parameters

from task_reporter.times import parse
from task_reporter_cli.status import deliveries
from task_reporter_cli.status.findings import WELL, WRONG, Finding

NOW = parse("2026-11-23T12:00:00Z")
NOTICES = "arn:aws:sns:us-east-2:123456789012:ec2-task-reporter-NotificationTopic-1A2B"
ALARMS = "arn:aws:sns:us-east-2:123456789012:ec2-task-reporter-AlarmTopic-1A2B"


class Metrics:
    """CloudWatch with hourly counts of failed deliveries: topic → values; one value a page."""

    def __init__(self, **failed: list[float]) -> None:
        self.failed = failed
        self.asked: dict[str, Any] = {}

    def get_metric_data(self, NextToken: str = "0", **asked: Any) -> dict[str, Any]:
        self.asked = asked
        page = int(NextToken)
        results = []
        for query in asked["MetricDataQueries"]:
            [dimension] = query["MetricStat"]["Metric"]["Dimensions"]
            values = self.failed.get(dimension["Value"].split("-")[-2], [])
            results.append({"Id": query["Id"], "Values": values[page : page + 1]})
        is_last = all(page + 1 >= len(values) for values in self.failed.values())
        return {"MetricDataResults": results} | ({} if is_last else {"NextToken": str(page + 1)})


def check(cloudwatch: Metrics) -> Finding:
    return deliveries.check_deliveries(cloudwatch, {"notices": NOTICES, "alarms": ALARMS}, "https://a-queue", NOW)


def test_no_failed_delivery_is_well() -> None:
    assert check(Metrics()) == Finding(deliveries.PART, WELL, "none")
    assert check(Metrics(NotificationTopic=[0.0, 0.0])).level == WELL


def test_failed_deliveries_are_counted_over_all_pages() -> None:
    found = check(Metrics(NotificationTopic=[2.0, 0.0, 1.0], AlarmTopic=[1.0]))
    assert (found.level, found.text) == (WRONG, "3 of notices, 1 of alarms")
    assert [name for name in (NOTICES, ALARMS, "https://a-queue") if name not in found.todo] == []


def test_only_the_topic_that_failed_is_named() -> None:
    found = check(Metrics(AlarmTopic=[4.0]))
    assert (found.text, NOTICES in found.todo, ALARMS in found.todo) == ("4 of alarms", False, True)


def test_a_valid_request_asks_for_the_last_24_hours() -> None:
    cloudwatch = Metrics()
    check(cloudwatch)
    assert (cloudwatch.asked["StartTime"], cloudwatch.asked["EndTime"]) == (NOW - timedelta(hours=24), NOW)
    statistics = [query["MetricStat"] for query in cloudwatch.asked["MetricDataQueries"]]
    names = {(statistic["Stat"], statistic["Metric"]["MetricName"]) for statistic in statistics}
    assert names == {("Sum", "NumberOfNotificationsFailed")}
    operation = Session().get_service_model("cloudwatch").operation_model("GetMetricData")
    validate_parameters(cloudwatch.asked, operation.input_shape)
