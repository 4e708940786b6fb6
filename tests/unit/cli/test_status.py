"""Findings of `status`: each check alone, and all in parallel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.parsers import ResponseParserError

from task_reporter.errors import HistoryError
from task_reporter.history.rows import Key, Row
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.table import KINDS
from task_reporter.times import parse, to_text
from task_reporter_cli.actions.audience import Audience
from task_reporter_cli.errors import NoStackError
from task_reporter_cli.history.stack import Stack
from task_reporter_cli.status import examination, history, parts
from task_reporter_cli.status.examination import run_checks
from task_reporter_cli.status.findings import UNKNOWN, WELL, WRONG, Finding
from task_reporter_cli.status.limits import max_announcement_delay, max_silence
from tests.support.dynamodb import DynamoDb, Table
from tests.support.subscriptions import PENDING, Subscriptions

NOW = parse("2026-11-23T12:00:00Z")
SCOPE = "123456789012/us-east-2"
TOPIC = "arn:aws:sns:us-east-2:123456789012:ec2-task-reporter-NotificationTopic-1A2B"
READER = "ops@example.com"
MINUTES = timedelta(minutes=1)


def answers(**operations: Any) -> Any:
    """Return a client whose operations answer so, or raise so."""

    def operation(said: Any) -> Any:
        def call(**_: Any) -> Any:
            if isinstance(said, Exception):
                raise said
            return said

        return call

    return SimpleNamespace(**{name: operation(said) for name, said in operations.items()})


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "for a test"}}, "AnOperation")


HEARD = Audience(TOPIC, 1, 0)


def before(**length: float) -> str:
    return to_text(NOW - timedelta(**length))


def on(*rows: Row) -> HistoryTable:
    return Table(*({"scope": SCOPE, **row} for row in rows))


def beat(**told: Any) -> Row:
    return {"task_id": "poll#bundle", "polled_at": before(minutes=3), "listed": 7, **told}


# Patience


@pytest.mark.parametrize(
    ("parameters", "minutes"),
    [
        ({}, 15),
        ({"SilentAfterMinutes": "40"}, 40),
        ({"SilentAfterMinutes": "15", "PollSchedule": "rate(1 minute)"}, 15),
        ({"SilentAfterMinutes": "15", "PollSchedule": "rate(10 minutes)"}, 20),
        ({"PollSchedule": "rate(1 hour)"}, 120),
        ({"PollSchedule": "rate(1 day)"}, 2880),
        ({"PollSchedule": "cron(0/5 * * * ? *)"}, 15),
        ({"SilentAfterMinutes": "soon"}, 15),
    ],
)
def test_how_long_ec2_may_go_unasked(parameters: dict[str, str], minutes: int) -> None:
    assert max_silence(parameters) == minutes * MINUTES


@pytest.mark.parametrize(("said", "minutes"), [(None, 20), ("10", 20), ("45", 90), ("0", 2), ("", 20)])
def test_how_long_a_row_may_wait(said: str | None, minutes: int) -> None:
    assert max_announcement_delay({"RedriveAfterMinutes": said} if said is not None else {}) == minutes * MINUTES


# The history


BEATS = history.heartbeat_keys(SCOPE, {"TaskKinds": "bundle"})


def polls(row: Row | None, silent: timedelta = 15 * MINUTES) -> list[Finding]:
    return list(history.check_polls(on(*([row] if row else [])), BEATS, silent, NOW))


def test_a_recent_poll_is_well_and_says_what_it_saw() -> None:
    poll, gap = polls(beat(longest_gap_seconds=660, listed_for_seconds=7200))
    told = "3 minutes ago, 7 listed; longest gap 11 minutes; EC2 was seen to list ended tasks for 2 hours"
    assert poll == Finding("last poll (bundle)", WELL, told)
    assert gap == Finding("gaps, last 24 hours (bundle)", WELL, "none in which a task could have come and gone unseen")


def test_a_layer_without_bytecode_is_said_and_well() -> None:
    *_, layer = polls(beat(without_bytecode="python3.13"))
    assert (layer.part, layer.level) == ("layer", WELL)
    assert layer.text == "no bytecode for python3.13, so a cold start takes about twice as long"
    assert "make deploy" in layer.todo


@pytest.mark.parametrize(("minutes", "level"), [(14, WELL), (15, WELL), (15.1, WRONG), (6000, WRONG), (-2, WELL)])
def test_an_old_poll_is_wrong(minutes: float, level: str) -> None:
    poll, _ = polls(beat(polled_at=before(minutes=minutes)))
    assert poll.level == level
    assert ("nothing for more than 15 minutes" in poll.todo) == (level == WRONG)


@pytest.mark.parametrize("row", [None, beat(polled_at="yesterday"), {"task_id": "poll#bundle"}])
def test_no_poll_is_wrong(row: Row | None) -> None:
    poll, gap = polls(row)
    assert (poll.level, poll.text) == (WRONG, "none that went well yet")
    assert gap.level == WELL


def test_what_somebody_else_wrote_is_left_out() -> None:
    poll, _ = polls(beat(longest_gap_seconds="long", listed_for_seconds="longer", unkeepable="many"))
    assert (poll.level, poll.text) == (WELL, "3 minutes ago, 7 listed")


def test_tasks_that_can_not_be_kept_are_counted_and_no_error() -> None:
    poll, _ = polls(beat(unkeepable=2, longest_gap_seconds=660))
    text = "3 minutes ago, 7 listed; 2 more can't be kept, for EC2 gave no usable id; longest gap 11 minutes"
    assert poll == Finding("last poll (bundle)", WELL, text)
    assert polls(beat(unkeepable=0))[0].text == "3 minutes ago, 7 listed"


def test_a_blind_gap_is_wrong_for_a_day() -> None:
    _, gap = polls(beat(blind_from="2026-11-23T06:00:00.000Z", blind_until="2026-11-23T09:30:00.000Z"))
    assert gap.level == WRONG
    assert gap.text == (
        "between 2026-11-23 06:00:00 and 2026-11-23 09:30:00 UTC EC2 went unasked for longer than it was seen to list:"
        " a task may have come and gone unseen"
    )
    assert gap.todo
    assert polls(beat(blind_from=before(hours=30), blind_until=before(hours=23.9)))[1].level == WRONG
    assert polls(beat(blind_from=before(hours=30), blind_until=before(hours=24.1)))[1].level == WELL
    assert polls(beat(blind_from="x", blind_until="never"))[1].level == WELL


def test_running_tasks_are_counted() -> None:
    found = history.check_running(
        on({"task_id": "a", "awaiting": "outcome"}, {"task_id": "b", "awaiting": "notification"})
    )
    assert found == Finding("running tasks", WELL, "1")


def lost(number: int, **told: Any) -> Row:
    row = {"task_id": f"bun-{number}", "kind": "bundle", "outcome": "lost", "finished_at": before(hours=number)}
    return {**row, **told}


def test_lost_tasks_are_wrong_and_named() -> None:
    found = history.check_lost(on(lost(2), lost(1), lost(30), lost(3, outcome="complete")), NOW, " --stack x")
    todo = "task-reporter list --outcome lost --stack x"
    assert found == Finding("lost, last 24 hours", WRONG, "2: bun-1, bun-2", todo)


def test_of_many_lost_tasks_some_are_named() -> None:
    assert history.check_lost(on(*map(lost, range(1, 8))), NOW, "").text == "7: bun-1, bun-2, bun-3 and 4 more"


def test_no_lost_task_is_well() -> None:
    assert history.check_lost(on(lost(25)), NOW, "") == Finding("lost, last 24 hours", WELL, "none")


def untold(*rows: Row, audience: Audience | Exception = HEARD, flags: str = "") -> Finding:
    def listeners() -> Audience:
        if isinstance(audience, Exception):
            raise audience
        return audience

    return history.check_unannounced(on(*rows), 20 * MINUTES, NOW, flags, listeners, BEATS.values())


def waiting(minutes: int) -> Row:
    return {"task_id": str(minutes), "awaiting": "notification", "awaiting_since": before(minutes=minutes)}


@pytest.mark.parametrize(("since", "level"), [(19, WELL), (21, WRONG)])
def test_what_waits_for_long_is_wrong(since: int, level: str) -> None:
    found = untold(waiting(5), waiting(since), flags=" --stack x")
    assert (found.level, found.text) == (level, f"2, the oldest waits since {since} minutes ago")
    assert found.todo == ("task-reporter redrive --stack x" if level == WRONG else "")


@pytest.mark.parametrize("row", [{}, {"awaiting_since": "always"}])
def test_what_waits_since_nobody_knows_is_wrong(row: Row) -> None:
    found = untold({"task_id": "a", "awaiting": "notification", **row})
    assert (found.level, found.text) == (WRONG, "1, the oldest waits since an unknown time")


def test_nothing_that_waits_is_well_and_costs_no_question() -> None:
    assert untold(audience=AssertionError("SNS was asked")) == Finding("not announced", WELL, "none")


UNHEARD = beat(unheard_since=before(hours=3))
HELD = "2 wait until a subscription is confirmed (see subscribers); the oldest waits since 1 hour ago"
SENT_SOON = (
    "2 go out with the next poll, for a subscription is confirmed now, or with task-reporter redrive; the oldest waits"
    " since 1 hour ago"
)
LATE = "2, the oldest waits since 1 hour ago"
EXCUSES = {
    "nobody has confirmed": (Audience(TOPIC, 0, 1), beat(), WELL, HELD),
    "the stack's address is gone": (Audience(TOPIC, 0, 0, READER), beat(), WELL, HELD),
    "no address, nobody subscribed": (Audience(TOPIC, 0, 0), UNHEARD, WRONG, LATE),
    "confirmed since the last poll": (HEARD, UNHEARD, WELL, SENT_SOON),
    "confirmed for long": (HEARD, beat(), WRONG, LATE),
    "SNS can't be asked, nobody before": (ClientError({"Error": {"Code": "x"}}, "x"), UNHEARD, WELL, HELD),
    "SNS can't be asked": (EndpointConnectionError(endpoint_url="x"), beat(), WRONG, LATE),
    "the stack names no topic": (NoStackError("no output"), beat(), WRONG, LATE),
}


@pytest.mark.parametrize(("audience", "row", "level", "text"), EXCUSES.values(), ids=EXCUSES)
def test_rows_that_wait_for_a_subscriber_are_no_error(
    audience: Audience | Exception, row: Row, level: str, text: str
) -> None:
    found = untold(waiting(61), waiting(2), row, audience=audience)
    assert (found.level, found.text) == (level, text)
    assert found.todo == ("task-reporter redrive" if level == WRONG else "")


@pytest.mark.parametrize(("said", "kinds"), [("bundle", ["bundle"]), (" a, b ,", ["a", "b"]), (None, [*KINDS])])
def test_the_kinds_that_are_watched(said: str | None, kinds: list[str]) -> None:
    assert history.watched_kinds({"TaskKinds": said} if said else {}) == kinds


# The parts


@pytest.mark.parametrize(
    ("status", "level"),
    [
        ("CREATE_COMPLETE", WELL),
        ("UPDATE_COMPLETE", WELL),
        ("UPDATE_IN_PROGRESS", WELL),
        ("UPDATE_ROLLBACK_COMPLETE", WELL),
        ("IMPORT_COMPLETE", WELL),
        ("CREATE_FAILED", WRONG),
        ("UPDATE_ROLLBACK_FAILED", WRONG),
        ("ROLLBACK_COMPLETE", WRONG),
        ("DELETE_IN_PROGRESS", WRONG),
    ],
)
def test_the_stack(status: str, level: str) -> None:
    found = parts.check_stack(Stack("mine", "arn", status, {}, {}))
    assert (found.level, found.text) == (level, f"mine, {status}")


def test_the_schedule() -> None:
    found = {"State": "ENABLED", "ScheduleExpression": "rate(5 minutes)"}
    assert parts.check_schedule(answers(get_schedule=found), "x", None) == Finding(
        "schedule", WELL, "enabled, rate(5 minutes)"
    )
    disabled = parts.check_schedule(answers(get_schedule=found | {"State": "DISABLED"}), "x", None)
    assert (disabled.level, disabled.text) == (WRONG, "disabled, rate(5 minutes)")
    assert disabled.todo.startswith("nobody asks EC2")


@pytest.mark.parametrize(
    ("group", "asked"), [(None, {"Name": "x"}), ("polls-1A2B", {"Name": "x", "GroupName": "polls-1A2B"})]
)
def test_a_schedule_is_asked_for_in_its_group(group: str | None, asked: dict[str, str]) -> None:
    requests: list[dict[str, str]] = []

    def get_schedule(**request: str) -> dict[str, str]:
        requests.append(request)
        return {"State": "ENABLED", "ScheduleExpression": "rate(5 minutes)"}

    parts.check_schedule(SimpleNamespace(get_schedule=get_schedule), "x", group)
    assert requests == [asked]


@pytest.mark.parametrize(
    ("state", "level"), [("Enabled", WELL), ("Updating", WELL), ("Disabled", WRONG), ("Disabling", WRONG)]
)
@pytest.mark.parametrize("result", [{}, {"LastProcessingResult": "No records processed"}])
def test_the_stream(state: str, level: str, result: dict[str, str]) -> None:
    found = parts.check_stream_mapping(answers(get_event_source_mapping={"State": state} | result), "an-id")
    assert (found.level, found.text) == (level, state.lower())
    assert ("--uuid an-id" in found.todo) == (level == WRONG)


RESULTS = {
    "OK": (WELL, "enabled", ""),
    "PROBLEM: Function call failed": (WRONG, "enabled, PROBLEM: Function call failed", "its log says why"),
    "PROBLEM: Cannot access stream": (WRONG, "enabled, PROBLEM: Cannot access stream", "see that the table has its"),
}


@pytest.mark.parametrize(("result", "found"), RESULTS.items(), ids=RESULTS)
def test_a_stream_that_can_not_be_read_is_wrong_though_enabled(result: str, found: tuple[str, str, str]) -> None:
    level, text, todo = found
    mapping = {"State": "Enabled", "LastProcessingResult": result}
    finding = parts.check_stream_mapping(answers(get_event_source_mapping=mapping), "an-id")
    assert (finding.level, finding.text) == (level, text)
    assert todo in finding.todo


def test_the_dead_letter_queue() -> None:
    queue = {"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "2"}
    found = parts.check_dead_letters(answers(get_queue_attributes={"Attributes": queue}), "https://a-queue")
    assert (found.level, found.text, found.todo[-15:]) == (WRONG, "3 messages", "https://a-queue")
    empty = {"Attributes": {"ApproximateNumberOfMessages": "0"}}
    assert parts.check_dead_letters(answers(get_queue_attributes=empty), "u") == Finding(
        "dead-letter queue", WELL, "empty"
    )


def alarm(name: str, state: str = "OK", **more: Any) -> dict[str, Any]:
    return {"AlarmName": name, "StateValue": state, "ActionsEnabled": True} | more


class CloudWatch:
    """An account's alarms; like AWS it takes 100 names a request."""

    def __init__(self, *alarms: dict[str, Any]) -> None:
        self.alarms = alarms

    def describe_alarms(self, AlarmNames: list[str], MaxRecords: int) -> dict[str, Any]:
        assert len(AlarmNames) <= MaxRecords <= 100
        return {"MetricAlarms": [one for one in self.alarms if one["AlarmName"] in AlarmNames]}


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


