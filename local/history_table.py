"""Compares a history table with the template.

CloudFormation's import does not compare a table's settings with the template. A setting that differs would stay
different, because later deployments change only what differs from the previous template.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
"""

from collections.abc import Mapping
from typing import Any

from local.stacks import HISTORY_TABLE, DeploymentError, aws_command
from local.template import resolve

Properties = Mapping[str, Any]
"""Properties of a table by name, in the form of the template."""

ENABLED_STATUSES = ("ENABLED", "ENABLING")
"""Statuses of time to live that is on, or will be soon."""
INDEX_ADVICE = (
    "restore the backup again with all its indexes, or create the index with aws dynamodb update-table, which costs one"
    " write for each row"
)


def template_properties(template: Mapping[str, Any], parameters: Mapping[str, str]) -> Properties:
    """Return the properties of the history table in ``template`` for these parameters."""
    properties: Properties = resolve(template["Resources"][HISTORY_TABLE]["Properties"], template, parameters)
    return properties


def read_properties(dynamodb: Any, table: str) -> Properties:
    """Read the properties of ``table``.

    Raises DeploymentError if it does not exist or is not ACTIVE.
    """
    try:
        description = dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        raise DeploymentError(
            f"there is no table {table} in {dynamodb.meta.region_name}; `aws dynamodb list-tables` lists them"
        ) from None
    _require_active(description)
    expiry = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    stream = description.get("StreamSpecification") or {}
    return {
        "KeySchema": description["KeySchema"],
        "AttributeDefinitions": description["AttributeDefinitions"],
        "GlobalSecondaryIndexes": description.get("GlobalSecondaryIndexes") or [],
        "BillingMode": (description.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
        "DeletionProtectionEnabled": description.get("DeletionProtectionEnabled", False),
        "SSESpecification": {"KMSMasterKeyId": kms_key_arn(description)},
        "StreamSpecification": {"StreamViewType": stream["StreamViewType"]} if stream.get("StreamEnabled") else {},
        "TimeToLiveSpecification": {
            "AttributeName": expiry.get("AttributeName", ""),
            "Enabled": expiry["TimeToLiveStatus"] in ENABLED_STATUSES,
        },
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery == "ENABLED"},
    }


def kms_key_arn(description: Mapping[str, Any]) -> str:
    """Return the ARN of the table's KMS key; empty for DynamoDB's own."""
    encryption = description.get("SSEDescription") or {}
    return str(encryption.get("KMSMasterKeyArn", "")) if encryption.get("Status") != "DISABLED" else ""


def find_obstacles(table: str, expected: Properties, actual: Properties) -> list[str]:
    """Return the differences that cannot be repaired, each with the next step."""
    checks = {
        "KeySchema": _check_key,
        "AttributeDefinitions": _check_types,
        "GlobalSecondaryIndexes": _check_indexes,
        "SSESpecification": _check_encryption,
        "TimeToLiveSpecification": _check_expiry,
    }
    unknown = sorted(expected.keys() - actual.keys())
    obstacles = [f"local/history_table.py does not compare {', '.join(unknown)} of the template"] if unknown else []
    for name, check in checks.items():
        obstacles += check(table, expected.get(name, {}), actual[name])
    return obstacles


def _require_active(description: Mapping[str, Any]) -> None:
    """Raise DeploymentError with advice if the table is not ACTIVE."""
    table, status = description["TableName"], description["TableStatus"]
    match status:
        case "ACTIVE":
            return
        case "INACCESSIBLE_ENCRYPTION_CREDENTIALS":
            advice = (
                f"DynamoDB cannot use its key {kms_key_arn(description)}: enable the key and allow DynamoDB to use it,"
                " then try again; DynamoDB archives a table whose key is unusable for seven days"
            )
        case "ARCHIVED" | "ARCHIVING":
            backup = description.get("ArchivalSummary", {}).get("ArchivalBackupArn", "ARN")
            restore = aws_command(
                *("dynamodb", "restore-table-from-backup", "--target-table-name", "NEW"), "--backup-arn", backup
            )
            advice = f"restore it, and take over the restored table: {restore}"
        case "CREATING" | "UPDATING":
            wait = aws_command("dynamodb", "wait", "table-exists", "--table-name", table)
            advice = f"wait until it is ACTIVE, then try again: {wait}"
        case _:
            advice = "only a table that is ACTIVE can be taken over"
    raise DeploymentError(f"the table {table} is {status}; {advice}")


