"""From EC2's list to subscribers, over a real table and topic, without Lambda."""

import base64
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from local.cloud import CREDENTIALS, REGION, Cloud
from local.ec2 import Ec2Server
from task_reporter.aws import clients
from task_reporter.aws.request_limits import LIST_TASKS
from task_reporter.errors import PollError
from task_reporter.history.rows import Key
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Insert, Update
from task_reporter.kinds.bundle import BUNDLE, REGISTER
from task_reporter.notifying.announce import NotificationPolicy, announce
from task_reporter.notifying.announce_result import AnnounceResult
from task_reporter.notifying.topic import Topic
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ListResult
from tests.integration.engines import LOCAL_AWS, Engine, Table, make_table
from tests.integration.faults import between, refused
from tests.support.clock import Clock
from tests.support.inline import INLINE
from tests.support.polled import poll_kinds
from tests.support.sns import delivered_detail
from tests.support.template import default
from tests.support.waiting import unhurried

SCOPE = f"000000000000/{REGION}"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
INSTANCE = "i-1234567890abcdef0"
DIGEST_ABOVE = int(default("DigestAbove"))
LARGEST = 256 * 1024
"""Bytes of a message that SNS takes: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""


@dataclass(slots=True)
class Pipeline:
    """Everything between EC2's list and the subscribers, and a queue that hears all."""

    cloud: Cloud
    ec2: Ec2Server
    clock: Clock
    table: Table
    topic: str
    queue: str = ""
    poller: Any = field(init=False)
    sns: Any = field(init=False)
    sqs: Any = field(init=False)

    def __post_init__(self) -> None:
        self.poller = clients.client(
            "ec2", unhurried(LIST_TASKS), region_name=REGION, endpoint_url=self.ec2.url, **CREDENTIALS
        )
        here = Engine(LOCAL_AWS, self.cloud.endpoint)
        self.sns, self.sqs = here.client("sns"), here.client("sqs")
        self.queue = self.subscribed()

    def subscribed(self, **policy: list[str]) -> str:
        """Return the URL of a new queue behind the filter ``policy``, if any."""
        url = self.sqs.create_queue(QueueName=f"heard-{uuid.uuid4().hex[:12]}")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self._subscribe("sqs", arn, policy)
        return str(url)

    def mailed(self, address: str, **policy: list[str]) -> None:
        """Subscribe an email address."""
        self._subscribe("email", address, policy)

    def _subscribe(self, protocol: str, endpoint: str, policy: dict[str, list[str]]) -> None:
        attributes = {"FilterPolicy": json.dumps(policy)} if policy else {}
        self.sns.subscribe(TopicArn=self.topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes)

    def bundle(self, instance: str = INSTANCE, bucket: str = "north", **more: str) -> None:
        """Start a bundle task; ``more`` are parameters in EC2's query protocol."""
        storage = {f"Storage.S3.{name}": value for name, value in {"Bucket": bucket, "Prefix": "win", **more}.items()}
        status, body = self.ec2.respond(urlencode({"Action": "BundleInstance", "InstanceId": instance} | storage))
        assert status == 200, body

    def poll(self) -> ListResult:
        polled = poll_kinds([BUNDLE], self.poller, self.table.history, PollContext(SCOPE, self.clock()), INLINE)
        polled.summary()
        (recorded,) = polled.done
        return recorded

    def tell(self, topic: Topic | None = None) -> AnnounceResult:
        """Announce what awaits it, as the stream would bring it."""
        keys = [Key(SCOPE, task_id) for task_id in self.table.ask("by-awaiting", awaiting="notification")]
        topic = topic or Topic(self.sns, self.topic)
        return announce(keys, self.table.history, topic, NotificationPolicy(DIGEST_ABOVE), clock=self.clock)

    def heard(self, queue: str = "") -> list[dict[str, Any]]:
        """Receive and delete the messages in a queue, as SNS wraps them."""
        url, heard = queue or self.queue, []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                heard.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return heard

    def only_row(self) -> dict[str, Any]:
        (row,) = self.table.rows().values()
        return row


@pytest.fixture
def pipeline(cloud: Cloud, local_aws: Any) -> Iterator[Pipeline]:
    clock = Clock()
    topic = cloud.client("sns").create_topic(Name=f"notices-{uuid.uuid4().hex[:12]}")["TopicArn"]
    cloud.inbox.new()
    with Ec2Server(clock=clock, seed=1) as ec2:
        yield Pipeline(cloud, ec2, clock, make_table(local_aws), topic)


def outcomes(messages: Sequence[dict[str, Any]]) -> list[str]:
    """Return the outcome of each task that ``messages`` tell of."""
    told = [delivered_detail(message) for message in messages]
    return sorted(task["outcome"] for data in told for task in data.get("tasks", [data]))