@pytest.mark.parametrize(("there", "level", "text", "todo"), ALARMS.values(), ids=ALARMS)
def test_alarms(there: list[dict[str, Any]], level: str, text: str, todo: str) -> None:
    found = parts.check_alarms(CloudWatch(*there), ["a", "b"])
    assert (found.level, found.text) == (level, text)
    assert todo in found.todo


def test_a_stack_without_alarms() -> None:
    assert parts.check_alarms(CloudWatch(), []) == Finding("alarms", WELL, "the stack has none")


def test_more_alarms_than_one_request_takes_are_all_looked_at() -> None:
    names = [f"alarm-{number}" for number in range(201)]
    there = CloudWatch(*map(alarm, names[:-1]), alarm(names[-1], "ALARM"))
    assert parts.check_alarms(there, names).text == "1 of 201 ring: alarm-200"


# All of them


ERRORS = {
    "refused": (refusal("AccessDenied"), "no permission for AnOperation"),
    "unreachable": (EndpointConnectionError(endpoint_url="http://x"), "AWS can't be reached"),
    "answered by somebody else": (ResponseParserError("<html>"), "what answers is not AWS"),
    "unread": (HistoryError({Key(SCOPE, "poll#bundle"): "UnprocessedKeys"}), "1 rows could not be"),
    "no output": (NoStackError("no output AlarmTopicArn"), "no output AlarmTopicArn"),
    "not in the stack": (KeyError("RecorderFunctionPollInGroup"), "the stack has no 'RecorderFunctionPollInGroup'"),
}


