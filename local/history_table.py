"""Compares a history table with the template.

CloudFormation's import takes the template's word for what a table is like. A setting that differs would stay so: no
later deployment changes it, because to CloudFormation nothing changed.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
"""

from collections.abc import Mapping
from typing import Any

from local.stacks import TABLE, DeploymentProblem, shell
from local.template import resolve

Properties = Mapping[str, Any]
"""Properties of a table as the template writes them, by name."""

ON = ("ENABLED", "ENABLING")
"""Statuses of time to live that mean that it is on, or about to be."""
RESTORE_WITH_INDEXES = (
    "restore the backup anew with all its indexes, or make the index with aws dynamodb update-table, which costs one"
    " write for each row"
)


def expected(template: Mapping[str, Any], parameters: Mapping[str, str]) -> Properties:
    """Return the properties of the history table for these parameters."""
    properties: Properties = resolve(template["Resources"][TABLE]["Properties"], template, parameters)
    return properties


def actual(dynamodb: Any, table: str) -> Properties:
    """Read the properties that ``table`` has. Raises DeploymentProblem where it is not in use."""
    try:
        found = dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        raise DeploymentProblem(
            f"there is no table {table} in {dynamodb.meta.region_name}; `aws dynamodb list-tables` lists them"
        ) from None
    _require_active(found)
    expiry = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    stream = found.get("StreamSpecification") or {}
    return {
        "KeySchema": found["KeySchema"],
        "AttributeDefinitions": found["AttributeDefinitions"],
        "GlobalSecondaryIndexes": found.get("GlobalSecondaryIndexes") or [],
        "BillingMode": (found.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
        "DeletionProtectionEnabled": found.get("DeletionProtectionEnabled", False),
        "SSESpecification": {"KMSMasterKeyId": key_of(found)},
        "StreamSpecification": {"StreamViewType": stream["StreamViewType"]} if stream.get("StreamEnabled") else {},
        "TimeToLiveSpecification": {
            "AttributeName": expiry.get("AttributeName", ""),
            "Enabled": expiry["TimeToLiveStatus"] in ON,
        },
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery == "ENABLED"},
    }


def key_of(described: Mapping[str, Any]) -> str:
    """Return the ARN of the KMS key that encrypts a table; empty for a key that DynamoDB owns."""
    encryption = described.get("SSEDescription") or {}
    return str(encryption.get("KMSMasterKeyArn", "")) if encryption.get("Status") != "DISABLED" else ""


def refusals(table: str, wanted: Properties, found: Properties) -> list[str]:
    """List what keeps ``table`` from being used and cannot be repaired: each with the reason and what to do."""
    checks = {
        "KeySchema": _wrong_key,
        "AttributeDefinitions": _wrong_types,
        "GlobalSecondaryIndexes": _wrong_indexes,
        "SSESpecification": _wrong_encryption,
        "TimeToLiveSpecification": _other_expiry,
    }
    unknown = sorted(wanted.keys() - found.keys())
    problems = [f"local/history_table.py does not compare {', '.join(unknown)} of the template"] if unknown else []
    for name, check in checks.items():
        problems += check(table, wanted.get(name, {}), found[name])
    return problems


def _require_active(found: Mapping[str, Any]) -> None:
    """Raise DeploymentProblem where the table is not ACTIVE, with the way back."""
    table, status = found["TableName"], found["TableStatus"]
    match status:
        case "ACTIVE":
            return
        case "INACCESSIBLE_ENCRYPTION_CREDENTIALS":
            todo = (
                f"DynamoDB cannot use its key {key_of(found)}: enable the key and let DynamoDB use it again, then try"
                " again; a table whose key stays away for seven days is archived"
            )
        case "ARCHIVED" | "ARCHIVING":
            backup = found.get("ArchivalSummary", {}).get("ArchivalBackupArn", "ARN")
            restore = shell(
                *("dynamodb", "restore-table-from-backup", "--target-table-name", "NEW"), "--backup-arn", backup
            )
            todo = f"it can only be restored, and the restored table be taken over: {restore}"
        case "CREATING" | "UPDATING":
            wait = shell("dynamodb", "wait", "table-exists", "--table-name", table)
            todo = f"wait until it is ACTIVE, then try again: {wait}"
        case _:
            todo = "only a table that is ACTIVE can be taken over"
    raise DeploymentProblem(f"the table {table} is {status}; {todo}")


