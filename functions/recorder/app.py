"""The recorder's handler: from the schedule to EC2 to the history."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from os import environ
from typing import Any

from aws_lambda_powertools import Logger

from task_reporter import times
from task_reporter.aws import clients
from task_reporter.aws.subscribers import Audience, find_audience
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Write
from task_reporter.recording.context import PollContext
from task_reporter.recording.heartbeat import not_yet_logged, runtime_without_bytecode
from task_reporter.recording.metrics import ended_task_metrics, poll_metrics
from task_reporter.recording.poll_kind import KindResult
from task_reporter.recording.poll_kinds import poll_kinds
from task_reporter.runtime.deadline import Deadline
from task_reporter.runtime.metrics import emit
from task_reporter.runtime.settings import RecorderSettings, recorder_settings

logger = Logger(service="recorder", use_rfc3339=True)  # Lambda reads no level from a line with another time format

SERVICES = ("ec2", "dynamodb", "sns")
"""The services that the recorder uses. It asks SNS only for the number of subscribers."""


@cache
def settings() -> RecorderSettings:
    """Read the settings at the first call, and keep them while the function is warm."""
    return recorder_settings(environ)


@cache
def client(service: str) -> Any:
    """Make the client for ``service`` at the first call, and keep it while the function is warm."""
    return clients.client(service)


def context_at(now: datetime, given: RecorderSettings) -> PollContext:
    """Build the poll context from the settings."""
    limits = (given.retention_days, given.lost_after, given.redrive_after, given.silent_after)
    return PollContext(given.scope, now, *limits, runtime_without_bytecode())


@cache
def pool() -> ThreadPoolExecutor:
    """Make the threads for requests that need not wait for EC2: two of the backlog, one for subscribers."""
    return ThreadPoolExecutor(3)


def audience(sns: Any) -> Audience:
    """Count the subscribers of the topic. Where SNS does not answer, the poll continues."""
    result = find_audience(sns, settings().topic, settings().email_subscription)
    if result.problem:
        logger.warning("subscribers were not counted", reason=result.problem)
    return result


def report(result: KindResult) -> None:
    """Log the numbers of a poll, the ids of ended tasks, and once each task that can't be stored."""
    logger.info("polled", kind=result.kind, **result.summary(), tasks=result.ended)
    for sentence in not_yet_logged(result.unkeepable, result.heartbeat):
        logger.warning("a task can't be kept", kind=result.kind, reason=sentence)


@logger.inject_lambda_context
def handler(_event: Any, context: Any) -> dict[str, Any]:
    """Poll every kind once, and return the numbers of the poll. The event is ignored, so ``{}`` works."""
    poll = context_at(times.now(), settings())
    deadline = Deadline(context.get_remaining_time_in_millis)
    # botocore makes clients in one thread at a time, so they are made before the threads begin.
    ec2, dynamodb, sns = map(client, SERVICES)
    history = HistoryTable(dynamodb, settings().table)
    subscribers = pool().submit(audience, sns)

    def on_written(written: Sequence[Write]) -> None:
        """Log the metrics of ended tasks at once, so that a later timeout does not lose them."""
        emit(ended_task_metrics(written, poll.now))

    try:
        result = poll_kinds(
            settings().kinds, ec2, history, poll, pool(), deadline, report, subscribers.result, on_written
        )
    finally:
        subscribers.result()  # no thread may still work when the function is frozen
    if result.redriven:
        logger.info("redriven", rows=result.redriven)
    if result.blind_seconds:
        logger.warning("a task could have come and gone unseen", seconds_without_a_good_poll=result.blind_seconds)
    emit(poll_metrics(result, poll))
    return result.summary()


if clients.is_initialising(environ):
    clients.prepare([client(service) for service in SERVICES])