@pytest.mark.parametrize(("error", "says"), ERRORS.values(), ids=ERRORS)
def test_a_part_that_can_not_be_checked_is_unknown_alone(
    error: Exception, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> Finding:
        raise error

    def begins() -> Any:
        yield Finding("second", WELL, "half seen")
        raise error

    first, last = Finding("first", WELL, "fine"), Finding("last", WRONG, "broken")
    checks = {"first": lambda: first, "second": fails, "third": lambda: list(begins()), "last": lambda: [last]}
    found = run_checks(checks)
    assert [one.part for one in found] == ["first", "second", "third", "last"]
    assert (found[0], found[3]) == (first, last)
    assert [one.level for one in found[1:3]] == [UNKNOWN, UNKNOWN]
    assert all(says in one.text for one in found[1:3])


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_checks({"part": lambda: Finding(*"ab", 1 / 0)})  # type: ignore[arg-type]


GONE_CODES = {
    "GetSchedule": ("ResourceNotFoundException", "the schedule is gone"),
    "GetEventSourceMapping": ("ResourceNotFoundException", "the stream mapping is gone"),
    "GetQueueAttributes": ("AWS.SimpleQueueService.NonExistentQueue", "the queue is gone"),
    "Query": ("ResourceNotFoundException", "the table is gone"),
}


@pytest.mark.parametrize(("operation", "gone"), GONE_CODES.items(), ids=GONE_CODES)
def test_what_somebody_deleted_is_wrong_and_not_unknown(
    operation: str, gone: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, text = gone

    def fails() -> Finding:
        raise ClientError({"Error": {"Code": code}}, operation)

    [found] = run_checks({"part": fails})
    assert (found.level, found.text) == (WRONG, text)
    assert "make takeover" in found.todo


def resource(name: str, kind: str = "AWS::SNS::Topic", **more: str) -> dict[str, str]:
    return {"LogicalResourceId": name, "ResourceType": kind} | more


def test_the_stacks_resources_and_alarms_page_by_page() -> None:
    pages = {
        "": [resource("Silence", examination.ALARM, PhysicalResourceId="x-Silence-1"), resource("NotYet")],
        "2": [
            resource("Late", examination.ALARM, PhysicalResourceId="x-Late-1"),
            resource("Old", examination.ALARM, PhysicalResourceId="x-Old-1", ResourceStatus="DELETE_COMPLETE"),
        ],
    }

    def list_stack_resources(StackName: str, NextToken: str = "") -> dict[str, Any]:
        return {"StackResourceSummaries": pages[NextToken]} | ({} if NextToken else {"NextToken": "2"})

    found = examination.read_resources(SimpleNamespace(list_stack_resources=list_stack_resources), "arn")
    assert found.physical == {"Silence": "x-Silence-1", "NotYet": "", "Late": "x-Late-1"}
    assert found.alarms == ["x-Silence-1", "x-Late-1"]


# Wired together


class Cloud:
    """Clients of an account with a good stack, changed by ``instead``.

    It maps service to client.
    """

    def __init__(self, **instead: Any) -> None:
        resources = [
            resource("RecorderFunctionPollInGroup", PhysicalResourceId="poll"),
            resource("NotifierFunctionHistory", PhysicalResourceId="mapping"),
            resource("AlarmTopic", PhysicalResourceId="arn:aws:sns:us-east-2:123456789012:alarms-topic"),
            resource("Silence", examination.ALARM, PhysicalResourceId="silence"),
        ]
        self.clients = {
            "cloudformation": answers(list_stack_resources={"StackResourceSummaries": resources}),
            "scheduler": answers(get_schedule={"State": "ENABLED", "ScheduleExpression": "rate(5 minutes)"}),
            "lambda": answers(get_event_source_mapping={"State": "Enabled"}),
            "sns": Subscriptions((READER, "")),
            "sqs": answers(get_queue_attributes={"Attributes": {}}),
            "cloudwatch": answers(
                describe_alarms={"MetricAlarms": [alarm("silence")]}, get_metric_data={"MetricDataResults": []}
            ),
        } | instead

    def client(self, service: str) -> Any:
        return self.clients[service]


class OneTable(DynamoDb):
    """The history's table as the template makes it."""

    def describe_table(self, TableName: str) -> dict[str, Any]:
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        usual = {"TableName": TableName, "TableStatus": "ACTIVE", "DeletionProtectionEnabled": True}
        return {"Table": usual | {"StreamSpecification": stream}}

    def describe_time_to_live(self, TableName: str) -> dict[str, Any]:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}


ARN = "arn:aws:cloudformation:us-east-2:123456789012:stack/mine/1"
OUTPUTS = {"HistoryTableName": "history", "NotificationTopicArn": TOPIC, "DeadLetterQueueUrl": "https://a-queue"}


def found_by(
    cloud: Cloud, outputs: Mapping[str, str] = OUTPUTS, rows: Sequence[Row] = (beat(),), **parameters: str
) -> dict[str, Finding]:
    """Return the findings of all looks together, by part."""
    dynamodb = OneTable(Table(*({"scope": SCOPE, **row} for row in rows)))
    stack = Stack("mine", ARN, "CREATE_COMPLETE", outputs, {"TaskKinds": "bundle", **parameters})
    target = SimpleNamespace(
        needs_stack=lambda: stack,
        account=cloud,
        dynamodb=dynamodb,
        table="history",
        history=HistoryTable(dynamodb, "history"),
        flags="",
    )
    return {finding.part: finding for finding in examination.examine(target, NOW)}  # type: ignore[arg-type]


def test_a_stack_in_which_all_is_well() -> None:
    found = found_by(Cloud(), NotificationEmail=READER, AlarmEmail=READER)
    assert {part: finding for part, finding in found.items() if finding.level != WELL} == {}
    assert list(found) == [
        "stack", "schedule", "last poll (bundle)", "gaps, last 24 hours (bundle)", "running tasks",
        "lost, last 24 hours", "not announced", "stream to notifier", "subscribers", "undelivered, last 24 hours",
        "dead-letter queue", "alarms", "alarm subscribers", "table", "encryption", "retention",
    ]  # fmt: skip


def test_denied_resources_cost_the_other_parts_nothing() -> None:
    cloud = Cloud(cloudformation=answers(list_stack_resources=refusal("AccessDenied")))
    outputs = OUTPUTS | {"AlarmTopicArn": "arn:aws:sns:us-east-2:123456789012:alarms-topic"}
    found = found_by(cloud, outputs, AlarmEmail=READER)
    unknown = [part for part, finding in found.items() if finding.level == UNKNOWN]
    assert unknown == ["schedule", "stream to notifier", "alarms"]
    assert all("no permission for AnOperation" in found[part].text for part in unknown)
    assert {finding.level for part, finding in found.items() if part not in unknown} == {WELL}


def test_the_alarm_topic_is_the_outputs_else_the_resources() -> None:
    asked: list[str] = []

    class Sns(Subscriptions):
        def get_topic_attributes(self, TopicArn: str) -> dict[str, Any]:
            asked.append(TopicArn)
            return super().get_topic_attributes(TopicArn)

    named = "arn:aws:sns:us-east-2:123456789012:named"
    found_by(Cloud(sns=Sns()), OUTPUTS | {"AlarmTopicArn": named})
    found_by(Cloud(sns=Sns()))
    assert set(asked) == {TOPIC, named, "arn:aws:sns:us-east-2:123456789012:alarms-topic"}


def test_an_output_that_lacks_costs_the_other_parts_nothing() -> None:
    found = found_by(Cloud(), {name: value for name, value in OUTPUTS.items() if name != "DeadLetterQueueUrl"})
    assert "no output DeadLetterQueueUrl" in found["dead-letter queue"].text
    assert {part for part, finding in found.items() if finding.level != WELL} == {
        "dead-letter queue", "undelivered, last 24 hours",
    }  # fmt: skip


def test_a_pending_address_is_said_and_excuses_waiting_rows() -> None:
    rows = [beat(), waiting(61)]
    cloud = Cloud(sns=Subscriptions((READER, PENDING)))
    found = found_by(cloud, rows=rows, NotificationEmail=READER)
    assert (found["subscribers"].level, found["not announced"].level) == (WRONG, WELL)
    assert "1 wait until a subscription is confirmed" in found["not announced"].text
