"""The stack as such: bad parameters, a customer key, update, deletion, and the table that stays."""

from pathlib import Path
from typing import Any

import pytest

from local import takeover
from local.cloud import Cloud
from local.deployment import Deployment, deploy, outputs
from local.processes import StepFailed
from tests.e2e.conftest import StagedEc2, eventually
from tests.e2e.test_pipeline import poll, row_of, task, told_row


@pytest.mark.parametrize(
    ("parameter", "value", "sentence"),
    [
        ("RetentionDays", "30", "must be 0 (for ever) or a number of days from 90 to 99999."),
        (
            "NotifyOutcomes",
            "complete,exploded",
            "must be a comma-separated list of complete, failed, cancelled and lost.",
        ),
    ],
)
def test_a_bad_parameter_is_refused_with_a_sentence(
    cloud: Cloud, template: Path, parameter: str, value: str, sentence: str
) -> None:
    with pytest.raises(StepFailed, match="sam deploy") as failed:
        deploy(cloud, template, {parameter: value}, stack=f"refused-{parameter.lower()}")
    assert parameter in str(failed.value)
    assert sentence in str(failed.value)


def test_two_stacks_live_side_by_side_and_an_update_keeps_the_history(
    cloud: Cloud, template: Path, deployment: Deployment, ec2: StagedEc2
) -> None:
    ec2.lists(task("bun-e2e-update", "complete"))
    parameters = {"NotificationEmail": "second@example.com", "PollSchedule": "rate(12 hours)"}
    second = deploy(cloud, template, parameters, "second")
    assert set(second.outputs.values()).isdisjoint(deployment.outputs.values())
    poll(second)
    row = told_row(second, "bun-e2e-update")

    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    changed = {"NotifyOutcomes": "failed,cancelled", "KmsKeyArn": key}
    updated = deploy(cloud, template, parameters | changed, "second")
    assert updated.outputs["HistoryTableName"] == second.outputs["HistoryTableName"]
    assert row_of(updated, "bun-e2e-update") == row
    assert encrypted_with(cloud, "second") == {"DeadLetterQueue": key, "RecorderLogs": key, "NotifierLogs": key}
    cloud.inbox.new()
    ec2.lists(
        task("bun-e2e-quiet", "complete"),
        task("bun-e2e-loud", "failed", BundleTaskError={"Code": "Client.S3Error", "Message": "Gone."}),
    )
    poll(updated)
    told_row(updated, "bun-e2e-quiet")
    told_row(updated, "bun-e2e-loud")
    [mail] = cloud.inbox.new()
    assert (mail.to, "bun-e2e-loud" in mail.subject) == ("second@example.com", True)


def encrypted_with(cloud: Cloud, stack: str) -> dict[str, str | None]:
    """The keys of what the local AWS can tell of; of table and topic the template's own tests tell."""
    resources = cloud.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    queue = names["DeadLetterQueue"]
    told = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["KmsMasterKeyId"])
    groups = {group["logGroupName"]: group for group in cloud.client("logs").describe_log_groups()["logGroups"]}
    keys = {logs: groups[names[logs]].get("kmsKeyId") for logs in ("RecorderLogs", "NotifierLogs")}
    return keys | {"DeadLetterQueue": told.get("Attributes", {}).get("KmsMasterKeyId")}


def test_the_table_outlives_its_stack_and_a_new_one_takes_it_over(
    cloud: Cloud, template: Path, ec2: StagedEc2, capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = {"NotificationEmail": "heir@example.com", "PollSchedule": "rate(12 hours)"}
    ec2.lists(task("bun-e2e-heritage", "complete"))
    old = deploy(cloud, template, parameters, "testator")
    poll(old)
    row = told_row(old, "bun-e2e-heritage")
    table = old.outputs["HistoryTableName"]
    delete(cloud, "testator")
    assert not cloud.client("scheduler").list_schedules(NamePrefix="testator")["Schedules"]
    assert row_of(old, "bun-e2e-heritage") == row

    cloudformation, dynamodb = cloud.client("cloudformation"), cloud.client("dynamodb")
    takeover.check(dynamodb, table)
    takeover.take_over(cloudformation, table, "heir", {})
    new = deploy(cloud, template, parameters, "heir")
    assert new.outputs["HistoryTableName"] == table
    cloud.inbox.new()
    poll(new)
    ec2.lists(task("bun-e2e-heritage", "complete"), task("bun-e2e-legacy", "complete"))
    poll(new)
    told_row(new, "bun-e2e-legacy")
    assert row_of(new, "bun-e2e-heritage") == row
    assert ["bun-e2e-legacy" in mail.subject for mail in cloud.inbox.new()] == [True]


def test_a_takeover_refuses_what_it_should(cloud: Cloud, deployment: Deployment) -> None:
    dynamodb, cloudformation = cloud.client("dynamodb"), cloud.client("cloudformation")
    with pytest.raises(takeover.TakeoverProblem, match="there is no table no-such-table"):
        takeover.check(dynamodb, "no-such-table")
    dynamodb.create_table(
        TableName="another-table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    with pytest.raises(takeover.TakeoverProblem, match="is no history"):
        takeover.check(dynamodb, "another-table")
    with pytest.raises(takeover.TakeoverProblem, match="there is a stack ec2-task-reporter already"):
        takeover.take_over(cloudformation, deployment.outputs["HistoryTableName"], deployment.stack, {})


def delete(cloud: Cloud, stack: str) -> None:
    """Delete a stack as `sam delete` does."""
    cloudformation = cloud.client("cloudformation")
    cloudformation.delete_stack(StackName=stack)

    def gone() -> bool:
        try:
            found: list[dict[str, Any]] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        except cloudformation.exceptions.ClientError:
            return True
        return found[0]["StackStatus"] == "DELETE_COMPLETE"

    eventually(gone)
    with pytest.raises(cloudformation.exceptions.ClientError):
        outputs(cloud, stack)
