"""The planner's handler: tells the recorder which lists of which accounts are due."""

import gc

gc.disable()  # until the function is initialised: everything that is made until then stays in use

from functools import cache, partial
from os import environ
from typing import Any

from aws_lambda_powertools import Logger

from task_reporter import times
from task_reporter.aws import clients
from task_reporter.aws.request_limits import PUBLISH, RequestLimits
from task_reporter.aws.subscribers import Audience, find_audience
from task_reporter.errors import PollError
from task_reporter.history.table import HistoryTable
from task_reporter.organization.directory import list_accounts, selection_name
from task_reporter.organization.metrics import round_metrics
from task_reporter.organization.planner import FINISHING_SECONDS, LATER_STEPS_SECONDS, Planner, send_assignments
from task_reporter.organization.problems import Changes, message, subject
from task_reporter.recording.context import PollContext
from task_reporter.runtime.deadline import Deadline
from task_reporter.runtime.metrics import emit
from task_reporter.runtime.settings import PlannerSettings, planner_settings

logger = Logger(service="planner", use_rfc3339=True)  # Lambda finds the level only in lines with this time format

SERVICES = ("dynamodb", "organizations", "sqs", "sns")


@cache
def settings() -> PlannerSettings:
    """Read the settings once per execution environment."""
    return planner_settings(environ)


@cache
def client(service: str, limits: RequestLimits | None = None) -> Any:
    """Make the client for ``service`` once per execution environment."""
    return clients.client(service, limits)


def count_subscribers() -> Audience:
    """Count the subscribers of the topic. If SNS does not answer, the round continues."""
    result = find_audience(client("sns"), settings().topic, settings().email_subscription)
    if result.problem:
        logger.warning("subscribers were not counted", reason=result.problem)
    return result


def announce(changes: Changes) -> None:
    """Publish a message about problems to the topic of alarms.

    The next round is the retry.
    """
    stack = environ.get("POWERTOOLS_SERVICE_NAME", "ec2-task-reporter")
    text = message(changes, stack)
    client("sns", PUBLISH).publish(TopicArn=settings().alarm_topic, Subject=subject(changes), Message=text)
    for member, place, reason in changes.new:
        logger.warning("can't be read", account=member.account, place=place, reason=reason)
    for member, place, reason in changes.over:
        logger.info("can be read again", account=member.account, place=place, reason=reason)


def make_planner(deadline: Deadline) -> Planner:
    """Make the planner from the settings.

    Each of its steps leaves time for the later steps of the round.
    """
    values = settings()
    listing, sending = deadline.reserve(LATER_STEPS_SECONDS), deadline.reserve(FINISHING_SECONDS)
    return Planner(
        HistoryTable(client("dynamodb"), values.table),
        partial(list_accounts, client("organizations"), values.units, values.excluded, listing),
        partial(send_assignments, client("sqs"), values.queue, deadline=sending),
        announce,
        count_subscribers,
        values.kinds,
        values.regions,
        values.scope.partition("/")[2],
        values.quiet,
        values.accepted,
        values.every,
        selection_name(values.units, values.excluded),
    )


@logger.inject_lambda_context
def handler(_event: Any, context: Any) -> dict[str, Any]:
    """Plan one round and return its numbers.

    The event is ignored, so it may be ``{}``. Raises PollError where something was not done, so that Lambda sees it.
    """
    values = settings()
    limits = (values.retention_days, values.lost_after, values.redrive_after, values.silent_after)
    poll = PollContext(values.scope, times.now(), *limits, values.announce_history, bool(values.event_bus))
    deadline = Deadline(context.get_remaining_time_in_millis)
    result = make_planner(deadline).run(poll, deadline)
    numbers = {"accounts": len(result.members), "sent": result.sent, "lists_due": result.lists_due}
    logger.info("planned", **numbers, overdue=[scope.name for scope in result.overdue[:20]], redriven=result.redriven)
    emit(round_metrics(result, poll, values.accepted))
    if result.problems:
        raise PollError(result.problems)
    return numbers


if clients.is_initialising(environ):
    clients.prepare([client(service) for service in SERVICES])

# With its default of 700 or 2,000 new objects the collector runs again and again while a large answer is parsed.
# https://docs.python.org/3/library/gc.html#gc.set_threshold
gc.set_threshold(20_000)
gc.enable()
