"""Schedule → EC2 → projection → history."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from os import environ
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from task_reporter import aws, times
from task_reporter.deadline import Deadline
from task_reporter.figures import NAMESPACE, emit
from task_reporter.heartbeat import not_logged_yet, runtime_without_bytecode
from task_reporter.history import History
from task_reporter.life import Poll
from task_reporter.poll_figures import figures_of_endings, figures_of_poll
from task_reporter.polling import record_all
from task_reporter.recorder import Recorded
from task_reporter.settings import RecorderSettings, recorder_settings
from task_reporter.subscribers import Audience, audience_of
from task_reporter.writes import Write

logger = Logger(service="recorder", use_rfc3339=True)  # Lambda reads no level from a line with another time format

SERVICES = ("ec2", "dynamodb", "sns")
"""What the recorder talks to."""


@cache
def settings() -> RecorderSettings:
    """The template's settings, read at the first call and kept while the function is warm."""
    return recorder_settings(environ)


@cache
def client(service: str) -> Any:
    """The client for ``service``, kept while the function is warm; SNS's only counts who listens."""
    return aws.client(service)


@cache
def metrics() -> Metrics:
    """CloudWatch metrics; their one dimension is the stack, which the template names."""
    return Metrics(namespace=NAMESPACE)


def poll_of(told: RecorderSettings, now: datetime) -> Poll:
    """What a poll at ``now`` goes by."""
    limits = (told.retention_days, told.lost_after, told.redrive_after, told.silent_after)
    return Poll(told.scope, now, *limits, runtime_without_bytecode())


@cache
def pool() -> ThreadPoolExecutor:
    """Threads for what need not wait for EC2: the history's two questions, and the one for subscribers."""
    return ThreadPoolExecutor(3)


def audience(sns: Any) -> Audience:
    """Count the subscribers of the topic. Where SNS does not answer, the poll goes on."""
    found = audience_of(sns, settings().topic, settings().email_subscription)
    if found.problem:
        logger.warning("subscribers were not counted", reason=found.problem)
    return found


def report(recorded: Recorded) -> None:
    """Log a poll's numbers, the ids whose end it recorded, and once each task that can't be kept."""
    logger.info("polled", kind=recorded.kind, **recorded.summary(), tasks=recorded.ended)
    for sentence in not_logged_yet(recorded.unkeepable, recorded.heartbeat):
        logger.warning("a task can't be kept", kind=recorded.kind, reason=sentence)


@logger.inject_lambda_context
def handler(_event: Any, context: Any) -> dict[str, Any]:
    """Poll every kind once; the event says nothing that matters, ``{}`` works. Answers the poll in numbers."""
    poll = poll_of(settings(), times.now())
    deadline = Deadline(context.get_remaining_time_in_millis)
    # Clients are made before threads begin: botocore makes them in one thread at a time.
    ec2, dynamodb, sns = map(client, SERVICES)
    history = History(dynamodb, settings().table)
    listening = pool().submit(audience, sns)

    def count(written: Sequence[Write]) -> None:
        """Write the figures of ended tasks at once, so that a later time-out does not swallow them."""
        emit(metrics(), figures_of_endings(written, poll.now))

    try:
        polled = record_all(
            settings().kinds, ec2, history, poll, deadline, report, pool(), listening.result, on_written=count
        )
    finally:
        listening.result()  # nothing is left running between two polls
    if polled.redriven:
        logger.info("redriven", rows=polled.redriven)
    if polled.blind_seconds:
        logger.warning("a task could have come and gone unseen", seconds_without_a_good_poll=polled.blind_seconds)
    emit(metrics(), figures_of_poll(polled, poll))
    return polled.summary()


if aws.is_initialising(environ):
    aws.prepare([client(service) for service in SERVICES])
