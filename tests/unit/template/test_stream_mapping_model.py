"""The model of the stream mapping against Lambda's documentation.

It refuses what the template does not use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cloudformation import HUB, stream_mapping
from tests.support.stream_mapping import PAYLOAD_LIMIT, FakeClock, StreamMapping
from tests.support.stream_records import STREAM_ARN, Record, sequence_of, stream_record

Function = Callable[[dict[str, Any]], object]
HISTORY = stream_mapping(**HUB)
AT_ONCE = {"MaximumBatchingWindowInSeconds": 0}


def records(sequences: Iterable[int], created: float, awaiting: str = "notification", text: str = "") -> list[Record]:
    image = {"awaiting": {"S": awaiting}, "text": {"S": text}}
    return [
        stream_record("MODIFY", {"task_id": {"S": f"bun-{sequence}"}}, image, sequence=sequence, created=created)
        for sequence in sequences
    ]


def mapping_of(function: Function, **properties: Any) -> StreamMapping:
    return StreamMapping({**HISTORY, **AT_ONCE, **properties}, function, FakeClock())


def fed(count: int, function: Function, **properties: Any) -> StreamMapping:
    mapping = mapping_of(function, **properties)
    mapping.feed(records(range(1, count + 1), mapping.clock()))
    return mapping


def accepting(event: dict[str, Any]) -> None:
    """Succeed always."""


def raising_on(*bad: int) -> Function:
    def function(event: dict[str, Any]) -> None:
        if {str(each) for each in bad} & set(map(sequence_of, event["Records"])):
            raise RuntimeError("bad record")

    return function


def reporting(*bad: int) -> Function:
    def function(event: dict[str, Any]) -> dict[str, Any]:
        failed = [sequence for sequence in map(sequence_of, event["Records"]) if int(sequence) in bad]
        return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in failed]}

    return function


def batches(mapping: StreamMapping) -> list[list[int]]:
    return [list(map(int, batch)) for batch in mapping.invocations]


def numbers(sequences: list[str]) -> list[int]:
    return list(map(int, sequences))


def test_record_has_the_documented_shape() -> None:
    record = stream_record("INSERT", {"id": {"S": "a"}}, {"x": {"N": "101"}}, sequence=111, created=1_795_435_200.7)
    assert record["eventSource"] == "aws:dynamodb"
    assert record["dynamodb"] == {
        "ApproximateCreationDateTime": 1_795_435_200.0,
        "Keys": {"id": {"S": "a"}},
        "NewImage": {"x": {"N": "101"}},
        "SequenceNumber": "111",
        "SizeBytes": 7,
        "StreamViewType": "NEW_IMAGE",
    }
    assert "NewImage" not in stream_record("REMOVE", {"id": {"S": "a"}}, None, sequence=1, created=0)["dynamodb"]


def test_shard_is_ordered_by_sequence_numbers() -> None:
    mapping = mapping_of(accepting)
    mapping.feed(records([9, 10], mapping.clock()))
    with pytest.raises(ValueError, match="a shard is ordered"):
        mapping.feed(records([10], 0))


@pytest.mark.parametrize(
    "properties",
    [
        {"BatchSise": 10},
        {"BatchSize": 0},
        {"BatchSize": True},
        {"MaximumRetryAttempts": -1},
        {"MaximumRecordAgeInSeconds": 59},
        {"StartingPosition": "LATEST"},
        {"BisectBatchOnFunctionError": False},
        {"FunctionResponseTypes": []},
        {"ParallelizationFactor": 2},
        {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}},
        {"FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}},
        {"FilterCriteria": {"Filters": [{"Pattern": '{"dynamodb": {"Keys": [{"exists": false}]}}'}]}},
    ],
    ids=str,
)
def test_model_refuses_unknown_properties(properties: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not modelled|not a whole number|expected an object|can't filter"):
        mapping_of(accepting, **properties)


def test_filtered_records_fill_no_batch() -> None:
    mapping = mapping_of(accepting, BatchSize=2)
    for sequence, awaiting in enumerate(["notification", "outcome", "notification"], 1):
        mapping.feed(records([sequence], mapping.clock(), awaiting))
    mapping.feed([stream_record("REMOVE", {"task_id": {"S": "bun-9"}}, None, sequence=9, created=mapping.clock())])
    mapping.run()
    assert (batches(mapping), numbers(mapping.filtered)) == ([[1, 3]], [2, 9])


def test_batch_is_limited_by_records_and_by_bytes() -> None:
    mapping = fed(5, accepting, BatchSize=2)
    mapping.run()
    assert batches(mapping) == [[1, 2], [3, 4], [5]]
    mapping = mapping_of(accepting)
    mapping.feed(records([1, 2, 3], mapping.clock(), text="x" * (PAYLOAD_LIMIT // 2 - 1000)))
    mapping.feed(records([4, 5], mapping.clock(), text="x" * PAYLOAD_LIMIT))
    mapping.run()
    assert batches(mapping) == [[1, 2], [3], [4], [5]]


def test_full_batch_does_not_wait_for_its_window() -> None:
    mapping = fed(3, accepting, BatchSize=2, MaximumBatchingWindowInSeconds=10)
    mapping.run()
    assert (batches(mapping), mapping.waits_until) == ([[1, 2]], mapping.clock() + 10)
    mapping.drain()
    assert batches(mapping) == [[1, 2], [3]]
    mapping.clock.advance(100)  # type: ignore[attr-defined]
    mapping.feed(records([4], mapping.clock()))
    assert mapping.waits_until == mapping.clock() + 10


def test_next_window_begins_when_the_invocation_ends() -> None:
    clock = FakeClock()
    properties = {**HISTORY, "BatchSize": 2, "MaximumBatchingWindowInSeconds": 10}
    mapping = StreamMapping(properties, lambda event: clock.advance(4), clock)
    mapping.feed(records([1, 2, 3], clock()))
    mapping.run()
    assert (batches(mapping), mapping.waits_until) == ([[1, 2]], clock() + 10)


def test_function_cannot_change_the_stream() -> None:
    def spoiling(event: dict[str, Any]) -> None:
        event["Records"][0]["dynamodb"]["SequenceNumber"] = "99"
        raise RuntimeError

    mapping = fed(1, spoiling, MaximumRetryAttempts=1)
    mapping.drain()
    assert batches(mapping) == [[1], [1]]


def test_retries_wait_longer_and_longer() -> None:
    mapping = fed(1, raising_on(1), MaximumRetryAttempts=8)
    waits = []
    mapping.run()
    while (until := mapping.waits_until) is not None:
        waits.append(until - mapping.clock())
        mapping.clock.advance(waits[-1])  # type: ignore[attr-defined]
        mapping.run()
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert numbers(mapping.discarded_records) == [1]


@pytest.mark.parametrize("error", [RuntimeError(), SystemExit(1), object()], ids=str)
def test_passing_error_loses_nothing(error: Any) -> None:
    """An exception, a process that dies, and an answer that is no JSON."""
    left = [error]

    def recovering(event: dict[str, Any]) -> object:
        if left and isinstance(left[0], BaseException):
            raise left.pop()
        return left.pop() if left else None

    mapping = fed(1, recovering, MaximumRetryAttempts=1)
    mapping.drain()
    assert (batches(mapping), numbers(mapping.accepted), mapping.discarded) == ([[1], [1]], [1], [])


def test_bisecting_finds_the_bad_record() -> None:
    mapping = fed(4, raising_on(3), MaximumRetryAttempts=1)
    mapping.drain()
    assert batches(mapping) == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [4]]
    assert (numbers(mapping.accepted), numbers(mapping.discarded_records)) == ([1, 2, 4], [3])


@pytest.mark.parametrize("response", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_response_without_failures_is_success(response: object) -> None:
    mapping = fed(2, lambda event: response)
    mapping.run()
    assert (batches(mapping), numbers(mapping.accepted)) == ([[1, 2]], [1, 2])


@pytest.mark.parametrize(
    "failure", [{"itemIdentifier": ""}, {"itemIdentifier": None}, {"itemIdentifier": "7"}, {"x": 1}]
)
def test_identifier_of_no_record_fails_the_whole_batch(failure: object) -> None:
    mapping = fed(1, lambda event: {"batchItemFailures": [failure]}, MaximumRetryAttempts=3)
    mapping.drain()
    assert (batches(mapping), numbers(mapping.discarded_records)) == ([[1]] * 4, [1])
    assert mapping.discarded[0]["responseContext"]["functionError"] is None


def test_unknown_response_is_refused() -> None:
    with pytest.raises(ValueError, match="not modelled"):
        fed(1, lambda event: {"statusCode": 200}).run()


def test_lowest_sequence_number_is_the_checkpoint() -> None:
    answers = iter([{"batchItemFailures": [{"itemIdentifier": "10"}, {"itemIdentifier": "9"}]}, None])
    mapping = mapping_of(lambda event: next(answers))
    mapping.feed(records([8, 9, 10, 11], mapping.clock()))
    mapping.run()
    assert batches(mapping) == [[8, 9, 10, 11], [9, 10, 11]]
    assert numbers(mapping.accepted) == [8, 9, 10, 11]


def test_records_after_the_checkpoint_have_their_own_retries() -> None:
    """AWS tries once in the mixed batch and four times alone, and counts four."""
    mapping = fed(6, reporting(6), BatchSize=3, MaximumRetryAttempts=3)
    mapping.drain()
    assert batches(mapping) == [[1, 2, 3], [4, 5, 6], [6], [6], [6], [6]]
    assert mapping.discarded[0]["requestContext"]["approximateInvokeCount"] == 4


def test_message_has_the_documented_shape() -> None:
    mapping = fed(1, raising_on(1), MaximumRetryAttempts=1)
    mapping.drain()
    assert mapping.discarded == [
        {
            "requestContext": {
                "requestId": "00000000-0000-0000-0000-000000000001",
                "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:notifier",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 2,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": "2026-11-23T12:00:01.000Z",
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001573689847184-864758bb",
                "startSequenceNumber": "1",
                "endSequenceNumber": "1",
                "approximateArrivalOfFirstRecord": "2026-11-23T12:00:00Z",
                "approximateArrivalOfLastRecord": "2026-11-23T12:00:00Z",
                "batchSize": 1,
                "streamArn": STREAM_ARN,
            },
        }
    ]


def test_old_records_are_discarded_and_younger_ones_served() -> None:
    mapping = mapping_of(accepting, MaximumRecordAgeInSeconds=60)
    now = mapping.clock()
    mapping.feed(records([1, 2], now - 61) + records([3], now - 60))
    mapping.run()
    assert (batches(mapping), numbers(mapping.discarded_records)) == ([[3]], [1, 2])
    message = mapping.discarded[0]
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"
    assert "responseContext" not in message


def test_record_grows_too_old_while_it_is_retried() -> None:
    mapping = fed(1, raising_on(1), MaximumRecordAgeInSeconds=60)
    mapping.drain()
    assert mapping.discarded[0]["requestContext"]["condition"] == "RecordAgeExceeded"
    assert len(mapping.invocations) == 6


COUNT = 24
CASES = {
    "count": st.integers(0, COUNT),
    "bad": st.frozensets(st.integers(1, COUNT)),
    "batch_size": st.integers(1, COUNT + 1),
    "window": st.sampled_from([0, 5]),
    "retries": st.integers(0, 3),
    "partial": st.booleans(),
}


@given(st.fixed_dictionaries(CASES))
def test_every_record_is_accepted_or_discarded_in_order(case: dict[str, Any]) -> None:
    mapping = fed(
        case["count"],
        (reporting if case["partial"] else raising_on)(*case["bad"]),
        BatchSize=case["batch_size"],
        MaximumBatchingWindowInSeconds=case["window"],
        MaximumRetryAttempts=case["retries"],
    )
    mapping.drain()
    everything = list(range(1, case["count"] + 1))
    bad = sorted(case["bad"] & set(everything))
    assert numbers(mapping.discarded_records) == bad
    assert numbers(mapping.accepted) == [number for number in everything if number not in bad]
    assert list(dict.fromkeys(number for batch in batches(mapping) for number in batch)) == everything
    assert all(batch == sorted(batch) and len(batch) <= case["batch_size"] for batch in batches(mapping))
    assert mapping.waits_until is None
