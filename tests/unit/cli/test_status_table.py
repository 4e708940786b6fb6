"""Findings of `status` about the table: state, stream, protection, key and expiry."""

from types import SimpleNamespace
from typing import Any

import pytest

from task_reporter.times import parse
from task_reporter_cli.status import table
from task_reporter_cli.status.findings import WELL, WRONG, Finding

NAME = "ec2-task-reporter-HistoryTable-1A2B"
KEY = "arn:aws:kms:us-east-2:123456789012:key/1111"
OTHER_KEY = "arn:aws:kms:us-east-2:123456789012:key/2222"
SINCE = parse("2026-11-20T08:00:00Z")
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}


def described(**more: Any) -> dict[str, Any]:
    """Describe a table of the template with ``more``; None removes a property."""
    usual = {"TableName": NAME, "TableStatus": "ACTIVE", "DeletionProtectionEnabled": True}
    properties = usual | {"StreamSpecification": STREAM} | more
    return {name: value for name, value in properties.items() if value is not None}


TABLES = {
    "as the template makes it": (described(), WELL, "active, protected, with its stream", ""),
    "changed at the moment": (described(TableStatus="UPDATING"), WELL, "updating, protected, with its stream", ""),
    "unprotected": (
        described(DeletionProtectionEnabled=False), WRONG, "active, not protected against deletion",
        f"aws dynamodb update-table --table-name {NAME} --deletion-protection-enabled",
    ),
    "without a stream": (
        described(StreamSpecification=None), WRONG, "active, no stream that the notifier can use",
        f"nobody is told: delete the stack, which keeps the table, then make takeover TABLE={NAME}",
    ),
    "with a stream of keys": (
        described(StreamSpecification=STREAM | {"StreamViewType": "KEYS_ONLY"}), WRONG,
        "active, no stream that the notifier can use", "make takeover",
    ),
    "restored": (
        described(StreamSpecification=None, DeletionProtectionEnabled=False), WRONG,
        "active, no stream that the notifier can use, not protected against deletion", "--deletion-protection-enabled",
    ),
    "locked": (
        described(TableStatus="INACCESSIBLE_ENCRYPTION_CREDENTIALS"), WRONG, "inaccessible encryption credentials",
        "see encryption",
    ),
    "archived": (
        described(TableStatus="ARCHIVED", ArchivalSummary={"ArchivalBackupArn": "arn:backup"}), WRONG,
        "archived, its key was gone too long",
        "aws dynamodb restore-table-from-backup --target-table-name NAME --backup-arn arn:backup",
    ),
    "deleted at the moment": (described(TableStatus="DELETING"), WRONG, "deleting", "nothing is recorded any more"),
}  # fmt: skip


@pytest.mark.parametrize(("found", "level", "text", "todo"), TABLES.values(), ids=TABLES)
def test_the_table(found: dict[str, Any], level: str, text: str, todo: str) -> None:
    finding = table.judge_table(found)
    assert (finding.level, finding.text) == (level, text)
    assert todo in finding.todo


def encrypted(key: str | None, **more: Any) -> dict[str, Any]:
    return described(SSEDescription={"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key} | more)


KEYS = {
    "DynamoDB's own": (described(), "", WELL, "DynamoDB's own key", ""),
    "the stack's": (encrypted(KEY), KEY, WELL, KEY, ""),
    "another's": (
        encrypted(OTHER_KEY), KEY, WRONG, f"{OTHER_KEY}, but KmsKeyArn is {KEY}",
        f"Enabled=true,SSEType=KMS,KMSMasterKeyId={KEY}, or deploy with PARAMETERS=KmsKeyArn={OTHER_KEY}",
    ),
    "none where there should be one": (
        described(), KEY, WRONG, f"DynamoDB's own key, but KmsKeyArn is {KEY}", "or deploy without KmsKeyArn"
    ),
    "one where there should be none": (
        encrypted(KEY), "", WRONG, f"{KEY}, but the stack was given no KmsKeyArn", "--sse-specification Enabled=false"
    ),
    "out of reach": (
        encrypted(KEY, InaccessibleEncryptionDateTime=SINCE), KEY, WRONG,
        f"{KEY} has been out of reach since 2026-11-20 08:00:00 UTC; DynamoDB archives the table if it still is at"
        " 2026-11-27 08:00:00 UTC", f"aws kms enable-key --key-id {KEY}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("found", "key", "level", "text", "todo"), KEYS.values(), ids=KEYS)
def test_the_key(found: dict[str, Any], key: str, level: str, text: str, todo: str) -> None:
    finding = table.judge_encryption(found, key)
    assert (finding.part, finding.level, finding.text) == ("encryption", level, text)
    assert todo in finding.todo


def test_one_question_answers_for_table_and_key() -> None:
    dynamodb = SimpleNamespace(describe_table=lambda TableName: {"Table": encrypted(KEY)})
    assert [finding.part for finding in table.check_table(dynamodb, NAME, KEY)] == ["table", "encryption"]


def retention(days: int, status: str, attribute: str | None = "expires_at") -> Finding:
    answer = {"TimeToLiveStatus": status} | ({"AttributeName": attribute} if attribute else {})
    dynamodb = SimpleNamespace(describe_time_to_live=lambda TableName: {"TimeToLiveDescription": answer})
    return table.check_retention(dynamodb, NAME, days)


ON, OFF = ("Enabled=true,AttributeName=expires_at;", "Enabled=false,AttributeName=expires_at;")
RETENTIONS = {
    "for ever": (retention(0, "DISABLED", None), "for ever", ""),
    "for days": (retention(365, "ENABLED"), "365 days after a task was told", ""),
    "being switched on": (
        retention(90, "ENABLING"), "90 days after a task was told; DynamoDB is enabling expiry, for up to an hour", ""
    ),
    "being switched off": (
        retention(0, "DISABLING"), "for ever; DynamoDB is disabling expiry, for up to an hour", ""
    ),
    "off, but should be on": (
        retention(365, "DISABLED", None), "nothing expires, though RetentionDays is 365", ON
    ),
    "on, but should be off": (
        retention(0, "ENABLED"), "rows expire at their expires_at, though RetentionDays is 0", OFF
    ),
    "by another attribute": (
        retention(90, "ENABLED", "ttl"), "rows expire at their ttl, though RetentionDays is 90",
        "Enabled=false,AttributeName=ttl;",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("found", "text", "change"), RETENTIONS.values(), ids=RETENTIONS)
def test_expiry_is_that_of_the_stack_or_is_to_be_changed(found: Finding, text: str, change: str) -> None:
    assert (found.level, found.text) == (WRONG if change else WELL, text)
    command = f"aws dynamodb update-time-to-live --table-name {NAME} --time-to-live-specification {change}"
    assert command in found.todo if change else not found.todo
    assert ("once an hour" in found.todo) == bool(change)
