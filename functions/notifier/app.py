"""Stream → SNS."""

from collections.abc import Mapping, Sequence
from functools import cache
from os import environ
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from task_reporter import aws
from task_reporter.deadline import Deadline
from task_reporter.figures import NAMESPACE, emit
from task_reporter.history import History
from task_reporter.notice_figures import figures_of_notices
from task_reporter.notifier import Announced, Policy, announce
from task_reporter.rows import Key
from task_reporter.settings import NotifierSettings, notifier_settings
from task_reporter.stream import settle
from task_reporter.topic import Topic

logger = Logger(service="notifier")

SERVICES = ("dynamodb", "sns")
"""What the notifier talks to."""


@cache
def settings() -> NotifierSettings:
    """The template's settings, read at the first call and kept while the function is warm."""
    return notifier_settings(environ)


@cache
def client(service: str) -> Any:
    """The client for ``service``, kept while the function is warm."""
    return aws.client(service)


@cache
def metrics() -> Metrics:
    """CloudWatch metrics; their one dimension is the stack, which the template names."""
    return Metrics(namespace=NAMESPACE)


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Announce what the batch's rows await; answers the records that failed, for Lambda to bring them again."""
    policy = Policy(settings().digest_above, settings().retention_days)
    deadline = Deadline(context.get_remaining_time_in_millis)
    dynamodb, sns = map(client, SERVICES)
    history, topic = History(dynamodb, settings().table), Topic(sns, settings().topic)

    def announce_and_report(keys: Sequence[Key]) -> Mapping[Key, Exception]:
        announced = announce(keys, history, topic, policy, deadline)
        report(announced)
        emit(metrics(), figures_of_notices(announced))
        return announced.failed

    return settle(event["Records"], announce_and_report)


def report(announced: Announced) -> None:
    """Log which tasks were announced, and which were not and why."""
    for notice in announced.notices:
        logger.info("announced", tasks={str(row["task_id"]): row["outcome"] for row in notice.rows})
    for key, reason in announced.failed.items():
        logger.error("not announced or not marked", task=key.task_id, scope=key.scope, reason=str(reason))


if aws.is_initialising(environ):
    aws.prepare([client(service) for service in SERVICES])
