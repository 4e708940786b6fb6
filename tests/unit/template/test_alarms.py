"""The template's alarms, on a model of how CloudWatch evaluates them: each rings for its reason, and for no other.

The figures are those that the functions themselves would write.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.environments import ROOT
from task_reporter.history.backlog import Backlog
from task_reporter.history.rows import Row
from task_reporter.history.writes import Insert
from task_reporter.notifying.announce import AnnounceResult
from task_reporter.recording.context import PollContext
from task_reporter.recording.poll_kind import KindResult
from task_reporter.recording.poll_kinds import PollResult
from task_reporter.runtime.metrics import NAMESPACE
from task_reporter.times import to_text
from tests.support.alarm import Alarm
from tests.support.polled import figures_of
from tests.support.template import default, properties, template

ALARMS = [name for name, made in template()["Resources"].items() if made["Type"] == "AWS::CloudWatch::Alarm"]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3600, 86400
FURTHER = [0, 2, 5]
"""How many periods CloudWatch looks farther back than it evaluates, which it does not tell."""


def resolved(value: Any, parameters: Mapping[str, Any]) -> Any:
    """``value`` with the parameters that it refers to."""
    return parameters.get(value["Ref"], value) if isinstance(value, dict) and value.keys() == {"Ref"} else value


class Watched:
    """A stack's alarms and what happens to it, at times in seconds after noon."""

    def __init__(self, further: int = 2, **parameters: str) -> None:
        known = {name: default(name) for name in template()["Parameters"]} | parameters
        self.alarms = {
            name: Alarm({key: resolved(value, known) for key, value in properties(name).items()}, further)
            for name in ALARMS
        }

    def put(self, namespace: str, metric: str, of: Any, at: float, value: float) -> None:
        """A data point for each alarm on that metric of that resource."""
        for name, alarm in self.alarms.items():
            asked = properties(name)
            if (asked["Namespace"], asked["MetricName"], asked["Dimensions"][0]["Value"]) == (namespace, metric, of):
                alarm.put(at, value)

    def poll(self, at: float, confirmed: int | None = 1, **more: Any) -> None:
        """One poll, good unless it is said otherwise, with the errors that Lambda counts."""
        polled = PollResult(["bundle"], **{"good": ["bundle"], **more})
        for figure in figures_of(polled, PollContext("123456789012/us-east-2", now(at)), confirmed):
            self.put(NAMESPACE, figure.name, STACK, at, figure.value)
        self.put("AWS/Lambda", "Errors", {"Ref": "RecorderFunction"}, at, int(not polled.good))

    def polls(self, start: int, end: int, every: int = 5 * MINUTE, **more: Any) -> None:
        for at in range(start, end, every):
            self.poll(at, **more)

    def ringing(self, at: float) -> set[str]:
        return {name.removesuffix("Alarm") for name, alarm in self.alarms.items() if alarm.rings(at)}

    def batch(self, at: float, not_announced: int = 0) -> None:
        """One batch of the notifier, of which some tasks could not be announced."""
        self.put("AWS/Lambda", "Errors", {"Ref": "NotifierFunction"}, at, 0)
        self.put(NAMESPACE, "TasksNotAnnounced", STACK, at, not_announced)

    def rang(self, minutes: Iterable[int]) -> set[str]:
        return {name for minute in minutes for name in self.ringing(minute * MINUTE)}

    def minutes(self, name: str, until: int) -> list[int]:
        """The minutes after noon in which one alarm rings."""
        return [minute for minute in range(until) if self.alarms[f"{name}Alarm"].rings(minute * MINUTE)]


STACK = {"Ref": "AWS::StackName"}
QUEUE = {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}
NOTICES = {"Fn::GetAtt": ["NotificationTopic", "TopicName"]}


def now(at: float) -> datetime:
    return NOON + timedelta(seconds=at)


