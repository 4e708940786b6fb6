"""The stack as such: bad parameters, a customer key, update, deletion, and the table that stays."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from local import preflight, takeover
from local.cloud import Cloud
from local.deployment import Deployment, deploy
from local.environments import ROOT, program
from local.own_environment import own_environment
from local.processes import StepFailed
from local.stacks import DeploymentProblem, delete_stack
from local.template import load
from task_reporter_cli.stack import find_stack
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


def test_the_table_outlives_its_stack_and_a_new_one_takes_it_over(cloud: Cloud, template: Path, ec2: StagedEc2) -> None:
    parameters = {"NotificationEmail": "heir@example.com", "PollSchedule": "rate(12 hours)"}
    ec2.lists(task("bun-e2e-heritage", "complete"))
    old = deploy(cloud, template, parameters, "testator")
    poll(old)
    row = told_row(old, "bun-e2e-heritage")
    table = old.outputs["HistoryTableName"]
    delete(cloud, "testator")
    assert not cloud.client("scheduler").list_schedules(NamePrefix="testator")["Schedules"]
    assert row_of(old, "bun-e2e-heritage") == row

    make_like_a_restored_backup(cloud, table)
    leave_an_unfinished_import(cloud, table, "heir")
    first = run_local(cloud, "takeover", "--table", table, "--stack", "heir", "--parameters", "RetentionDays=365")
    assert (first.returncode, first.stderr) == (0, "")
    assert "Deleted the stack heir, which was REVIEW_IN_PROGRESS and held nothing." in first.stdout
    assert [line.partition(f"Repaired the table {table}: ")[2] for line in first.stdout.splitlines()[1:-1]] == [
        "deletion protection on.",
        "point-in-time recovery on.",
        "stream on with NEW_IMAGE.",
        "expiry by expires_at on.",
    ]
    interrupted = run_local(cloud, "takeover", "--table", table, "--stack", "heir", "--parameters", "RetentionDays=365")
    assert (interrupted.returncode, interrupted.stdout) == (0, f"The stack heir owns the table {table} already.\n")

    new = deploy(cloud, template, parameters | {"RetentionDays": "365"}, "heir")
    assert new.outputs["HistoryTableName"] == table
    cloud.inbox.new()
    poll(new)
    ec2.lists(task("bun-e2e-heritage", "complete"), task("bun-e2e-legacy", "complete"))
    poll(new)
    told_row(new, "bun-e2e-legacy")
    assert row_of(new, "bun-e2e-heritage") == row
    assert ["bun-e2e-legacy" in mail.subject for mail in cloud.inbox.new()] == [True]


def make_like_a_restored_backup(cloud: Cloud, table: str) -> None:
    """DynamoDB restores neither stream nor deletion protection, expiry and point-in-time recovery."""
    dynamodb = cloud.client("dynamodb")
    off = {"Enabled": False, "AttributeName": "expires_at"}
    dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=off)
    recovery = {"PointInTimeRecoveryEnabled": False}
    dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)


def leave_an_unfinished_import(cloud: Cloud, table: str, stack: str) -> None:
    """Do as a takeover does that is killed before it executes its change set."""
    takeover.prepare_import(cloud.client("cloudformation"), table, stack, takeover.table_only(load()), {})


def run_local(cloud: Cloud, module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a program of ``local`` as the Makefile does, without a terminal."""
    command = [program("project", "python"), "-m", f"local.{module}", *arguments]
    environment = own_environment() | cloud.environment
    return subprocess.run(
        command, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_a_takeover_refuses_what_it_should(cloud: Cloud, deployment: Deployment) -> None:
    dynamodb, cloudformation = cloud.client("dynamodb"), cloud.client("cloudformation")
    table = deployment.outputs["HistoryTableName"]
    dynamodb.create_table(
        TableName="another-table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    for name, stack, sentence in (
        ("no-such-table", "usurper", "there is no table no-such-table"),
        ("another-table", "usurper", "is no history"),
        (table, deployment.stack, "owns the table .* already; make deploy updates it"),
    ):
        with pytest.raises(DeploymentProblem, match=sentence):
            takeover.take_over(cloudformation, dynamodb, name, stack, {})
    assert find_stack(cloudformation, "usurper") is None


def test_a_failed_first_deployment_is_cleared_away(
    cloud: Cloud, template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation, dynamodb = cloud.client("cloudformation"), cloud.client("dynamodb")
    fail_a_first_deployment(cloud, "unlucky")
    refused = run_local(cloud, "preflight", "--stack", "unlucky")
    assert refused.returncode == 1
    assert "aws cloudformation delete-stack --stack-name unlucky" in refused.stderr
    assert find_stack(cloudformation, "unlucky")

    preflight.clear_the_way(cloudformation, dynamodb, "unlucky", lambda question: True)
    assert find_stack(cloudformation, "unlucky") is None
    [table] = re.findall(r"delete-table --table-name (\S+)", capsys.readouterr().out)
    dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=table)
    assert run_local(cloud, "preflight", "--stack", "unlucky").returncode == 0
    deploy(cloud, template, {"PollSchedule": "rate(12 hours)"}, "unlucky")


def fail_a_first_deployment(cloud: Cloud, stack: str) -> None:
    """Make a stack that rolls back after it made its table: it waits in vain for a signal."""
    template = takeover.table_only(load())
    template["Resources"]["Handle"] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    template["Resources"]["Signal"] = {
        "Type": "AWS::CloudFormation::WaitCondition",
        "DependsOn": "HistoryTable",
        "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "1"},
    }
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template))
    eventually(lambda: (find_stack(cloudformation, stack) or {}).get("StackStatus") == "ROLLBACK_COMPLETE")


def delete(cloud: Cloud, stack: str) -> None:
    """Delete a stack as `sam delete` does."""
    cloudformation = cloud.client("cloudformation")
    found = find_stack(cloudformation, stack)
    assert found
    delete_stack(cloudformation, found)
    assert find_stack(cloudformation, stack) is None
