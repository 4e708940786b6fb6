"""Plain values of stored items of every DynamoDB type."""

import base64
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from task_reporter_cli.history.items import parse_item, start_of

PLAIN = {
    "text": ({"S": "é\n"}, "é\n"),
    "empty text": ({"S": ""}, ""),
    "a whole number": ({"N": "40"}, 40),
    "a negative number": ({"N": "-7"}, -7),
    "a fraction": ({"N": "0.5"}, 0.5),
    "an exponent": ({"N": "1E+3"}, 1000.0),
    "the largest whole number": ({"N": "9" * 38 + "0" * 88}, int("9" * 38 + "0" * 88)),
    "true": ({"BOOL": True}, True),
    "false": ({"BOOL": False}, False),
    "null": ({"NULL": True}, None),
    "bytes": ({"B": b"\x00\xff"}, base64.b64encode(b"\x00\xff").decode()),
    "texts": ({"SS": ["a", "b"]}, ["a", "b"]),
    "numbers": ({"NS": ["1", "2.5"]}, [1, 2.5]),
    "several bytes": ({"BS": [b"\x00"]}, ["AA=="]),
    "a list": ({"L": [{"N": "1"}, {"L": [{"NULL": True}]}]}, [1, [None]]),
    "an object": ({"M": {"a": {"M": {"b": {"S": "c"}}}}}, {"a": {"b": "c"}}),
    "an empty list": ({"L": []}, []),
}


@pytest.mark.parametrize(("typed", "plain"), PLAIN.values(), ids=PLAIN)
def test_every_type_has_a_plain_value(typed, plain):
    found = parse_item({"it": typed})["it"]
    assert (type(found), found) == (type(plain), plain)


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
TYPED = st.recursive(
    st.one_of(
        st.builds(lambda text: {"S": text}, st.text()),
        st.builds(lambda number: {"N": str(number)}, NUMBERS),
        st.builds(lambda truth: {"BOOL": truth}, st.booleans()),
        st.builds(lambda content: {"B": content}, st.binary()),
        st.just({"NULL": True}),
    ),
    lambda inner: st.one_of(
        st.builds(lambda many: {"L": many}, st.lists(inner, max_size=3)),
        st.builds(lambda named: {"M": named}, st.dictionaries(st.text(), inner, max_size=3)),
    ),
    max_leaves=8,
)


@settings(max_examples=30)
@given(st.dictionaries(st.text(min_size=1), TYPED, max_size=5))
def test_every_item_is_json_with_the_same_names(item):
    plain = parse_item(item)
    assert list(plain) == list(item)
    assert json.loads(json.dumps(plain)) == plain


@given(st.integers(-(10**38), 10**38))
def test_a_whole_number_stays_whole(number):
    assert parse_item({"n": {"N": str(number)}})["n"] == number


@given(NUMBERS)
def test_a_number_is_as_near_as_a_program_can_have_it(number):
    assert parse_item({"n": {"N": str(number)}})["n"] in (float(number), Decimal(number))


SEEN, END, START = "2026-11-23T11:00:00.000Z", "2026-11-23T12:00:00.000Z", "2026-11-23T10:00:00.000Z"


@pytest.mark.parametrize(
    ("row", "start"),
    [
        ({"kind": "import-image", "first_seen_at": SEEN, "finished_at": END}, SEEN),
        ({"kind": "import-image", "first_seen_at": END, "finished_at": END}, None),
        ({"kind": "bundle", "first_seen_at": SEEN, "finished_at": END}, None),
        ({"kind": "bundle", "first_seen_at": SEEN, "started_at": START, "finished_at": END}, START),
        ({"kind": "of a later version", "started_at": START}, START),
        ({}, None),
    ],
)
def test_the_start_is_ec2_s_or_the_first_poll_s(row: dict[str, str], start: str | None) -> None:
    assert start_of(row) == start
