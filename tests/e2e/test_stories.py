"""Faults around a deployed stack and their recovery, by `status` and inbox."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from local.deployment import Deployment
from task_reporter.times import now, to_text
from tests.e2e.conftest import READER, StagedEc2
from tests.e2e.steps import parts, poll, roster_row, row_of, run, setting, task, told_row
from tests.e2e.throttling import throttled
from tests.support.canned_ec2 import told
from tests.support.waiting import eventually


@pytest.fixture
def story(impatient: Deployment, ec2: StagedEc2) -> Iterator[Deployment]:
    """Return the stack of the stories in good state, before and after each.

    Its inbox is read, and EC2's list is empty.
    """
    ec2.lists()
    impatient.cloud.inbox.new()
    yield impatient
    ec2.lists()
    poll(impatient)
    assert {part: told for part, told in parts(impatient).items() if told[0] != "well"} == {}


def subjects(deployment: Deployment, task_id: str) -> list[str]:
    """Return the subjects of the new emails about a task, at least one."""
    return eventually(lambda: [mail.subject for mail in deployment.cloud.inbox.new() if task_id in mail.subject])


def test_a_topic_that_is_gone_and_comes_back(story: Deployment, ec2: StagedEc2) -> None:
    sns, arn = story.cloud.client("sns"), story.outputs["NotificationTopicArn"]
    sns.delete_topic(TopicArn=arn)
    ec2.lists(task("bun-e2e-mute", "complete"))
    assert poll(story)["ended"] == {"complete": 1}
    level, text = parts(story)["subscribers"]
    assert (level, text) == ("wrong", "the topic is gone")
    eventually(lambda: poll(story) and int(row_of(story, "bun-e2e-mute").get("redrives", 0)) >= 2)
    assert row_of(story, "bun-e2e-mute")["awaiting"] == "notification"
    assert story.cloud.inbox.new() == []

    again = sns.create_topic(Name=arn.rpartition(":")[2])["TopicArn"]
    assert again == arn
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint=READER)
    poll(story)
    assert subjects(story, "bun-e2e-mute") == ["EC2 bundle task bun-e2e-mute complete (000000000000/eu-west-1)"]
    told_row(story, "bun-e2e-mute")


def test_a_table_that_throttles(story: Deployment, ec2: StagedEc2) -> None:
    ids = [f"bun-e2e-slow-{number:03}" for number in range(60)]
    ec2.lists(*(task(task_id, "bundling") for task_id in ids))
    with throttled(story.cloud.endpoint) as dynamodb, setting(story, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url):
        dynamodb.refuses = lambda number: number % 3 == 0
        assert poll(story) == {"listed": 60, "written": 60, "ended": {}}
        assert {"Query", "BatchGetItem", "TransactWriteItems"} & {*dynamodb.refused}
        refused = len(dynamodb.refused)
        ec2.lists(*(task(task_id, "complete") for task_id in ids))
        assert poll(story)["ended"] == {"complete": 60}
        assert len(dynamodb.refused) > refused
    eventually(lambda: not any(row.get("awaiting") == "notification" for row in story.rows()))
    mails = story.cloud.inbox.new()
    assert [task_id for task_id in ids if sum(f" {task_id} " in mail.text for mail in mails) != 1] == []


def test_while_nobody_has_confirmed_notices_wait(story: Deployment, ec2: StagedEc2) -> None:
    sns, arn = story.cloud.client("sns"), story.outputs["NotificationTopicArn"]
    [own] = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=own["SubscriptionArn"])
    log = story.cloud.folder / "aws.log"
    before = len(log.read_text())
    ec2.lists(task("bun-e2e-early", "complete"))
    assert poll(story)["ended"] == {"complete": 1}
    eventually(lambda: "bun-e2e-early" in log.read_text()[before:].partition("so these notices wait")[2])
    for _ in range(3):
        poll(story)
    row = row_of(story, "bun-e2e-early")
    assert (row["awaiting"], "redrives" in row, story.cloud.inbox.new()) == ("notification", False, [])
    found = parts(story)
    assert (found["not announced"][0], found["subscribers"][0]) == ("well", "wrong")

    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint=READER)
    poll(story)
    assert subjects(story, "bun-e2e-early") == ["EC2 bundle task bun-e2e-early complete (000000000000/eu-west-1)"]
    assert told_row(story, "bun-e2e-early")["outcome"] == "complete"


def test_a_topic_that_answers_late_is_sent_each_notice_once(story: Deployment, ec2: StagedEc2) -> None:
    """SNS takes each notice, and says so seven seconds later."""
    notifier = "NotifierFunctionName"
    with throttled(story.cloud.endpoint) as sns, setting(story, notifier, AWS_ENDPOINT_URL_SNS=sns.url):
        sns.late = 7
        ec2.lists(task("bun-e2e-late", "complete"))
        poll(story)
        told_row(story, "bun-e2e-late")
    assert len([body for body in sns.taken if b"Action=Publish" in body]) == 1
    assert len(subjects(story, "bun-e2e-late")) == 1


def test_a_recorder_that_is_broken(story: Deployment) -> None:
    with setting(story, HISTORY_TABLE=None):
        assert "HISTORY_TABLE is missing" in story.poll()["payload"]["errorMessage"]
        assert parts(story)["last poll"][0] == "well"
        a_season_passes(story)
        assert "HISTORY_TABLE is missing" in story.poll()["payload"]["errorMessage"]
        level, text = parts(story)["last poll"]
        assert (level, text.partition(",")[0]) == ("wrong", "90 days ago")
        assert run(story, "status").returncode == 1
    poll(story)
    level, text = parts(story)["gaps, last 24 hours (bundle)"]
    assert (level, text.endswith(": a task may have come and gone unseen")) == ("wrong", True)
    forget_the_gap(story)


def a_season_passes(deployment: Deployment) -> None:
    """Put the last poll 90 days into the past."""
    then = now() - timedelta(days=90)
    change_roster(deployment, to_text(then), at=int(then.timestamp()))


def forget_the_gap(deployment: Deployment) -> None:
    """As a day later."""
    day_before = int((now() - timedelta(days=2)).timestamp())
    change_roster(deployment, to_text(now()), blind_from=day_before, blind_until=day_before)


def change_roster(deployment: Deployment, polled_at: str, **record: int) -> None:
    """Change the time of the last poll and the bundle list's record."""
    row = roster_row(deployment)
    lists = json.loads(row["lists"])
    for kinds in lists.values():
        kinds["bundle"] |= record
    deployment.cloud.client("dynamodb").update_item(
        TableName=deployment.outputs["HistoryTableName"],
        Key={name: {"S": row[name]} for name in ("scope", "task_id")},
        UpdateExpression="SET polled_at = :at, lists = :lists",
        ExpressionAttributeValues={":at": {"S": polled_at}, ":lists": {"S": json.dumps(lists)}},
    )


