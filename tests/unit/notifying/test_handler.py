"""The notifier as Lambda runs it: its environment, its answer and its log."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.stub import ANY, Stubber

from task_reporter.aws import clients
from task_reporter.errors import NotAnnouncedError, SettingError
from task_reporter.history.rows import Key, Row, to_attribute, to_key
from task_reporter.notifying.task_notice import task_notice
from tests.support.deployed_notifier import APP, ENVIRONMENT, ROOT, Deployed, deployed
from tests.support.dynamodb import DynamoDb, Table
from tests.support.finished import SCOPE, key, row
from tests.support.sns import TOPIC, FakeSns

SECRETS = {"error_message": "a secret message", "bucket": "secret-bucket", "prefix": "secret/prefix"}


@pytest.fixture
def notifier(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with deployed(Table(), FakeSns(), monkeypatch) as function:
        yield function


def test_nothing_is_needed_at_import() -> None:
    """Not an environment, not a network; and nothing is said on the way."""
    program = f"""
import runpy, socket, sys
sys.path[:0] = [{str(ROOT / "layers" / "core")!r}]
socket.socket.connect = socket.getaddrinfo = None
runpy.run_path({str(APP)!r}, run_name="app")
"""
    done = subprocess.run([sys.executable, "-c", program], env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("function", "services"), [("recorder", 3), ("notifier", 3), ("planner", 4)])
def test_initialisation_makes_clients_and_sends_no_request(function: str, services: int) -> None:
    """Region and credentials are Lambda's own; of the template's settings nothing is needed yet."""
    program = f"""
import runpy, socket, sys
sys.path[:0] = [{str(ROOT / "layers" / "core")!r}]
socket.socket.connect = socket.getaddrinfo = None
app = runpy.run_path({str(ROOT / "functions" / function / "app.py")!r}, run_name="app")
print(app["client"].cache_info().currsize)
"""
    environment = {
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{services}\n", "")


def test_one_task_from_stream_to_topic(monkeypatch: pytest.MonkeyPatch, notifier: Deployed) -> None:
    """The very requests that AWS gets, checked by botocore against its models."""
    by_service = {name: client(name) for name in ("dynamodb", "sns")}
    monkeypatch.setattr(clients, "client", lambda service, _: by_service[service])
    item = {name: to_attribute(value) for name, value in row(1).items()}
    wanted = {"history": {"Keys": [to_key(key(1))], "ConsistentRead": True}}
    told = task_notice(row(1))
    published = {
        "TopicArn": TOPIC,
        "Subject": told.subject,
        "Message": told.text,
        "MessageAttributes": told.message_attributes,
    }
    listening = {"Attributes": {"SubscriptionsConfirmed": "1", "SubscriptionsPending": "0"}}
    with Stubber(by_service["dynamodb"]) as dynamodb, Stubber(by_service["sns"]) as sns:
        found = {"Responses": {"history": [item]}, "UnprocessedKeys": {}}
        dynamodb.add_response("batch_get_item", found, {"RequestItems": wanted})
        sns.add_response("get_topic_attributes", listening, {"TopicArn": TOPIC})
        sns.add_response("publish", {"MessageId": "1"}, published)
        dynamodb.add_response("update_item", {}, dict.fromkeys(AN_UPDATE, ANY))
        assert notifier.batch(notifier.table.put(row(1))) == {"batchItemFailures": []}
        dynamodb.assert_no_pending_responses()
        sns.assert_no_pending_responses()


AN_UPDATE = (
    "TableName", "Key", "UpdateExpression", "ConditionExpression", "ExpressionAttributeNames",
    "ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure",
)  # fmt: skip


def client(service: str) -> Any:
    credentials = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    return get_session().create_client(service, region_name="us-east-2", **credentials)


def test_announces_marks_and_logs(notifier: Deployed) -> None:
    records = [notifier.table.put(row(number, "failed", **SECRETS)) for number in (1, 2)]
    assert notifier.batch(*records) == {"batchItemFailures": []}
    assert notifier.table.untold() == set()
    assert notifier.sns.told == [("bun-00000001", "failed"), ("bun-00000002", "failed")]
    logged = [(line["level"], line["message"], line["tasks"]) for line in notifier.logged()]
    assert logged == [
        ("INFO", "announced", {"bun-00000001": "failed"}),
        ("INFO", "announced", {"bun-00000002": "failed"}),
    ]


def test_a_replay_says_and_logs_nothing(notifier: Deployed) -> None:
    records = [notifier.table.put(row(1))]
    notifier.batch(*records)
    before = notifier.log.getvalue()
    assert notifier.batch(*records, *records) == {"batchItemFailures": []}
    assert len(notifier.sns.requests) == 1
    assert notifier.log.getvalue() == before


def test_failures_are_reported_and_logged(notifier: Deployed) -> None:
    notifier.sns.error = lambda request: "InternalError" if "bun-00000002" in request["Subject"] else None
    records = [notifier.table.put(row(number, **SECRETS)) for number in (1, 2)]
    number = records[1]["dynamodb"]["SequenceNumber"]
    assert notifier.batch(*records) == {"batchItemFailures": [{"itemIdentifier": number}]}
    line = notifier.logged()[-1]
    assert (line["level"], line["message"], line["task"]) == ("ERROR", "not announced", "bun-00000002")
    assert "InternalError" in line["reason"]


def test_when_all_fail_the_function_fails(notifier: Deployed) -> None:
    notifier.sns.error = lambda request: "InternalError"
    with pytest.raises(NotAnnouncedError, match="2 of 2 records failed"):
        notifier.batch(*(notifier.table.put(row(number)) for number in (1, 2)))
    assert [line["message"] for line in notifier.logged()] == ["not announced"] * 2


@pytest.mark.parametrize("outcome", ["complete", "failed", "lost"])
@pytest.mark.parametrize("error", [None, "InternalError", "InvalidParameter"])
@pytest.mark.parametrize("count", [1, 7])
def test_the_log_holds_ids_and_outcomes_and_nothing_of_a_task(
    notifier: Deployed, outcome: str, error: str | None, count: int
) -> None:
    notifier.sns.error = lambda request: error
    secrets = SECRETS | {"image_location": "secret-bucket/secret/prefix.manifest.xml", "state": "secret state"}
    records = [notifier.table.put(row(number, outcome, resource_id="i-secret", **secrets)) for number in range(count)]
    raised = ""
    try:
        notifier.batch(*records)
    except NotAnnouncedError as failure:
        raised = str(failure)
    log = notifier.log.getvalue() + raised
    assert "bun-00000000" in log
    assert "secret" not in log
    assert "NewImage" not in log


class OneScope(Table):
    """The table as the role reaches it: another scope's key is denied."""

    def read(self, keys: Iterable[Key], *rest: Any) -> dict[Key, Row]:
        wanted = list(keys)
        if any(key.scope != SCOPE for key in wanted):
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "BatchGetItem")
        return super().read(wanted, *rest)


