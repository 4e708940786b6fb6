"""Rows and the shapes in which DynamoDB takes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.errors import OutOfTimeError
from task_reporter.history import rows
from task_reporter.history.rows import Key
from task_reporter.runtime.deadline import MARGIN_SECONDS, NO_DEADLINE, Deadline

ROWS = st.dictionaries(st.text(min_size=1), st.text(min_size=1) | st.integers(0, 2**53))


def test_row_is_found_by_scope_and_task():
    row = {"scope": "123456789012/us-east-2", "task_id": "bun-2a4e041c", "state": "bundling"}
    key = rows.key_of(row)
    assert key == Key("123456789012/us-east-2", "bun-2a4e041c")
    assert rows.to_key(key) == {"scope": {"S": "123456789012/us-east-2"}, "task_id": {"S": "bun-2a4e041c"}}


def test_text_is_text_and_numbers_are_numbers():
    assert rows.to_attribute("20") == {"S": "20"}
    assert rows.to_attribute(20) == {"N": "20"}


@given(ROWS)
def test_stored_row_is_read_back(row):
    assert rows.from_item({name: rows.to_attribute(value) for name, value in row.items()}) == row


def test_unknown_types_are_left_out():
    item = {
        "state": {"S": "x"},
        "new": {"M": {}},
        "flag": {"BOOL": True},
        "none": {"NULL": True},
        "progress": {"N": "20.0"},
    }
    assert rows.from_item(item) == {"state": "x", "progress": 20}


def test_public_attributes_exclude_internal_ones():
    own = {"awaiting", "awaiting_since", "missing_since", "redriven_at", "notified_at", "expires_at"}
    assert not own & set(rows.COMMON_ATTRIBUTES)


@pytest.mark.parametrize("longest", [0, 1, 24])
def test_step_begins_only_if_it_can_end_in_time(longest):
    needed = (longest + MARGIN_SECONDS) * 1000
    with pytest.raises(OutOfTimeError, match="while reading") as caught:
        Deadline(lambda: needed - 1).check("reading", longest)
    assert caught.value.doing == "reading"
    Deadline(lambda: needed).check("reading", longest)
    NO_DEADLINE.check("reading", longest)
