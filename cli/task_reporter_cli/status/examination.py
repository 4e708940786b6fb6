"""A look at every part, side by side."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from task_reporter.aws.failures import EXPECTED_ERRORS
from task_reporter_cli.actions.audience import Audience, read_notice_audience
from task_reporter_cli.aws.explanations import explain, find_root_cause
from task_reporter_cli.errors import CommandLineError
from task_reporter_cli.history.stack import Stack
from task_reporter_cli.history.target import Target
from task_reporter_cli.organization.hub import read_hub
from task_reporter_cli.paging import paginate
from task_reporter_cli.status import deliveries, events, history, hub, parts, subscribers, table
from task_reporter_cli.status.findings import UNKNOWN, WRONG, Finding
from task_reporter_cli.status.limits import max_announcement_delay, max_silence, retention_days

Check = Callable[[], Finding | Iterable[Finding]]
SCHEDULE, STREAM_MAPPING = "RecorderFunctionPollInGroup", "NotifierFunctionHistory"
"""Logical ids that SAM gives to a function's events: the function's, then the event's."""
OLDER_SCHEDULE = "RecorderFunctionPoll"
"""The schedule of a stack that has no schedule group of its own."""
SCHEDULE_GROUP, ALARM_TOPIC = "PollScheduleGroup", "AlarmTopic"
"""Logical ids.

Older stacks have no schedule group of their own, and do not name the topic in an output.
"""
ALARM = "AWS::CloudWatch::Alarm"
REMOVED_STATUSES = {"DELETE_COMPLETE", "DELETE_SKIPPED"}
DELETED_CODES = {"ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
"""Codes for a schedule, mapping, queue or table that is not there."""
RESOURCE_NAMES = {"GetSchedule": "schedule", "GetEventSourceMapping": "stream mapping", "GetQueueAttributes": "queue"}
"""Operation → the thing that is gone; all others ask for the table."""


class Resources(NamedTuple):
    """Resources of a stack by logical id, and the names of its alarms."""

    physical: Mapping[str, str]
    alarms: list[str]


def examine(target: Target, now: datetime) -> list[Finding]:
    """Check every part. Raises NoStackError and botocore's errors where the stack can't be read."""
    return run_checks(build_checks(target, now))


def run_checks(checks: Mapping[str, Check]) -> list[Finding]:
    """Run ``checks`` in parallel; one that fails becomes a finding."""
    with ThreadPoolExecutor(len(checks)) as pool:
        results = pool.map(lambda check: _run_check(*check), checks.items())
    return [finding for findings in results for finding in findings]


def build_checks(target: Target, now: datetime) -> dict[str, Check]:
    """Map each part to its check.

    Clients are made here, because making them in parallel is not safe.
    """
    stack = target.needs_stack()
    clients = {
        name: target.account.client(name) for name in ("scheduler", "lambda", "sns", "sqs", "cloudwatch", "events")
    }
    with ThreadPoolExecutor(1) as pool:  # an error waits in the future for each look that needs the resources
        resources = pool.submit(read_resources, target.account.client("cloudformation"), stack.arn)
    return {
        "stack": lambda: parts.check_stack(stack),
        "schedule": lambda: _check_schedule(clients["scheduler"], resources.result()),
        **_build_history_checks(target, stack, clients["sns"], now),
        **(_build_queue_check(stack, resources, clients, now) if stack.is_hub else {}),
        **_build_delivery_checks(stack, resources, clients, now),
        **_build_table_checks(target, stack),
    }


def _check_schedule(scheduler: Any, resources: Resources) -> Finding:
    others = (resources.physical.get(name) for name in (hub.SCHEDULE, OLDER_SCHEDULE))
    name = next(filter(None, others), None) or resources.physical[SCHEDULE]
    return parts.check_schedule(scheduler, name, resources.physical.get(SCHEDULE_GROUP))


def _build_history_checks(target: Target, stack: Stack, sns: Any, now: datetime) -> dict[str, Check]:
    dynamodb, parameters, flags = target.history, stack.parameters, target.flags
    silent, patience = max_silence(parameters), max_announcement_delay(parameters)
    kinds, regions = history.watched_kinds(parameters), history.watched_regions(parameters)
    # The roster row that says whether notices wait for a subscriber.
    scope = hub.OWN_ROW if stack.is_hub else stack.scope

    def polls() -> list[Finding]:
        return list(history.check_lists(dynamodb, scope, kinds, silent, now, regions))

    def rounds() -> list[Finding]:
        return list(hub.check_roster(dynamodb, read_hub(parameters, stack.region), stack.scope, silent, now, flags))

    def audience() -> Audience:
        return read_notice_audience(sns, stack.output("NotificationTopicArn"), parameters)

    return {
        **({hub.ROUND: rounds} if stack.is_hub else {history.POLL: polls}),
        "kinds": lambda: list(history.check_kinds(kinds)),
        "running tasks": lambda: history.check_running(dynamodb),
        "lost, last 24 hours": lambda: history.check_lost(dynamodb, now, flags),
        history.UNANNOUNCED: lambda: history.check_unannounced(dynamodb, patience, now, flags, audience, scope),
        history.UNSENT: lambda: history.check_unsent(dynamodb, stack.event_bus, patience, now, flags),
    }


def _build_queue_check(
    stack: Stack, resources: Future[Resources], clients: Mapping[str, Any], now: datetime
) -> dict[str, Check]:
    def check() -> Finding:
        mapping, url = resources.result().physical[hub.MAPPING], stack.output("AssignmentQueueUrl")
        used = (clients["lambda"], clients["sqs"], clients["cloudwatch"])
        return hub.check_assignments(*used, mapping, url, read_hub(stack.parameters, stack.region).every, now)

    return {hub.ASSIGNMENTS: check}


def _build_delivery_checks(
    stack: Stack, resources: Future[Resources], clients: Mapping[str, Any], now: datetime
) -> dict[str, Check]:
    sns, cloudwatch = clients["sns"], clients["cloudwatch"]

    def alarm_topic() -> str | None:
        return stack.outputs.get("AlarmTopicArn") or resources.result().physical.get(ALARM_TOPIC) or None

    def topics() -> dict[str, str]:
        alarms = alarm_topic()
        return {"notices": stack.output("NotificationTopicArn"), **({"alarms": alarms} if alarms else {})}

    return {
        "stream to notifier": lambda: parts.check_stream_mapping(
            clients["lambda"], resources.result().physical[STREAM_MAPPING]
        ),
        events.BUS: lambda: events.check_bus(clients["events"], stack.event_bus),
        events.CHAT: lambda: events.check_chat(sns, stack.outputs.get("ChatTopicArn")),
        subscribers.NOTICES: lambda: subscribers.check_notice_subscribers(
            sns, stack.output("NotificationTopicArn"), stack.parameters
        ),
        deliveries.PART: lambda: deliveries.check_deliveries(
            cloudwatch, topics(), stack.output("DeadLetterQueueUrl"), now
        ),
        "dead-letter queue": lambda: parts.check_dead_letters(clients["sqs"], stack.output("DeadLetterQueueUrl")),
        "alarms": lambda: parts.check_alarms(cloudwatch, resources.result().alarms),
        subscribers.ALARMS: lambda: subscribers.check_alarm_subscribers(sns, alarm_topic(), stack.parameters),
    }


def _build_table_checks(target: Target, stack: Stack) -> dict[str, Check]:
    dynamodb, name, parameters = target.dynamodb, target.table, stack.parameters
    return {
        "table": lambda: list(table.check_table(dynamodb, name, parameters.get("KmsKeyArn", ""))),
        "retention": lambda: table.check_retention(dynamodb, name, retention_days(parameters)),
    }


def read_resources(cloudformation: Any, stack: str) -> Resources:
    """Return all resources of ``stack``. Raises botocore's errors."""
    answers = paginate(lambda **more: cloudformation.list_stack_resources(StackName=stack, **more))
    found = [one for answer in answers for one in answer["StackResourceSummaries"] if _exists(one)]
    physical = {one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in found}
    return Resources(physical, [physical[one["LogicalResourceId"]] for one in found if one["ResourceType"] == ALARM])


def _exists(resource: Mapping[str, Any]) -> bool:
    return resource.get("ResourceStatus") not in REMOVED_STATUSES


def _run_check(part: str, look: Check) -> Iterator[Finding]:
    try:
        found = look()
    except KeyError as missing:
        found = Finding(part, UNKNOWN, f"the stack has no {missing}")
    except (*EXPECTED_ERRORS, CommandLineError) as error:
        found = _explain_failed_check(part, error)
    yield from [found] if isinstance(found, Finding) else found


def _explain_failed_check(part: str, error: Exception) -> Finding:
    root = find_root_cause(error)
    if isinstance(root, ClientError) and root.response["Error"]["Code"] in DELETED_CODES:
        thing = RESOURCE_NAMES.get(root.operation_name, "table")
        return _report_deleted(part, thing.removeprefix("stream ") if part == hub.ASSIGNMENTS else thing)
    return Finding(part, UNKNOWN, explain(error))


def _report_deleted(part: str, thing: str) -> Finding:
    """Report a resource that somebody deleted, which CloudFormation does not notice."""
    anew = "delete the stack, which keeps the table, then `make takeover`"
    restored = "restore it (aws dynamodb list-backups --backup-type SYSTEM), delete the stack, then `make takeover`"
    return Finding(part, WRONG, f"the {thing} is gone", restored if thing == "table" else anew)