def _check_key(table: str, expected: Any, actual: Any) -> list[str]:
    if expected == actual:
        return []
    keys = f"its key is {_format_key(actual)}, not {_format_key(expected)}"
    return [f"the table {table} is not a history table: {keys}; use another TABLE"]


def _check_types(table: str, expected: Any, actual: Any) -> list[str]:
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in actual}
    return [
        f"the key attribute {name} of the table {table} has the type {types[name]}, not {kind}; use another TABLE"
        for name, kind in ((attribute["AttributeName"], attribute["AttributeType"]) for attribute in expected)
        if types.get(name, kind) != kind  # an absent attribute means an absent index, which has its own message
    ]


def _check_indexes(table: str, expected: Any, actual: Any) -> list[str]:
    indexes = {index["IndexName"]: index for index in actual}
    obstacles = []
    for index in expected:
        name, other = index["IndexName"], indexes.get(index["IndexName"])
        if other is None:
            obstacles.append(f"the table {table} lacks the index {name}; {INDEX_ADVICE}")
        elif difference := _compare_index(index, other):
            obstacles.append(f"the index {name} of the table {table} {difference}")
    return obstacles


def _compare_index(expected: Properties, actual: Properties) -> str:
    """Return the difference between two indexes, or an empty text."""
    if expected["KeySchema"] != actual["KeySchema"]:
        keys = f"has the key {_format_key(actual['KeySchema'])}, not {_format_key(expected['KeySchema'])}"
        return f"{keys}; {INDEX_ADVICE}"
    expected_type, actual_type = (index["Projection"].get("ProjectionType") for index in (expected, actual))
    if expected_type != actual_type:
        return f"has the projection {actual_type}, not {expected_type}; {INDEX_ADVICE}"
    status = actual.get("IndexStatus", "ACTIVE")
    return f"is {status}; wait until it is ACTIVE, then try again" if status != "ACTIVE" else ""


def _format_key(schema: Any) -> str:
    return " and ".join(f"{part['AttributeName']} ({part['KeyType']})" for part in schema)


def _check_encryption(table: str, expected: Any, actual: Any) -> list[str]:
    expected_key, actual_key = expected.get("KMSMasterKeyId", ""), actual["KMSMasterKeyId"]
    if expected_key == actual_key:
        return []
    if actual_key:
        command = aws_command("dynamodb", "update-table", "--table-name", table, "--sse-specification", "Enabled=false")
        return [
            f"the table {table} is encrypted with the key {actual_key}; add PARAMETERS=KmsKeyArn={actual_key}, or use"
            f" DynamoDB's own key: {command}"
        ]
    return [
        f"the table {table} is encrypted with DynamoDB's own key, not with {expected_key}; take it over without"
        f" KmsKeyArn, then run make deploy PARAMETERS=KmsKeyArn={expected_key}"
    ]


def _check_expiry(table: str, expected: Any, actual: Any) -> list[str]:
    """Refuse expiry by another attribute, which takes an hour to change."""
    is_on = expected["Enabled"] and actual["Enabled"]
    if not is_on or expected["AttributeName"] == actual["AttributeName"]:
        return []
    off = f"Enabled=false,AttributeName={actual['AttributeName']}"
    command = aws_command("dynamodb", "update-time-to-live", "--table-name", table, "--time-to-live-specification", off)
    return [
        f"rows of the table {table} expire by {actual['AttributeName']}, not by {expected['AttributeName']}; turn that"
        f" off and try again in an hour, because DynamoDB allows a change about once an hour: {command}"
    ]