@pytest.fixture(params=FURTHER)
def further(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def watched(further: int) -> Watched:
    """A stack that has polled well for four hours, and goes on for as long."""
    made = Watched(further)
    made.polls(-4 * HOUR, 0)
    return made


# While all is well


def test_none_rings_while_polls_are_good(further: int) -> None:
    """A day on the default schedule; polls come up to two minutes late, and some task ends in each."""
    made, late = Watched(further), random.Random(1)
    ended = KindResult("bundle", written=[Insert(ended_with("complete"))])
    for at in range(0, DAY, 5 * MINUTE):
        made.poll(at + late.uniform(0, 2 * MINUTE), done=[ended], backlog=Backlog(waiting=[waiting(at, 4)]))
        made.batch(at)
        made.put("AWS/SNS", "NumberOfNotificationsFailed", NOTICES, at, 0)
        made.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", QUEUE, at, 0)
    assert made.rang(range(60, DAY // MINUTE)) == set()


@pytest.mark.parametrize(("hours", "silent"), [(1, "120"), (6, "720"), (12, "1440")])
def test_none_rings_on_a_slow_schedule(hours: int, silent: str, further: int) -> None:
    """Two rounds of each rate that PollSchedule takes; polls come up to two minutes late."""
    made, late = Watched(further, SilentAfterMinutes=silent), random.Random(1)
    for at in range(0, 4 * DAY, hours * HOUR):
        made.poll(at + late.uniform(0, 2 * MINUTE))
    assert made.rang(range(5, 4 * DAY // MINUTE, 11)) == set()


def ended_with(outcome: str) -> Row:
    return {"scope": "123456789012/us-east-2", "task_id": "bun-1", "outcome": outcome, "finished_at": to_text(NOON)}


def waiting(at: float, minutes: float) -> Row:
    redrives = int(minutes // int(default("RedriveAfterMinutes")))
    return {"awaiting_since": to_text(now(at) - timedelta(minutes=minutes)), "redrives": redrives}


def test_a_new_stack_is_silent_until_its_first_good_poll(further: int) -> None:
    made = Watched(further)
    made.poll(90)
    assert "Silent" in made.ringing(MINUTE)
    assert made.ringing(2 * MINUTE) == set()


# Silence


@pytest.mark.parametrize("minutes", ["1", "6", "15", "60"])
@pytest.mark.parametrize("says", ["nothing", "that it failed"])
def test_it_rings_after_so_many_minutes_without_a_good_poll_and_one_ends_it(
    minutes: str, says: str, further: int
) -> None:
    made, silent = Watched(further, SilentAfterMinutes=minutes), int(minutes)
    made.poll(-30)
    back = 2 * silent + further + 5
    if says == "that it failed":
        made.polls(0, back * MINUTE, every=MINUTE, good=[])
    made.poll(back * MINUTE + 30)
    rings = made.minutes("Silent", back + 2)
    latest = silent + (0 if says == "that it failed" else further)
    assert silent <= rings[0] <= latest
    assert rings == list(range(rings[0], back + 1))


def test_polls_that_fail_in_between_are_no_silence(watched: Watched) -> None:
    for at in range(0, 4 * HOUR, 10 * MINUTE):
        watched.poll(at + 30)
        watched.poll(at + 5 * MINUTE + 30, good=[])
    assert watched.minutes("Silent", 240) == []


def test_a_poll_of_which_one_kind_failed_is_not_good() -> None:
    made = Watched()
    for at in range(0, 30 * MINUTE, MINUTE):
        made.poll(at, good=[])
    assert "Silent" in made.ringing(30 * MINUTE)


# Errors

ERRORS = {"RecorderErrors": "RecorderFunction", "NotifierErrors": "NotifierFunction"}


@pytest.mark.parametrize(("name", "function"), ERRORS.items())
@pytest.mark.parametrize("afterwards", ["it works", "it is not needed"])
def test_one_error_of_a_function_rings_and_is_over_when_there_are_no_more(
    name: str, function: str, afterwards: str, watched: Watched, further: int
) -> None:
    watched.polls(30, 2 * HOUR)
    watched.put("AWS/Lambda", "Errors", {"Ref": function}, 10 * MINUTE + 1, 1)
    if afterwards == "it works":
        for at in range(11 * MINUTE, 2 * HOUR, MINUTE):
            watched.put("AWS/Lambda", "Errors", {"Ref": function}, at, 0)
    rings = watched.minutes(name, 120)
    assert rings[0] == 11
    assert rings == list(range(11, rings[-1] + 1))
    assert rings[-1] <= 15 + 5 * further * (afterwards == "it is not needed")
    assert watched.rang(range(120)) == {name}


def test_an_error_of_one_function_is_none_of_the_other() -> None:
    made = Watched()
    made.poll(0, good=[])
    assert "NotifierErrors" not in made.ringing(MINUTE)
    assert "RecorderErrors" in made.ringing(MINUTE)


# What could not be done


def test_it_rings_while_something_is_in_the_dead_letter_queue(watched: Watched) -> None:
    watched.polls(30, 2 * HOUR)
    for minute in range(120):
        held = 1 if 20 <= minute < 50 else 0
        watched.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", QUEUE, minute * MINUTE, held)
    assert watched.minutes("DeadLetters", 120) == list(range(21, 55))
    assert watched.rang(range(120)) == {"DeadLetters"}


def test_it_rings_as_long_as_the_queue_is_full_though_sqs_stops_reporting_it(further: int) -> None:
    """A queue that nobody used for six hours has no metrics.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html
    """
    made, purged = Watched(further), 20 * 60
    for minute in [*range(60, 7 * 60), *range(purged, purged + 60)]:
        made.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", QUEUE, minute * MINUTE, int(minute < purged))
    assert made.minutes("DeadLetters", purged + 60) == list(range(61, purged + 1))


def test_it_rings_when_a_task_could_not_be_announced(watched: Watched, further: int) -> None:
    """Of a batch that failed in part, Lambda counts no error."""
    watched.polls(30, 2 * HOUR)
    for minute in range(120):
        watched.batch(minute * MINUTE, not_announced=int(minute == 40))
    assert watched.minutes("NotAnnounced", 120) == list(range(41, 46))
    assert watched.rang(range(120)) == {"NotAnnounced"}


def test_it_rings_when_sns_could_not_deliver_a_notice(watched: Watched, further: int) -> None:
    watched.polls(30, 2 * HOUR)
    watched.put("AWS/SNS", "NumberOfNotificationsFailed", NOTICES, 40 * MINUTE, 2)
    rings = watched.minutes("Undelivered", 120)
    assert rings == list(range(41, rings[-1] + 1))
    assert rings[-1] <= 45 + 5 * further
    assert watched.rang(range(120)) == {"Undelivered"}
    assert "OKActions" not in properties("UndeliveredAlarm"), "that it is over is no news"


def test_it_rings_while_a_row_waits_in_spite_of_redriving(watched: Watched, further: int) -> None:
    """Told within RedriveAfterMinutes or soon after: no word of it."""
    ended, told = 10, 75
    for minute in range(0, 180, 5):
        row = waiting(minute * MINUTE, minute - ended)
        watched.poll(minute * MINUTE + 1, backlog=Backlog(waiting=[row] if ended <= minute < told else []))
    rings = watched.minutes("Untold", 180)
    assert rings[0] == ended + 2 * int(default("RedriveAfterMinutes")) + 10 + 1
    assert rings == list(range(rings[0], rings[-1] + 1))
    assert told <= rings[-1] <= told + 5 * (further + 1)
    assert watched.rang(range(180)) == {"Untold"}


# Who listens


def test_it_rings_when_nobody_has_listened_for_an_hour_and_one_who_confirms_ends_it(watched: Watched) -> None:
    watched.polls(30, 90 * MINUTE, confirmed=0)
    watched.polls(90 * MINUTE + 30, 150 * MINUTE)
    rings = watched.minutes("NobodyListens", 150)
    assert 55 <= rings[0] <= 61
    assert rings == list(range(rings[0], 91))


@pytest.mark.parametrize("hours", [2, 12])
def test_nobody_listening_is_told_on_a_slow_schedule(hours: int, further: int) -> None:
    """What the last poll counted holds until the next one."""
    made, confirms = Watched(further, SilentAfterMinutes="1440"), hours * HOUR * 3
    made.polls(0, confirms, every=hours * HOUR, confirmed=0)
    made.polls(confirms, 2 * confirms, every=hours * HOUR)
    assert made.minutes("NobodyListens", 2 * confirms // MINUTE) == list(range(1, confirms // MINUTE + 1))


@pytest.mark.parametrize("listened", [True, False])
def test_nobody_listening_is_no_guess_while_sns_does_not_say(listened: bool, further: int) -> None:
    made = Watched(further)
    made.poll(0, confirmed=int(listened))
    made.polls(5 * MINUTE, 6 * HOUR, confirmed=None)
    assert bool(made.minutes("NobodyListens", 360)) is not listened


@pytest.mark.parametrize("confirmed", [0, None])
def test_an_hour_in_which_somebody_listened_is_no_reason(confirmed: int | None, watched: Watched) -> None:
    watched.polls(30, 40 * MINUTE, confirmed=confirmed)
    watched.polls(40 * MINUTE + 30, 4 * HOUR)
    assert watched.rang(range(240)) == set()


# What may have been missed


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("CoverageGap", {"blind_seconds": 7200}),
        ("LostTask", {"done": [KindResult("bundle", written=[Insert(ended_with("lost"))])]}),
    ],
)
def test_what_happened_once_rings_once_and_is_over(
    name: str, told: dict[str, Any], watched: Watched, further: int
) -> None:
    watched.polls(30, 20 * MINUTE)
    watched.poll(20 * MINUTE + 30, **told)
    watched.polls(25 * MINUTE + 30, 3 * HOUR)
    rings = watched.minutes(name, 180)
    assert rings[0] == 21
    assert rings == list(range(21, rings[-1] + 1))
    assert rings[-1] <= 25 + 5 * further
    assert watched.rang(range(180)) == {name}
    assert "OKActions" not in properties(f"{name}Alarm"), "that it is over is no news"


@pytest.mark.parametrize("outcome", ["complete", "failed", "cancelled"])
def test_a_task_that_was_seen_to_end_is_none_that_was_lost(outcome: str, watched: Watched) -> None:
    watched.polls(30, HOUR, done=[KindResult("bundle", written=[Insert(ended_with(outcome))])])
    assert watched.rang(range(60)) == set()


# As they stand in the template

TOPIC = [{"Ref": "AlarmTopic"}]
BY_AWS: dict[tuple[str, str], tuple[str, Callable[[Any], bool]]] = {
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    ("AWS/Lambda", "Errors"): ("FunctionName", lambda value: value["Ref"] in ERRORS.values()),
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName", lambda value: value == QUEUE),
    # https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
    ("AWS/SNS", "NumberOfNotificationsFailed"): ("TopicName", lambda value: value == NOTICES),
}
"""Metrics that AWS keeps: their one dimension, and what may stand in it."""


def our_figures() -> set[str]:
    """All that a poll and a batch can tell of themselves."""
    done = [KindResult("bundle", written=[Insert(ended_with(outcome)) for outcome in ("lost", "complete")])]
    polled = PollResult(["bundle"], Backlog(waiting=[waiting(0, 600)]), done, blind_seconds=1)
    figures = [*figures_of(polled, PollContext("123456789012/us-east-2", NOON), 1), *AnnounceResult().metrics()]
    return {figure.name for figure in figures}


def test_their_number_is_the_one_in_the_documents() -> None:
    assert all(name.endswith("Alarm") for name in ALARMS)
    number = {10: "ten"}[len(ALARMS)]
    assert f"{number} alarms" in (ROOT / "docs" / "watching.md").read_text()
    assert f"{number} alarms at $0.10" in (ROOT / "docs" / "performance.md").read_text()


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_tells_its_topic_and_nobody_else(name: str) -> None:
    asked = properties(name)
    assert asked["AlarmActions"] == TOPIC
    assert asked.get("OKActions", TOPIC) == TOPIC
    assert "InsufficientDataActions" not in asked
    assert asked.get("ActionsEnabled", True) is True
    assert "AlarmName" not in asked, "a second stack in the same account must not clash with this one"


@pytest.mark.parametrize("name", ALARMS)
def test_its_metric_is_one_that_somebody_writes_with_that_dimension(name: str) -> None:
    asked = properties(name)
    [dimension] = asked["Dimensions"]
    if asked["Namespace"] == NAMESPACE:
        assert asked["MetricName"] in our_figures()
        assert dimension == {"Name": "service", "Value": STACK}
    else:
        expected, is_ours = BY_AWS[asked["Namespace"], asked["MetricName"]]
        assert dimension["Name"] == expected
        assert is_ours(dimension["Value"])


@pytest.mark.parametrize("name", ALARMS)
def test_it_needs_no_metric_math(name: str) -> None:
    assert not {"Metrics", "ThresholdMetricId", "ExtendedStatistic"} & properties(name).keys()


DO = re.compile(r"(^|[.,:;] )(First |then )?(run|read|look|confirm)\b", re.IGNORECASE)


@pytest.mark.parametrize("name", ALARMS)
def test_its_description_says_what_it_means_and_what_to_do(name: str) -> None:
    described = properties(name)["AlarmDescription"]
    text = described["Fn::Sub"] if isinstance(described, dict) else described
    meaning, _, rest = text.partition(". ")
    assert len(meaning) > 20
    assert DO.search(text), "an order, such as: read the log"
    assert len(text) < 800, "names come in the place of parameters, and CloudWatch takes 1,024 characters"
    assert rest


def test_nobody_listening_says_how_to_subscribe_again() -> None:
    text = properties("NobodyListensAlarm")["AlarmDescription"]["Fn::Sub"]
    [command] = re.findall(r"`(aws sns .*?)`", text)
    assert command.startswith("aws sns subscribe --topic-arn ${NotificationTopic} --protocol email")
    assert "--notification-endpoint" in command
    assert "wait" in text


def test_a_description_refers_to_what_exists() -> None:
    known = template()["Resources"].keys() | template()["Parameters"].keys()
    for name in ALARMS:
        described = properties(name)["AlarmDescription"]
        referred = re.findall(r"\$\{(\w+)", described["Fn::Sub"] if isinstance(described, dict) else "")
        assert set(referred) <= known
        assert isinstance(described, dict) == bool(referred)


@pytest.mark.parametrize("minutes", ["1", "15", "99", "1440"])
def test_cloudwatch_takes_every_patience_that_the_template_takes(minutes: str) -> None:
    assert Watched(SilentAfterMinutes=minutes).alarms["SilentAlarm"].evaluated == int(minutes)


def test_only_who_gave_an_address_gets_an_email() -> None:
    subscription = template()["Resources"]["AlarmSubscription"]
    assert subscription["Condition"] == "HasAlarmEmail"
    asked = {name: subscription["Properties"][name] for name in ("TopicArn", "Protocol", "Endpoint")}
    assert asked == {"TopicArn": {"Ref": "AlarmTopic"}, "Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}
    assert "FilterPolicy" not in subscription["Properties"], "an alarm has no attributes"
    assert template()["Conditions"]["HasAlarmEmail"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}


def test_alarms_and_notices_do_not_share_a_topic() -> None:
    """A filter for outcomes would swallow them, and who is told of tasks need not be who is called."""
    subscribed = [made for made in template()["Resources"].values() if made["Type"] == "AWS::SNS::Subscription"]
    topics = [made["Properties"]["TopicArn"]["Ref"] for made in subscribed]
    assert sorted(topics) == ["AlarmTopic", "NotificationTopic"]
