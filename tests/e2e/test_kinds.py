"""All nine lists on a deployed stack, one of them denied."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session

from local.cloud import Cloud
from local.deployment import deploy
from local.ec2.response import format_response
from task_reporter.kinds.kind import OUTCOMES
from task_reporter.kinds.table import KINDS
from tests.e2e.conftest import PATIENT, StagedEc2
from tests.e2e.steps import parts, run
from tests.support.canned_ec2 import Answer, told
from tests.support.waiting import eventually
from tests.unit.cases import cases

DENIED = KINDS["conversion"]


def ended(kind: str) -> dict[str, Any]:
    """Return the first case of the kind whose task has ended."""
    return next(case for case in cases("kinds")[kind] if case.get("outcome") in OUTCOMES)


def answer(kind: str) -> Answer:
    operation = KINDS[kind].operation
    members = get_session().get_service_model("ec2").operation_model(operation).output_shape.members
    [name] = (name for name, shape in members.items() if shape.type_name == "list")
    return Answer(format_response(operation, {name: [ended(kind)["listed"]]}, "e2e"))


def all_in(rows: list[dict[str, Any]], text: str) -> bool:
    return all(row["task_id"] in text for row in rows)


@pytest.fixture
def lists(ec2: StagedEc2) -> Any:
    ec2.by_action.update({KINDS[kind].operation: answer(kind) for kind in KINDS})
    ec2.by_action[DENIED.operation] = told("error-unauthorized")
    yield
    ec2.by_action.clear()


@pytest.mark.usefixtures("lists")
def test_every_list_is_recorded_and_a_denied_one_is_named(cloud: Cloud, template: Path) -> None:
    parameters = {name: value for name, value in PATIENT.items() if name != "TaskKinds"}
    stack = deploy(cloud, template, {"NotificationEmail": "kinds@example.com", **parameters}, "kinds")
    cloud.inbox.new()
    polled = stack.poll()
    assert polled["error"] is None, polled
    assert polled["payload"].pop(DENIED.name) == {"unreadable": "denied"}
    assert {kind: numbers["ended"] for kind, numbers in polled["payload"].items()} == {
        kind: {ended(kind)["outcome"]: 1} for kind in KINDS if kind != DENIED.name
    }
    eventually(lambda: all("notified_at" in row for row in stack.rows()))
    rows = stack.rows()
    assert {row["kind"]: row["task_id"] for row in rows} == {
        kind: ended(kind)["row"]["task_id"] for kind in KINDS if kind != DENIED.name
    }
    assert "SECRET" not in str(rows)
    mails: list[str] = []
    eventually(lambda: mails.extend(mail.text for mail in cloud.inbox.new()) or all_in(rows, "".join(mails)))
    assert "SECRET" not in "".join(mails)
    findings = parts(stack)
    assert findings["last poll"][0] == "well"
    assert findings[f"list {DENIED.name}"][0] == "wrong"
    listed = json.loads(run(stack, "list", "--output", "json").stdout)
    assert {row["kind"] for row in listed} == set(KINDS) - {DENIED.name}
