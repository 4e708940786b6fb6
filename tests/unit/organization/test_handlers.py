"""The handlers of a hub: the planner, and the recorder with messages."""

import io
import json
from types import SimpleNamespace

import pytest
from botocore.credentials import ReadOnlyCredentials

from task_reporter import times
from task_reporter.aws import clients
from task_reporter.aws.request_limits import PUBLISH
from task_reporter.errors import PollError
from task_reporter.organization.assignment import Assignment, parse_assignment
from task_reporter.organization.members import member_key
from task_reporter.times import to_text
from tests.support.dynamodb import Table
from tests.support.functions import RECORDER, load
from tests.support.organization import ACCOUNT, HUB, OTHER, REGION, REGIONS, SECRET, FakeEc2, FakeSts, error
from tests.support.roster import account_row, lists_row, refused

QUEUE = "https://sqs.us-east-1.amazonaws.com/999999999999/assignments"
ALARMS = f"arn:aws:sns:us-east-1:{HUB}:alarms"
ENVIRONMENT = RECORDER | {
    "SCOPE": f"{HUB}/{REGION}", "REGIONS": "all", "MEMBER_ROLE": "ec2-task-reporter-member", "EXTERNAL_ID": "external",
    "QUIET_MINUTES": "360", "ASSIGNMENT_QUEUE_URL": QUEUE, "ALARM_TOPIC_ARN": ALARMS, "ORGANIZATIONAL_UNITS": "",
    "EXCLUDED_ACCOUNTS": "444444444444", "ACCEPTED_DENIALS": "*/ap-*", "POLL_SCHEDULE": "rate(5 minutes)",
}  # fmt: skip
CONTEXT = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb=256,
    invoked_function_arn=f"arn:aws:lambda:us-east-1:{HUB}:function:function",
    aws_request_id="52fdfc07-2182-454f-963f-5f0f9a621d72",
    get_remaining_time_in_millis=lambda: 300_000,
)


class Aws:
    """All services of a hub in one: each client is this object."""

    def __init__(self, *rows):
        self.table, self.ec2, self.sts = Table(*rows), FakeEc2(), FakeSts(times.now)
        self.sent, self.published, self.refusal, self.more = [], [], None, None
        self.limits = None

    def client(self, service, limits=None):
        self.limits = limits
        return {"dynamodb": self.table.client, "sts": self.sts}.get(service, self)

    def get_paginator(self, operation):
        assert operation == "list_accounts"
        return self

    def paginate(self):
        numbers = (ACCOUNT, OTHER, "444444444444")
        yield {"Accounts": [{"Id": number, "Status": "ACTIVE"} for number in numbers], "NextToken": self.more}

    def send_message_batch(self, QueueUrl, Entries):
        assert QueueUrl == QUEUE
        self.sent += [parse_assignment(entry["MessageBody"]) for entry in Entries]
        return {"Failed": [{"Id": ACCOUNT, "Code": self.refusal}]} if self.refusal else {}

    def publish(self, TopicArn, Subject, Message):
        assert self.limits is PUBLISH, "SNS may have accepted what botocore would repeat"
        self.published.append((TopicArn, Subject, Message))

    def get_topic_attributes(self, TopicArn):
        return {"Attributes": {"SubscriptionsConfirmed": "1", "SubscriptionsPending": "0"}}


def denied(account):
    now = times.now()
    lists = lists_row(now, us_east_1=refused("denied", now), ap_south_1=refused("denied-by-scp", now))
    return account_row(account, now, "web", lists=lists)


