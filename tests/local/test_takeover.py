"""Tests of the takeover: comparison, repairs, refusals and the import."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from local.environments import ROOT
from local.history_table import find_obstacles, read_properties, template_properties
from local.stacks import DeploymentError
from local.table_repairs import plan_repairs, repair_table
from local.takeover import import_template, prepare_stack, take_over
from local.template import load_template, resolve
from task_reporter_cli.history.stack import find_stack
from tests.support.scripted import ID, NO_STACK, SESSION, Script, event, resources, stack
from tests.support.template import properties, table_properties

NAME = "old-HistoryTable-1"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KEYED = {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY}}
FOR_A_YEAR = {"RetentionDays": "365"}
OFF = {"TimeToLiveStatus": "DISABLED"}
EXPIRES = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def described(**changes: Any) -> dict[str, Any]:
    """DescribeTable's answer for a table as the template makes it, but for ``changes``."""
    template_values = table_properties()
    billing = {"BillingModeSummary": {"BillingMode": template_values.pop("BillingMode")}}
    table = {
        "TableName": NAME,
        "TableStatus": "ACTIVE",
        "DeletionProtectionEnabled": True,
        **template_values,
        **billing,
    }
    return {"Table": {name: value for name, value in (table | changes).items() if value is not None}}


def reading(
    table: dict[str, Any] | None = None, expiry: Mapping[str, str] = EXPIRES, recovery: str = "ENABLED"
) -> Script:
    """DynamoDB with all settings of a table."""
    point_in_time = {"PointInTimeRecoveryStatus": recovery}
    backups = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": point_in_time}
    return (
        Script("dynamodb")
        .answers("describe_table", table or described(), TableName=NAME)
        .answers("describe_time_to_live", {"TimeToLiveDescription": dict(expiry)}, TableName=NAME)
        .answers("describe_continuous_backups", {"ContinuousBackupsDescription": backups}, TableName=NAME)
    )


RESTORED = {"StreamSpecification": None, "DeletionProtectionEnabled": False}
"""Differences of a restored table, besides expiry and point-in-time recovery."""


def actual(script: Script | None = None) -> Mapping[str, Any]:
    with script or reading() as dynamodb:
        return read_properties(dynamodb, NAME)


def expected(**parameters: str) -> Mapping[str, Any]:
    return template_properties(load_template(), FOR_A_YEAR | parameters)


def index(name: str, **changes: Any) -> list[dict[str, Any]]:
    """Return the indexes of the template; those called ``name`` get ``changes``."""
    indexes = table_properties()["GlobalSecondaryIndexes"]
    return [other | changes if other["IndexName"] == name else other for other in indexes]


def take(cloudformation: Script, dynamodb: Script) -> None:
    with cloudformation as stacks, dynamodb as tables:
        take_over(stacks, tables, NAME, "heir", FOR_A_YEAR)


def assert_refused(cloudformation: Script, dynamodb: Script, match: str) -> None:
    """Expect an error after all answers of the scripts."""
    with cloudformation as stacks, dynamodb as tables, pytest.raises(DeploymentError, match=match):
        take_over(stacks, tables, NAME, "heir", FOR_A_YEAR)


# Comparison


@pytest.mark.parametrize(
    ("parameters", "changes"), [({}, {}), ({"KmsKeyArn": KEY}, KEYED)], ids=["usual", "with a key"]
)
def test_a_table_of_the_template_needs_nothing(parameters: dict[str, str], changes: dict[str, Any]) -> None:
    table = actual(reading(described(**changes)))
    assert find_obstacles(NAME, expected(**parameters), table) == []
    assert plan_repairs(expected(**parameters), table) == []


DIFFERENT: Mapping[str, Any] = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "scope", "AttributeType": "N"}],
    "GlobalSecondaryIndexes": [],
    "BillingMode": "PROVISIONED",
    "DeletionProtectionEnabled": False,
    "SSESpecification": {"KMSMasterKeyId": KEY},
    "StreamSpecification": {},
    "TimeToLiveSpecification": {"AttributeName": "", "Enabled": False},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False},
}


