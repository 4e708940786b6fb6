"""The recorder's handler: records EC2's tasks in the history whenever its schedule invokes it."""

import gc

gc.disable()  # until the function is initialised: everything that is made until then stays in use

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from os import environ
from typing import Any

from aws_lambda_powertools import Logger

from task_reporter import times
from task_reporter.aws import clients
from task_reporter.aws.failures import EXPECTED_ERRORS, describe
from task_reporter.aws.regions import EnabledRegions, RegionsResult
from task_reporter.aws.subscribers import Audience, find_audience
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Write
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ListResult
from task_reporter.recording.metrics import ended_task_metrics, poll_metrics
from task_reporter.recording.poll_lists import poll_lists, read_list
from task_reporter.recording.recorder import WatchedList
from task_reporter.recording.roster import not_yet_logged, regions_attributes, roster_key, runtime_without_bytecode
from task_reporter.runtime.deadline import Deadline
from task_reporter.runtime.metrics import emit
from task_reporter.runtime.settings import ALL_REGIONS, RecorderSettings, recorder_settings

logger = Logger(service="recorder", use_rfc3339=True)  # Lambda finds the level only in lines with this time format

SERVICES = ("ec2", "dynamodb", "sns")
"""Services that the recorder calls; SNS only for the number of subscribers."""

MAX_LISTS_AT_ONCE = 32
"""Threads for the lists of several regions."""

RECORDING_SECONDS = 120
"""Time reserved for the history where several regions are read."""


@cache
def settings() -> RecorderSettings:
    """Read the settings once per execution environment."""
    return recorder_settings(environ)


@cache
def client(service: str) -> Any:
    """Make the client for ``service`` once per execution environment."""
    return clients.client(service)


@cache
def ec2_in(region: str) -> Any:
    """Make the client for EC2 in ``region`` once per execution environment."""
    return client("ec2") if region == own_region() else clients.client("ec2", region_name=region)


def own_region() -> str:
    """Return the region of the stack."""
    return settings().scope.partition("/")[2]


@cache
def enabled_regions() -> EnabledRegions:
    """Make the memory of the account's enabled regions."""
    return EnabledRegions(client("ec2"))


def watched_regions(now: datetime, history: HistoryTable) -> RegionsResult:
    """Return the regions to poll.

    Where EC2 does not tell the enabled ones, they are the last known ones.
    """
    if settings().regions == ALL_REGIONS:
        result = enabled_regions().find(now, partial(recorded_regions, history))
    else:
        result = RegionsResult(settings().regions or (own_region(),))
    if result.problem:
        logger.error("the enabled regions are not known", reason=result.problem, polled=result.regions)
    return result


def recorded_regions(history: HistoryTable) -> Sequence[str]:
    """Return the enabled regions in the roster, or else the stack's own."""
    key = roster_key(settings().scope)
    try:
        row = history.read([key]).get(key, {})
    except EXPECTED_ERRORS:  # the poll reads the same row, and reports the error
        row = {}
    return str(row.get("regions", "")).split() or (own_region(),)


def make_context(now: datetime, values: RecorderSettings) -> PollContext:
    """Build the poll context from the settings."""
    limits = (values.retention_days, values.lost_after, values.redrive_after, values.silent_after)
    sends_events, without_bytecode = bool(values.event_bus), runtime_without_bytecode()
    return PollContext(values.scope, now, *limits, values.announce_history, sends_events, without_bytecode)


@cache
def pool() -> ThreadPoolExecutor:
    """Make the threads for requests that run at the same time.

    Each list of one region has one, two read the backlog, and one counts subscribers.
    """
    return ThreadPoolExecutor(3 + (MAX_LISTS_AT_ONCE if settings().regions else len(settings().kinds)))


