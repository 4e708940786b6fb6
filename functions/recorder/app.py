"""The recorder's handler: records EC2's tasks in the history whenever its schedule invokes it."""

import gc

gc.disable()  # until the function is initialised: everything that is made until then stays in use

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from os import environ
from typing import Any

from aws_lambda_powertools import Logger

from task_reporter import times
from task_reporter.aws import clients
from task_reporter.aws.failures import describe
from task_reporter.aws.subscribers import Audience, find_audience
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Write
from task_reporter.recording.context import PollContext
from task_reporter.recording.kind_result import KindResult
from task_reporter.recording.metrics import ended_task_metrics, poll_metrics
from task_reporter.recording.poll_kinds import poll_kinds
from task_reporter.recording.roster import not_yet_logged, runtime_without_bytecode
from task_reporter.runtime.deadline import Deadline
from task_reporter.runtime.metrics import emit
from task_reporter.runtime.settings import RecorderSettings, recorder_settings

logger = Logger(service="recorder", use_rfc3339=True)  # Lambda finds the level only in lines with this time format

SERVICES = ("ec2", "dynamodb", "sns")
"""Services that the recorder calls; SNS only for the number of subscribers."""


@cache
def settings() -> RecorderSettings:
    """Read the settings once per execution environment."""
    return recorder_settings(environ)


@cache
def client(service: str) -> Any:
    """Make the client for ``service`` once per execution environment."""
    return clients.client(service)


def make_context(now: datetime, values: RecorderSettings) -> PollContext:
    """Build the poll context from the settings."""
    limits = (values.retention_days, values.lost_after, values.redrive_after, values.silent_after)
    sends_events, without_bytecode = bool(values.event_bus), runtime_without_bytecode()
    return PollContext(values.scope, now, *limits, values.announce_history, sends_events, without_bytecode)


@cache
def pool() -> ThreadPoolExecutor:
    """Make the threads for requests that run at the same time.

    Each list has one, two read the backlog, and one counts subscribers.
    """
    return ThreadPoolExecutor(3 + len(settings().kinds))


def count_subscribers(sns: Any) -> Audience:
    """Count the subscribers of the topic. If SNS does not answer, the poll continues."""
    result = find_audience(sns, settings().topic, settings().email_subscription)
    if result.problem:
        logger.warning("subscribers were not counted", reason=result.problem)
    return result


def log_results(results: Sequence[KindResult]) -> None:
    """Log a poll's numbers and the ids of ended tasks.

    Log each task that cannot be stored only once, and a list that cannot be read only when that changes.
    """
    for result in results:
        if result.unreadable != result.before.unreadable:
            level = logger.warning if result.unreadable else logger.info
            reason = describe(result.error) if result.error else "it can be read again"
            level("a list changed", kind=result.kind, unreadable=result.unreadable, reason=reason)
        for sentence in not_yet_logged(result.unkeepable, result.before):
            logger.warning("a task can't be kept", kind=result.kind, reason=sentence)
    listed = {result.kind: len(result.tasks) for result in results if not result.unreadable}
    ended = {task_id: outcome for result in results for task_id, outcome in result.ended.items()}
    logger.info("polled", listed=listed, written=sum(len(result.written) for result in results), tasks=ended)


@logger.inject_lambda_context
def handler(_event: Any, context: Any) -> dict[str, Any]:
    """Poll every kind once and return the numbers of the poll.

    The event is ignored, so it may be ``{}``.
    """
    poll = make_context(times.now(), settings())
    deadline = Deadline(context.get_remaining_time_in_millis)
    # Before the threads start, because botocore's client factory is not thread-safe.
    ec2, dynamodb, sns = map(client, SERVICES)
    history = HistoryTable(dynamodb, settings().table)
    subscribers = pool().submit(count_subscribers, sns)

    def on_written(written: Sequence[Write]) -> None:
        """Log the metrics of ended tasks before a timeout can lose them."""
        emit(ended_task_metrics(written, poll.now))

    try:
        result = poll_kinds(settings().kinds, ec2, history, poll, pool(), deadline, subscribers.result, on_written)
    finally:
        subscribers.result()  # Lambda freezes the function at the return, so no thread may be running then
    log_results(result.done)
    if result.redriven:
        logger.info("redriven", rows=result.redriven)
    if result.blind_seconds:
        logger.warning("a task could have come and gone unseen", seconds_without_a_good_poll=result.blind_seconds)
    emit(poll_metrics(result, poll))
    return result.summary()


if clients.is_initialising(environ):
    clients.prepare([client(service) for service in SERVICES])

# With its default of 700 or 2,000 new objects the collector runs again and again while a large answer is parsed.
# https://docs.python.org/3/library/gc.html#gc.set_threshold
gc.set_threshold(20_000)
gc.enable()