def test_only_a_hub_sends_digests_of_its_roster(monkeypatch: pytest.MonkeyPatch) -> None:
    """The role of another stack may not look for their rows."""
    for scopes, count in ((SCOPE, 0), ("*/*", 1)):
        table, sns = Table(row(1, held_for="digest")), FakeSns()
        with monkeypatch.context() as patch, deployed(table, sns, patch, SCOPES=scopes) as function:
            function.batch(table.put({"scope": "roster", "task_id": "123456789012"}))
        assert len(sns.accepted) == count


def test_account_that_cannot_be_read_costs_no_other_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = ["111111111111", "222222222222"]
    table, sns = Table(*(row(n, held_for="digest", scope=f"{accounts[n]}/eu-west-1") for n in (0, 1))), FakeSns()
    query = DynamoDb.query

    def throttled(self: DynamoDb, **request: Any) -> Any:
        if request["ExpressionAttributeValues"][":scope"]["S"] == "111111111111/":
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")
        return query(self, **request)

    monkeypatch.setattr(DynamoDb, "query", throttled)
    with deployed(table, sns, monkeypatch, SCOPES="*/*") as function:
        records = [table.put({"scope": "roster", "task_id": account}) for account in accounts]
        number = records[0]["dynamodb"]["SequenceNumber"]
        assert function.batch(*records) == {"batchItemFailures": [{"itemIdentifier": number}]}
    assert sns.told == [("bun-00000001", "complete")]
    line = function.logged()[0]
    assert (line["message"], line["task"]) == ("not announced", "111111111111")


def test_records_of_another_scope_are_dropped_before_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    with deployed(OneScope(), FakeSns(), monkeypatch) as notifier:
        told = [row(1), row(2, scope="123456789012/eu-central-1"), row(3, scope="anything at all")]
        assert notifier.batch(*map(notifier.table.put, told)) == {"batchItemFailures": []}
    assert notifier.sns.told == [("bun-00000001", "complete")]
    said, _ = notifier.logged()
    assert (said["level"], said["rows"], said["scopes"]) == ("WARNING", 2, ["123456789012/eu-central-1"])


def test_what_waits_for_a_subscriber_is_logged_and_is_no_error(notifier: Deployed) -> None:
    notifier.sns.subscribed = (0, 1)
    assert notifier.batch(notifier.table.put(row(1))) == {"batchItemFailures": []}
    [line] = notifier.logged()
    assert (line["level"], line["tasks"]) == ("WARNING", ["bun-00000001"])
    assert notifier.table.untold() == {"bun-00000001"}


def test_too_little_time_announces_nothing(notifier: Deployed) -> None:
    with pytest.raises(Exception, match="out of time"):
        notifier.batch(notifier.table.put(row(1)), remaining=2000)
    assert notifier.sns.requests == []


def test_retention_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, notifier: Deployed) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "90")
    notifier.batch(notifier.table.put(row(1)))
    assert "expires_at" in notifier.table.rows[key(1)]


@pytest.mark.parametrize(("digest_above", "notices"), [("2", 1), ("3", 3)])
def test_digest_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, notifier: Deployed, digest_above: str, notices: int
) -> None:
    monkeypatch.setenv("DIGEST_ABOVE", digest_above)
    notifier.batch(*(notifier.table.put(row(number)) for number in range(3)))
    assert len(notifier.sns.accepted) == notices


def test_a_missing_environment_is_said(monkeypatch: pytest.MonkeyPatch, notifier: Deployed) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name)
    with pytest.raises(
        SettingError, match=r"HISTORY_TABLE.*SCOPE.*TOPIC_ARN.*EMAIL_SUBSCRIPTION.*DIGEST_ABOVE.*RETENTION_DAYS"
    ):
        notifier.batch()
