"""Repairs the settings of a history table that a restored backup lacks.

DynamoDB restores the rows, the indexes and the encryption of a backup, and nothing else.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableFromBackup.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.history_table import Properties
from local.stacks import WAITER_CONFIG, DeploymentError

TEMPORARY_ERRORS = {
    ("update_time_to_live", "ValidationException"): (
        "DynamoDB allows a change of time to live about once an hour: wait an hour, then run make takeover again"
    ),
    ("update_continuous_backups", "ContinuousBackupsUnavailableException"): (
        "a new or restored table needs some minutes: wait, then run make takeover again"
    ),
    ("update_table", "ResourceInUseException"): "wait until the table is ACTIVE, then run make takeover again",
}
"""Method of the client and error code → advice."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A change of one setting to its value in the template."""

    text: str
    """Description of the change."""
    calls: tuple[tuple[str, Mapping[str, Any]], ...]
    """Methods of the DynamoDB client with their arguments, in order."""


def plan_repairs(expected: Properties, actual: Properties) -> list[Repair]:
    """Return the repairs for all differences.

    The one that DynamoDB refuses most often comes last.
    """
    plans: Mapping[str, Callable[[Any, Any], Repair]] = {
        "DeletionProtectionEnabled": _plan_deletion_protection,
        "BillingMode": _plan_billing_mode,
        "PointInTimeRecoverySpecification": _plan_recovery,
        "StreamSpecification": _plan_stream,
        "TimeToLiveSpecification": _plan_expiry,
    }
    return [
        plan(expected[name], actual[name])
        for name, plan in plans.items()
        if not _is_equal(expected[name], actual[name])
    ]


def repair_table(dynamodb: Any, table: str, expected: Properties, actual: Properties) -> None:
    """Repair all differences, and print a line for each. The table must be ACTIVE.

    Raises DeploymentError if DynamoDB refuses a change for now, and botocore's errors.
    """
    for repair in plan_repairs(expected, actual):
        for method, arguments in repair.calls:
            try:
                getattr(dynamodb, method)(TableName=table, **arguments)
            except ClientError as error:
                advice = TEMPORARY_ERRORS.get((method, error.response["Error"]["Code"]))
                if not advice:
                    raise
                problem = f"the table {table} was not repaired ({repair.text}): {error}; {advice}"
                raise DeploymentError(problem) from error
            dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig=WAITER_CONFIG)
        print(f"Repaired the table {table}: {repair.text}.")


def _is_equal(expected: Any, actual: Any) -> bool:
    """Compare two values.

    If a setting is expected to be off, its other properties do not matter.
    """
    is_off = isinstance(expected, dict) and expected.get("Enabled") is False
    return actual.get("Enabled") is False if is_off else bool(expected == actual)


def _plan_deletion_protection(expected: bool, _: Any) -> Repair:
    text = f"deletion protection {_on_or_off(expected)}"
    return Repair(text, (("update_table", {"DeletionProtectionEnabled": expected}),))


def _plan_billing_mode(expected: str, actual: str) -> Repair:
    return Repair(f"billing mode {expected}, was {actual}", (("update_table", {"BillingMode": expected}),))


def _plan_recovery(expected: Properties, _: Any) -> Repair:
    text = f"point-in-time recovery {_on_or_off(expected['PointInTimeRecoveryEnabled'])}"
    return Repair(text, (("update_continuous_backups", {"PointInTimeRecoverySpecification": expected}),))


def _plan_stream(expected: Properties, actual: Properties) -> Repair:
    """Turn the stream on.

    A stream with another view type must be turned off first.
    """
    off = ("update_table", {"StreamSpecification": {"StreamEnabled": False}})
    on = ("update_table", {"StreamSpecification": {"StreamEnabled": True, **expected}})
    change = f", was {actual['StreamViewType']}" if actual else ""
    return Repair(f"stream on with {expected['StreamViewType']}{change}", (off, on) if actual else (on,))


def _plan_expiry(expected: Properties, actual: Properties) -> Repair:
    """Turn time to live on or off.

    Turning it off requires the name of its present attribute.
    """
    attribute = expected["AttributeName"] if expected["Enabled"] else actual["AttributeName"]
    arguments = {"TimeToLiveSpecification": {"Enabled": expected["Enabled"], "AttributeName": attribute}}
    return Repair(f"expiry by {attribute} {_on_or_off(expected['Enabled'])}", (("update_time_to_live", arguments),))


def _on_or_off(is_enabled: bool) -> str:
    return "on" if is_enabled else "off"
