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
from task_reporter.patience import PUBLISH, Patience
from task_reporter.rows import Key
from task_reporter.settings import SCOPE, NotifierSettings, notifier_settings
from task_reporter.stream import settle
from task_reporter.subscribers import audience_of
from task_reporter.topic import Topic

logger = Logger(service="notifier", use_rfc3339=True)  # Lambda reads no level from a line with another time format


@cache
def settings() -> NotifierSettings:
    """The template's settings, read at the first call and kept while the function is warm."""
    return notifier_settings(environ)


@cache
def client(service: str, patience: Patience | None = None) -> Any:
    """The client for ``service``, kept while the function is warm."""
    return aws.client(service, patience)


@cache
def metrics() -> Metrics:
    """CloudWatch metrics; their one dimension is the stack, which the template names."""
    return Metrics(namespace=NAMESPACE)


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Announce what the batch's rows await; answers the records that failed, for Lambda to bring them again."""
    policy = Policy(settings().digest_above, settings().retention_days)
    deadline = Deadline(context.get_remaining_time_in_millis)
    history, publisher = History(client("dynamodb"), settings().table), client("sns", PUBLISH)
    # A connection that was idle since the last batch may be dead, and a Publish that fails on it is not sent again.
    publisher.close()
    topic = Topic(publisher, settings().topic)

    def announce_and_report(keys: Sequence[Key]) -> Mapping[Key, Exception]:
        announced = announce(own(keys), history, topic, policy, deadline, must_wait=notices_must_wait)
        report(announced)
        emit(metrics(), figures_of_notices(announced))
        return announced.failed

    return settle(event["Records"], announce_and_report)


def own(keys: Sequence[Key]) -> list[Key]:
    """Those of ``keys`` that stand under the stack's own scope.

    The role may read no others, and one of them would get a whole batch of reads denied.
    """
    foreign = [key.scope for key in keys if key.scope != settings().scope]
    if foreign:
        # Only what has the form of a scope is logged: whoever wrote such a row may have written anything there.
        scopes = sorted({scope for scope in foreign if SCOPE.fullmatch(scope)})
        logger.warning("rows of other scopes were left alone", rows=len(foreign), scopes=scopes)
    return [key for key in keys if key.scope == settings().scope]


def notices_must_wait() -> bool:
    """Tell whether nobody would get a notice now. Where SNS does not say, notices go out."""
    audience = audience_of(client("sns"), settings().topic, settings().email_subscription)
    if audience.problem:
        logger.warning("subscribers were not counted", reason=audience.problem)
    return audience.must_wait


def report(announced: Announced) -> None:
    """Log which tasks were announced, and which were not and why."""
    for notice in announced.notices:
        logger.info("announced", tasks={str(row["task_id"]): row["outcome"] for row in notice.rows})
    if announced.waiting:
        waiting = [key.task_id for key in announced.waiting]
        logger.warning("nobody has confirmed a subscription, so these notices wait", tasks=waiting)
    for key, problem in announced.problems.items():
        logger.error("told in its plainest form", task=key.task_id, scope=key.scope, reason=problem)
    for key, reason in announced.failed.items():
        logger.error("not announced", task=key.task_id, scope=key.scope, reason=str(reason))
    for key, reason in announced.unmarked.items():
        logger.error("perhaps announced, not marked", task=key.task_id, scope=key.scope, reason=str(reason))


if aws.is_initialising(environ):
    aws.prepare([client("dynamodb"), client("sns"), client("sns", PUBLISH)])
