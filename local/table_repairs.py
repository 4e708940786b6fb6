"""Repairs the settings of a history table that a restored backup lacks.

DynamoDB restores the rows, the indexes and the encryption of a backup, and nothing else.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableFromBackup.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.history_table import Properties
from local.stacks import POLLING, DeploymentProblem

TRY_LATER = {
    ("update_time_to_live", "ValidationException"): (
        "DynamoDB lets time to live be changed about once an hour: wait an hour, then say make takeover again"
    ),
    ("update_continuous_backups", "ContinuousBackupsUnavailableException"): (
        "a table that was made or restored just now needs some minutes: wait, then say make takeover again"
    ),
    ("update_table", "ResourceInUseException"): "wait until the table is ACTIVE, then say make takeover again",
}
"""Method of the client and code of its error → what to do about it."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One setting of a table that is changed to what the template says."""

    text: str
    """The change in words."""
    calls: tuple[tuple[str, Mapping[str, Any]], ...]
    """Methods of the DynamoDB client with their arguments, in their order."""


def repairs(wanted: Properties, found: Properties) -> list[Repair]:
    """List the repairs that make ``found`` what is ``wanted``, the likeliest to be refused last."""
    plans: Mapping[str, Callable[[Any, Any], Repair]] = {
        "DeletionProtectionEnabled": _deletion_protection,
        "BillingMode": _billing,
        "PointInTimeRecoverySpecification": _recovery,
        "StreamSpecification": _stream,
        "TimeToLiveSpecification": _expiry,
    }
    return [plan(wanted[name], found[name]) for name, plan in plans.items() if not _same(wanted[name], found[name])]


def repair(dynamodb: Any, table: str, wanted: Properties, found: Properties) -> None:
    """Repair what differs, one line for each; the table is ACTIVE before and after each step.

    Raises DeploymentProblem where DynamoDB asks to wait, and botocore's errors.
    """
    for planned in repairs(wanted, found):
        for method, arguments in planned.calls:
            try:
                getattr(dynamodb, method)(TableName=table, **arguments)
            except ClientError as error:
                raise _explained(error, method, table, planned.text) from error
            dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig=POLLING)
        print(f"Repaired the table {table}: {planned.text}.")


def _explained(error: ClientError, method: str, table: str, text: str) -> Exception:
    advice = TRY_LATER.get((method, error.response["Error"]["Code"]))
    return DeploymentProblem(f"the table {table} was not repaired ({text}): {error}; {advice}") if advice else error


def _same(wanted: Any, found: Any) -> bool:
    """Tell whether two values mean the same; what is switched off has no further properties."""
    is_off = isinstance(wanted, dict) and wanted.get("Enabled") is False
    return found.get("Enabled") is False if is_off else bool(wanted == found)


def _deletion_protection(wanted: bool, _: Any) -> Repair:
    text = f"deletion protection {_on(wanted)}"
    return Repair(text, (("update_table", {"DeletionProtectionEnabled": wanted}),))


def _billing(wanted: str, found: str) -> Repair:
    return Repair(f"billing mode {wanted}, was {found}", (("update_table", {"BillingMode": wanted}),))


def _recovery(wanted: Properties, _: Any) -> Repair:
    text = f"point-in-time recovery {_on(wanted['PointInTimeRecoveryEnabled'])}"
    return Repair(text, (("update_continuous_backups", {"PointInTimeRecoverySpecification": wanted}),))


def _stream(wanted: Properties, found: Properties) -> Repair:
    """Turn the stream on; one with another view type must first be turned off."""
    off = ("update_table", {"StreamSpecification": {"StreamEnabled": False}})
    on = ("update_table", {"StreamSpecification": {"StreamEnabled": True, **wanted}})
    was = f", was {found['StreamViewType']}" if found else ""
    return Repair(f"stream on with {wanted['StreamViewType']}{was}", (off, on) if found else (on,))


def _expiry(wanted: Properties, found: Properties) -> Repair:
    """Turn time to live on or off; what is turned off is called by the attribute that it has."""
    attribute = wanted["AttributeName"] if wanted["Enabled"] else found["AttributeName"]
    arguments = {"TimeToLiveSpecification": {"Enabled": wanted["Enabled"], "AttributeName": attribute}}
    return Repair(f"expiry by {attribute} {_on(wanted['Enabled'])}", (("update_time_to_live", arguments),))


def _on(enabled: bool) -> str:
    return "on" if enabled else "off"
