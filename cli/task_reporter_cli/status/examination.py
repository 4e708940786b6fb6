"""A look at every part, side by side."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from task_reporter.aws.failures import EXPECTED_ERRORS
from task_reporter_cli.actions.audience import Audience, notice_audience
from task_reporter_cli.aws.explanations import explained, root_of
from task_reporter_cli.errors import CommandLineError
from task_reporter_cli.history.home import Home
from task_reporter_cli.history.stack import Stack
from task_reporter_cli.paging import pages
from task_reporter_cli.status import deliveries, history, listeners, parts, table
from task_reporter_cli.status.findings import UNKNOWN, WRONG, Finding
from task_reporter_cli.status.patience import retention_days, silent_after, untold_after

Look = Callable[[], Finding | Iterable[Finding]]
SCHEDULE, MAPPING = "RecorderFunctionPollInGroup", "NotifierFunctionHistory"
"""Logical ids that SAM gives to a function's events: the function's, then the event's."""
OLDER_SCHEDULE = "RecorderFunctionPoll"
"""The schedule of a stack that has no schedule group of its own."""
SCHEDULE_GROUP, ALARM_TOPIC = "PollScheduleGroup", "AlarmTopic"
"""Logical ids. Older stacks have no schedule group of their own, and do not name the topic in an output."""
ALARM = "AWS::CloudWatch::Alarm"
REMOVED = {"DELETE_COMPLETE", "DELETE_SKIPPED"}
GONE = {"ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
"""Codes for a schedule, mapping, queue or table that is not there."""
THINGS = {"GetSchedule": "schedule", "GetEventSourceMapping": "stream mapping", "GetQueueAttributes": "queue"}
"""Operation → the thing that is gone; all others ask for the table."""


class Resources(NamedTuple):
    """The resources of a stack: logical id → physical id, and the names of its alarms."""

    physical: Mapping[str, str]
    alarms: list[str]


def examine(home: Home, now: datetime) -> list[Finding]:
    """Find out how each part is. One that can't be looked at costs the others nothing.

    Raises what finding the stack raises.
    """
    looks = looks_at(home, now)
    with ThreadPoolExecutor(len(looks)) as pool:
        found = pool.map(lambda look: _tried(*look), looks.items())
    return [finding for findings in found for finding in findings]


def looks_at(home: Home, now: datetime) -> dict[str, Look]:
    """Map each part to the look at it. Clients are made here: making them side by side is not safe."""
    stack = home.needs_stack()
    clients = {name: home.account.client(name) for name in ("scheduler", "lambda", "sns", "sqs", "cloudwatch")}
    with ThreadPoolExecutor(1) as pool:  # an error waits in the future for each look that needs the resources
        resources = pool.submit(read_resources, home.account.client("cloudformation"), stack.arn)
    return {
        "stack": lambda: parts.stack(stack),
        "schedule": lambda: _schedule(clients["scheduler"], resources.result()),
        **_looks_at_history(home, stack, clients["sns"], now),
        **_looks_at_telling(stack, resources, clients, now),
        **_looks_at_table(home, stack),
    }


def _schedule(scheduler: Any, resources: Resources) -> Finding:
    name = resources.physical.get(OLDER_SCHEDULE) or resources.physical[SCHEDULE]
    return parts.schedule(scheduler, name, resources.physical.get(SCHEDULE_GROUP))


def _looks_at_history(home: Home, stack: Stack, sns: Any, now: datetime) -> dict[str, Look]:
    dynamodb, parameters, flags = home.history, stack.parameters, home.flags
    silent, patience = silent_after(parameters), untold_after(parameters)
    beats = history.heartbeat_keys(stack.scope, parameters)

    def audience() -> Audience:
        return notice_audience(sns, stack.output("NotificationTopicArn"), parameters)

    return {
        "last poll": lambda: list(history.polls(dynamodb, beats, silent, now)),
        "running tasks": lambda: history.running(dynamodb),
        "lost, last 24 hours": lambda: history.lost(dynamodb, now, flags),
        "not announced": lambda: history.untold(dynamodb, patience, now, flags, audience, beats.values()),
    }


def _looks_at_telling(
    stack: Stack, resources: Future[Resources], clients: Mapping[str, Any], now: datetime
) -> dict[str, Look]:
    sns, cloudwatch = clients["sns"], clients["cloudwatch"]

    def alarm_topic() -> str | None:
        return stack.outputs.get("AlarmTopicArn") or resources.result().physical.get(ALARM_TOPIC) or None

    def topics() -> dict[str, str]:
        alarms = alarm_topic()
        return {"notices": stack.output("NotificationTopicArn"), **({"alarms": alarms} if alarms else {})}

    return {
        "stream to notifier": lambda: parts.stream(clients["lambda"], resources.result().physical[MAPPING]),
        listeners.NOTICES: lambda: listeners.notices(sns, stack.output("NotificationTopicArn"), stack.parameters),
        deliveries.PART: lambda: deliveries.undelivered(cloudwatch, topics(), stack.output("DeadLetterQueueUrl"), now),
        "dead-letter queue": lambda: parts.dead_letters(clients["sqs"], stack.output("DeadLetterQueueUrl")),
        "alarms": lambda: parts.alarms(cloudwatch, resources.result().alarms),
        listeners.ALARMS: lambda: listeners.alarms(sns, alarm_topic(), stack.parameters),
    }


def _looks_at_table(home: Home, stack: Stack) -> dict[str, Look]:
    dynamodb, name, parameters = home.dynamodb, home.table, stack.parameters
    return {
        "table": lambda: list(table.table_and_key(dynamodb, name, parameters.get("KmsKeyArn", ""))),
        "retention": lambda: table.retention(dynamodb, name, retention_days(parameters)),
    }


def read_resources(cloudformation: Any, stack: str) -> Resources:
    """Return all resources of ``stack``. Raises botocore's errors."""
    answers = pages(lambda **more: cloudformation.list_stack_resources(StackName=stack, **more))
    found = [one for answer in answers for one in answer["StackResourceSummaries"] if _is_there(one)]
    physical = {one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in found}
    return Resources(physical, [physical[one["LogicalResourceId"]] for one in found if one["ResourceType"] == ALARM])


def _is_there(resource: Mapping[str, Any]) -> bool:
    return resource.get("ResourceStatus") not in REMOVED


def _tried(part: str, look: Look) -> Iterator[Finding]:
    try:
        found = look()
    except KeyError as missing:
        found = Finding(part, UNKNOWN, f"the stack has no {missing}")
    except (*EXPECTED_ERRORS, CommandLineError) as error:
        found = _not_seen(part, error)
    yield from [found] if isinstance(found, Finding) else found


def _not_seen(part: str, error: Exception) -> Finding:
    root = root_of(error)
    if isinstance(root, ClientError) and root.response["Error"]["Code"] in GONE:
        return _gone(part, THINGS.get(root.operation_name, "table"))
    return Finding(part, UNKNOWN, explained(error))


def _gone(part: str, thing: str) -> Finding:
    """Report a resource that somebody deleted, which CloudFormation does not notice."""
    anew = "delete the stack, which keeps the table, then `make takeover`"
    restored = "restore it (aws dynamodb list-backups --backup-type SYSTEM), delete the stack, then `make takeover`"
    return Finding(part, WRONG, f"the {thing} is gone", restored if thing == "table" else anew)