@pytest.mark.parametrize("name", properties("HistoryTable"))
def test_each_property_of_the_template_is_compared(name: str) -> None:
    other = {**actual(), name: DIFFERENT[name]}
    assert bool(find_obstacles(NAME, expected(), other)) != bool(plan_repairs(expected(), other))


def test_a_property_that_is_not_compared_is_refused() -> None:
    [reason] = find_obstacles(NAME, {**expected(), "ContributorInsightsSpecification": {"Enabled": True}}, actual())
    assert "does not compare ContributorInsightsSpecification" in reason


@pytest.mark.parametrize(("days", "expires"), [(None, False), ("0", False), ("365", True)])
def test_expiry_follows_the_parameter(days: str | None, expires: bool) -> None:
    off = {"Fn::Not": [{"Fn::Equals": [{"Ref": "RetentionDays"}, "0"]}]}
    template = {"Parameters": {"RetentionDays": {"Default": "0"}}, "Conditions": {"Expires": off}}
    enabled = {"Fn::If": ["Expires", True, False]}
    parameters = {"RetentionDays": days} if days else {}
    assert resolve({"Enabled": enabled}, template, parameters) == {"Enabled": expires}


def test_a_value_of_the_deployed_stack_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="before the stack is deployed"):
        resolve({"Ref": "AWS::Region"}, load_template(), {})


# Refusals

OTHER_KEY = DIFFERENT["KeySchema"]
OTHER_TYPE = DIFFERENT["AttributeDefinitions"]
KEYS_ONLY = {"ProjectionType": "KEYS_ONLY"}
OBSTACLES: Mapping[str, tuple[dict[str, Any], list[str]]] = {
    "another key": ({"KeySchema": OTHER_KEY}, ["its key is id (HASH), not scope (HASH) and task_id (RANGE)"]),
    "another type": ({"AttributeDefinitions": OTHER_TYPE}, ["attribute scope of ", " has the type N, not S"]),
    "no index": ({"GlobalSecondaryIndexes": index("by-kind")[1:]}, [f"table {NAME} lacks the index by-kind; restore"]),
    "an index with another key": (
        {"GlobalSecondaryIndexes": index("by-kind", KeySchema=OTHER_KEY)}, ["has the key id (HASH), not"]
    ),
    "an index of keys": (
        {"GlobalSecondaryIndexes": index("by-awaiting", Projection=KEYS_ONLY)},
        ["the index by-awaiting of ", " has the projection KEYS_ONLY, not ALL"],
    ),
    "a new index": (
        {"GlobalSecondaryIndexes": index("by-kind", IndexStatus="CREATING")}, ["is CREATING; wait until it is ACTIVE"]
    ),
    "a KMS key": (KEYED, [f"add PARAMETERS=KmsKeyArn={KEY}, or use DynamoDB's own key: aws dynamodb update-table"]),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "parts"), OBSTACLES.values(), ids=OBSTACLES)
def test_a_difference_without_repair_is_refused(changes: dict[str, Any], parts: list[str]) -> None:
    [reason] = find_obstacles(NAME, expected(), actual(reading(described(**changes))))
    assert [part for part in parts if part not in reason] == []


def test_a_key_that_the_table_does_not_have_is_refused() -> None:
    [reason] = find_obstacles(NAME, expected(KmsKeyArn=KEY), actual())
    assert f"without KmsKeyArn, then run make deploy PARAMETERS=KmsKeyArn={KEY}" in reason


