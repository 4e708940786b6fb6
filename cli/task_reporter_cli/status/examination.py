"""A look at every part, side by side."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from task_reporter.errors import TaskReporterError
from task_reporter_cli.explanations import explained
from task_reporter_cli.home import Home
from task_reporter_cli.status import history, parts
from task_reporter_cli.status.findings import UNKNOWN, Finding
from task_reporter_cli.status.patience import silent_after, untold_after

Look = Callable[[], Finding | Iterable[Finding]]
SCHEDULE, MAPPING = "RecorderFunctionPoll", "NotifierFunctionHistory"
"""Logical ids that SAM gives to a function's events: the function's, then the event's."""
ALARM = "AWS::CloudWatch::Alarm"


def examine(home: Home, now: datetime) -> list[Finding]:
    """What there is to say of each part. One that can't be looked at costs the others nothing.

    Raises what finding the stack raises.
    """
    looks = looks_at(home, now)
    with ThreadPoolExecutor(len(looks)) as pool:
        found = pool.map(lambda look: _tried(*look), looks.items())
    return [finding for findings in found for finding in findings]


def looks_at(home: Home, now: datetime) -> dict[str, Look]:
    """Part → how to look at it. Clients are made here: making them side by side is not safe."""
    stack, dynamodb = home.needs_stack(), home.history
    physical, alarm_names = resources(home.account.client("cloudformation"), stack.arn)
    client = {name: home.account.client(name) for name in ("scheduler", "lambda", "sns", "sqs", "cloudwatch")}
    silent, patience = silent_after(stack.parameters), untold_after(stack.parameters)
    kinds = history.kinds_of(stack.parameters)
    return {
        "stack": lambda: parts.stack(stack),
        "schedule": lambda: parts.schedule(client["scheduler"], physical[SCHEDULE]),
        "last poll": lambda: list(history.polls(dynamodb, stack.scope, kinds, silent, now)),
        "running tasks": lambda: history.running(dynamodb),
        "lost, last 24 hours": lambda: history.lost(dynamodb, now, home.flags),
        "not announced": lambda: history.untold(dynamodb, patience, now, home.flags),
        "stream to notifier": lambda: parts.stream(client["lambda"], physical[MAPPING]),
        "subscribers": lambda: parts.topic(client["sns"], stack.output("NotificationTopicArn")),
        "dead-letter queue": lambda: parts.dead_letters(client["sqs"], stack.output("DeadLetterQueueUrl")),
        "alarms": lambda: parts.alarms(client["cloudwatch"], alarm_names),
    }


def resources(cloudformation: Any, stack: str) -> tuple[Mapping[str, str], list[str]]:
    """The stack's resources: logical id → physical id, and the names of its alarms. Raises botocore's errors."""
    told = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    physical = {one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in told}
    return physical, [physical[one["LogicalResourceId"]] for one in told if one["ResourceType"] == ALARM]


def _tried(part: str, look: Look) -> Iterator[Finding]:
    try:
        found = look()
    except KeyError as missing:
        found = Finding(part, UNKNOWN, f"the stack has no {missing}")
    except (BotoCoreError, ClientError, TaskReporterError) as error:
        found = Finding(part, UNKNOWN, explained(error))
    yield from [found] if isinstance(found, Finding) else found
