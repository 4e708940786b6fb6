"""The notifier's handler: announces rows of the table's stream through SNS and EventBridge."""

import gc

gc.disable()  # until the function is initialised: everything that is made until then stays in use

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from os import environ
from typing import Any

from aws_lambda_powertools import Logger

from task_reporter.aws import clients
from task_reporter.aws.request_limits import PUBLISH, RequestLimits
from task_reporter.aws.subscribers import find_audience
from task_reporter.history.rows import ROSTER_SCOPE, Key
from task_reporter.history.table import HistoryTable
from task_reporter.notifying.announce import NotificationPolicy, announce, announce_groups
from task_reporter.notifying.announce_result import AnnounceResult
from task_reporter.notifying.bus import Bus
from task_reporter.notifying.pace import Pace
from task_reporter.notifying.stream_batch import process_batch
from task_reporter.notifying.topic import Topic
from task_reporter.runtime.deadline import Deadline
from task_reporter.runtime.metrics import emit
from task_reporter.runtime.settings import SCOPE, NotifierSettings, notifier_settings

logger = Logger(service="notifier", use_rfc3339=True)  # Lambda finds the level only in lines with this time format
PACE = Pace()
EVERY_SCOPE = "*/*"
"""The pattern of the scopes of a hub."""


@cache
def settings() -> NotifierSettings:
    """Read the settings once per execution environment."""
    return notifier_settings(environ)


@cache
def client(service: str, limits: RequestLimits | None = None) -> Any:
    """Make the client for ``service`` once per execution environment."""
    return clients.client(service, limits)


def fresh(client: Any) -> Any:
    """Close the idle connections of ``client``, and return it.

    AWS may have closed them by now, and a failed Publish or PutEvents is not retried.
    """
    client.close()
    return client


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Announce a batch of rows; return the records that Lambda must deliver again."""
    policy = NotificationPolicy(settings().digest_above, settings().retention_days, settings().chat)
    deadline = Deadline(context.get_remaining_time_in_millis)
    history = HistoryTable(client("dynamodb"), settings().table)
    topic = Topic(fresh(client("sns", PUBLISH)), settings().topic)
    bus = Bus(fresh(client("events")), settings().event_bus) if settings().event_bus else None
    must_wait = cache(notices_must_wait)  # SNS is asked once for all groups

    def announce_group(keys: Sequence[Key]) -> AnnounceResult:
        return announce(keys, history, topic, policy, deadline, must_wait=must_wait, bus=bus, pace=PACE)

    def announce_and_log(keys: Sequence[Key]) -> Mapping[Key, Exception]:
        failed: dict[Key, Exception] = {}
        for result in announce_groups(select_own_scopes(keys), announce_group, deadline):
            log_result(result)
            emit(result.metrics())
            failed |= result.failed
        return failed

    return process_batch(event["Records"], announce_and_log)


def select_own_scopes(keys: Sequence[Key]) -> list[Key]:
    """Return the keys in the watched scopes, and in the roster of a hub.

    The role must not read other scopes, and one such key would make a whole batch of reads fail.
    """
    scopes = [settings().scopes, *([ROSTER_SCOPE] if settings().scopes == EVERY_SCOPE else [])]
    own = [key for key in keys if any(fnmatchcase(key.scope, pattern) for pattern in scopes)]
    foreign = {key.scope for key in keys} - {key.scope for key in own}
    if foreign:
        # Another program may have written such a row, so only text in the form of a scope is logged.
        named = sorted(scope for scope in foreign if SCOPE.fullmatch(scope))
        logger.warning("rows of other scopes were ignored", rows=len(keys) - len(own), scopes=named)
    return own


def notices_must_wait() -> bool:
    """Tell whether nobody would receive a notice now.

    If SNS does not answer, notices are sent.
    """
    audience = find_audience(client("sns"), settings().topic, settings().email_subscription)
    if audience.problem:
        logger.warning("subscribers were not counted", reason=audience.problem)
    return audience.must_wait


def log_result(result: AnnounceResult) -> None:
    """Log the tasks that were announced, and those that were not with the reason."""
    for notice in result.notices:
        logger.info("announced", tasks={str(row["task_id"]): row["outcome"] for row in notice.rows})
    if result.postponed:
        logger.info("no time was left, so these come next", tasks=[key.task_id for key in result.postponed])
    if result.waiting:
        waiting = [key.task_id for key in result.waiting]
        logger.warning("nobody has confirmed a subscription, so these notices wait", tasks=waiting)
    for key, problem in result.problems.items():
        logger.error("announced in the minimal form", task=key.task_id, scope=key.scope, reason=problem)
    if result.events:
        rows = [event.row for event in result.events]
        logger.info("events sent", tasks={str(row["task_id"]): row["outcome"] for row in rows})
    failures = {
        "not announced": result.by_notice.failed,
        "perhaps announced, not marked": result.by_notice.unmarked,
        "no event sent": result.by_event.failed,
        "event perhaps sent, not marked": result.by_event.unmarked,
    }
    for message, reasons in failures.items():
        for key, reason in reasons.items():
            logger.error(message, task=key.task_id, scope=key.scope, reason=str(reason))


if clients.is_initialising(environ):
    own = [client("dynamodb"), client("sns"), client("sns", PUBLISH)]
    clients.prepare([*own, *([client("events")] if environ.get("EVENT_BUS") else [])])

# With its default of 700 or 2,000 new objects the collector runs again and again while a large answer is parsed.
# https://docs.python.org/3/library/gc.html#gc.set_threshold
gc.set_threshold(20_000)
gc.enable()
