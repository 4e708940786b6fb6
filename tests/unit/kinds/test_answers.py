"""Tasks of each kind in EC2's XML become rows, and their outcome is known."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.session import get_session

from local.ec2.response import format_response
from task_reporter.aws.lists import list_pages
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import KINDS
from task_reporter.recording.projection import ProjectedTasks, project
from task_reporter.recording.transitions import outcome_of
from task_reporter.times import to_text
from tests.support.canned_ec2 import Answer, CannedEc2, canned_ec2
from tests.unit.cases import cases

CASES = {f"{kind}: {case['name']}": (KINDS[kind], case) for kind, each in cases("kinds").items() for case in each}
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

every_case = pytest.mark.parametrize(("kind", "case"), CASES.values(), ids=CASES)


@pytest.fixture(scope="module")
def ec2() -> Iterator[tuple[CannedEc2, Any]]:
    with canned_ec2() as server:
        yield server, server.client()


def read(ec2: tuple[CannedEc2, Any], kind: Kind, *listed: Mapping[str, Any]) -> ProjectedTasks:
    """Return the tasks that the recorder reads from EC2's answer."""
    server, client = ec2
    members = get_session().get_service_model("ec2").operation_model(kind.operation).output_shape.members
    [name] = (name for name, shape in members.items() if shape.type_name == "list")
    server.answers = [Answer(format_response(kind.operation, {name: listed}, "a-request"))]
    return project(kind, list_pages(client, kind))


def test_every_kind_has_cases() -> None:
    assert {kind.name for kind, _ in CASES.values()} == set(KINDS)


@every_case
def test_a_listed_task_becomes_a_row(kind: Kind, case: dict[str, Any], ec2: tuple[CannedEc2, Any]) -> None:
    projected = read(ec2, kind, case["listed"])
    assert projected.tasks == ([case["row"]] if case["row"] else [])
    assert projected.unkeepable == []


@every_case
def test_a_task_has_its_outcome_at_once_or_later(kind: Kind, case: dict[str, Any]) -> None:
    task = {"updated_at": to_text(NOW), **(case["row"] or {"state": "left out"})}
    assert outcome_of(kind, task, {}, NOW) == case.get("outcome")
    later = case.get("later", case.get("outcome"))
    assert outcome_of(kind, task, task, NOW + timedelta(minutes=3)) == later


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_task_without_an_id_is_named(kind: Kind, ec2: tuple[CannedEc2, Any]) -> None:
    projected = read(ec2, kind, {})
    assert projected.tasks == []
    assert len(projected.unkeepable) == 1
