"""From EC2's list to an email, on the deployed template."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from local.deployment import Deployment
from task_reporter.recording.transitions import LATE_CODE_LIMIT
from task_reporter.times import now, to_text
from tests.e2e.conftest import SECRETS, StagedEc2
from tests.e2e.steps import ENDED, failure, poll, roster_row, row_of, task, told_row
from tests.support.canned_ec2 import told
from tests.support.sns import delivered_detail
from tests.support.subscriber import subscribed
from tests.support.waiting import eventually


def test_a_bundle_is_followed_to_its_end_and_announced_once(fresh: Deployment, ec2: StagedEc2) -> None:
    ec2.lists(task("bun-e2e-life", "bundling", Progress="20%"))
    assert poll(fresh) == {"listed": 1, "written": 1, "ended": {}}
    assert row_of(fresh, "bun-e2e-life")["awaiting"] == "outcome"
    ec2.lists(task("bun-e2e-life", "complete", Progress="100%"))
    assert poll(fresh)["ended"] == {"complete": 1}
    row = told_row(fresh, "bun-e2e-life")
    assert (row["outcome"], row["finished_at"], row["resource_id"]) == ("complete", ENDED, "i-bun-e2e-life")
    assert row["image_location"] == "e2e-bucket/bun-e2e-life.manifest.xml"
    assert "awaiting" not in row
    [mail] = fresh.cloud.inbox.new()
    assert mail.to == "e2e@example.com"
    assert mail.subject == "EC2 bundle task bun-e2e-life complete (000000000000/eu-west-1)"
    assert "aws ec2 register-image --region eu-west-1 --name bun-e2e-life" in mail.text
    for _ in range(3):
        assert poll(fresh)["written"] == 0
    assert row_of(fresh, "bun-e2e-life") == row
    assert fresh.cloud.inbox.new() == []


def test_failed_and_cancelled_are_told_apart(fresh: Deployment, ec2: StagedEc2) -> None:
    message = "The bucket is gone.\nLine two: Zürich, 東京.\n" + "x" * 5000
    ec2.lists(
        task("bun-e2e-fails", "failed", **failure("Client.S3Error", message)),
        task("bun-e2e-stops", "failed", **failure("Client.Cancelled", "Stopped.")),
    )
    assert poll(fresh)["ended"] == {"failed": 1, "cancelled": 1}
    assert told_row(fresh, "bun-e2e-fails")["error_message"] == message
    assert told_row(fresh, "bun-e2e-stops")["outcome"] == "cancelled"
    mails = {mail.subject.split()[3]: mail for mail in fresh.cloud.inbox.new()}
    assert message in mails["bun-e2e-fails"].text
    assert " cancelled " in mails["bun-e2e-stops"].subject


def test_a_vanished_failure_without_a_code_is_announced(fresh: Deployment, ec2: StagedEc2) -> None:
    ec2.lists(task("bun-e2e-gone", "failed", UpdateTime=to_text(now() + timedelta(minutes=50))))
    assert poll(fresh)["ended"] == {}
    ec2.lists()
    assert poll(fresh)["ended"] == {}
    failed_at = to_text(now() - LATE_CODE_LIMIT)
    fail_earlier(fresh, "bun-e2e-gone", failed_at)
    assert poll(fresh)["ended"] == {"failed": 1}
    assert told_row(fresh, "bun-e2e-gone")["finished_at"] == failed_at
    [mail] = fresh.cloud.inbox.new()
    assert "EC2 gave no reason." in mail.text


def fail_earlier(deployment: Deployment, task_id: str, failed_at: str) -> None:
    """Change a row as if EC2 had given another time for the failure."""
    deployment.cloud.client("dynamodb").update_item(
        TableName=deployment.outputs["HistoryTableName"],
        Key={"scope": {"S": "000000000000/eu-west-1"}, "task_id": {"S": task_id}},
        UpdateExpression="SET updated_at = :then",
        ExpressionAttributeValues={":then": {"S": failed_at}},
    )


def test_no_credential_is_kept_logged_or_sent(fresh: Deployment, ec2: StagedEc2) -> None:
    with subscribed(fresh, "e2e-secret") as received:
        ec2.lists(task("bun-e2e-secret", "complete"))
        poll(fresh)
        told_row(fresh, "bun-e2e-secret")
        [message] = eventually(received)
    assert delivered_detail(message)["task_id"] == "bun-e2e-secret"
    assert message["Message"].startswith("EC2 bundle task bun-e2e-secret is complete.")
    assert message["MessageAttributes"]["outcome"] == {"Type": "String", "Value": "complete"}
    mails = " ".join(mail.text for mail in fresh.cloud.inbox.new())
    log = fresh.cloud.folder / "aws.log"
    # The local AWS writes what a function logs when it has ended; the row was marked before that.
    eventually(lambda: '"tasks":{"bun-e2e-secret":"complete"}' in log.read_text())
    everything = json.dumps([fresh.rows(), message]) + mails + log.read_text()
    assert "bun-e2e-secret" in mails
    assert [secret for secret in SECRETS if secret in everything] == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("html-page", "malformed answer"),
        ("nothing", "malformed answer"),
        ("error-unauthorized", "UnauthorizedOperation"),
        ("error-throttled", "RequestLimitExceeded"),
    ],
)
def test_a_broken_answer_is_an_error_and_changes_nothing(
    fresh: Deployment, ec2: StagedEc2, answer: str, says: str
) -> None:
    before = fresh.rows()
    broken = told(answer)
    ec2.says(broken.body, broken.status)
    answered = fresh.poll()
    assert answered["error"] == "Unhandled"
    assert says in answered["payload"]["errorMessage"]
    assert fresh.rows() == before
    ec2.lists()
    poll(fresh)


def test_an_ugly_task_costs_its_neighbours_nothing(fresh: Deployment, ec2: StagedEc2) -> None:
    nameless = {"InstanceId": "i-nameless", "State": "complete", "BundleId": ""}
    bare = {"BundleId": "bun-e2e-bare", "State": "complete", "Storage": {}}
    ec2.lists(nameless, bare, task("bun-e2e-neat", "complete"), task("bun-e2e-odd", "hibernating"))
    assert poll(fresh)["listed"] == 3
    assert '"unkeepable":1' in roster_row(fresh)["lists"]
    assert told_row(fresh, "bun-e2e-bare")["outcome"] == "complete"
    assert told_row(fresh, "bun-e2e-neat")["outcome"] == "complete"
    assert row_of(fresh, "bun-e2e-odd")["state"] == "hibernating"
    assert row_of(fresh, "bun-e2e-odd")["awaiting"] == "outcome"


def test_six_hundred_at_once_are_a_few_digests(fresh: Deployment, ec2: StagedEc2) -> None:
    ids = [f"bun-e2e-many-{number:03}" for number in range(600)]
    with subscribed(fresh, "e2e-many") as received:
        ec2.lists(*(task(task_id, "complete") for task_id in ids))
        assert poll(fresh)["ended"] == {"complete": 600}
        eventually(lambda: not any(row.get("awaiting") == "notification" for row in fresh.rows()))
        notices = [delivered_detail(body) for body in received()]
    told = [entry["task_id"] for notice in notices for entry in notice.get("tasks", [notice])]
    assert sorted(told) == ids
    mails = fresh.cloud.inbox.new()
    assert len(mails) == len(notices) <= 12
    texts = "\n".join(mail.text for mail in mails)
    assert [task_id for task_id in ids if f"--name {task_id} " not in texts] == []


def test_a_missing_setting_is_named(fresh: Deployment, template: Path) -> None:
    functions = fresh.cloud.client("lambda")
    name = fresh.outputs["RecorderFunctionName"]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    without = {key: value for key, value in variables.items() if key != "TASK_KINDS"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": without})
    try:
        said = fresh.poll()["payload"]["errorMessage"]
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    assert "TASK_KINDS is missing" in said
    assert "bundle" in said
    poll(fresh)
