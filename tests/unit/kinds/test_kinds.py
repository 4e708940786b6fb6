"""The kinds against botocore's service model, which finds misspelt fields.

JMESPath turns a misspelt field silently into null.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import jmespath
import pytest
from botocore.model import OperationModel, Shape
from botocore.session import get_session

from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import LOST, OUTCOMES
from task_reporter.kinds.table import KINDS
from task_reporter.notifying.task_notice import task_notice
from task_reporter.times import now
from task_reporter_cli.actions.test_row import build_test_row

NEVER_STORED = {"AWSAccessKeyId", "UploadPolicy", "UploadPolicySignature"}
UNDOCUMENTED_STATES = {"error", "deleted", "failed-detached"}
"""States in EC2's answers or documentation that its service model lacks."""
NOT_OF_EC2 = {"scope", "kind", "outcome", "first_seen_at"}

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)


@cache
def operation(name: str) -> OperationModel:
    return get_session().get_service_model("ec2").operation_model(name)


def shape_of(node: dict, shape: Shape, read: list[Shape]) -> Shape | None:
    """Return the shape that a JMESPath ``node`` selects; collect read leaves.

    Raises KeyError for a field that the shape does not have.
    """
    children = node["children"]
    if node["type"] == "field":
        found = shape.members[node["value"]]
        read += [] if found.type_name in ("structure", "list") else [found]
        return found
    if node["type"] in ("subexpression", "projection", "pipe"):
        inner = shape
        for child in children:
            inner = shape_of(child, inner, read)
        return inner
    if node["type"] == "flatten":
        return shape_of(children[0], shape, read).member
    if node["type"] == "filter_projection":
        member = shape_of(children[0], shape, read).member
        shape_of(children[2], member, read)
        return shape_of(children[1], member, read)
    if node["type"] == "index_expression":
        return shape_of(children[0], shape, read).member
    if node["type"] == "identity":
        return shape
    if node["type"] == "literal":
        return None
    if node["type"] not in (
        "multi_select_dict",
        "key_val_pair",
        "and_expression",
        "or_expression",
        "not_expression",
        "function_expression",
        "multi_select_list",
    ):
        raise NotImplementedError(node["type"])
    for child in children:
        shape_of(child, shape, read)
    return None


def fields(expression: str, output: Shape) -> list[Shape]:
    """Return the model's shapes of the values that ``expression`` reads."""
    read: list[Shape] = []
    shape_of(jmespath.compile(expression).parsed, output, read)
    return read


def attributes(expression: str) -> Iterator[str]:
    """Return the names of the attributes that ``expression`` makes."""
    pairs = jmespath.compile(expression).parsed["children"][1]
    return (pair["value"] for pair in pairs["children"])


@every_kind
def test_every_field_is_in_the_service_model(kind):
    read = fields(kind.projection, operation(kind.operation).output_shape)
    assert len(read) >= len(list(attributes(kind.projection)))
    assert {shape.type_name for shape in read} <= {"string", "timestamp", "integer"}


@pytest.mark.parametrize(
    ("spelt", "misspelt"),
    [
        ("BundleTasks[]", "BundleTask[]"),
        ("BundleId", "bundleId"),
        ("Storage.S3", "Storage.s3"),
        ("Error.Code", "Error.code"),
    ],
)
def test_a_misspelt_field_is_found(spelt, misspelt):
    expression = BUNDLE.projection.replace(spelt, misspelt)
    assert expression != BUNDLE.projection
    with pytest.raises(KeyError):
        fields(expression, operation(BUNDLE.operation).output_shape)


@every_kind
def test_no_secret_is_read(kind):
    for shape in fields(kind.projection, operation(kind.operation).output_shape):
        assert not shape.metadata.get("sensitive"), shape
    for secret in NEVER_STORED:
        assert secret not in kind.projection


@every_kind
def test_a_row_has_an_id_a_state_and_only_known_attributes(kind):
    made = list(attributes(kind.projection))
    assert {"task_id", "state"} <= set(made) <= set(kind.public_attributes) - NOT_OF_EC2
    assert len(made) == len(set(made))


@every_kind
def test_the_states_are_the_service_models(kind):
    read = fields(kind.projection, operation(kind.operation).output_shape)
    states = {word for shape in read for word in shape.metadata.get("enum", ())}
    if states:
        assert set(kind.endings) <= states | UNDOCUMENTED_STATES
        assert {kind.cancelling_state} - {None} <= states


@every_kind
def test_a_kind_ends_in_outcomes_that_the_history_knows(kind):
    assert kind.endings
    assert set(kind.endings.values()) <= set(OUTCOMES) - {LOST}
    assert kind.cancelling_state not in kind.endings


@every_kind
def test_a_kind_has_an_example_of_each_outcome(kind):
    assert kind.examples.keys() == set(OUTCOMES)
    for example in kind.examples.values():
        assert {"state"} <= example.keys() <= set(kind.public_attributes) - NOT_OF_EC2


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_test_notice_can_have_each_outcome(outcome):
    row = build_test_row("123456789012/eu-west-1", outcome, now())
    assert row["outcome"] == outcome
    assert task_notice(row).subject.startswith("TEST: EC2 ")


def test_a_kind_is_found_by_its_name():
    assert {name: kind.name for name, kind in KINDS.items()} == {name: name for name in KINDS}
    assert KINDS["bundle"] is BUNDLE
    assert replace(BUNDLE) == BUNDLE