# One task


def test_a_bundle_is_followed_to_its_end_and_told_once(pipeline: Pipeline) -> None:
    pipeline.mailed("ops@example.com", outcome=default("NotifyOutcomes").split(","))
    pipeline.bundle()
    states = []
    for minutes in (0, 3, 7, 18, 6, 5):
        pipeline.clock.forward(minutes)
        pipeline.poll()
        states.append((pipeline.only_row()["state"], pipeline.only_row()["awaiting"]))
    assert states == [
        ("pending", "outcome"), ("waiting-for-shutdown", "outcome"), ("bundling", "outcome"), ("storing", "outcome"),
        ("storing", "outcome"), ("complete", "notification"),
    ]  # fmt: skip
    assert pipeline.heard() == []
    assert len(pipeline.tell().notices) == 1
    row = pipeline.only_row()
    assert row == {
        "scope": SCOPE,
        "task_id": row["task_id"],
        "kind": "bundle",
        "state": "complete",
        "outcome": "complete",
        "resource_id": INSTANCE,
        "progress": 100,
        "started_at": "2026-11-23T12:00:00.000Z",
        "updated_at": "2026-11-23T12:35:00.000Z",
        "first_seen_at": "2026-11-23T12:00:00.000Z",
        "finished_at": "2026-11-23T12:35:00.000Z",
        "notified_at": "2026-11-23T12:39:00.000Z",
        "bucket": "north",
        "prefix": "win",
        "image_location": "north/win.manifest.xml",
    }
    (message,) = pipeline.heard()
    task = f"--name {row['task_id']} --image-location north/win.manifest.xml"
    command = f"aws ec2 register-image --region {REGION} {task}"
    detail = message["MessageAttributes"].pop("detail")
    assert json.loads(detail["Value"]) == {
        "type": "task",
        "account": "000000000000",
        "region": REGION,
        "register_command": command,
        "subject": f"EC2 bundle task {row['task_id']} complete (000000000000/{REGION})",
        "next_steps": [{"text": REGISTER, "command": command}],
        **{name: value for name, value in row.items() if name != "notified_at"},
    }
    assert message["MessageAttributes"] == {
        "kind": {"Type": "String", "Value": "bundle"},
        "outcome": {"Type": "String", "Value": "complete"},
        "account": {"Type": "String", "Value": "000000000000"},
        "region": {"Type": "String", "Value": REGION},
        "resource_id": {"Type": "String", "Value": INSTANCE},
    }
    (mail,) = pipeline.cloud.inbox.new()
    assert mail.to == "ops@example.com"
    assert mail.subject == message["Subject"]
    assert row["task_id"] in mail.subject
    assert command in mail.text
    assert message["Message"] == mail.text, "machines get the text for people too"
    assert (pipeline.tell().notices, pipeline.heard(), pipeline.cloud.inbox.new()) == ([], [], [])


def test_a_poll_that_finds_nothing_new_writes_no_task(pipeline: Pipeline) -> None:
    pipeline.bundle()
    pipeline.poll()
    with between(pipeline.table.client, "UpdateItem", []) as sent:
        assert pipeline.poll().summary() == {"listed": 1, "written": 0, "ended": {}}
        pipeline.clock.forward(40)
        assert pipeline.poll().summary() == {"listed": 1, "written": 1, "ended": {"complete": 1}}
        pipeline.poll()
    written = [asked["Key"]["scope"]["S"] for asked in sent]
    assert written.count(SCOPE) == 1


def test_a_failure_is_told_with_its_reason_when_that_has_come(pipeline: Pipeline) -> None:
    pipeline.mailed("ops@example.com")
    pipeline.bundle(bucket="no-such-bucket")
    pipeline.clock.forward(31)
    assert pipeline.poll().ended == {}
    assert pipeline.only_row()["awaiting"] == "outcome"
    pipeline.clock.forward(2)
    pipeline.poll()
    pipeline.tell()
    (message,) = pipeline.heard()
    told = delivered_detail(message)
    assert (told["outcome"], told["error_code"]) == ("failed", "Client.S3Error")
    (mail,) = pipeline.cloud.inbox.new()
    assert told["error_message"] in mail.text


def test_a_cancelled_task_is_told_as_cancelled(pipeline: Pipeline) -> None:
    pipeline.bundle()
    pipeline.poll()
    task_id = pipeline.only_row()["task_id"]
    pipeline.ec2.respond(urlencode({"Action": "CancelBundleTask", "BundleId": task_id}))
    pipeline.clock.forward(5)
    pipeline.poll()
    pipeline.tell()
    assert outcomes(pipeline.heard()) == ["cancelled"]
    assert pipeline.only_row()["outcome"] == "cancelled"


