"""Tasks of each kind in EC2's XML become rows, and their outcome is known."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from botocore.model import Shape
from botocore.session import get_session
from hypothesis import given, settings
from hypothesis import strategies as st

from local.ec2.response import format_response
from task_reporter.aws.lists import list_pages
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import KINDS
from task_reporter.notifying.digest import digest_notices
from task_reporter.notifying.task_notice import task_notice
from task_reporter.recording.projection import ProjectedTasks, project
from task_reporter.recording.transitions import outcome_of
from task_reporter.times import to_text
from task_reporter_cli.report.tasks import parse_task
from tests.support.canned_ec2 import Answer, CannedEc2, canned_ec2
from tests.unit.cases import cases

CASES = {f"{kind}: {case['name']}": (KINDS[kind], case) for kind, each in cases("kinds").items() for case in each}
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

every_case = pytest.mark.parametrize(("kind", "case"), CASES.values(), ids=CASES)


@pytest.fixture(scope="module")
def ec2() -> Iterator[tuple[CannedEc2, Any]]:
    with canned_ec2() as server:
        yield server, server.client()


@cache
def list_shape(operation: str) -> tuple[str, Any]:
    """Return name and shape of the list in the answer."""
    members = get_session().get_service_model("ec2").operation_model(operation).output_shape.members
    [found] = (member for member in members.items() if member[1].type_name == "list")
    return found


def read(ec2: tuple[CannedEc2, Any], kind: Kind, *listed: Mapping[str, Any]) -> ProjectedTasks:
    """Return the tasks that the recorder reads from EC2's answer."""
    server, client = ec2
    name, _ = list_shape(kind.operation)
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


NEVER_KEPT = re.compile(r"url|description|tags|kmskey|license|policy|accesskey", re.IGNORECASE)
PRESIGNED = "https://disks.s3.amazonaws.com/web.vmdk?X-Amz-Signature=SECRET"
TIMES = ["2026-11-23T12:00:00.000Z", "2026-11-23T12:00:00Z", "2021-09-16 02:19:30.0", "soon", ""]
TEXTS = st.one_of(
    st.sampled_from(
        [PRESIGNED, f"ClientError: no access to {PRESIGNED}.", "", " ", "active", "completed", "deleted", "cancelled",
         "20%", "2026-11-23T12:00:00.000Z", "2021-09-16 02:19:30.0", "yesterday", "export-ami-0", "x" * 2000]
    ),
    st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=20),
)  # fmt: skip


def values(shape: Shape, name: str = "") -> st.SearchStrategy[Any]:
    """Draw values of a shape; members that are never kept hold a secret."""
    if shape.type_name == "structure":
        members = {member: values(inner, member) for member, inner in shape.members.items()}
        return st.fixed_dictionaries({}, optional=members)
    if shape.type_name == "list":
        return st.lists(values(shape.member, name), max_size=2)
    if NEVER_KEPT.search(name) and shape.type_name == "string":
        return st.just("SECRET")
    if shape.type_name in ("integer", "long"):
        return st.integers(-5, 200)
    if shape.type_name == "timestamp":
        return st.sampled_from(
            ["2026-11-23T12:00:00.000Z", "2026-11-23T12:00:00Z", "2021-09-16 02:19:30.0", "soon", ""]
        )
    return {"boolean": st.booleans(), "blob": st.just(b"SECRET"), "double": st.floats(0, 100)}.get(
        shape.type_name, TEXTS
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_task_costs_another_and_no_secret_is_kept(kind: Kind, ec2: tuple[CannedEc2, Any]) -> None:
    good = next(case for each, case in CASES.values() if each is kind and case["row"])

    @settings(max_examples=60)
    @given(st.lists(values(list_shape(kind.operation)[1].member), max_size=3))
    def check(listed: list[dict[str, Any]]) -> None:
        projected = read(ec2, kind, *listed, good["listed"])
        assert good["row"] in projected.tasks
        assert len(projected.tasks) + len(projected.unkeepable) <= len(listed) + 1
        assert "SECRET" not in f"{projected.tasks} {projected.unkeepable}"
        for task in projected.tasks:
            outcome_of(kind, {"updated_at": to_text(NOW), **task}, {}, NOW)
            assert all(type(value) in (str, int) for value in task.values())

    check()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_task_without_an_id_is_named(kind: Kind, ec2: tuple[CannedEc2, Any]) -> None:
    projected = read(ec2, kind, {})
    assert projected.tasks == []
    assert len(projected.unkeepable) == 1


def test_a_code_that_is_in_the_text_is_not_repeated() -> None:
    failed = next(case["row"] for kind, case in CASES.values() if case.get("outcome") == "failed" and kind.code_in_text)
    row = {"scope": "123456789012/us-east-2", "kind": "import-image", "outcome": "failed", **failed}
    texts = [task_notice(row).text, digest_notices([row, {**row, "task_id": "other"}])[0].text]
    texts.append(parse_task(row, to_text(NOW)).detail)
    assert [text.count(row["error_code"]) for text in texts] == [1, 2, 1]
