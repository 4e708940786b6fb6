"""Sending events: requests within EventBridge's limits, and each failure for its own event."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from task_reporter.errors import MalformedAnswerError, NotSentError, OutOfTimeError
from task_reporter.notifying.bus import MAX_ATTEMPTS, PUBLISH
from task_reporter.notifying.event import Event, task_event
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline
from tests.support.event_bus import BUS, FakeEventBridge, about, detail, refusal, size
from tests.support.finished import row


def events(count: int) -> list[Event]:
    return [task_event(row(number)) for number in range(count)]


def once(error: Any, number: int = 1) -> Any:
    """Fail the first entry about one task."""
    left = [error]
    return lambda entry: left.pop() if left and about(entry)[0] == f"bun-{number:08x}" else None


@pytest.mark.parametrize(("count", "requests"), [(1, 1), (10, 1), (11, 2), (100, 10)])
def test_events_are_sent_in_requests_of_ten(count: int, requests: int) -> None:
    bridge = FakeEventBridge()
    assert bridge.bus().send(events(count), NO_DEADLINE) == [None] * count
    assert len(bridge.requests) == requests
    assert {task for task, _ in bridge.sent} == {f"bun-{number:08x}" for number in range(count)}


def test_a_request_holds_no_more_bytes_than_permitted() -> None:
    bridge = FakeEventBridge()
    large = [task_event(row(number, "failed", error_message="x" * 100_000)) for number in range(5)]
    assert bridge.bus().send(large, NO_DEADLINE) == [None] * 5
    assert sorted(len(request) for request in bridge.requests) == [1, 2, 2]
    assert all(sum(map(size, request)) <= 262_144 for request in bridge.requests)


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "InternalException"])
def test_only_the_entries_that_fail_are_sent_again(code: str) -> None:
    bridge = FakeEventBridge()
    bridge.error = once(code)
    assert bridge.bus().send(events(3), NO_DEADLINE) == [None] * 3
    assert [len(request) for request in bridge.requests] == [3, 1]
    assert len(bridge.sent) == 3


def test_an_entry_that_keeps_failing_is_given_up() -> None:
    bridge = FakeEventBridge()
    bridge.error = lambda entry: "InternalFailure" if about(entry)[0].endswith("1") else None
    reasons = bridge.bus().send(events(3), NO_DEADLINE)
    assert [reason and str(reason) for reason in reasons] == [
        None,
        "EventBridge refused an event: InternalFailure",
        None,
    ]
    assert [len(request) for request in bridge.requests] == [3, *[1] * (MAX_ATTEMPTS - 1)]


def test_an_invalid_event_is_sent_in_its_minimal_form() -> None:
    bridge = FakeEventBridge()
    bridge.error = lambda entry: "MalformedDetail" if "bucket" in detail(entry) else None
    assert bridge.bus().send(events(1), NO_DEADLINE) == [None]
    assert "bucket" not in detail(bridge.accepted[0])
    assert bridge.sent == [("bun-00000000", "complete")]


def test_an_event_that_is_invalid_in_both_forms_fails() -> None:
    bridge = FakeEventBridge()
    bridge.error = lambda entry: "MalformedDetail"
    [reason] = bridge.bus().send(events(1), NO_DEADLINE)
    assert isinstance(reason, NotSentError)
    assert len(bridge.requests) == 2


def test_one_event_that_spoils_a_request_costs_no_other() -> None:
    bridge = FakeEventBridge()
    bridge.error = lambda entry: refusal("ValidationException") if about(entry)[0].endswith("3") else None
    reasons = bridge.bus().send(events(10), NO_DEADLINE)
    assert [number for number, reason in enumerate(reasons) if reason] == [3]
    assert len(bridge.accepted) == 9
    assert all("bucket" in detail(entry) for entry in bridge.accepted)


def test_a_throttled_request_is_sent_again() -> None:
    bridge = FakeEventBridge()
    bridge.error = once(refusal("ThrottlingException"))
    assert bridge.bus().send(events(2), NO_DEADLINE) == [None] * 2


def test_a_lost_answer_is_no_reason_to_send_again() -> None:
    """The bus may have accepted the events."""
    bridge, lost = FakeEventBridge(), ReadTimeoutError(endpoint_url="x")
    bridge.error = lambda entry: lost
    assert bridge.bus().send(events(2), NO_DEADLINE) == [lost] * 2
    assert len(bridge.requests) == 1


def test_an_answer_that_lacks_entries_is_malformed() -> None:
    class Garbled(FakeEventBridge):
        def put_events(self, Entries: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 0}

    [reason] = Garbled().bus().send(events(1), NO_DEADLINE)
    assert isinstance(reason, MalformedAnswerError)


def test_nothing_is_sent_without_time_for_the_answer() -> None:
    bridge, left = FakeEventBridge(), PUBLISH.max_seconds * 1000
    reasons = bridge.bus().send(events(2), Deadline(lambda: left))
    assert [type(reason) for reason in reasons] == [OutOfTimeError] * 2
    assert bridge.requests == []


def test_a_bus_that_does_not_exist_is_found_out() -> None:
    """PutEvents would answer success, and drop the events."""
    bridge = FakeEventBridge()
    bridge.bus().check(NO_DEADLINE)
    bridge.buses.clear()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        bridge.bus().check(NO_DEADLINE)
    assert bridge.bus().send(events(1), NO_DEADLINE) == [None]
    assert (bridge.accepted, len(bridge.dropped)) == ([], 1)


def test_the_default_bus_needs_no_check() -> None:
    class Silent(FakeEventBridge):
        def describe_event_bus(self, Name: str) -> dict[str, str]:
            raise AssertionError(Name)

    Silent().bus("default").check(NO_DEADLINE)
    with pytest.raises(AssertionError):
        Silent().bus(BUS).check(NO_DEADLINE)