# Filters


def test_subscribers_get_what_their_filters_let_through(pipeline: Pipeline) -> None:
    failures, ones, elsewhere = (
        pipeline.subscribed(outcome=["failed"]),
        pipeline.subscribed(resource_id=[INSTANCE]),
        pipeline.subscribed(region=["us-east-1"]),
    )
    pipeline.mailed("happy@example.com", outcome=["complete"])
    pipeline.mailed("sad@example.com", outcome=["failed", "cancelled", "lost"])
    pipeline.bundle()
    pipeline.bundle("i-00000001", bucket="no-such-bucket")
    pipeline.clock.forward(60)
    pipeline.poll()
    pipeline.tell()
    assert outcomes(pipeline.heard()) == ["complete", "failed"]
    assert outcomes(pipeline.heard(failures)) == ["failed"]
    assert outcomes(pipeline.heard(ones)) == ["complete"]
    assert pipeline.heard(elsewhere) == []
    mails = {mail.to: mail.subject for mail in pipeline.cloud.inbox.new()}
    assert mails.keys() == {"happy@example.com", "sad@example.com"}
    assert " complete " in mails["happy@example.com"]
    assert " failed " in mails["sad@example.com"]


def test_a_digest_passes_a_filter_that_one_task_matches(pipeline: Pipeline) -> None:
    failures, ones, lost = (
        pipeline.subscribed(outcome=["failed"]),
        pipeline.subscribed(resource_id=[INSTANCE]),
        pipeline.subscribed(outcome=["lost"]),
    )
    pipeline.bundle()
    for number in range(DIGEST_ABOVE):
        pipeline.bundle(f"i-{number:08x}", bucket="no-such-bucket")
    pipeline.clock.forward(59)
    pipeline.poll()
    pipeline.tell()
    (digest,) = pipeline.heard()
    assert outcomes([digest]) == ["complete"] + ["failed"] * DIGEST_ABOVE
    assert digest["MessageAttributes"]["outcome"] == {"Type": "String.Array", "Value": '["complete","failed"]'}
    assert digest["MessageAttributes"]["kind"] == {"Type": "String.Array", "Value": '["bundle"]'}
    assert [len(pipeline.heard(queue)) for queue in (failures, ones, lost)] == [1, 1, 0]


def test_local_sns_drops_attributes_of_structured_messages(pipeline: Pipeline) -> None:
    """AWS documents that such a message passes no filter; the local stack differs."""
    filtered = pipeline.subscribed(outcome=["complete"])
    attributes = {"outcome": {"DataType": "String", "StringValue": "complete"}}
    for structured in ({"MessageStructure": "json"}, {}):
        body = json.dumps({"default": "text"})
        pipeline.sns.publish(TopicArn=pipeline.topic, Message=body, MessageAttributes=attributes, **structured)
    first, second = pipeline.heard()
    assert (first.get("MessageAttributes", {}), second["MessageAttributes"].keys()) == ({}, {"outcome"})
    assert len(pipeline.heard(filtered)) == 1


# Many


def test_600_simultaneous_ends_become_a_few_digests(pipeline: Pipeline) -> None:
    pipeline.mailed("ops@example.com")
    for number in range(600):
        pipeline.bundle(f"i-{number:017x}", bucket="no-such-bucket" if number % 3 == 0 else "north")
    pipeline.clock.forward(50)
    assert pipeline.poll().summary() == {"listed": 600, "written": 600, "ended": {"failed": 200, "complete": 400}}
    announced = pipeline.tell()
    assert announced.failed == {}
    messages, rows = pipeline.heard(), pipeline.table.rows()
    told = [task["task_id"] for message in messages for task in delivered_detail(message)["tasks"]]
    assert sorted(told) == sorted(rows)
    assert all(row["notified_at"] and "awaiting" not in row for row in rows.values())
    assert len(messages) == len(announced.notices) <= 10, "more emails a second suspend the subscription"
    assert all(notice.size <= LARGEST for notice in announced.notices)
    mails = pipeline.cloud.inbox.new()
    assert len(mails) == len(messages)
    for task_id in rows:
        assert sum(task_id in mail.text for mail in mails) == 1
    assert pipeline.tell().notices == []


def test_as_many_as_a_digest_wants_are_told_one_by_one(pipeline: Pipeline) -> None:
    for number in range(DIGEST_ABOVE):
        pipeline.bundle(f"i-{number:017x}")
    pipeline.clock.forward(50)
    pipeline.poll()
    pipeline.tell()
    assert [delivered_detail(message)["type"] for message in pipeline.heard()] == ["task"] * DIGEST_ABOVE


# What goes wrong