@pytest.fixture
def start(monkeypatch):
    """Return a function that loads a handler, whose services are one object."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    own = ReadOnlyCredentials(f"key-{HUB}-0", SECRET, SECRET)

    def load_with(function, aws):
        monkeypatch.setattr(clients, "client", aws.client)
        monkeypatch.setattr(clients, "member_client", lambda region, credentials: aws.ec2(region))
        monkeypatch.setattr(clients, "own_credentials", lambda: own)
        module = load(function)
        log = io.StringIO()
        module.logger.registered_handler.setStream(log)
        return module, log

    return load_with


# The planner


def test_the_planner_plans_the_first_round(start, capsys):
    aws = Aws()
    app, _ = start("planner", aws)
    assert app.handler({}, CONTEXT) == {"accounts": 2, "sent": 2, "lists_due": 0}
    assert [(one.account, one.find_regions) for one in aws.sent] == [(ACCOUNT, True), (OTHER, True)]
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["GoodPolls"], figures["AccountsWatched"], figures["ConfirmedSubscribers"]) == ([1], [2], [1])


def test_the_planner_publishes_problems_once(start):
    aws = Aws(denied(ACCOUNT), account_row(OTHER, times.now()))
    app, log = start("planner", aws)
    app.handler({}, CONTEXT)
    app.handler({}, CONTEXT)
    [(topic, subject, text)] = aws.published
    assert (topic, subject) == (ALARMS, "EC2 task reporter, accounts and regions: 1 can't be read")
    assert f"{ACCOUNT} (web) us-east-1/bundle: denied" in text
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    [warning] = [line for line in lines if line["message"] == "can't be read"]
    assert (warning["account"], warning["place"], warning["reason"]) == (ACCOUNT, "us-east-1/bundle", "denied")


def test_a_list_of_accounts_without_end_costs_no_assignment(start):
    aws = Aws(account_row(ACCOUNT, times.now(), regions_at=""))
    aws.more = "next"
    times_left = iter([300_000] * 2)
    context = SimpleNamespace(**{**vars(CONTEXT), "get_remaining_time_in_millis": lambda: next(times_left, 170_000)})
    app, _ = start("planner", aws)
    with pytest.raises(PollError, match="out of time while listing accounts"):
        app.handler({}, context)
    assert [one.account for one in aws.sent] == [ACCOUNT]


def test_a_round_that_was_not_complete_fails_after_all_else(start, capsys):
    aws = Aws(denied(ACCOUNT))
    aws.refusal = "InternalError"
    app, _ = start("planner", aws)
    with pytest.raises(PollError, match="1 assignments were not sent"):
        app.handler({}, CONTEXT)
    assert len(aws.published) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["GoodPolls"] == [0]
    assert aws.table.rows[member_key("organization")]["round_at"]


# The recorder


def event(*assignments):
    return {
        "Records": [
            {"messageId": one.account, "eventSource": "aws:sqs", "body": one.to_message()} for one in assignments
        ]
    }


def assignment(account, **more):
    now = int(times.now().timestamp())
    return Assignment(now, now + 360, account, {REGION: ("bundle",), "eu-west-1": ("bundle",)}, **more)


def test_the_recorder_works_on_messages(start):
    aws = Aws()
    app, log = start("recorder", aws)
    aws.sts.refused[OTHER] = error("Throttling")
    answer = app.handler(event(assignment(ACCOUNT), assignment(OTHER), assignment(HUB)), CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": OTHER}]}
    asked = {(request.account, request.region) for request in aws.ec2.requests}
    assert asked == {(account, region) for account in (ACCOUNT, HUB) for region in (REGION, "eu-west-1")}
    assert aws.table.rows[member_key(ACCOUNT)]["polled_at"] <= to_text(times.now())
    assert SECRET not in log.getvalue()


def test_the_calls_for_roles_regions_and_lists_are_counted(start, capsys):
    app, _ = start("recorder", Aws())
    app.handler(event(assignment(ACCOUNT), assignment(HUB)), CONTEXT)
    app.handler(event(assignment(OTHER, find_regions=True)), CONTEXT)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["CallsMade"] for line in lines] == [[1 + 2 + 2], [1 + 1 + len(REGIONS)]]


def test_the_worker_lives_as_long_as_the_environment(start):
    aws = Aws()
    app, _ = start("recorder", aws)
    for _ in range(2):
        app.handler(event(assignment(ACCOUNT, find_regions=True)), CONTEXT)
    assert aws.sts.assumed == [ACCOUNT]
    assert aws.table.rows[member_key(ACCOUNT)]["regions"].split() == list(REGIONS)