def test_a_task_that_vanishes_and_comes_back_finished(story: Deployment, ec2: StagedEc2) -> None:
    ec2.lists(task("bun-e2e-lost", "storing", Progress="80%"))
    poll(story)
    broken(story, ec2, "before it is missing")
    assert "missing_since" not in row_of(story, "bun-e2e-lost")
    ec2.lists()
    assert poll(story)["ended"] == {}
    row = row_of(story, "bun-e2e-lost")
    assert "missing_since" in row
    broken(story, ec2, "while it is missing")
    assert row_of(story, "bun-e2e-lost") == row

    ec2.lists()
    assert poll(story)["ended"] == {"lost": 1}
    told_row(story, "bun-e2e-lost")
    [mail] = [mail for mail in story.cloud.inbox.new() if "bun-e2e-lost" in mail.subject]
    assert mail.subject == "EC2 bundle task bun-e2e-lost lost (000000000000/eu-west-1)"
    assert "aws s3api head-object --region eu-west-1 --bucket e2e-bucket --key bun-e2e-lost.manifest.xml" in mail.text
    assert "aws ec2 register-image --region eu-west-1 --name bun-e2e-lost" in mail.text
    assert "bun-e2e-lost" in run(story, "list", "--outcome", "lost").stdout
    assert parts(story)["lost, last 24 hours"] == ("wrong", "1: bun-e2e-lost")

    ec2.lists(task("bun-e2e-lost", "complete"))
    assert poll(story)["ended"] == {"complete": 1}
    assert subjects(story, "bun-e2e-lost") == ["EC2 bundle task bun-e2e-lost complete (000000000000/eu-west-1)"]
    assert told_row(story, "bun-e2e-lost")["outcome"] == "complete"
    assert "bun-e2e-lost" not in run(story, "list", "--outcome", "lost").stdout


def broken(deployment: Deployment, ec2: StagedEc2, when: str) -> None:
    """EC2 answers polls with no list: a proxy's page, or text."""
    text = told("empty").body.replace(
        b"<bundleInstanceTasksSet/>", b"<bundleInstanceTasksSet>x</bundleInstanceTasksSet>"
    )
    assert b">x<" in text
    for body in (told("html-page").body, text):
        ec2.says(body)
        assert "malformed answer" in deployment.poll()["payload"]["errorMessage"], when


def test_a_schedule_that_is_disabled(story: Deployment) -> None:
    with the_schedule(story, "DISABLED"):
        level, text = parts(story)["schedule"]
        assert (level, text) == ("wrong", "disabled, rate(12 hours)")
    assert parts(story)["schedule"] == ("well", "enabled, rate(12 hours)")


@contextmanager
def the_schedule(deployment: Deployment, state: str) -> Iterator[None]:
    client = deployment.cloud.client("scheduler")
    [listed] = client.list_schedules(NamePrefix=deployment.stack)["Schedules"]
    schedule = client.get_schedule(Name=listed["Name"], GroupName=listed["GroupName"])
    wanted = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    kept = {name: schedule[name] for name in wanted}
    client.update_schedule(**kept, State=state)
    try:
        yield
    finally:
        client.update_schedule(**kept, State="ENABLED")