def test_a_notice_that_sns_did_not_take_is_told_later(pipeline: Pipeline) -> None:
    pipeline.bundle()
    pipeline.clock.forward(50)
    pipeline.poll()
    announced = pipeline.tell(Topic(pipeline.sns, f"{pipeline.topic}-gone"))
    assert list(announced.failed) == [Key(SCOPE, pipeline.only_row()["task_id"])]
    assert pipeline.only_row()["awaiting"] == "notification"
    assert pipeline.tell().failed == {}
    assert outcomes(pipeline.heard()) == ["complete"]


def test_a_notice_without_its_mark_is_repeated_and_never_lost(pipeline: Pipeline) -> None:
    pipeline.bundle()
    pipeline.clock.forward(50)
    pipeline.poll()
    with between(pipeline.table.client, "UpdateItem", [refused("AccessDeniedException")]):
        assert len(pipeline.tell().unmarked) == 1
    assert pipeline.only_row()["awaiting"] == "notification"
    assert pipeline.tell().failed == {}
    assert outcomes(pipeline.heard()) == ["complete", "complete"]
    assert "awaiting" not in pipeline.only_row()


def test_a_correction_during_the_loss_notice_is_announced_next(pipeline: Pipeline) -> None:
    """The mark is for the announced outcome, not for the row's later one."""
    key, now = Key(SCOPE, "bun-0"), "2026-11-23T12:00:00.000Z"
    times = {"updated_at": now, "first_seen_at": now, "finished_at": now, "awaiting_since": now}
    always = {"scope": SCOPE, "task_id": "bun-0", "kind": "bundle", "awaiting": "notification"}
    history: HistoryTable = pipeline.table.history
    history.apply([Insert({**always, "state": "storing", "outcome": "lost", **times})])

    class CorrectedMeanwhile:
        def publish(self, **message: Any) -> None:
            pipeline.sns.publish(**message)
            history.apply([Update(key, {"outcome": "complete", "state": "complete"}, {"outcome": "lost"})])

    pipeline.tell(Topic(CorrectedMeanwhile(), pipeline.topic))
    assert pipeline.only_row()["awaiting"] == "notification"
    pipeline.tell()
    assert outcomes(pipeline.heard()) == ["complete", "lost"]
    assert "awaiting" not in pipeline.only_row()


def test_an_answer_of_ec2_that_holds_no_list_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.bundle()
    pipeline.poll()
    before = pipeline.table.rows()
    pipeline.clock.forward(50)
    pipeline.ec2.fail_next(status=200)
    with pytest.raises(PollError, match="malformed answer"):
        pipeline.poll()
    assert pipeline.table.rows() == before
    assert pipeline.poll().summary()["ended"] == {"complete": 1}


# Secrets


SECRETS = {
    "AWSAccessKeyId": "AKIAIOSFODNN7EXAMPLE",
    "UploadPolicy": "the-policy-that-lets-ec2-write-to-my-bucket",
    "UploadPolicySignature": "the-signature-that-makes-it-count",
}


def test_secrets_get_nowhere(pipeline: Pipeline, capfd: pytest.CaptureFixture[str]) -> None:
    pipeline.mailed("ops@example.com")
    shown = SECRETS | {"UploadPolicy": base64.b64encode(SECRETS["UploadPolicy"].encode()).decode()}
    for number in range(DIGEST_ABOVE + 2):
        bucket = "no-such-bucket" if number % 2 else "north"
        pipeline.bundle(f"i-{number:017x}", bucket=bucket, **shown)
    pipeline.clock.forward(50)
    listed = str(pipeline.poller.describe_bundle_tasks())
    assert all(secret in listed for secret in shown.values()), "EC2 does tell them"
    pipeline.poll()
    pipeline.tell()
    pipeline.bundle(**shown)
    pipeline.clock.forward(50)
    pipeline.poll()
    pipeline.tell()
    client, table = pipeline.table.client, pipeline.table.name
    stream = client.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    messages, mails = pipeline.heard(), pipeline.cloud.inbox.new()
    assert len(messages) == len(mails) == 2
    places = {
        "table": client.scan(TableName=table),
        "stream": stream_records(pipeline.cloud, stream),
        "queue": messages,
        "mails": mails,
        "cloud's log": (pipeline.cloud.folder / "aws.log").read_text(errors="replace"),
        "output": capfd.readouterr(),
    }
    for place, content in places.items():
        assert content, f"nothing was looked through in the {place}"
        for secret in {*SECRETS, *SECRETS.values(), *shown.values()}:
            assert secret not in str(content), f"a secret is in the {place}"


def stream_records(cloud: Cloud, arn: str) -> list[Any]:
    streams = cloud.client("dynamodbstreams")
    records = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += streams.get_records(ShardIterator=iterator)["Records"]
    return records
