"""Findings of `status` about the stack's parts."""

from types import SimpleNamespace
from typing import Any

import pytest

from task_reporter_cli.history.stack import Stack
from task_reporter_cli.status import parts
from task_reporter_cli.status.findings import WELL, WRONG, Finding


def answering(operation: str, answer: dict[str, Any]) -> Any:
    return SimpleNamespace(**{operation: lambda **_: answer})


STATUSES = {
    **dict.fromkeys(["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"], WELL),
    **dict.fromkeys(["IMPORT_COMPLETE"], WELL),
    **dict.fromkeys(["CREATE_FAILED", "UPDATE_ROLLBACK_FAILED", "ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS"], WRONG),
}


@pytest.mark.parametrize(("status", "level"), STATUSES.items())
def test_the_stack(status: str, level: str) -> None:
    found = parts.check_stack(Stack("mine", "arn", status, {}, {}))
    assert (found.level, found.text) == (level, f"mine, {status}")


@pytest.mark.parametrize(
    ("state", "level", "todo"),
    [("ENABLED", WELL, ""), ("DISABLED", WRONG, "nobody asks EC2: enable it, or deploy again")],
)
@pytest.mark.parametrize(("group", "asked"), [(None, {}), ("polls-1A2B", {"GroupName": "polls-1A2B"})])
def test_the_schedule(state: str, level: str, todo: str, group: str | None, asked: dict[str, str]) -> None:
    def get_schedule(**request: str) -> dict[str, str]:
        assert request == {"Name": "x", **asked}
        return {"State": state, "ScheduleExpression": "rate(5 minutes)"}

    found = parts.check_schedule(SimpleNamespace(get_schedule=get_schedule), "x", group)
    assert found == Finding("schedule", level, f"{state.lower()}, rate(5 minutes)", todo)


CALL_FAILED, NO_ACCESS = "PROBLEM: Function call failed", "PROBLEM: Cannot access stream"
MAPPINGS = {
    "enabled": ("Enabled", None, WELL, "enabled", ""),
    "idle": ("Enabled", "No records processed", WELL, "enabled", ""),
    "successful": ("Enabled", "OK", WELL, "enabled", ""),
    "changing": ("Updating", None, WELL, "updating", ""),
    "disabled": ("Disabled", None, WRONG, "disabled", "--uuid an-id"),
    "disabled and idle": ("Disabling", "No records processed", WRONG, "disabling", "--uuid an-id"),
    "failing": ("Enabled", CALL_FAILED, WRONG, f"enabled, {CALL_FAILED}", "its log says why"),
    "denied": ("Enabled", NO_ACCESS, WRONG, f"enabled, {NO_ACCESS}", "see that the table has its"),
}


@pytest.mark.parametrize(("state", "result", "level", "text", "todo"), MAPPINGS.values(), ids=MAPPINGS)
def test_the_stream_mapping(state: str, result: str | None, level: str, text: str, todo: str) -> None:
    mapping = {"State": state} | ({"LastProcessingResult": result} if result else {})
    found = parts.check_stream_mapping(answering("get_event_source_mapping", mapping), "an-id")
    assert (found.part, found.level, found.text) == ("stream to notifier", level, text)
    assert todo in found.todo
    assert bool(found.todo) == (level == WRONG)


def test_the_dead_letter_queue() -> None:
    queue = {"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "2"}
    found = parts.check_dead_letters(answering("get_queue_attributes", {"Attributes": queue}), "https://a-queue")
    assert (found.level, found.text, found.todo[-15:]) == (WRONG, "3 messages", "https://a-queue")
    empty = answering("get_queue_attributes", {"Attributes": {"ApproximateNumberOfMessages": "0"}})
    assert parts.check_dead_letters(empty, "u") == Finding("dead-letter queue", WELL, "empty")


def alarm(name: str, state: str = "OK", **more: Any) -> dict[str, Any]:
    return {"AlarmName": name, "StateValue": state, "ActionsEnabled": True} | more


class CloudWatch:
    """Alarms of an account. CloudWatch takes 100 names a request."""

    def __init__(self, *alarms: dict[str, Any]) -> None:
        self.alarms = alarms

    def describe_alarms(self, AlarmNames: list[str], MaxRecords: int) -> dict[str, Any]:
        assert len(AlarmNames) <= MaxRecords <= 100
        return {"MetricAlarms": [alarm for alarm in self.alarms if alarm["AlarmName"] in AlarmNames]}


ALARMS = {
    "well": ([alarm("a"), alarm("b", "INSUFFICIENT_DATA")], WELL, "none of 2 rings", ""),
    "ringing": (
        [alarm("a", "ALARM", AlarmDescription="No good poll."), alarm("b")], WRONG, "1 of 2 ring: a", "No good poll."
    ),
    "muted": (
        [alarm("a"), alarm("b", ActionsEnabled=False)], WRONG, "1 of 2 tell nobody: b", "--alarm-names b"
    ),
    "gone": ([alarm("b")], WRONG, "1 of 2 are gone: a", "make takeover"),
    "ringing and gone": ([alarm("b", "ALARM")], WRONG, "1 of 2 ring: b; 1 of 2 are gone: a", "Make them again"),
}  # fmt: skip


@pytest.mark.parametrize(("alarms", "level", "text", "todo"), ALARMS.values(), ids=ALARMS)
def test_alarms(alarms: list[dict[str, Any]], level: str, text: str, todo: str) -> None:
    found = parts.check_alarms(CloudWatch(*alarms), ["a", "b"])
    assert (found.level, found.text) == (level, text)
    assert todo in found.todo


def test_a_stack_without_alarms() -> None:
    assert parts.check_alarms(CloudWatch(), []) == Finding("alarms", WELL, "the stack has none")


def test_more_alarms_than_one_request_takes_are_all_checked() -> None:
    names = [f"alarm-{number}" for number in range(201)]
    cloudwatch = CloudWatch(*map(alarm, names[:-1]), alarm(names[-1], "ALARM"))
    assert parts.check_alarms(cloudwatch, names).text == "1 of 201 ring: alarm-200"
