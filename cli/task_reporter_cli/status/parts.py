"""Parts of the stack, each checked through its own service.

All of the functions raise botocore's errors.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from task_reporter_cli.history.stack import Stack
from task_reporter_cli.status.findings import WELL, WRONG, Finding, make_finding

BROKEN_SUFFIXES = ("FAILED", "DELETE_IN_PROGRESS", "DELETE_COMPLETE")
"""Ends of the statuses of broken stacks.

After a rolled back update the old stack works.
"""
PROBLEM_PREFIX = "PROBLEM"
"""Beginning of a mapping's last result where it failed.

It is absent, "OK" or "No records processed" otherwise.

The mapping itself stays enabled: https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
"""
OFF_STATES = {"Disabled", "Disabling", "Deleting"}
"""States of a mapping that is off, or will be.

While it is being changed, it is on its way to the state that was asked for.
"""
ALARMS_PER_REQUEST = 100
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""


def check_stack(described: Stack) -> Finding:
    """Look at the result of the last deployment."""
    todo = "its events say why: aws cloudformation describe-stack-events"
    works = not described.status.endswith(BROKEN_SUFFIXES) and described.status != "ROLLBACK_COMPLETE"
    return make_finding(works, "stack", f"{described.name}, {described.status}", todo)


def check_schedule(scheduler: Any, name: str, group: str | None) -> Finding:
    """Check the schedule that starts polls.

    ``group`` is its schedule group, None in older stacks.
    """
    found = scheduler.get_schedule(Name=name, **({"GroupName": group} if group else {}))
    text = f"{found['State'].lower()}, {found['ScheduleExpression']}"
    return make_finding(found["State"] == "ENABLED", "schedule", text, "nobody asks EC2: enable it, or deploy again")


def check_stream_mapping(functions: Any, mapping: str) -> Finding:
    """Look at the event source mapping that starts the notifier."""
    found = functions.get_event_source_mapping(UUID=mapping)
    part, state, result = "stream to notifier", found["State"], str(found.get("LastProcessingResult", ""))
    if state in OFF_STATES:
        todo = f"nobody is told: aws lambda update-event-source-mapping --enabled --uuid {mapping}"
        return Finding(part, WRONG, state.lower(), todo)
    if result.startswith(PROBLEM_PREFIX):
        return Finding(part, WRONG, f"{state.lower()}, {result}", _next_step(result))
    return Finding(part, WELL, state.lower())


def _next_step(result: str) -> str:
    """Return the step that follows from a ``result`` of the mapping."""
    if "function call failed" in result.lower():
        return "the notifier failed; its log says why, and what it should tell waits"
    return "the notifier gets nothing: see that the table has its stream, and that the notifier's role may read it"


def check_dead_letters(sqs: Any, url: str) -> Finding:
    """Look at the polls and batches that failed for good."""
    count = count_messages(sqs, url)
    todo = f"read them, mend the cause, then: aws sqs purge-queue --queue-url {url}"
    return make_finding(count == 0, "dead-letter queue", f"{count} messages" if count else "empty", todo)


def count_messages(sqs: Any, url: str) -> int:
    """Return the number of messages in a queue, received ones included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes.get(name, 0)) for name in names)


def check_alarms(cloudwatch: Any, names: Sequence[str]) -> Finding:
    """Check the alarms of the stack: any in alarm, deleted, or muted."""
    if not names:
        return Finding("alarms", WELL, "the stack has none")
    problems = list(_find_alarm_problems(names, list(_describe_alarms(cloudwatch, names))))
    if not problems:
        return Finding("alarms", WELL, f"none of {len(names)} rings")
    return Finding("alarms", WRONG, "; ".join(text for text, _ in problems), " ".join(todo for _, todo in problems))


def _describe_alarms(cloudwatch: Any, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(names), ALARMS_PER_REQUEST):
        some = list(names[start : start + ALARMS_PER_REQUEST])
        yield from cloudwatch.describe_alarms(AlarmNames=some, MaxRecords=ALARMS_PER_REQUEST)["MetricAlarms"]


def _find_alarm_problems(names: Sequence[str], alarms: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield text and step for each problem of ``alarms``, expected by ``names``."""
    if ringing := [alarm for alarm in alarms if alarm["StateValue"] == "ALARM"]:
        step = " ".join(str(alarm.get("AlarmDescription", "")) for alarm in ringing)
        yield f"{_format_ratio(ringing, names)} ring: {_join_names(ringing)}", step
    if muted := [alarm for alarm in alarms if not alarm.get("ActionsEnabled", True)]:
        step = f"Let them tell again: aws cloudwatch enable-alarm-actions --alarm-names {_join_names(muted, ' ')}"
        yield f"{_format_ratio(muted, names)} tell nobody: {_join_names(muted)}", step
    if gone := sorted({*names} - {alarm["AlarmName"] for alarm in alarms}):
        step = "Make them again with the same names, or delete the stack, which keeps the table, and `make takeover`."
        yield f"{len(gone)} of {len(names)} are gone: {', '.join(gone)}", step


def _format_ratio(alarms: Sequence[object], names: Sequence[str]) -> str:
    return f"{len(alarms)} of {len(names)}"


def _join_names(alarms: Sequence[dict[str, Any]], between: str = ", ") -> str:
    return between.join(alarm["AlarmName"] for alarm in alarms)
