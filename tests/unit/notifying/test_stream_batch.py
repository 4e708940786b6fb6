"""Stream batches as Lambda delivers them, and the answers that Lambda understands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.errors import NotAnnouncedError, UnreadableRecordError
from task_reporter.history.rows import Key
from task_reporter.notifying.stream_batch import process_batch, record_key
from tests.support.cloudformation import stream_mapping
from tests.support.dynamodb import Table
from tests.support.filter_patterns import matches, parse_pattern
from tests.support.finished import SCOPE, key, row
from tests.support.stream_records import sequence_of

EVENTS = Path(__file__).parents[3] / "events" / "stream"


def batch(name: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads((EVENTS / f"{name}.json").read_text())["Records"]
    return records


def records(*numbers: int) -> list[dict[str, Any]]:
    """One record for each number; the same number is the same task."""
    table = Table()
    return [table.put(row(number)) for number in numbers]


def number_of(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


class Announcer:
    """Announces all but ``failing``, and remembers what it was asked."""

    def __init__(self, *failing: Key) -> None:
        self.asked: list[Sequence[Key]] = []
        self._failing = failing

    def __call__(self, keys: Sequence[Key]) -> dict[Key, Exception]:
        self.asked.append(keys)
        return {key: NotAnnouncedError(f"{key.task_id} refused") for key in keys if key in self._failing}


# Batches as Lambda delivers them

STORED = [
    # batch, tasks that are looked at, positions that the filter lets through, positions that are reported
    ("finished", ["bun-2a4e041c"], [0], []),
    ("unreadable-among-neighbours", ["bun-2a4e041c", "bun-7d8e9fa0"], [0, 1, 2], [1]),
    ("correction", ["bun-8e9fa0b1"], [0, 1], []),
    ("expired", ["bun-2a4e041c"], [], []),
]


@pytest.mark.parametrize(("name", "tasks", "_passing", "reported"), STORED)
def test_a_stored_batch(name: str, tasks: list[str], _passing: list[int], reported: list[int]) -> None:
    announce = Announcer()
    answer = process_batch(batch(name), announce)
    assert announce.asked == [[Key(SCOPE, task_id) for task_id in tasks]]
    numbers = [number_of(batch(name)[position]) for position in reported]
    assert answer == {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}


@pytest.mark.parametrize(("name", "_tasks", "passing", "_reported"), STORED)
def test_what_the_filter_lets_through(name: str, _tasks: list[str], passing: list[int], _reported: list[int]) -> None:
    filters = stream_mapping()["FilterCriteria"]["Filters"]
    patterns = [parse_pattern(each["Pattern"]) for each in filters]
    let_through = [any(matches(pattern, record) for pattern in patterns) for record in batch(name)]
    assert [position for position, passes in enumerate(let_through) if passes] == passing


def test_every_stored_batch_has_its_case() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == {name for name, *_ in STORED}


# Which row a record is about


def test_key_of_any_kind_of_record() -> None:
    table = Table()
    made = [table.put(row(1)), table.change(key(1), outcome="failed"), table.expire(key(1))]
    assert [record["eventName"] for record in made] == ["INSERT", "MODIFY", "REMOVE"]
    assert [record_key(record) for record in made] == [key(1)] * 3


GOOD = {"scope": {"S": SCOPE}, "task_id": {"S": "bun-1"}}
UNREADABLE = [
    None,
    "text",
    [],
    {},
    {"dynamodb": None},
    {"dynamodb": {}},
    {"dynamodb": {"Keys": None}},
    {"dynamodb": {"Keys": {}}},
    {"dynamodb": {"Keys": {"scope": {"S": SCOPE}}}},
    {"dynamodb": {"Keys": {"task_id": {"S": "bun-1"}}}},
    {"dynamodb": {"Keys": GOOD | {"task_id": {"S": ""}}}},
    {"dynamodb": {"Keys": GOOD | {"task_id": {"S": 1}}}},
    {"dynamodb": {"Keys": GOOD | {"task_id": {"S": None}}}},
    {"dynamodb": {"Keys": GOOD | {"task_id": {"S": ["bun-1"]}}}},
    {"dynamodb": {"Keys": GOOD | {"task_id": {"N": "1"}}}},
    {"dynamodb": {"Keys": GOOD | {"scope": "text"}}},
]


@pytest.mark.parametrize("record", UNREADABLE)
def test_a_record_that_does_not_say(record: Any) -> None:
    with pytest.raises(UnreadableRecordError):
        record_key(record)


# The answer


def test_all_settled() -> None:
    assert process_batch(records(1, 2, 3), Announcer()) == {"batchItemFailures": []}


def test_nothing_to_do() -> None:
    announce = Announcer()
    assert process_batch([], announce) == {"batchItemFailures": []}
    assert announce.asked == [[]]


def test_each_task_is_asked_for_once() -> None:
    announce = Announcer()
    process_batch(records(2, 1, 2, 2, 1), announce)
    assert announce.asked == [[key(2), key(1)]]


def test_every_record_of_a_failed_task_is_reported_in_order() -> None:
    batch = records(1, 2, 1, 3, 2)
    answer = process_batch(batch, Announcer(key(2), key(3)))
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == [number_of(batch[n]) for n in (1, 3, 4)]


@pytest.mark.parametrize("numbers", [(1,), (1, 1), (1, 2, 1)])
def test_all_failed(numbers: tuple[int, ...]) -> None:
    with pytest.raises(NotAnnouncedError, match=f"{len(numbers)} of {len(numbers)} records failed: bun-00000001 ref"):
        process_batch(records(*numbers), Announcer(key(1), key(2)))


@pytest.mark.parametrize("record", UNREADABLE)
def test_an_unreadable_record_that_can_not_be_named(record: Any) -> None:
    announce = Announcer()
    with pytest.raises(NotAnnouncedError, match="1 of 3 records failed: unreadable stream records"):
        process_batch([*records(1, 2), record], announce)
    assert announce.asked == [[key(1), key(2)]]


@pytest.mark.parametrize("number", [None, "", 7])
def test_a_sequence_number_that_names_nothing(number: Any) -> None:
    nameless = {"dynamodb": {"SequenceNumber": number}}
    with pytest.raises(NotAnnouncedError):
        process_batch([*records(1), nameless], Announcer())


def test_unreadable_records_alone() -> None:
    nameable = {"dynamodb": {"SequenceNumber": "7"}}
    with pytest.raises(NotAnnouncedError, match="2 of 2"):
        process_batch([nameable, nameable], Announcer())


def test_the_error_names_at_most_three_reasons() -> None:
    with pytest.raises(NotAnnouncedError) as raised:
        process_batch(records(*range(100)), Announcer(*map(key, range(100))))
    assert str(raised.value).count("refused") == 3


@given(
    st.lists(st.sampled_from(["told", "fails", "unreadable"]), max_size=12),
    st.lists(st.integers(0, 5), min_size=12, max_size=12),
)
def test_whatever_fails_is_reported_and_nothing_else(fates: list[str], which: list[int]) -> None:
    """Tasks 0 to 5 succeed, 10 to 15 fail, mixed with unreadable records."""
    numbers = [which[n] + (10 if fate == "fails" else 0) for n, fate in enumerate(fates)]
    made = records(*numbers)
    for record, fate in zip(made, fates, strict=True):
        if fate == "unreadable":
            del record["dynamodb"]["Keys"]
    announce = Announcer(*(key(number) for number in range(10, 16)))
    failed = [sequence_of(record) for record, fate in zip(made, fates, strict=True) if fate != "told"]
    if failed and len(failed) == len(made):
        with pytest.raises(NotAnnouncedError):
            process_batch(made, announce)
    else:
        assert [each["itemIdentifier"] for each in process_batch(made, announce)["batchItemFailures"]] == failed