def _wrong_key(table: str, wanted: Any, found: Any) -> list[str]:
    if wanted == found:
        return []
    return [f"the table {table} is no history: its key is {_key(found)}, not {_key(wanted)}; give another TABLE"]


def _wrong_types(table: str, wanted: Any, found: Any) -> list[str]:
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in found}
    return [
        f"the key attribute {name} of the table {table} has the type {types[name]}, not {kind}; give another TABLE"
        for name, kind in ((attribute["AttributeName"], attribute["AttributeType"]) for attribute in wanted)
        if types.get(name, kind) != kind  # an index that lacks is told as such
    ]


def _wrong_indexes(table: str, wanted: Any, found: Any) -> list[str]:
    indexes = {index["IndexName"]: index for index in found}
    problems = []
    for index in wanted:
        name, other = index["IndexName"], indexes.get(index["IndexName"])
        if other is None:
            problems.append(f"the table {table} lacks the index {name}; {RESTORE_WITH_INDEXES}")
        elif difference := _index_difference(index, other):
            problems.append(f"the index {name} of the table {table} {difference}")
    return problems


def _index_difference(wanted: Properties, found: Properties) -> str:
    if wanted["KeySchema"] != found["KeySchema"]:
        return f"has the key {_key(found['KeySchema'])}, not {_key(wanted['KeySchema'])}; {RESTORE_WITH_INDEXES}"
    kinds = [index["Projection"].get("ProjectionType") for index in (wanted, found)]
    if kinds[0] != kinds[1]:
        return f"holds the attributes {kinds[1]}, not {kinds[0]}; {RESTORE_WITH_INDEXES}"
    status = found.get("IndexStatus", "ACTIVE")
    return f"is {status}; wait until it is ACTIVE, then try again" if status != "ACTIVE" else ""


def _key(schema: Any) -> str:
    return " and ".join(f"{part['AttributeName']} ({part['KeyType']})" for part in schema)


def _wrong_encryption(table: str, wanted: Any, found: Any) -> list[str]:
    asked, key = wanted.get("KMSMasterKeyId", ""), found["KMSMasterKeyId"]
    if asked == key:
        return []
    if key:
        own = shell("dynamodb", "update-table", "--table-name", table, "--sse-specification", "Enabled=false")
        return [
            f"the table {table} is encrypted with the key {key}; add PARAMETERS=KmsKeyArn={key}, or use"
            f" DynamoDB's own key: {own}"
        ]
    return [
        f"the table {table} is not encrypted with the key {asked}, but with DynamoDB's own; take it over without"
        f" KmsKeyArn, then say make deploy PARAMETERS=KmsKeyArn={asked}"
    ]


def _other_expiry(table: str, wanted: Any, found: Any) -> list[str]:
    """Refuse another attribute than the template's: DynamoDB would take an hour between off and on."""
    if not (wanted["Enabled"] and found["Enabled"]) or wanted["AttributeName"] == found["AttributeName"]:
        return []
    off = f"Enabled=false,AttributeName={found['AttributeName']}"
    command = shell("dynamodb", "update-time-to-live", "--table-name", table, "--time-to-live-specification", off)
    return [
        f"rows of the table {table} expire by {found['AttributeName']}, not by {wanted['AttributeName']}; turn that off"
        f" and try again in an hour, because DynamoDB lets time to live be changed about once an hour: {command}"
    ]
