"""The model of the stream mapping does what Lambda's documentation says, and nothing kinder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.filter_patterns import matches, parse_pattern
from tests.support.mapping_properties import RETENTION
from tests.support.stream_mapping import PAYLOAD_LIMIT, FakeClock, StreamMapping
from tests.support.stream_records import STREAM_ARN, Record, sequence_of, stream_record

Function = Callable[[dict[str, Any]], object]

PARTIAL = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
BISECT = {"BisectBatchOnFunctionError": True}
AWAITING = {"dynamodb": {"NewImage": {"awaiting": {"S": ["notification"]}}}}


def records(sequences: Iterable[int], created: float, **attributes: Any) -> list[Record]:
    return [
        stream_record(
            "MODIFY",
            {"task_id": {"S": f"bun-{sequence}"}},
            {"task_id": {"S": f"bun-{sequence}"}, **attributes},
            sequence=sequence,
            created=created,
        )
        for sequence in sequences
    ]


def mapping_of(function: Function, *property_sets: dict[str, Any], **properties: Any) -> StreamMapping:
    merged: dict[str, Any] = {"StartingPosition": "TRIM_HORIZON"}
    for each in (*property_sets, properties):
        merged |= each
    return StreamMapping(merged, function, FakeClock())


def fed(count: int, function: Function, *property_sets: dict[str, Any], **properties: Any) -> StreamMapping:
    mapping = mapping_of(function, *property_sets, **properties)
    mapping.feed(records(range(1, count + 1), mapping.clock()))
    return mapping


def advance(mapping: StreamMapping, seconds: float) -> None:
    assert isinstance(mapping.clock, FakeClock)
    mapping.clock.advance(seconds)


def accepting(event: dict[str, Any]) -> None:
    """A function that always succeeds."""


def raising_on(*bad: int) -> Function:
    def function(event: dict[str, Any]) -> None:
        if {str(each) for each in bad} & set(map(sequence_of, event["Records"])):
            raise RuntimeError("bad record")

    return function


def reporting(*bad: int) -> Function:
    wanted = {str(each) for each in bad}

    def function(event: dict[str, Any]) -> dict[str, Any]:
        failed = [sequence for sequence in map(sequence_of, event["Records"]) if sequence in wanted]
        return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in failed]}

    return function


def answering(response: object) -> Function:
    return lambda event: response


def tried(mapping: StreamMapping) -> list[list[int]]:
    return [list(map(int, batch)) for batch in mapping.invocations]


def numbers(sequences: list[str]) -> list[int]:
    return list(map(int, sequences))


# Records


def test_a_record_has_the_shape_that_lambda_delivers() -> None:
    record = stream_record(
        "INSERT",
        {"my_partition_key": {"S": "testId0"}},
        {"my_partition_key": {"S": "testId0"}, "should_fail": {"BOOL": False}},
        sequence=111,
        created=1_795_435_200.7,
    )
    assert list(record) == [
        "eventID",
        "eventName",
        "eventVersion",
        "eventSource",
        "awsRegion",
        "dynamodb",
        "eventSourceARN",
    ]
    assert record["eventSource"] == "aws:dynamodb"
    assert record["dynamodb"] == {
        "ApproximateCreationDateTime": 1_795_435_200.0,
        "Keys": {"my_partition_key": {"S": "testId0"}},
        "NewImage": {"my_partition_key": {"S": "testId0"}, "should_fail": {"BOOL": False}},
        "SequenceNumber": "111",
        "SizeBytes": 58,
        "StreamViewType": "NEW_IMAGE",
    }


def test_a_removal_has_no_new_image() -> None:
    record = stream_record("REMOVE", {"id": {"S": "a"}}, None, sequence=1, created=0)
    assert "NewImage" not in record["dynamodb"]


@pytest.mark.parametrize(
    ("typed", "size"),
    [
        ({"N": "101"}, 3),
        ({"N": "-1.50"}, 2),
        ({"N": "0"}, 1),
        ({"NULL": True}, 1),
        ({"B": "aGVsbG8="}, 5),
        ({"SS": ["ab", "c"]}, 3),
        ({"L": [{"S": "ab"}, {"BOOL": True}]}, 8),
        ({"M": {"k": {"S": "ab"}}}, 7),
    ],
)
def test_sizes_of_values(typed: dict[str, Any], size: int) -> None:
    record = stream_record("INSERT", {"id": {"S": "a"}}, {"x": typed}, sequence=1, created=0)
    assert record["dynamodb"]["SizeBytes"] == len("ida") + len("x") + size


def test_a_shard_is_ordered() -> None:
    mapping = fed(2, accepting)
    with pytest.raises(ValueError, match="a shard is ordered"):
        mapping.feed(records([2], 0))


def test_sequence_numbers_are_ordered_as_numbers_not_as_text() -> None:
    mapping = mapping_of(accepting)
    mapping.feed(records([9, 10], mapping.clock()))
    mapping.run()
    assert tried(mapping) == [[9, 10]]


# Properties


def test_the_defaults_are_the_documented_ones() -> None:
    settings = mapping_of(accepting).settings
    assert (settings.batch_size, settings.window, settings.retries) == (100, 0, -1)
    assert settings.oldest == RETENTION
    assert (settings.bisect, settings.partial, settings.patterns) == (False, False, ())


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"BatchSize": 0}, "BatchSize"),
        ({"BatchSize": 10_001}, "BatchSize"),
        ({"BatchSize": {"Ref": "Size"}}, "BatchSize"),
        ({"MaximumBatchingWindowInSeconds": 301}, "MaximumBatchingWindowInSeconds"),
        ({"MaximumRetryAttempts": -2}, "MaximumRetryAttempts"),
        ({"MaximumRecordAgeInSeconds": 59}, "below 60"),
        ({"BisectBatchOnFunctionError": "true"}, "BisectBatchOnFunctionError"),
        ({"FunctionResponseTypes": ["ReportBatchItemFailure"]}, "FunctionResponseTypes"),
        ({"StartingPosition": "AT_TIMESTAMP"}, "StartingPosition"),
        ({"StartingPosition": None}, "StartingPosition"),
        ({"MaximumRetries": 3}, "not a property"),
        ({"ParallelizationFactor": 2}, "not modelled"),
        ({"Enabled": False}, "not modelled"),
        ({"FilterCriteria": {"Filters": [{"Pattern": json.dumps(AWAITING)}] * 6}}, "at most 5"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "single-string"}]}}, "Expecting value"),
    ],
)
def test_what_lambda_or_the_model_refuses(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mapping_of(accepting, properties)


def test_latest_passes_over_what_was_there_before() -> None:
    mapping = mapping_of(accepting, StartingPosition="LATEST")
    now = mapping.clock()
    mapping.feed(records([1], now - 5) + records([2], now))
    mapping.run()
    assert (mapping.missed, tried(mapping)) == (["1"], [[2]])


# Filters

IMAGE = {"S": "us-east-1", "N": "42", "empty": "", "none": None, "flag": True, "count": 300}
EVENT = {
    "eventName": "MODIFY",
    "dynamodb": {"NewImage": {"at": IMAGE, "list": {"L": [{"S": "a"}, {"S": "b"}]}, "set": {"SS": ["x", "y"]}}},
}


@pytest.mark.parametrize(
    ("name", "rule", "expected"),
    [
        ("S", "us-east-1", True),
        ("S", "US-EAST-1", False),
        ("S", {"equals-ignore-case": "US-EAST-1"}, True),
        ("S", {"equals-ignore-case": "eu"}, False),
        ("S", {"prefix": "us-"}, True),
        ("S", {"prefix": "eu-"}, False),
        ("S", {"suffix": "-1"}, True),
        ("S", {"suffix": "-2"}, False),
        ("S", {"anything-but": ["eu-west-1"]}, True),
        ("S", {"anything-but": ["us-east-1", "eu-west-1"]}, False),
        ("S", {"anything-but": "us-east-1"}, False),
        ("S", {"exists": True}, True),
        ("S", {"exists": False}, False),
        ("gone", {"exists": False}, True),
        ("gone", {"exists": True}, False),
        ("gone", {"anything-but": ["x"]}, False),
        ("empty", "", True),
        ("S", "", False),
        ("none", None, True),
        ("gone", None, False),
        ("flag", True, True),
        ("flag", 1, False),
        ("count", 300, True),
        ("count", 300.0, False),
        ("count", {"numeric": ["=", 300]}, True),
        ("count", {"numeric": [">", 10, "<=", 299]}, False),
        ("N", "42", True),
        ("N", 42, False),
        ("N", {"numeric": ["=", 42]}, False),
        ("flag", {"numeric": ["=", 1]}, False),
        ("flag", {"prefix": "t"}, False),
    ],
)
def test_rules(name: str, rule: object, expected: bool) -> None:
    pattern = parse_pattern(json.dumps({"dynamodb": {"NewImage": {"at": {name: [rule]}}}}))
    assert matches(pattern, EVENT) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"eventName": ["INSERT", "MODIFY"]}, True),
        ({"eventName": ["INSERT"]}, False),
        ({"eventName": ["MODIFY"], "dynamodb": {"NewImage": {"at": {"N": ["42"]}}}}, True),
        ({"eventName": ["MODIFY"], "dynamodb": {"NewImage": {"at": {"N": ["43"]}}}}, False),
        ({"$or": [{"eventName": ["INSERT"]}, {"dynamodb": {"NewImage": {"at": {"N": ["42"]}}}}]}, True),
        ({"$or": [{"eventName": ["INSERT"]}, {"dynamodb": {"NewImage": {"at": {"N": ["43"]}}}}]}, False),
        ({"dynamodb": {"NewImage": {"at": [{"exists": True}]}}}, False),
        ({"dynamodb": {"NewImage": {"at": [{"exists": False}]}}}, True),
        ({"dynamodb": {"NewImage": {"at": ["us-east-1"]}}}, False),
        ({"dynamodb": {"OldImage": {"at": {"S": ["us-east-1"]}}}}, False),
        ({"dynamodb": {"OldImage": {"at": {"S": [{"exists": False}]}}}}, True),
        ({"dynamodb": {"NewImage": {"list": {"L": {"S": ["b"]}}}}}, True),
        ({"dynamodb": {"NewImage": {"list": {"L": {"S": ["c"]}}}}}, False),
        ({"dynamodb": {"NewImage": {"list": {"L": {"S": [{"exists": True}]}}}}}, True),
        ({"dynamodb": {"NewImage": {"set": {"SS": ["y"]}}}}, True),
        ({"dynamodb": {"NewImage": {"set": {"SS": ["z"]}}}}, False),
    ],
)
def test_patterns(pattern: dict[str, Any], expected: bool) -> None:
    assert matches(parse_pattern(json.dumps(pattern)), EVENT) is expected


def test_a_name_written_twice_is_joined_with_and_as_in_the_documented_example() -> None:
    text = '{"dynamodb": {"NewImage": {"a": {"S": ["x"]}}}, "dynamodb": {"OldImage": {"a": {"S": ["y"]}}}}'
    images = {"NewImage": {"a": {"S": "x"}}, "OldImage": {"a": {"S": "y"}}}
    assert matches(parse_pattern(text), {"dynamodb": images})
    assert not matches(parse_pattern(text), {"dynamodb": {"NewImage": images["NewImage"]}})


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "not json",
        '{"eventName": "INSERT"}',
        '{"eventName": []}',
        '{"eventName": [{"like": "I%"}]}',
        '{"eventName": [{"prefix": 1}]}',
        '{"eventName": [{"prefix": "I", "suffix": "T"}]}',
        '{"eventName": [{"exists": "true"}]}',
        '{"eventName": [{"anything-but": {"prefix": "I"}}]}',
        '{"eventName": [{"numeric": ["=="]}]}',
        '{"eventName": [{"numeric": ["=", "1"]}]}',
        '{"eventName": [["INSERT"]]}',
        '{"eventName": ["INSERT"], "eventName": ["MODIFY"]}',
        '{"eventSource": ["aws:dynamodb"]}',
        '{"$or": [{"eventSource": ["aws:dynamodb"]}]}',
        '{"$or": {"eventName": ["INSERT"]}}',
        '{"dynamodb": {}}',
        '{"eventName": ["' + "I" * 4096 + '"]}',
    ],
)
def test_a_pattern_that_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what matters is that the mapping can't be made
        parse_pattern(text)


def test_filtered_records_count_as_processed_and_fill_no_batch() -> None:
    mapping = mapping_of(accepting, BatchSize=2, FilterCriteria={"Filters": [{"Pattern": json.dumps(AWAITING)}]})
    now = mapping.clock()
    for sequence in range(1, 7):
        awaiting = "notification" if sequence % 2 else "outcome"
        mapping.feed(records([sequence], now, awaiting={"S": awaiting}))
    mapping.run()
    assert tried(mapping) == [[1, 3], [5]]
    assert numbers(mapping.filtered) == [2, 4, 6]
    assert mapping.waits_until is None


def test_filters_are_joined_with_or() -> None:
    filters = [{"Pattern": json.dumps({"eventName": [name]})} for name in ("INSERT", "MODIFY")]
    mapping = fed(1, accepting, FilterCriteria={"Filters": filters})
    mapping.run()
    assert tried(mapping) == [[1]]


# Batches


def test_batches_are_as_large_as_allowed() -> None:
    mapping = fed(5, accepting, BatchSize=2)
    mapping.run()
    assert tried(mapping) == [[1, 2], [3, 4], [5]]
    assert numbers(mapping.accepted) == [1, 2, 3, 4, 5]


def test_a_batch_ends_before_six_megabytes() -> None:
    mapping = mapping_of(accepting)
    mapping.feed(records([1, 2, 3], mapping.clock(), text={"S": "x" * (PAYLOAD_LIMIT // 2 - 1000)}))
    mapping.run()
    assert tried(mapping) == [[1, 2], [3]]


def test_a_record_larger_than_the_limit_still_makes_a_batch() -> None:
    mapping = mapping_of(accepting)
    mapping.feed(records([1, 2], mapping.clock(), text={"S": "x" * PAYLOAD_LIMIT}))
    mapping.run()
    assert tried(mapping) == [[1], [2]]


def test_a_window_gathers_and_a_full_batch_does_not_wait_for_it() -> None:
    mapping = fed(3, accepting, BatchSize=2, MaximumBatchingWindowInSeconds=10)
    mapping.run()
    assert tried(mapping) == [[1, 2]]
    advance(mapping, 9)
    mapping.run()
    assert tried(mapping) == [[1, 2]]
    advance(mapping, 1)
    mapping.run()
    assert tried(mapping) == [[1, 2], [3]]


def test_a_batch_full_of_bytes_does_not_wait_for_its_window_either() -> None:
    mapping = mapping_of(accepting, MaximumBatchingWindowInSeconds=10)
    mapping.feed(records([1, 2], mapping.clock(), text={"S": "x" * (PAYLOAD_LIMIT - 1000)}))
    mapping.run()
    assert tried(mapping) == [[1]]


def test_the_next_window_begins_when_the_invocation_ends() -> None:
    clock = FakeClock()
    properties = {"StartingPosition": "TRIM_HORIZON", "BatchSize": 2, "MaximumBatchingWindowInSeconds": 10}
    mapping = StreamMapping(properties, lambda event: clock.advance(4), clock)
    mapping.feed(records([1, 2, 3], clock()))
    mapping.run()
    assert (tried(mapping), mapping.waits_until) == ([[1, 2]], clock() + 10)


def test_an_idle_shard_begins_a_window_with_its_first_record() -> None:
    mapping = fed(1, accepting, MaximumBatchingWindowInSeconds=10)
    mapping.drain()
    advance(mapping, 100)
    mapping.feed(records([2], mapping.clock()))
    mapping.run()
    assert mapping.waits_until == mapping.clock() + 10


def test_the_function_cannot_change_what_is_in_the_stream() -> None:
    def spoiling(event: dict[str, Any]) -> None:
        event["Records"][0]["dynamodb"]["SequenceNumber"] = "99"
        raise RuntimeError

    mapping = fed(1, spoiling, MaximumRetryAttempts=1)
    mapping.drain()
    assert tried(mapping) == [[1], [1]]


# Function errors


def test_a_failing_batch_is_retried_whole_and_holds_up_the_shard() -> None:
    mapping = fed(4, raising_on(2), BatchSize=2, MaximumRetryAttempts=2)
    mapping.run()
    assert tried(mapping) == [[1, 2]]
    assert mapping.waits_until == mapping.clock() + 1
    mapping.drain()
    assert tried(mapping) == [[1, 2]] * 3 + [[3, 4]]
    assert numbers(mapping.discarded_records) == [1, 2]
    assert numbers(mapping.accepted) == [3, 4]


def test_an_error_that_passes_loses_nothing() -> None:
    calls = iter([RuntimeError(), SystemExit(1), None])

    def recovering(event: dict[str, Any]) -> None:
        error = next(calls)
        if error:
            raise error

    mapping = fed(2, recovering, MaximumRetryAttempts=2)
    mapping.drain()
    assert tried(mapping) == [[1, 2]] * 3
    assert (numbers(mapping.accepted), mapping.discarded) == ([1, 2], [])
    assert [type(error) for error in mapping.errors] == [RuntimeError, SystemExit]


def test_an_answer_that_is_not_json_is_a_function_error() -> None:
    mapping = fed(1, answering(object()), MaximumRetryAttempts=0)
    mapping.drain()
    assert numbers(mapping.discarded_records) == [1]


def test_retries_wait_longer_and_longer() -> None:
    mapping = fed(1, raising_on(1), MaximumRetryAttempts=8)
    waits = []
    mapping.run()
    while (until := mapping.waits_until) is not None:
        waits.append(until - mapping.clock())
        advance(mapping, waits[-1])
        mapping.run()
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_bisecting_finds_the_bad_record_and_spends_no_retries_on_it() -> None:
    mapping = fed(4, raising_on(3), BISECT, MaximumRetryAttempts=1)
    mapping.drain()
    assert tried(mapping) == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [4]]
    assert numbers(mapping.accepted) == [1, 2, 4]
    assert numbers(mapping.discarded_records) == [3]


def test_bisecting_works_without_any_retry() -> None:
    mapping = fed(3, raising_on(1), BISECT, MaximumRetryAttempts=0)
    mapping.run()
    assert tried(mapping) == [[1, 2, 3], [1], [2, 3]]
    assert numbers(mapping.discarded_records) == [1]


# Partial batch responses


@pytest.mark.parametrize(
    "response",
    [None, {}, [], "", {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 200}],
)
def test_responses_that_mean_success(response: object) -> None:
    mapping = fed(2, answering(response), PARTIAL)
    mapping.run()
    assert (tried(mapping), numbers(mapping.accepted)) == ([[1, 2]], [1, 2])


@pytest.mark.parametrize(
    "response",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": 2}]},
        {"batchItemFailures": [{"itemIdentifier": "7"}]},
        {"batchItemFailures": [{"itemIdentifier": ["2"]}]},
        {"batchItemFailures": [{"foo": "2"}]},
        {"batchItemFailures": [{"itemIdentifier": "2"}, {"foo": "2"}]},
        {"batchItemFailures": ["2"]},
        {"batchItemFailures": "2"},
        {"batchItemFailures": {"itemIdentifier": "2"}},
        "done",
        ["2"],
        0,
        False,
    ],
)
def test_responses_that_fail_the_whole_batch(response: object) -> None:
    mapping = fed(2, answering(response), PARTIAL, MaximumRetryAttempts=3)
    mapping.drain()
    assert tried(mapping) == [[1, 2]] * 4
    assert numbers(mapping.discarded_records) == [1, 2]
    assert mapping.discarded[0]["responseContext"]["functionError"] is None


def test_a_response_counts_only_where_the_mapping_asks_for_it() -> None:
    mapping = fed(2, reporting(1), MaximumRetryAttempts=0)
    mapping.run()
    assert (numbers(mapping.accepted), mapping.discarded) == ([1, 2], [])


def test_the_lowest_sequence_number_is_the_checkpoint() -> None:
    answers = iter([{"batchItemFailures": [{"itemIdentifier": "10"}, {"itemIdentifier": "9"}]}, None])
    mapping = mapping_of(lambda event: next(answers), PARTIAL)
    mapping.feed(records([8, 9, 10, 11], mapping.clock()))
    mapping.run()
    assert tried(mapping) == [[8, 9, 10, 11], [9, 10, 11]]
    assert numbers(mapping.accepted) == [8, 9, 10, 11]


def test_what_follows_the_checkpoint_has_a_retry_quota_of_its_own() -> None:
    """As recorded from AWS: one try in the mixed batch, then four alone, and the message counts four."""
    mapping = fed(6, reporting(6), PARTIAL, BatchSize=3, MaximumRetryAttempts=3)
    mapping.drain()
    assert tried(mapping) == [[1, 2, 3], [4, 5, 6], [6], [6], [6], [6]]
    assert mapping.discarded[0]["requestContext"]["approximateInvokeCount"] == 4


def test_without_bisecting_a_stuck_record_takes_its_followers_with_it() -> None:
    mapping = fed(3, reporting(2), PARTIAL, MaximumRetryAttempts=1)
    mapping.drain()
    assert tried(mapping) == [[1, 2, 3], [2, 3], [2, 3]]
    assert numbers(mapping.discarded_records) == [2, 3]


def test_with_bisecting_a_stuck_record_goes_alone() -> None:
    mapping = fed(3, reporting(2), PARTIAL, BISECT, MaximumRetryAttempts=1)
    mapping.drain()
    assert tried(mapping) == [[1, 2, 3], [2, 3], [2], [2], [3]]
    assert numbers(mapping.discarded_records) == [2]
    assert numbers(mapping.accepted) == [1, 3]


def test_what_is_left_of_one_half_goes_before_the_other_half() -> None:
    failed = iter(["1", "2", None, None])

    def function(event: dict[str, Any]) -> dict[str, Any]:
        sequence = next(failed)
        return {"batchItemFailures": [{"itemIdentifier": sequence}] if sequence else []}

    mapping = fed(4, function, PARTIAL, BISECT)
    mapping.run()
    assert tried(mapping) == [[1, 2, 3, 4], [1, 2], [2], [3, 4]]


# Discarding


def test_the_message_has_the_documented_shape() -> None:
    mapping = fed(2, raising_on(1), MaximumRetryAttempts=1)
    mapping.drain()
    assert mapping.discarded == [
        {
            "requestContext": {
                "requestId": "00000000-0000-0000-0000-000000000001",
                "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:notifier",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 2,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": "2026-11-23T12:00:01.000Z",
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001573689847184-864758bb",
                "startSequenceNumber": "1",
                "endSequenceNumber": "2",
                "approximateArrivalOfFirstRecord": "2026-11-23T12:00:00Z",
                "approximateArrivalOfLastRecord": "2026-11-23T12:00:00Z",
                "batchSize": 2,
                "streamArn": STREAM_ARN,
            },
        }
    ]


def test_records_too_old_are_discarded_unseen_and_the_younger_ones_served() -> None:
    mapping = mapping_of(accepting, MaximumRecordAgeInSeconds=60)
    now = mapping.clock()
    mapping.feed(records([1, 2], now - 61) + records([3], now - 60))
    mapping.run()
    assert tried(mapping) == [[3]]
    assert numbers(mapping.discarded_records) == [1, 2]
    message = mapping.discarded[0]
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"
    assert message["requestContext"]["approximateInvokeCount"] == 1
    assert "responseContext" not in message


def test_a_record_can_grow_too_old_while_it_is_retried() -> None:
    mapping = fed(1, raising_on(1), MaximumRecordAgeInSeconds=60)
    mapping.drain()
    assert mapping.discarded[0]["requestContext"]["condition"] == "RecordAgeExceeded"
    assert len(mapping.invocations) == 6


def test_with_the_defaults_a_bad_record_blocks_the_shard_for_a_day_and_what_waits_grows_old_too() -> None:
    mapping = fed(2, raising_on(1), BatchSize=1)
    began = mapping.clock()
    mapping.feed(records([3], began + 600))
    mapping.drain()
    assert mapping.clock() - began > RETENTION
    assert (numbers(mapping.discarded_records), numbers(mapping.accepted)) == ([1, 2], [3])


def test_the_shard_goes_on_after_a_discarded_batch() -> None:
    mapping = fed(2, raising_on(1), BatchSize=1, MaximumRetryAttempts=0)
    mapping.run()
    assert (numbers(mapping.discarded_records), numbers(mapping.accepted)) == ([1], [2])


def test_drain_needs_a_clock_that_it_can_advance() -> None:
    mapping = StreamMapping({"StartingPosition": "TRIM_HORIZON"}, accepting, lambda: 0.0)
    with pytest.raises(TypeError, match="FakeClock"):
        mapping.drain()


# What holds for every mapping

COUNT = 24
CASES = {
    "count": st.integers(0, COUNT),
    "bad": st.frozensets(st.integers(1, COUNT)),
    "batch_size": st.integers(1, COUNT + 1),
    "window": st.sampled_from([0, 5]),
    "retries": st.integers(0, 3),
    "bisect": st.booleans(),
    "partial": st.booleans(),
}


def served(case: dict[str, Any], function: Function) -> StreamMapping:
    mapping = fed(
        case["count"],
        function,
        PARTIAL if case["partial"] else {},
        BatchSize=case["batch_size"],
        MaximumBatchingWindowInSeconds=case["window"],
        MaximumRetryAttempts=case["retries"],
        BisectBatchOnFunctionError=case["bisect"],
    )
    mapping.drain()
    return mapping


def failing(bad: Iterable[int], partial: bool) -> Function:
    return (reporting if partial else raising_on)(*bad)


def first_tries(mapping: StreamMapping) -> list[int]:
    return list(dict.fromkeys(sequence for batch in tried(mapping) for sequence in batch))


@given(st.fixed_dictionaries(CASES))
def test_every_record_is_accepted_in_its_last_try_or_discarded(case: dict[str, Any]) -> None:
    mapping = served(case, failing(case["bad"], case["partial"]))
    everything = list(range(1, case["count"] + 1))
    assert sorted(numbers(mapping.accepted + mapping.discarded_records)) == everything
    assert numbers(mapping.accepted) == sorted(set(everything) - set(numbers(mapping.discarded_records)))
    assert not set(numbers(mapping.accepted)) & case["bad"]
    assert mapping.waits_until is None


@given(st.fixed_dictionaries(CASES))
def test_first_tries_and_discarded_batches_keep_the_order_of_the_shard(case: dict[str, Any]) -> None:
    mapping = served(case, failing(case["bad"], case["partial"]))
    assert first_tries(mapping) == list(range(1, case["count"] + 1))
    assert numbers(mapping.discarded_records) == sorted(numbers(mapping.discarded_records))
    assert all(batch == sorted(batch) and len(batch) <= case["batch_size"] for batch in tried(mapping))


@given(st.fixed_dictionaries(CASES))
def test_bisecting_never_discards_a_healthy_record(case: dict[str, Any]) -> None:
    mapping = served(case | {"bisect": True}, failing(case["bad"], case["partial"]))
    assert set(numbers(mapping.discarded_records)) == {bad for bad in case["bad"] if bad <= case["count"]}


@given(st.fixed_dictionaries(CASES), st.integers(0, 3))
def test_nothing_is_discarded_where_the_retries_suffice(case: dict[str, Any], outages: int) -> None:
    left = dict.fromkeys(case["bad"], outages)

    def recovering(event: dict[str, Any]) -> dict[str, Any]:
        failed = [each for each in numbers(list(map(sequence_of, event["Records"]))) if left.get(each)]
        for each in failed:
            left[each] -= 1
        return {"batchItemFailures": [{"itemIdentifier": str(each)} for each in failed]}

    mapping = served(case | {"bisect": True, "partial": True, "retries": outages}, recovering)
    assert (mapping.discarded, numbers(mapping.accepted)) == ([], list(range(1, case["count"] + 1)))
