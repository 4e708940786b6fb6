"""Messages of the queue of assignments."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from task_reporter.errors import AssignmentError
from task_reporter.kinds.table import KINDS
from task_reporter.organization.assignment import Assignment, parse_assignment

ASSIGNMENT = Assignment(1_795_000_000, 1_795_000_360, "111122223333", {"eu-west-1": ("bundle", "export-image")})
CONTENT = json.loads(ASSIGNMENT.to_message())

REGION = st.from_regex(r"\A[a-z]{2}-[a-z]{4,8}-[1-9]\Z")
DUE = st.dictionaries(REGION, st.lists(st.sampled_from(list(KINDS)), unique=True).map(tuple))
ACCOUNT = st.from_regex(r"\A[0-9]{12}\Z")


@given(st.builds(Assignment, st.integers(), st.integers(), ACCOUNT, DUE, st.booleans(), st.booleans()))
def test_an_assignment_is_read_as_it_was_written(assignment):
    assert parse_assignment(assignment.to_message()) == assignment


def test_the_flags_may_be_missing():
    content = {name: value for name, value in CONTENT.items() if name not in ("find_regions", "slow", "name")}
    assert parse_assignment(json.dumps(content)) == ASSIGNMENT


def test_a_full_assignment_fits_ten_times_into_one_request():
    due = {f"ap-southeast-{number}": tuple(KINDS) for number in range(34)}
    assert 10 * len(replace(ASSIGNMENT, due=due).to_message()) < 256 * 1024


WRONG = {
    "account": [
        "", "11112222333", "1111222233334", "１１１１２２２２３３３３", "11112222333x", "../222233334", "*", None, 1,
        [], {},
    ],
    "round": [None, "1", 1.5, True, [], float("nan"), float("inf")],
    "until": [None, "1", 1.5, False, {}, float("nan")],
    "due": [
        None, [], "eu-west-1", 1, {"": []}, {"eu-west-1": "bundle"}, {"eu-west-1": {"bundle": 1}}, {"eu-west-1": None},
        {"eu-west-1": [["bundle"]]}, {"eu-west-1": [{}]}, {"eu-west-1": [None]}, {"eu-west-1": [1]},
        {"eu-west-1": ["unknown"]}, {"EU-WEST-1": []}, {"eu-west-1/": []}, {"eu-west-1\n": []}, {"*": []},
        {"../../evil-1": []}, {"eu-west-1.example.org": []},
    ],
    "find_regions": [None, 0, 1, "true", []],
    "slow": [None, 0, 1, "false", {}],
    "name": [None, 0, ["payments"], {}],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_value_of_another_form_is_refused(name, value):
    with pytest.raises(AssignmentError):
        parse_assignment(json.dumps(CONTENT | {name: value}))


@pytest.mark.parametrize("name", ["round", "until", "account", "due"])
def test_a_missing_value_is_refused(name):
    with pytest.raises(AssignmentError):
        parse_assignment(json.dumps({key: value for key, value in CONTENT.items() if key != name}))


BODIES = [
    None, 1, b"{}", "", "{", "null", "[]", "1", '"text"', "[[[]]]", "{}", "[" * 100_000, '{"due":' * 100_000,
    "9" * 5000, '{"round":' + "9" * 5000 + "}", "\ud800", "NaN",
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body)[:20])
def test_a_body_that_is_no_assignment_is_refused(body):
    with pytest.raises(AssignmentError):
        parse_assignment(body)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["bundle", "eu-west-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
SECRET = "a-secret-of-the-sender"


@given(st.dictionaries(st.sampled_from(list(CONTENT)), JUNK), st.text(max_size=5))
@example({"due": {"eu-west-1": [SECRET]}}, "")
@example({"account": SECRET}, "")
@example({}, SECRET)
def test_junk_raises_one_error_that_never_quotes_it(junk, after):
    content = CONTENT | junk | {SECRET: SECRET}
    try:
        assignment = parse_assignment(json.dumps(content) + after)
    except AssignmentError as error:
        text = f"{error} {error!r}"
    else:
        text = ""
        assert all(kind in KINDS for kinds in assignment.due.values() for kind in kinds)
    assert SECRET not in text
