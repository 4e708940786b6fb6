"""Schedule → EC2 → projection → history."""

from functools import cache
from os import environ
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from task_reporter import aws, times
from task_reporter.deadline import Deadline
from task_reporter.figures import NAMESPACE, emit
from task_reporter.history import History
from task_reporter.life import Poll
from task_reporter.poll_figures import figures_of_poll
from task_reporter.recorder import Recorded, record_all
from task_reporter.settings import RecorderSettings, recorder_settings

logger = Logger(service="recorder")


@cache
def settings() -> RecorderSettings:
    """The template's settings, read at the first call and kept while the function is warm."""
    return recorder_settings(environ)


@cache
def history() -> History:
    """The history, its client kept while the function is warm."""
    return History(aws.client("dynamodb"), settings().table)


@cache
def ec2() -> Any:
    """EC2's client, kept while the function is warm."""
    return aws.client("ec2")


@cache
def metrics() -> Metrics:
    """CloudWatch metrics; their one dimension is the stack, which the template names."""
    return Metrics(namespace=NAMESPACE)


def report(recorded: Recorded) -> None:
    """Log a poll's numbers, and the ids whose end it recorded."""
    logger.info("polled", kind=recorded.kind, **recorded.summary(), tasks=recorded.ended)


@logger.inject_lambda_context
def handler(_event: Any, context: Any) -> dict[str, Any]:
    """Poll every kind once; the event says nothing that matters, ``{}`` works. Answers the poll in numbers."""
    poll = Poll(settings().scope, times.now(), settings().retention_days)
    deadline = Deadline(context.get_remaining_time_in_millis)
    polled = record_all(settings().kinds, ec2(), history(), poll, deadline, report)
    emit(metrics(), figures_of_poll(polled, poll.now))
    return polled.summary()
