"""The stack itself: parameters, a customer key, update, deletion, retained table."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local import preflight, takeover
from local.cloud import REGION, Cloud
from local.deployment import Deployment, deploy, outputs
from local.environments import ROOT
from local.processes import StepError
from local.stacks import DeploymentError, delete_stack
from local.template import load_template
from task_reporter_cli.history.stack import find_stack
from tests.e2e.conftest import StagedEc2
from tests.e2e.steps import poll, row_of, task, told_row
from tests.support.hostile_shell import EXPORTS
from tests.support.waiting import eventually


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
    with pytest.raises(StepError, match="sam deploy") as failed:
        deploy(cloud, template, {parameter: value}, stack=f"refused-{parameter.lower()}")
    assert parameter in str(failed.value)
    assert sentence in str(failed.value)


def test_two_stacks_coexist_and_an_update_keeps_the_history(
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
    """Return the local AWS shows these uses of the key.

    The template's tests cover table and topic.
    """
    resources = cloud.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    queue = names["DeadLetterQueue"]
    told = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["KmsMasterKeyId"])
    groups = {group["logGroupName"]: group for group in cloud.client("logs").describe_log_groups()["logGroups"]}
    keys = {logs: groups[names[logs]].get("kmsKeyId") for logs in ("RecorderLogs", "NotifierLogs")}
    return keys | {"DeadLetterQueue": told.get("Attributes", {}).get("KmsMasterKeyId")}


def test_a_new_stack_takes_over_the_retained_table(
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

    make_like_a_restored_backup(cloud, table)
    leave_an_unfinished_import(cloud, table, "heir")
    dynamodb, cloudformation = cloud.client("dynamodb"), cloud.client("cloudformation")
    takeover.take_over(cloudformation, dynamodb, table, "heir", {"RetentionDays": "365"})
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "Deleted the stack heir, which was REVIEW_IN_PROGRESS and had no resources."
    assert [line.partition(f"Repaired the table {table}: ")[2] for line in shown[1:-1]] == [
        "deletion protection on.",
        "point-in-time recovery on.",
        "stream on with NEW_IMAGE.",
        "expiry by expires_at on.",
    ]
    further = "PARAMETERS=RetentionDays=365 PollSchedule='rate(12 hours)'"
    done = make(cloud, "takeover", f"TABLE={table}", "STACK=heir", "EMAIL=heir@example.com", further)
    assert done.returncode == 0, done.stderr
    assert f"The stack heir owns the table {table} already." in done.stdout
    new = Deployment(cloud, "heir", outputs(cloud, "heir"))
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
    takeover.prepare_import(cloud.client("cloudformation"), table, stack, takeover.import_template(load_template()), {})


def make(cloud: Cloud, *arguments: str, **exported: str) -> "subprocess.CompletedProcess[str]":
    """Run make in the account ``cloud``, without a terminal.

    The shell exports what people export.

    The interpreter is this one: for another, make would make the environments anew in which this runs.
    """
    shell = {name: value for name, value in EXPORTS.items() if not name.startswith("AWS_")} | cloud.environment
    command = ["make", f"PYTHON={sys._base_executable}", *arguments]
    return subprocess.run(
        command,
        env=os.environ | shell | {"SAM_CLI_TELEMETRY": "0"} | exported,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_deployment_has_the_given_region_and_parameters(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = us-west-2\n")
    config = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_DEFAULT_REGION": "us-west-1"}
    email = """o'brien+"$HOME"@example.com"""
    retention = 'PARAMETERS=RetentionDays=365 PollSchedule="rate(12 hours)"'
    done = make(cloud, "deploy", "STACK=given", f"EMAIL={email}", retention, **config)
    assert done.returncode == 0, done.stderr
    assert f"Deploying the stack given in {REGION} with " in done.stdout
    described = find_stack(cloud.client("cloudformation"), "given")
    assert described
    values = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in described["Parameters"]}
    assert values["NotificationEmail"] == email
    assert (values["RetentionDays"], values["PollSchedule"]) == ("365", "rate(12 hours)")
    topic = outputs(cloud, "given")["NotificationTopicArn"]
    subscribed = cloud.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [subscription["Endpoint"] for subscription in subscribed] == [email]
    assert f":{REGION}:" in topic


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
        ("another-table", "usurper", "is not a history table"),
        (table, deployment.stack, "owns the table .* already; make deploy updates it"),
    ):
        with pytest.raises(DeploymentError, match=sentence):
            takeover.take_over(cloudformation, dynamodb, name, stack, {})
    assert find_stack(cloudformation, "usurper") is None


def test_a_failed_first_deployment_is_cleared_away(
    cloud: Cloud, template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation, dynamodb = cloud.client("cloudformation"), cloud.client("dynamodb")
    fail_a_first_deployment(cloud, "unlucky")
    refused = make(cloud, "deploy", "STACK=unlucky")
    assert refused.returncode == 2
    assert "Build" not in refused.stdout + refused.stderr
    assert "aws cloudformation delete-stack --stack-name unlucky" in refused.stderr
    assert find_stack(cloudformation, "unlucky")

    preflight.delete_failed_stack(cloudformation, dynamodb, "unlucky", lambda question: True)
    assert find_stack(cloudformation, "unlucky") is None
    [table] = re.findall(r"delete-table --table-name (\S+)", capsys.readouterr().out)
    dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=table)
    deploy(cloud, template, {"PollSchedule": "rate(12 hours)"}, "unlucky")


def fail_a_first_deployment(cloud: Cloud, stack: str) -> None:
    """Make a stack that rolls back after its table was made.

    It waits in vain for a signal.
    """
    template = takeover.import_template(load_template())
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
