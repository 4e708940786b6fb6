"""Tests of the deletion of a stack whose first deployment failed."""

from collections.abc import Callable
from typing import Any

import pytest

from local.preflight import confirm, delete_failed_stack
from local.stacks import DeploymentError
from tests.support.scripted import ID, NO_STACK, Script, event, resources, stack

TABLE = "heir-HistoryTable-1"
PLACE = f"--table-name {TABLE} --region eu-west-1"
REMOVAL = [f"aws dynamodb update-table --no-deletion-protection-enabled {PLACE}", f"aws dynamodb delete-table {PLACE}"]
DELETION = "aws cloudformation delete-stack --stack-name heir --region eu-west-1"


Confirm = Callable[[str], bool]


def yes(question: str) -> bool:
    return True


def no(question: str) -> bool:
    return False


def prepare(cloudformation: Script, dynamodb: Script, confirm: Confirm = yes) -> None:
    with cloudformation as stacks, dynamodb as tables:
        delete_failed_stack(stacks, tables, "heir", confirm)


def refusal(cloudformation: Script, dynamodb: Script, match: str, confirm: Confirm = yes) -> str:
    """Return the error, which must come after all answers of the scripts."""
    with cloudformation as stacks, dynamodb as tables, pytest.raises(DeploymentError, match=match) as refused:
        delete_failed_stack(stacks, tables, "heir", confirm)
    return str(refused.value)


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
    prepare(deleted(failed(status)), table())
    shown = capsys.readouterr().out
    assert f"The stack heir is {status}: " in shown
    assert f"It leaves the empty table {TABLE}. " in shown
    assert [line.strip() for line in shown.splitlines()[-3:]] == [*REMOVAL, "Deleted the stack heir."]


def test_nothing_is_deleted_without_confirmation() -> None:
    refused = refusal(failed("ROLLBACK_COMPLETE"), table(), "nothing was deployed; delete the stack heir first", no)
    assert [line.strip() for line in refused.splitlines()[1:]] == [DELETION, *REMOVAL]


def test_no_terminal_means_no_confirmation() -> None:
    assert not confirm("Delete the stack?")


def test_a_table_with_rows_is_kept_and_not_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    filled = table({"scope": {"S": "123456789012/eu-west-1"}, "task_id": {"S": "bun-1"}})
    refusal(deleted(failed("ROLLBACK_COMPLETE")), filled, f"has rows.* make takeover STACK=heir TABLE={TABLE}")
    assert "delete-table" not in capsys.readouterr().out


def test_a_table_that_is_gone_is_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    gone = Script("dynamodb").refuses("scan", "ResourceNotFoundException")
    prepare(deleted(failed("ROLLBACK_COMPLETE")), gone)
    assert TABLE not in capsys.readouterr().out


DEPLOYABLE = (
    *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"),
    *("IMPORT_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"),
)


@pytest.mark.parametrize("status", DEPLOYABLE)
def test_a_stack_that_can_be_deployed_is_left_alone(status: str, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(Script("cloudformation").answers("describe_stacks", stack(status)), Script("dynamodb"), no)
    assert capsys.readouterr().out == ""


def test_a_new_stack_needs_no_deletion() -> None:
    prepare(Script("cloudformation").refuses(*NO_STACK), Script("dynamodb"), no)


BUSY = {
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback --stack-name heir",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "wait until that ends, then try again",
    "DELETE_IN_PROGRESS": "wait until that ends, then try again",
}


@pytest.mark.parametrize(("status", "sentence"), BUSY.items())
def test_a_stack_that_cannot_be_changed_now_is_refused(status: str, sentence: str) -> None:
    script = Script("cloudformation").answers("describe_stacks", stack(status))
    refusal(script, Script("dynamodb"), f"the stack heir is {status}; .*{sentence}")


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
    prepare(script, table())


def test_resources_that_cannot_be_deleted_are_named() -> None:
    script = undeletable(failed("DELETE_FAILED"), RecorderLogs="DELETE_FAILED", RecorderRole="DELETE_FAILED")
    refusal(script, table(), "--stack-name heir --retain-resources RecorderLogs RecorderRole")
