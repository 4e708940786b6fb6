"""The stack's parts, each asked through its own service's client. All of these raise botocore's errors."""

from typing import Any

from botocore.exceptions import ClientError

from task_reporter.subscribers import subscribers
from task_reporter_cli.stack import Stack
from task_reporter_cli.status.findings import WRONG, Finding, well_if

BROKEN = ("FAILED", "DELETE_IN_PROGRESS", "DELETE_COMPLETE")
"""How the status of a stack ends that does not work as a whole; after an update was rolled back, the old one works."""
GONE = {"NotFound", "NotFoundException"}
"""SNS's codes for a topic that is not there."""


def stack(described: Stack) -> Finding:
    """Whether the last deployment went well."""
    todo = "its events say why: aws cloudformation describe-stack-events"
    works = not described.status.endswith(BROKEN) and described.status != "ROLLBACK_COMPLETE"
    return well_if(works, "stack", f"{described.name}, {described.status}", todo)


def schedule(scheduler: Any, name: str) -> Finding:
    """Whether polls are started."""
    told = scheduler.get_schedule(Name=name)
    text = f"{told['State'].lower()}, {told['ScheduleExpression']}"
    return well_if(told["State"] == "ENABLED", "schedule", text, "nobody asks EC2: enable it, or deploy again")


def stream(functions: Any, mapping: str) -> Finding:
    """Whether the notifier is given what ended."""
    state = functions.get_event_source_mapping(UUID=mapping)["State"]
    todo = f"nobody is told: aws lambda update-event-source-mapping --enabled --uuid {mapping}"
    # While it is being changed, it is on its way to where it was told to go.
    return well_if(state not in ("Disabled", "Disabling", "Deleting"), "stream to notifier", state.lower(), todo)


def topic(sns: Any, arn: str) -> Finding:
    """Whether anybody listens."""
    try:
        confirmed, pending = subscribers(sns, arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        return Finding("subscribers", WRONG, "the topic is gone", _make_again(arn))
    text = f"{confirmed} confirmed" + (f", {pending} pending" if pending else "")
    todo = "confirm the email that SNS sent" if pending else f"nobody is told: aws sns subscribe --topic-arn {arn} …"
    return well_if(confirmed > 0, "subscribers", text, todo)


def _make_again(arn: str) -> str:
    """What to do about a topic that somebody deleted. CloudFormation does not look whether it is still there."""
    name = arn.rpartition(":")[2]
    return f"nobody is told until it is back; make it again with aws sns create-topic --name {name}, then subscribe"


def dead_letters(sqs: Any, url: str) -> Finding:
    """Whether polls or batches failed for good."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    count = sum(int(told.get(name, 0)) for name in names)
    todo = f"read them, mend the cause, then: aws sqs purge-queue --queue-url {url}"
    return well_if(count == 0, "dead-letter queue", f"{count} messages" if count else "empty", todo)


def alarms(cloudwatch: Any, names: list[str]) -> Finding:
    """Whether an alarm of the stack's is ringing."""
    if not names:
        return well_if(True, "alarms", "the stack has none")
    told = cloudwatch.describe_alarms(AlarmNames=names, MaxRecords=100)["MetricAlarms"]
    ringing = [alarm for alarm in told if alarm["StateValue"] == "ALARM"]
    text = f"{len(ringing)} of {len(names)} ring: " + ", ".join(alarm["AlarmName"] for alarm in ringing)
    todo = " ".join(str(alarm.get("AlarmDescription", "")) for alarm in ringing)
    return well_if(not ringing, "alarms", text if ringing else f"none of {len(names)} rings", todo)
