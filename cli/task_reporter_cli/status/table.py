"""Findings about the table in DynamoDB, compared with the template.

All of the functions raise botocore's errors.

CloudFormation does not look whether somebody changed it, and a table that was restored lacks most of it:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery_Howitworks.html
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from task_reporter.times import format_for_people, to_text
from task_reporter_cli.status.findings import WELL, WRONG, Finding

USABLE_STATUSES = {"ACTIVE", "CREATING", "UPDATING"}
LOCKED_STATUS = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
ARCHIVED_AFTER = timedelta(days=7)
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSEDescription.html"""
NEW_IMAGE_VIEWS = {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"}
"""Stream views that contain the attribute by which the mapping filters."""
EXPIRY_ATTRIBUTE = "expires_at"

Description = Mapping[str, Any]
Problem = tuple[str, str]
"""A text, and the step that mends it."""


def check_table(dynamodb: Any, name: str, key: str) -> Iterator[Finding]:
    """Check the table and its encryption.

    ``key`` is the stack's key ARN, empty for AWS's own key.
    """
    described = dynamodb.describe_table(TableName=name)["Table"]
    yield judge_table(described)
    yield judge_encryption(described, key)


def judge_table(described: Description) -> Finding:
    """Look at the state of the table, its stream, and its protection."""
    problems = [
        *_find_status_problems(described),
        *_find_stream_problems(described),
        *_find_protection_problems(described),
    ]
    state = described["TableStatus"].lower().replace("_", " ")
    if not problems:
        return Finding("table", WELL, f"{state}, protected, with its stream")
    text = ", ".join([state, *(text for text, _ in problems if text)])
    return Finding("table", WRONG, text, "; ".join(step for _, step in problems))


def _find_status_problems(described: Description) -> Iterator[Problem]:
    status, name = described["TableStatus"], described["TableName"]
    if status == LOCKED_STATUS:
        yield "", "its key can't be used: see encryption"
    elif status in ("ARCHIVING", "ARCHIVED"):
        backup = described.get("ArchivalSummary", {}).get("ArchivalBackupArn", "ARN")
        restore = f"aws dynamodb restore-table-from-backup --target-table-name NAME --backup-arn {backup}"
        yield "its key was gone too long", f"{restore}, then delete this stack and `make takeover TABLE=NAME`"
    elif status not in USABLE_STATUSES:
        yield "", f"nothing is recorded any more: see what becomes of the table {name}"


def _find_stream_problems(described: Description) -> Iterator[Problem]:
    stream, name = described.get("StreamSpecification", {}), described["TableName"]
    if not stream.get("StreamEnabled") or stream.get("StreamViewType") not in NEW_IMAGE_VIEWS:
        step = f"nobody is told: delete the stack, which keeps the table, then make takeover TABLE={name}"
        yield "no stream that the notifier can use", step


def _find_protection_problems(described: Description) -> Iterator[Problem]:
    if not described.get("DeletionProtectionEnabled"):
        name = described["TableName"]
        step = f"aws dynamodb update-table --table-name {name} --deletion-protection-enabled"
        yield "not protected against deletion", step


def judge_encryption(described: Description, key: str) -> Finding:
    """Check the key of the table.

    ``key`` is the stack's key ARN, empty for AWS's own key.
    """
    found = described.get("SSEDescription") or {}
    actual = found.get("KMSMasterKeyArn", "")
    if since := found.get("InaccessibleEncryptionDateTime"):
        return _report_locked_key(actual or key, since)
    text = actual or "DynamoDB's own key"
    if actual == key:
        return Finding("encryption", WELL, text)
    wanted = f"KmsKeyArn is {key}" if key else "the stack was given no KmsKeyArn"
    change = f"Enabled=true,SSEType=KMS,KMSMasterKeyId={key}" if key else "Enabled=false"
    back = f"aws dynamodb update-table --table-name {described['TableName']} --sse-specification {change}"
    there = f", or deploy with PARAMETERS=KmsKeyArn={actual}" if actual else ", or deploy without KmsKeyArn"
    return Finding("encryption", WRONG, f"{text}, but {wanted}", back + there)


def _report_locked_key(key: str, since: datetime) -> Finding:
    began, archived = (format_for_people(to_text(time)) for time in (since, since + ARCHIVED_AFTER))
    text = f"{key} has been out of reach since {began}; DynamoDB archives the table if it still is at {archived}"
    step = f"before that: aws kms enable-key --key-id {key}, or aws kms cancel-key-deletion, or mend its policy"
    return Finding("encryption", WRONG, text, step)


def check_retention(dynamodb: Any, name: str, days: int) -> Finding:
    """Look at the expiry of rows; ``days`` is the stack's RetentionDays, 0 for never."""
    answer = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    status, attribute = answer["TimeToLiveStatus"], answer.get("AttributeName", EXPIRY_ATTRIBUTE)
    wanted = f"{days} days after a task was told" if days else "for ever"
    if status in ("ENABLING", "DISABLING"):
        return Finding("retention", WELL, f"{wanted}; DynamoDB is {status.lower()} expiry, for up to an hour")
    is_on = status == "ENABLED" and attribute == EXPIRY_ATTRIBUTE
    if is_on == bool(days) and (is_on or status == "DISABLED"):
        return Finding("retention", WELL, wanted)
    return Finding("retention", WRONG, *_explain_retention(name, days, status, attribute))


def _explain_retention(name: str, days: int, status: str, attribute: str) -> Problem:
    if status == "DISABLED":
        text, change = (
            f"nothing expires, though RetentionDays is {days}",
            f"Enabled=true,AttributeName={EXPIRY_ATTRIBUTE}",
        )
    else:
        text = f"rows expire at their {attribute}, though RetentionDays is {days}"
        change = f"Enabled=false,AttributeName={attribute}"
    command = f"aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification {change}"
    return text, f"deploy this version; where that changes nothing: {command}; DynamoDB takes that once an hour"