def test_expiry_by_another_attribute_is_refused() -> None:
    other = actual(reading(expiry={"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}))
    [reason] = find_obstacles(NAME, expected(), other)
    assert f"--table-name {NAME} --time-to-live-specification Enabled=false,AttributeName=ttl" in reason


BACKUP = "arn:aws:dynamodb:eu-west-1:123456789012:table/old/backup/0151"


RESTORE = f"restore-table-from-backup --target-table-name NEW --backup-arn {BACKUP}"
INACTIVE: Mapping[str, tuple[str, dict[str, Any]]] = {
    "CREATING": (f"aws dynamodb wait table-exists --table-name {NAME}", {}),
    "UPDATING": ("wait until it is ACTIVE", {}),
    "DELETING": ("only a table that is ACTIVE can be taken over", {}),
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": (f"cannot use its key {KEY}: enable the key", KEYED),
    "ARCHIVED": (RESTORE, {"ArchivalSummary": {"ArchivalBackupArn": BACKUP}}),
}


@pytest.mark.parametrize("status", INACTIVE)
def test_a_table_that_is_not_active_is_refused(status: str) -> None:
    sentence, changes = INACTIVE[status]
    script = Script("dynamodb").answers("describe_table", described(TableStatus=status, **changes))
    with script as dynamodb, pytest.raises(DeploymentError) as refused:
        read_properties(dynamodb, NAME)
    assert str(refused.value).startswith(f"the table {NAME} is {status}; ")
    assert sentence in str(refused.value)


def test_a_table_that_does_not_exist_is_refused() -> None:
    with (
        Script("dynamodb").refuses("describe_table", "ResourceNotFoundException") as dynamodb,
        pytest.raises(DeploymentError, match=f"there is no table {NAME} in eu-west-1"),
    ):
        read_properties(dynamodb, NAME)


def test_everything_is_refused_before_anything_is_changed() -> None:
    lacking = described(**RESTORED, GlobalSecondaryIndexes=index("by-kind")[2:])
    assert_refused(
        Script("cloudformation"), reading(lacking), r"lacks the index by-kind; .*\n.* lacks the index by-outcome"
    )


# Repairs

RECOVERY = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
STREAM = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}
NO_STREAM = {"StreamSpecification": {"StreamEnabled": False}}
EXPIRY = {"TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True}}


def test_a_restored_backup_is_repaired_step_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    differing = actual(reading(described(**RESTORED), OFF, "DISABLED"))
    script = Script("dynamodb")
    for method, arguments in (
        ("update_table", {"DeletionProtectionEnabled": True}),
        ("update_continuous_backups", RECOVERY),
        ("update_table", STREAM),
        ("update_time_to_live", EXPIRY),
    ):
        answer = EXPIRY if method == "update_time_to_live" else {}
        script.answers(method, answer, TableName=NAME, **arguments)
        script.answers("describe_table", described(), TableName=NAME)  # is it ACTIVE again?
    with script as dynamodb:
        repair_table(dynamodb, NAME, expected(), differing)
    assert capsys.readouterr().out.splitlines() == [
        f"Repaired the table {NAME}: deletion protection on.",
        f"Repaired the table {NAME}: point-in-time recovery on.",
        f"Repaired the table {NAME}: stream on with NEW_IMAGE.",
        f"Repaired the table {NAME}: expiry by expires_at on.",
    ]


NEVER = {"TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": False}}


def turn_off(attribute: str) -> tuple[str, dict[str, Any]]:
    return "update_time_to_live", {"TimeToLiveSpecification": {"Enabled": False, "AttributeName": attribute}}


KEY_STREAM = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
PLANNED = {
    "a stream of another view": (
        {}, {"table": described(StreamSpecification=KEY_STREAM)}, "stream on with NEW_IMAGE, was KEYS_ONLY",
        [("update_table", NO_STREAM), ("update_table", STREAM)],
    ),
    "provisioned capacity": (
        {}, {"table": described(BillingModeSummary=None)}, "billing mode PAY_PER_REQUEST, was PROVISIONED",
        [("update_table", {"BillingMode": "PAY_PER_REQUEST"})],
    ),
    "unwanted expiry": (NEVER, {}, "expiry by expires_at off", [turn_off("expires_at")]),
    "unwanted expiry by another attribute": (
        NEVER, {"expiry": {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}}, "expiry by ttl off",
        [turn_off("ttl")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "table", "text", "calls"), PLANNED.values(), ids=PLANNED)
def test_a_repair_is_planned(changes: dict[str, Any], table: Any, text: str, calls: list[Any]) -> None:
    properties = actual(reading(**table))
    assert find_obstacles(NAME, {**expected(), **changes}, properties) == []
    [planned] = plan_repairs({**expected(), **changes}, properties)
    assert (planned.text, list(planned.calls)) == (text, calls)


@pytest.mark.parametrize("status", ["DISABLED", "DISABLING"])
def test_unwanted_expiry_that_is_off_is_not_changed(status: str) -> None:
    assert plan_repairs({**expected(), **NEVER}, actual(reading(expiry={"TimeToLiveStatus": status}))) == []


LATER = [
    ({"expiry": OFF}, "update_time_to_live", "ValidationException", "wait an hour"),
    (
        {"recovery": "DISABLED"}, "update_continuous_backups", "ContinuousBackupsUnavailableException",
        "needs some minutes",
    ),
    ({"table": described(StreamSpecification=None)}, "update_table", "ResourceInUseException", "until the table"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "method", "code", "sentence"), LATER)
def test_a_repair_that_must_wait_asks_to_wait(table: Any, method: str, code: str, sentence: str) -> None:
    differing = actual(reading(**table))
    with (
        Script("dynamodb").refuses(method, code, "Not now.") as dynamodb,
        pytest.raises(DeploymentError, match=rf"Not now\.; .*{sentence}.* run make takeover again"),
    ):
        repair_table(dynamodb, NAME, expected(), differing)


def test_a_repair_that_is_denied_is_shown_as_it_is() -> None:
    differing = actual(reading(expiry=OFF))
    with (
        Script("dynamodb").refuses("update_time_to_live", "AccessDeniedException", "No.") as dynamodb,
        pytest.raises(ClientError, match="AccessDeniedException"),
    ):
        repair_table(dynamodb, NAME, expected(), differing)


# The stack


def existing(status: str, **statuses: str) -> Script:
    """CloudFormation with the stack ``heir`` and its resources."""
    script = Script("cloudformation").answers("describe_stacks", stack(status), StackName="heir")
    return script.answers("describe_stack_resources", resources(**statuses))


ERRORS = {
    "AccessDenied": "User is not authorized to perform: cloudformation:DescribeStacks",
    "Throttling": "Rate exceeded",
    "ValidationError": "1 validation error detected: Value 'a b' at 'stackName' failed to satisfy constraint",
}


@pytest.mark.parametrize(("code", "message"), ERRORS.items())
def test_other_errors_do_not_mean_an_absent_stack(code: str, message: str) -> None:
    with (
        Script("cloudformation").refuses("describe_stacks", code, message) as cloudformation,
        pytest.raises(ClientError, match=message),
    ):
        prepare_stack(cloudformation, NAME, "heir")


def test_an_absent_stack_is_none() -> None:
    with Script("cloudformation").refuses(*NO_STACK) as cloudformation:
        assert find_stack(cloudformation, "heir") is None


@pytest.mark.parametrize(
    "status",
    [
        *("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"),
        *("IMPORT_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_FAILED"),
    ],
)
def test_a_stack_that_a_failed_attempt_left_is_deleted(status: str, capsys: pytest.CaptureFixture[str]) -> None:
    script = (
        existing(status, HistoryTable=f"IMPORT_ROLLBACK_COMPLETE {NAME}")
        .answers("delete_stack", StackName=ID)
        .answers("describe_stacks", stack("DELETE_COMPLETE"), StackName=ID)
    )
    with script as cloudformation:
        assert not prepare_stack(cloudformation, NAME, "heir")
    assert f"Deleted the stack heir, which was {status}" in capsys.readouterr().out


@pytest.mark.parametrize("status", ["IMPORT_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_an_interrupted_takeover_continues(status: str, capsys: pytest.CaptureFixture[str]) -> None:
    resources = {"HistoryTable": f"UPDATE_COMPLETE {NAME}", "NotificationTopic": "DELETE_COMPLETE topic"}
    take(existing(status, **resources), reading())
    assert f"The stack heir owns the table {NAME} already." in capsys.readouterr().out


TOPIC = "CREATE_COMPLETE topic"


IN_USE = {
    "CREATE_COMPLETE": ({"HistoryTable": "CREATE_COMPLETE other"}, "the stack heir exists already; run make takeover"),
    "UPDATE_COMPLETE": (
        {"HistoryTable": f"UPDATE_COMPLETE {NAME}", "NotificationTopic": TOPIC}, "owns .* already; make deploy"
    ),
    "ROLLBACK_FAILED": ({"NotificationTopic": TOPIC}, "still has NotificationTopic; delete it first: aws cloudf"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "statuses", "sentence"), [(status, *case) for status, case in IN_USE.items()])
def test_a_stack_in_use_is_refused(status: str, statuses: dict[str, str], sentence: str) -> None:
    with existing(status, **statuses) as cloudformation, pytest.raises(DeploymentError, match=sentence):
        prepare_stack(cloudformation, NAME, "heir")


# The import


def importing(failure: str = "") -> Script:
    """CloudFormation that checks the import."""
    change_set = {"Status": "FAILED", "StatusReason": failure} if failure else {"Status": "CREATE_COMPLETE"}
    return (
        Script("cloudformation")
        .refuses(*NO_STACK)
        .answers("create_change_set", {"Id": "arn:aws:cloudformation:change", "StackId": ID})
        .answers("describe_change_set", change_set)
    )


def discarding(script: Script) -> Script:
    return (
        script.answers("describe_stacks", stack("REVIEW_IN_PROGRESS"))
        .answers("delete_stack", StackName=ID)
        .answers("describe_stacks", stack("DELETE_COMPLETE"))
    )


def test_a_table_is_imported() -> None:
    script = (
        importing()
        .answers("execute_change_set", StackName="heir", ChangeSetName="take-over-history")
        .answers("describe_stacks", stack("IMPORT_COMPLETE"))
    )
    take(script, reading())


def test_a_refused_import_leaves_no_stack() -> None:
    assert_refused(
        discarding(importing("Table is in another stack.")),
        reading(),
        f"cannot import the table {NAME}: Table is in another stack.",
    )


def test_a_table_is_repaired_before_it_is_imported() -> None:
    dynamodb_script = reading(expiry=OFF)
    dynamodb_script.refuses("update_time_to_live", "ValidationException", "Modified multiple times.")
    assert_refused(discarding(importing()), dynamodb_script, "Modified multiple times")


def test_a_failed_import_shows_the_resources_reason() -> None:
    events = [
        event("heir", "IMPORT_ROLLBACK_COMPLETE"),
        event("HistoryTable", "IMPORT_FAILED", NAME, "Table is being deleted."),
    ]
    script = (
        importing()
        .answers("execute_change_set")
        .answers("describe_stacks", stack("IMPORT_ROLLBACK_IN_PROGRESS"))
        .answers("describe_stack_events", {"StackEvents": events})
    )
    assert_refused(script, reading(), r"did not import .*: Table is being deleted\.")


def test_the_import_holds_the_table_and_all_parameters() -> None:
    """The deployment that follows keeps the values that the import was given."""
    imported = import_template(load_template())
    assert imported["Resources"].keys() == {"HistoryTable"}
    assert imported["Parameters"] == load_template()["Parameters"]


# The document


def test_the_documented_permissions_match_the_calls() -> None:
    explained = set(re.findall(r"`(\w+:[A-Z]\w+)`", (ROOT / "docs" / "takeover.md").read_text()))
    operations = {
        xform_name(name): f"{service}:{name}"
        for service in ("cloudformation", "dynamodb")
        for name in SESSION.get_service_model(service).operation_names
    }
    local = ("takeover", "preflight", "stacks", "history_table", "table_repairs")
    sources = [
        *(ROOT / "local" / f"{name}.py" for name in local),
        ROOT / "cli" / "task_reporter_cli" / "history" / "stack.py",
    ]
    words = {word for source in sources for word in re.findall(r"\w+", source.read_text())}
    of_waiters = {"cloudformation:DescribeChangeSet"}
    assert {operations[word] for word in words & operations.keys()} | of_waiters == explained