def watch_lists(regions: Sequence[str], poll: PollContext, deadline: Deadline) -> list[WatchedList]:
    """Return the lists of all ``regions``.

    The regions take turns, so that the lists of one region share few connections.
    """
    account = poll.scope.partition("/")[0]
    # Before the threads start, because botocore's client factory is not thread-safe.
    places = [(replace(poll, scope=f"{account}/{region}"), ec2_in(region)) for region in regions]
    reading = deadline.reserve(RECORDING_SECONDS) if len(places) > 1 else deadline
    return [
        WatchedList(kind, place, partial(read_list, kind, ec2, reading))
        for kind in settings().kinds
        for place, ec2 in places
    ]


def count_subscribers(sns: Any) -> Audience:
    """Count the subscribers of the topic. If SNS does not answer, the poll continues."""
    result = find_audience(sns, settings().topic, settings().email_subscription)
    if result.problem:
        logger.warning("subscribers were not counted", reason=result.problem)
    return result


def log_results(results: Sequence[ListResult]) -> None:
    """Log a poll's numbers and the ids of ended tasks.

    Log each task that cannot be stored only once, and a list that cannot be read only when that changes.
    """
    for result in results:
        if result.unreadable != result.before.unreadable:
            level = logger.warning if result.unreadable else logger.info
            reason = describe(result.error) if result.error else "it can be read again"
            level("a list changed", kind=result.name, unreadable=result.unreadable, reason=reason)
        for sentence in not_yet_logged(result.unkeepable, result.before):
            logger.warning("a task can't be kept", kind=result.name, reason=sentence)
    listed = Counter[str]()
    for result in results:
        if not result.unreadable:
            listed[result.kind] += len(result.tasks)
    ended = {task_id: outcome for result in results for task_id, outcome in result.ended.items()}
    logger.info("polled", listed=listed, written=sum(len(result.written) for result in results), tasks=ended)


def messages_of(event: Any) -> list[Any]:
    """Return the messages of SQS in ``event``, if any."""
    records = event.get("Records") if isinstance(event, dict) else None
    return [one for one in records if one.get("eventSource") == "aws:sqs"] if isinstance(records, list) else []


@logger.inject_lambda_context
def handler(event: Any, context: Any) -> dict[str, Any]:
    """Poll every list once and return the numbers of the poll.

    The event may be ``{}``. In a hub it holds messages of the queue of assignments: see ``task_reporter.organization``.
    """
    poll = make_context(times.now(), settings())
    deadline = Deadline(context.get_remaining_time_in_millis)
    if messages := messages_of(event):
        return work_on(messages, poll, deadline)
    return poll_own_account(poll, deadline)


def work_on(messages: Sequence[Any], poll: PollContext, deadline: Deadline) -> dict[str, Any]:
    """Carry out the assignments in ``messages``; return those that failed, which SQS delivers again."""
    from task_reporter.organization.batch import process_messages  # only a hub needs it, and it slows cold starts

    return process_messages(messages, worker(), poll, deadline, logger)


@cache
def worker() -> Any:
    """Make the worker for other accounts once per execution environment."""
    from task_reporter.organization.hub import make_worker  # as above

    return make_worker(settings(), client)


def poll_own_account(poll: PollContext, deadline: Deadline) -> dict[str, Any]:
    """Poll the lists of the stack's own account."""
    # Before the threads start, because botocore's client factory is not thread-safe.
    _, dynamodb, sns = map(client, SERVICES)
    history = HistoryTable(dynamodb, settings().table)
    regions = watched_regions(poll.now, history)
    lists = watch_lists(regions.regions, poll, deadline)
    found = regions_attributes(regions.regions, poll.now) if regions.is_new else {}
    subscribers = pool().submit(count_subscribers, sns)

    def on_written(written: Sequence[Write]) -> None:
        """Log the metrics of ended tasks before a timeout can lose them."""
        emit(ended_task_metrics(written, poll.now))

    try:
        result = poll_lists(lists, history, poll, pool(), deadline, subscribers.result, on_written, lambda _: found)
    finally:
        subscribers.result()  # Lambda freezes the function at the return, so no thread may be running then
    if regions.problem:
        result.miss_lists(f"the enabled regions are not known: {regions.problem}")
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
