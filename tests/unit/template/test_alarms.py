"""The template's alarms on a model of CloudWatch: each for its reason only.

The figures are those that the functions themselves write.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.environments import ROOT
from task_reporter.aws.subscribers import Audience
from task_reporter.history.backlog import Backlog
from task_reporter.history.rows import Key, Row
from task_reporter.history.writes import Insert
from task_reporter.notifying.announce_result import AnnounceResult, Delivery
from task_reporter.organization.members import Member
from task_reporter.organization.metrics import round_metrics
from task_reporter.organization.overdue import OverdueScope
from task_reporter.organization.planner import RoundResult
from task_reporter.organization.problems import Changes
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ListResult
from task_reporter.recording.poll_lists import PollResult
from task_reporter.runtime.metrics import NAMESPACE
from task_reporter.times import to_text
from tests.support.alarm import Alarm
from tests.support.cloudformation import Stack
from tests.support.polled import figures_of
from tests.support.template import default, properties, template

ALARMS = [name for name, one in template()["Resources"].items() if one["Type"] == "AWS::CloudWatch::Alarm"]
SCOPE = "123456789012/us-east-2"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3600, 86400
FURTHER = [0, 2, 5]
"""Further periods that CloudWatch evaluates; its documentation gives no number."""
STACK = {"Ref": "AWS::StackName"}
QUEUE = {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}
NOTICES = {"Fn::GetAtt": ["NotificationTopic", "TopicName"]}


def resolved(value: Any, parameters: Mapping[str, Any]) -> Any:
    """Return ``value`` with the parameters that it refers to."""
    return parameters.get(value["Ref"], value) if isinstance(value, dict) and value.keys() == {"Ref"} else value


def at_second(at: float) -> datetime:
    return NOON + timedelta(seconds=at)


class WatchedStack:
    """A stack's alarms and what happens to it, at times in seconds after noon."""

    def __init__(self, further: int = 2, **parameters: str) -> None:
        values = {name: default(name) for name in template()["Parameters"]} | parameters
        self.alarms = {
            name: Alarm({key: resolved(value, values) for key, value in properties(name).items()}, further)
            for name in ALARMS
        }

    def put(self, namespace: str, metric: str, of: Any, at: float, value: float) -> None:
        """Add a data point to each alarm on that metric of that resource."""
        for name, alarm in self.alarms.items():
            asked = properties(name)
            if (asked["Namespace"], asked["MetricName"], asked["Dimensions"][0]["Value"]) == (namespace, metric, of):
                alarm.put(at, value)

    def poll(self, at: float, confirmed: int | None = 1, **more: Any) -> None:
        """Add the metrics of one good poll, changed by ``more``, and Lambda's errors."""
        polled = PollResult(**{"asked": 1, "done": [ListResult("bundle")], **more})
        for figure in figures_of(polled, PollContext(SCOPE, at_second(at)), confirmed):
            self.put(NAMESPACE, figure.name, STACK, at, figure.value)
        self.put("AWS/Lambda", "Errors", {"Ref": "RecorderFunction"}, at, int(not polled.good))

    def round(self, at: float, confirmed: int = 1, **more: Any) -> None:
        """Add the metrics of one round of a hub, and Lambda's errors."""
        result = RoundResult(0, audience=Audience(confirmed), **more)
        for figure in round_metrics(result, PollContext(SCOPE, at_second(at)), ()):
            self.put(NAMESPACE, figure.name, STACK, at, figure.value)
        self.put("AWS/Lambda", "Errors", {"Ref": "PlannerFunction"}, at, int(not result.is_good))

    def rounds(self, start: int, end: int, **more: Any) -> None:
        for at in range(start, end, 5 * MINUTE):
            self.round(at, **more)

    def polls(self, start: int, end: int, every: int = 5 * MINUTE, **more: Any) -> None:
        for at in range(start, end, every):
            self.poll(at, **more)

    def batch(self, at: float, not_announced: int = 0) -> None:
        """Add the metrics of one batch with some tasks not announced."""
        self.put("AWS/Lambda", "Errors", {"Ref": "NotifierFunction"}, at, 0)
        self.put(NAMESPACE, "TasksNotAnnounced", STACK, at, not_announced)

    def ringing(self, at: float) -> set[str]:
        return {name.removesuffix("Alarm") for name, alarm in self.alarms.items() if alarm.rings(at)}

    def ringing_in(self, minutes: Iterable[int]) -> set[str]:
        return {name for minute in minutes for name in self.ringing(minute * MINUTE)}

    def minutes(self, name: str, until: int) -> list[int]:
        """Return the minutes after noon in which one alarm rings."""
        return [minute for minute in range(until) if self.alarms[f"{name}Alarm"].rings(minute * MINUTE)]


