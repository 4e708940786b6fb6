"""EC2's filters and their wildcards."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.ec2 import filters
from local.ec2.errors import Ec2Error
from local.ec2.model import ec2_model

ROWS = [
    {"BundleId": "bun-1", "State": "complete", "Storage": {"S3": {"Bucket": "north", "Prefix": "win"}}},
    {"BundleId": "bun-2", "State": "failed", "Storage": {"S3": {"Bucket": "north-2", "Prefix": "win"}}},
    {"BundleId": "bun-3", "State": "failed", "BundleTaskError": {"Code": "Client.Cancelled"}},
]


MATCHING = [
    ("failed", "failed"), ("", ""), ("*", ""), ("*", "two\nlines"), ("20?", "20%"), ("a*b*c", "a-b-b-c"), (r"\*", "*"),
    (r"\?", "?"), (r"\\", "\\"), (r"\\*", r"\anything"), (r"\a", "a"), ("a\\", "a\\"),
    (r"\*amazon\?\\", r"*amazon?" + "\\"),
]  # fmt: skip
OTHERS = [("failed", "Failed"), ("fail", "failed"), ("?", ""), ("a.c", "abc"), (r"\*", "x")]


@pytest.mark.parametrize(("glob", "text"), MATCHING + OTHERS)
def test_wildcards_match(glob: str, text: str) -> None:
    assert filters.matches(glob, text) is ((glob, text) in MATCHING)


def escaped(text: str) -> str:
    return re.sub(r"([*?\\])", r"\\\1", text)


@given(st.text(max_size=20), st.text(max_size=20))
def test_an_escaped_text_matches_itself_alone(text: str, other: str) -> None:
    assert filters.matches(escaped(text), text)
    assert filters.matches(escaped(text), other) is (text == other)


@given(st.text(max_size=10), st.text(max_size=10), st.text(max_size=10))
def test_a_star_stands_for_any_run(before: str, run: str, after: str) -> None:
    assert filters.matches(f"{escaped(before)}*{escaped(after)}", before + run + after)


@given(st.text(max_size=10), st.text(max_size=3), st.text(max_size=10))
def test_a_question_mark_stands_for_exactly_one(before: str, run: str, after: str) -> None:
    matched = filters.matches(f"{escaped(before)}?{escaped(after)}", before + run + after)
    assert matched is (len(run) == 1)


SELECTED: list[tuple[dict[str, list[str]], list[str]]] = [
    ({}, ["bun-1", "bun-2", "bun-3"]), ({"state": ["failed"]}, ["bun-2", "bun-3"]),
    ({"state": ["failed", "complete"]}, ["bun-1", "bun-2", "bun-3"]),
    ({"state": ["failed"], "s3-bucket": ["north*"]}, ["bun-2"]), ({"s3-bucket": ["north"]}, ["bun-1"]),
    ({"error-code": ["*"]}, ["bun-3"]), ({"progress": ["*"]}, []), ({"state": []}, []), ({"state": ["FAILED"]}, []),
]  # fmt: skip


@pytest.mark.parametrize(("conditions", "expected"), SELECTED)
def test_filters_are_anded_and_values_ored(conditions: dict[str, list[str]], expected: list[str]) -> None:
    parsed: list[dict[str, Any]] = [{"Name": name, "Values": values} for name, values in conditions.items()]
    assert [row["BundleId"] for row in filters.select(ROWS, parsed, filters.TASK_FIELDS)] == expected


@pytest.mark.parametrize(
    ("condition", "named"), [({"Name": "State"}, "State"), ({"Name": "tag:x"}, "tag:x"), ({}, "null")]
)
def test_an_unknown_filter_is_refused_even_without_rows(condition: dict[str, Any], named: str) -> None:
    with pytest.raises(Ec2Error, match=f"The filter '{named}' is invalid") as caught:
        filters.select([], [condition], filters.TASK_FIELDS)
    assert caught.value.code == "InvalidParameterValue"


def documented_filters(action: str) -> set[str]:
    members = ec2_model().operation_model(action).input_shape.members
    return set(re.findall(r"<li> <p> ?<code>([\w:<>.-]+)</code> -", members["Filters"].documentation))


def test_the_filters_are_those_that_ec2_documents() -> None:
    assert documented_filters("DescribeBundleTasks") == set(filters.TASK_FIELDS)
    assert documented_filters("DescribeImages") > set(filters.IMAGE_FIELDS)


@pytest.mark.parametrize(
    ("shape_name", "fields"), [("BundleTask", filters.TASK_FIELDS), ("Image", filters.IMAGE_FIELDS)]
)
def test_every_filter_looks_at_a_member_that_exists(shape_name: str, fields: filters.Fields) -> None:
    for path in fields.values():
        shape = ec2_model().shape_for(shape_name)
        for name in path:
            shape = getattr(shape, "member", shape).members[name]
