"""Tests of the deletion of a stack whose first deployment failed."""

from typing import Any

import pytest

from local.preflight import confirm, delete_failed_stack
from local.stacks import DeploymentError
from tests.support.scripted import ID, NO_STACK, Script, event, resources, stack

TABLE = "heir-HistoryTable-1"
PLACE = f"--table-name {TABLE} --region eu-west-1"
REMOVAL = [
    f"aws dynamodb update-table --no-deletion-protection-enabled {PLACE}",
    f"aws dynamodb delete-table {PLACE}",
]
DELETION = "aws cloudformation delete-stack --stack-name heir --region eu-west-1"


def yes(question: str) -> bool:
    return True


def no(question: str) -> bool:
    return False


def failed(status: str) -> Script:
    """CloudFormation with a failed stack that has made a table."""
    events = [event("HistoryTable", "DELETE_SKIPPED", TABLE), event("HistoryTable", "CREATE_IN_PROGRESS")]
    return (
        Script("cloudformation")
        .answers("describe_stacks", stack(status), StackName="heir")
        .answers("describe_stack_events", {"StackEvents": events}, StackName=ID)
    )


def deleted(script: Script) -> Script:
    return script.answers("delete_stack", StackName=ID).answers("describe_stacks", stack("DELETE_COMPLETE"))


def table(*rows: dict[str, Any]) -> Script:
    return Script("dynamodb").answers("scan", {"Items": list(rows)}, TableName=TABLE, Limit=1, ConsistentRead=True)


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"])
def test_a_stack_that_can_only_be_deleted_is_deleted(status: str, capsys: pytest.CaptureFixture[str]) -> None:
    with deleted(failed(status)) as cloudformation, table() as dynamodb:
        delete_failed_stack(cloudformation, dynamodb, "heir", yes)
    shown = capsys.readouterr().out
    assert f"The stack heir is {status}: " in shown
    assert f"It leaves the empty table {TABLE}. " in shown
    assert [line.strip() for line in shown.splitlines()[-3:]] == [*REMOVAL, "Deleted the stack heir."]


def test_nothing_is_deleted_without_confirmation() -> None:
    with (
        failed("ROLLBACK_COMPLETE") as cloudformation,
        table() as dynamodb,
        pytest.raises(DeploymentError, match="nothing was deployed; delete the stack heir first") as refused,
    ):
        delete_failed_stack(cloudformation, dynamodb, "heir", no)
    assert [line.strip() for line in str(refused.value).splitlines()[1:]] == [DELETION, *REMOVAL]


def test_no_terminal_means_no_confirmation() -> None:
    assert not confirm("Delete the stack?")


def test_a_table_with_rows_is_kept_and_not_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        deleted(failed("ROLLBACK_COMPLETE")) as cloudformation,
        table({"scope": {"S": "123456789012/eu-west-1"}, "task_id": {"S": "bun-1"}}) as dynamodb,
        pytest.raises(DeploymentError, match=f"has rows.* make takeover STACK=heir TABLE={TABLE}"),
    ):
        delete_failed_stack(cloudformation, dynamodb, "heir", yes)
    assert "delete-table" not in capsys.readouterr().out


def test_a_table_that_is_gone_is_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    gone = Script("dynamodb").refuses("scan", "ResourceNotFoundException")
    with deleted(failed("ROLLBACK_COMPLETE")) as cloudformation, gone as dynamodb:
        delete_failed_stack(cloudformation, dynamodb, "heir", yes)
    assert TABLE not in capsys.readouterr().out


@pytest.mark.parametrize(
    "status",
    [
        *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"),
        *("IMPORT_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"),
    ],
)
def test_a_stack_that_can_be_deployed_is_left_alone(status: str, capsys: pytest.CaptureFixture[str]) -> None:
    script = Script("cloudformation").answers("describe_stacks", stack(status))
    with script as cloudformation, Script("dynamodb") as dynamodb:
        delete_failed_stack(cloudformation, dynamodb, "heir", no)
    assert capsys.readouterr().out == ""


def test_a_new_stack_needs_no_deletion() -> None:
    with Script("cloudformation").refuses(*NO_STACK) as cloudformation, Script("dynamodb") as dynamodb:
        delete_failed_stack(cloudformation, dynamodb, "heir", no)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name heir"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "wait until that ends, then try again"),
        ("DELETE_IN_PROGRESS", "wait until that ends, then try again"),
    ],
)
def test_a_stack_that_cannot_be_changed_now_is_refused(status: str, sentence: str) -> None:
    script = Script("cloudformation").answers("describe_stacks", stack(status))
    with (
        script as cloudformation,
        Script("dynamodb") as dynamodb,
        pytest.raises(DeploymentError, match=f"the stack heir is {status}; .*{sentence}"),
    ):
        delete_failed_stack(cloudformation, dynamodb, "heir", yes)


def undeletable(script: Script, **statuses: str) -> Script:
    return (
        script.answers("delete_stack", StackName=ID)
        .answers("describe_stacks", stack("DELETE_FAILED"))
        .answers("describe_stack_resources", resources(**statuses))
    )


def test_a_protected_table_is_left_out_of_the_deletion() -> None:
    script = undeletable(failed("ROLLBACK_FAILED"), HistoryTable="DELETE_FAILED", CoreLayer="DELETE_COMPLETE")
    script.answers("delete_stack", StackName=ID, RetainResources=["HistoryTable"])
    script.answers("describe_stacks", stack("DELETE_COMPLETE"))
    with script as cloudformation, table() as dynamodb:
        delete_failed_stack(cloudformation, dynamodb, "heir", yes)


def test_resources_that_cannot_be_deleted_are_named() -> None:
    script = undeletable(failed("DELETE_FAILED"), RecorderLogs="DELETE_FAILED", RecorderRole="DELETE_FAILED")
    with (
        script as cloudformation,
        table() as dynamodb,
        pytest.raises(DeploymentError, match="--stack-name heir --retain-resources RecorderLogs RecorderRole"),
    ):
        delete_failed_stack(cloudformation, dynamodb, "heir", yes)