@pytest.fixture(params=FURTHER)
def further(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def watched(further: int) -> WatchedStack:
    """Return a stack that has polled well for four hours."""
    stack = WatchedStack(further)
    stack.polls(-4 * HOUR, 0)
    return stack


def ended_with(*outcomes: str) -> list[ListResult]:
    """Return the result of a poll in which tasks ended with ``outcomes``."""
    row: Row = {"scope": SCOPE, "task_id": "bun-1", "finished_at": to_text(NOON)}
    return [ListResult("bundle", written=[Insert({**row, "outcome": outcome}) for outcome in outcomes])]


def waiting(at: float, minutes: float) -> Row:
    redrives = int(minutes // int(default("RedriveAfterMinutes")))
    return {"awaiting_since": to_text(at_second(at) - timedelta(minutes=minutes)), "redrives": redrives}


# While all is well


def test_no_alarm_rings_while_polls_are_good(further: int) -> None:
    """Return a day of polls, up to two minutes late, each with ended tasks."""
    stack, late = WatchedStack(further), random.Random(1)
    for at in range(0, DAY, 5 * MINUTE):
        backlog = Backlog(waiting=[waiting(at, 4)])
        stack.poll(at + late.uniform(0, 2 * MINUTE), done=ended_with("complete"), backlog=backlog)
        stack.batch(at)
        stack.put("AWS/SNS", "NumberOfNotificationsFailed", NOTICES, at, 0)
        stack.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", QUEUE, at, 0)
    assert stack.ringing_in(range(60, DAY // MINUTE)) == set()


@pytest.mark.parametrize(("hours", "silent"), [(1, "120"), (6, "720"), (12, "1440")])
def test_no_alarm_rings_on_a_slow_schedule(hours: int, silent: str, further: int) -> None:
    """Return two rounds of each rate of PollSchedule, up to two minutes late."""
    stack, late = WatchedStack(further, SilentAfterMinutes=silent), random.Random(1)
    for at in range(0, 4 * DAY, hours * HOUR):
        stack.poll(at + late.uniform(0, 2 * MINUTE))
    assert stack.ringing_in(range(5, 4 * DAY // MINUTE, 11)) == set()


def test_new_stack_is_silent_until_its_first_good_poll(further: int) -> None:
    stack = WatchedStack(further)
    stack.poll(90)
    assert "Silent" in stack.ringing(MINUTE)
    assert stack.ringing(2 * MINUTE) == set()


# Silence


@pytest.mark.parametrize("minutes", ["1", "6", "15", "60"])
@pytest.mark.parametrize("fails", [False, True], ids=["no poll", "failed polls"])
def test_silent_alarm_rings_until_the_next_good_poll(minutes: str, fails: bool, further: int) -> None:
    stack, silent = WatchedStack(further, SilentAfterMinutes=minutes), int(minutes)
    stack.poll(-30)
    back = 2 * silent + further + 5
    if fails:
        stack.polls(0, back * MINUTE, every=MINUTE, done=[])
    stack.poll(back * MINUTE + 30)
    rings = stack.minutes("Silent", back + 2)
    assert silent <= rings[0] <= silent + (0 if fails else further)
    assert rings == list(range(rings[0], back + 1))


def test_failed_polls_between_good_ones_are_no_silence(watched: WatchedStack) -> None:
    for at in range(0, 4 * HOUR, 10 * MINUTE):
        watched.poll(at + 30)
        watched.poll(at + 5 * MINUTE + 30, done=[])
    assert watched.minutes("Silent", 240) == []


# Errors

ERRORS = {
    "RecorderErrors": "RecorderFunction", "NotifierErrors": "NotifierFunction", "PlannerErrors": "PlannerFunction"
}  # fmt: skip


@pytest.mark.parametrize(("name", "function"), ERRORS.items())
@pytest.mark.parametrize("runs", [True, False], ids=["it runs again", "it is not needed"])
def test_one_error_rings_until_there_are_no_more(
    name: str, function: str, runs: bool, watched: WatchedStack, further: int
) -> None:
    watched.polls(30, 2 * HOUR)
    watched.put("AWS/Lambda", "Errors", {"Ref": function}, 10 * MINUTE + 1, 1)
    for at in range(11 * MINUTE, 2 * HOUR * runs, MINUTE):
        watched.put("AWS/Lambda", "Errors", {"Ref": function}, at, 0)
    rings = watched.minutes(name, 120)
    assert rings == list(range(11, rings[-1] + 1))
    assert rings[-1] <= 15 + 5 * further * (not runs)
    assert watched.ringing_in(range(120)) == {name}


# Lists


@pytest.mark.parametrize(("reason", "rings"), [("denied", True), ("malformed", True), ("absent", False)])
def test_a_list_that_can_not_be_read_rings_until_it_can(reason: str, rings: bool, watched: WatchedStack) -> None:
    unreadable = ListResult("store-image", error=PermissionError(), unreadable=reason)
    done = [ListResult("bundle"), unreadable]
    watched.polls(30, 30 * MINUTE, asked=2, done=done)
    watched.polls(30 * MINUTE + 30, 2 * HOUR)
    found = watched.minutes("UnreadableList", 120)
    assert watched.ringing_in(range(120)) == ({"UnreadableList"} if rings else set())
    assert found == (list(range(1, found[-1] + 1)) if rings else [])
    assert not rings or 30 <= found[-1] <= 31


# Notices and messages that were not delivered


def test_dead_letters_ring_while_the_queue_holds_a_message(watched: WatchedStack) -> None:
    watched.polls(30, 2 * HOUR)
    for minute in range(120):
        held = 1 if 20 <= minute < 50 else 0
        watched.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", QUEUE, minute * MINUTE, held)
    assert watched.minutes("DeadLetters", 120) == list(range(21, 55))
    assert watched.ringing_in(range(120)) == {"DeadLetters"}


def test_dead_letters_ring_on_when_sqs_stops_to_report(further: int) -> None:
    """A queue that nobody used for six hours has no metrics.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html
    """
    stack, purged = WatchedStack(further), 20 * 60
    for minute in [*range(60, 7 * 60), *range(purged, purged + 60)]:
        stack.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", QUEUE, minute * MINUTE, int(minute < purged))
    assert stack.minutes("DeadLetters", purged + 60) == list(range(61, purged + 1))


def test_not_announced_task_rings(watched: WatchedStack) -> None:
    """Lambda counts no error for a batch that failed in part."""
    watched.polls(30, 2 * HOUR)
    for minute in range(120):
        watched.batch(minute * MINUTE, not_announced=int(minute == 40))
    assert watched.minutes("NotAnnounced", 120) == list(range(41, 46))
    assert watched.ringing_in(range(120)) == {"NotAnnounced"}


def test_row_that_waits_in_spite_of_redriving_rings(watched: WatchedStack, further: int) -> None:
    ended, announced = 10, 75
    for minute in range(0, 180, 5):
        row = waiting(minute * MINUTE, minute - ended)
        watched.poll(minute * MINUTE + 1, backlog=Backlog(waiting=[row] if ended <= minute < announced else []))
    rings = watched.minutes("Untold", 180)
    assert rings == list(range(ended + 2 * int(default("RedriveAfterMinutes")) + 10 + 1, rings[-1] + 1))
    assert announced <= rings[-1] <= announced + 5 * (further + 1)
    assert watched.ringing_in(range(180)) == {"Untold"}


# Subscribers


def test_hour_without_a_subscriber_rings_until_one_confirms(watched: WatchedStack) -> None:
    watched.polls(30, 90 * MINUTE, confirmed=0)
    watched.polls(90 * MINUTE + 30, 150 * MINUTE)
    rings = watched.minutes("NobodyListens", 150)
    assert 55 <= rings[0] <= 61
    assert rings == list(range(rings[0], 91))


@pytest.mark.parametrize("hours", [2, 12])
def test_nobody_listens_rings_on_a_slow_schedule(hours: int, further: int) -> None:
    """The last count holds until the next one."""
    stack, confirms = WatchedStack(further, SilentAfterMinutes="1440"), hours * HOUR * 3
    stack.polls(0, confirms, every=hours * HOUR, confirmed=0)
    stack.polls(confirms, 2 * confirms, every=hours * HOUR)
    assert stack.minutes("NobodyListens", 2 * confirms // MINUTE) == list(range(1, confirms // MINUTE + 1))


@pytest.mark.parametrize("confirmed", [1, 0])
def test_subscribers_that_sns_does_not_count_stay_as_they_were(confirmed: int, further: int) -> None:
    stack = WatchedStack(further)
    stack.poll(0, confirmed=confirmed)
    stack.polls(5 * MINUTE, 6 * HOUR, confirmed=None)
    assert bool(stack.minutes("NobodyListens", 360)) is not confirmed


@pytest.mark.parametrize("confirmed", [0, None])
def test_hour_with_a_subscriber_does_not_ring(confirmed: int | None, watched: WatchedStack) -> None:
    watched.polls(30, 40 * MINUTE, confirmed=confirmed)
    watched.polls(40 * MINUTE + 30, 4 * HOUR)
    assert watched.ringing_in(range(240)) == set()


# Events that are over at once

SINGLE_EVENTS: dict[str, dict[str, Any]] = {
    "CoverageGap": {"blind_seconds": 7200},
    "LostTask": {"done": ended_with("lost")},
    "Undelivered": {},
}


@pytest.mark.parametrize("name", SINGLE_EVENTS)
def test_single_event_rings_once_without_an_all_clear(name: str, watched: WatchedStack, further: int) -> None:
    watched.polls(30, 20 * MINUTE)
    watched.poll(20 * MINUTE + 30, **SINGLE_EVENTS[name])
    if name == "Undelivered":
        watched.put("AWS/SNS", "NumberOfNotificationsFailed", NOTICES, 20 * MINUTE + 30, 2)
    watched.polls(25 * MINUTE + 30, 3 * HOUR)
    rings = watched.minutes(name, 180)
    assert rings == list(range(21, rings[-1] + 1))
    assert rings[-1] <= 25 + 5 * further
    assert watched.ringing_in(range(180)) == {name}
    assert "OKActions" not in properties(f"{name}Alarm")


def test_task_that_ended_is_not_lost(watched: WatchedStack) -> None:
    watched.polls(30, HOUR, done=ended_with("complete", "failed", "cancelled"))
    assert watched.ringing_in(range(60)) == set()


# Rounds of a hub

NEW = Changes(new=[(Member("111122223333", {}), "eu-west-1", "denied")])
OVERDUE = [OverdueScope("111122223333", "eu-west-1", 1)]


@pytest.fixture
def hub(further: int) -> WatchedStack:
    """Return a hub whose rounds were good for four hours."""
    stack = WatchedStack(further)
    stack.rounds(-4 * HOUR, 0)
    return stack


def test_no_alarm_rings_while_rounds_are_good(hub: WatchedStack) -> None:
    hub.rounds(30, 6 * HOUR)
    assert hub.ringing_in(range(360)) == set()


def test_failed_rounds_ring_and_are_silence(hub: WatchedStack) -> None:
    hub.rounds(30, HOUR, problems=["accounts: AccessDenied"])
    hub.rounds(HOUR + 30, 3 * HOUR)
    assert hub.ringing_in(range(10)) == {"PlannerErrors"}
    assert hub.ringing_in(range(180)) == {"PlannerErrors", "Silent"}
    assert hub.ringing(170 * MINUTE) == set()


def test_overdue_scope_rings_until_it_is_read(hub: WatchedStack, further: int) -> None:
    hub.rounds(30, 30 * MINUTE, overdue=OVERDUE)
    hub.rounds(30 * MINUTE + 30, 2 * HOUR)
    rings = hub.minutes("OverdueScopes", 120)
    assert rings == list(range(1, rings[-1] + 1))
    assert 30 <= rings[-1] <= 30 + 5 * (further + 1)
    assert hub.ringing_in(range(120)) == {"OverdueScopes"}


def test_overdue_scope_rings_on_between_two_slow_rounds(hub: WatchedStack) -> None:
    hub.round(30, overdue=OVERDUE)
    assert hub.minutes("OverdueScopes", 12 * 60) == list(range(1, 12 * 60))


def test_new_denial_rings_once_without_an_all_clear(hub: WatchedStack, further: int) -> None:
    hub.rounds(30, 20 * MINUTE)
    hub.round(20 * MINUTE + 30, changes=NEW)
    hub.rounds(25 * MINUTE + 30, 3 * HOUR)
    rings = hub.minutes("NewlyDeniedScopes", 180)
    assert rings == list(range(21, rings[-1] + 1))
    assert rings[-1] <= 25 + 5 * further
    assert hub.ringing_in(range(180)) == {"NewlyDeniedScopes"}
    assert "OKActions" not in properties("NewlyDeniedScopesAlarm")


# Actions, dimensions and descriptions

AWS_DIMENSIONS = {
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    ("AWS/Lambda", "Errors"): ("FunctionName", [{"Ref": name} for name in ERRORS.values()]),
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName", [QUEUE]),
    # https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
    ("AWS/SNS", "NumberOfNotificationsFailed"): ("TopicName", [NOTICES]),
}
"""Metrics that AWS writes: the name of their one dimension, and its possible values."""


def test_number_of_alarms_is_the_documented_one() -> None:
    of_hub = [name for name in ALARMS if template()["Resources"][name].get("Condition") == "IsHub"]
    number, more = ({3: "three", 13: "thirteen"}[count] for count in (len(ALARMS) - len(of_hub), len(of_hub)))
    assert f"a hub has {more} more" in (ROOT / "docs" / "watching.md").read_text()
    assert f"{number} alarms" in (ROOT / "docs" / "watching.md").read_text()
    assert f"{number} alarms at $0.10" in (ROOT / "docs" / "performance.md").read_text()


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_acts_through_its_topic_only(name: str) -> None:
    asked, topic = properties(name), [{"Ref": "AlarmTopic"}]
    assert asked["AlarmActions"] == asked.get("OKActions", topic) == topic
    assert not {"InsufficientDataActions", "ActionsEnabled"} & asked.keys()


@pytest.mark.parametrize("name", ALARMS)
def test_metric_of_an_alarm_is_written_with_its_dimension(name: str) -> None:
    asked = properties(name)
    [dimension] = asked["Dimensions"]
    if asked["Namespace"] != NAMESPACE:
        expected, values = AWS_DIMENSIONS[asked["Namespace"], asked["MetricName"]]
        assert dimension["Name"] == expected
        assert dimension["Value"] in values
        return
    polled = PollResult(1, Backlog(waiting=[waiting(0, 600)]), ended_with("lost", "complete"), blind_seconds=1)
    sent = AnnounceResult(by_event=Delivery({Key(SCOPE, "one"): ValueError()}))
    poll = PollContext(SCOPE, NOON, sends_events=True)
    figures = [*figures_of(polled, poll, 1), *sent.metrics(), *round_metrics(RoundResult(0), poll, ())]
    assert asked["MetricName"] in {figure.name for figure in figures}
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert dimension == {"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}


ORDER = re.compile(r"(^|[.,:;] )(First |then )?(run|read|look|confirm)\b", re.IGNORECASE)


HUB = Stack(OrganizationId="o-a1b2c3d4e5", ExternalId="hub-of/acme:1")
DEPLOYED = [(stack, name) for stack in (Stack(), HUB) for name in ALARMS if stack.exists(name)]


@pytest.mark.parametrize(("stack", "name"), DEPLOYED)
def test_description_gives_a_meaning_and_an_order(stack: Stack, name: str) -> None:
    text = stack.properties(name)["AlarmDescription"]
    meaning, _, rest = text.partition(". ")
    assert len(meaning) > 20
    assert ORDER.search(rest)
    assert len(text) < 800, "names may be longer, and CloudWatch accepts 1,024 characters"


@pytest.mark.parametrize("name", ["Silent", "CoverageGap"])
def test_description_of_a_hub_names_its_own_log(name: str) -> None:
    """The planner plans rounds, and the recorder's log names the account of a gap."""
    log = HUB.ref("PlannerLogs" if name == "Silent" else "RecorderLogs")
    assert log in HUB.properties(f"{name}Alarm")["AlarmDescription"]
    assert log not in Stack().properties(f"{name}Alarm")["AlarmDescription"]


def test_nobody_listens_tells_how_to_subscribe_again() -> None:
    text = properties("NobodyListensAlarm")["AlarmDescription"]["Fn::Sub"]
    [command] = re.findall(r"`(aws sns .*?)`", text)
    assert command.startswith("aws sns subscribe --topic-arn ${NotificationTopic} --protocol email")
    assert "--notification-endpoint" in command
    assert "wait" in text


@pytest.mark.parametrize("email", ["", "oncall@example.com"])
def test_alarm_email_makes_a_subscription_without_a_filter(email: str) -> None:
    """A filter for outcomes would drop alarms, which have no attributes."""
    stack, condition = Stack(AlarmEmail=email), template()["Resources"]["AlarmSubscription"]["Condition"]
    subscription = stack.properties("AlarmSubscription")
    assert stack.condition(condition) is bool(email)
    assert (subscription["Endpoint"], subscription["TopicArn"]) == (email, stack.arn("AlarmTopic"))
    assert "FilterPolicy" not in subscription
