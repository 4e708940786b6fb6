"""The EventBridge bus to which the notifier sends events."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from task_reporter.aws.failures import EXPECTED_ERRORS, code_of
from task_reporter.aws.request_limits import PUBLISH
from task_reporter.errors import MalformedAnswerError, NotSentError
from task_reporter.notifying.event import MAX_REQUEST_BYTES, Event
from task_reporter.notifying.marks import MARK_SECONDS
from task_reporter.runtime.deadline import Deadline
from task_reporter.runtime.parallel import in_parallel

DEFAULT_BUS = "default"
"""The bus that every account has, and that nobody can delete.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteEventBus.html
"""
ENTRIES_PER_REQUEST = 10
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
MAX_ATTEMPTS = 3
MAX_PAUSE = 1.0
"""Seconds before a further attempt; shorter than a deadline's margin."""

RETRYABLE = {"InternalException", "InternalFailure", "ThrottlingException"}
"""Codes of entries and requests that may be accepted the next time."""
INVALID = {"InvalidArgument", "MalformedDetail", "ValidationException"}
"""Codes of an entry that will never be accepted."""

Reason = Exception | None
"""The reason of an event's failure; None if the bus accepted it."""


class Bus:
    """An event bus. Its client must send each PutEvents once: see ``request_limits.PUBLISH``."""

    def __init__(self, client: Any, name: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._client, self._name, self._pause = client, name, pause

    def check(self, deadline: Deadline) -> None:
        """Check that the bus exists.

        PutEvents would accept events for a bus that does not exist, and drop them:
        https://github.com/aws/aws-cli/issues/9186. Raises botocore's errors where the bus does not exist, or where AWS
        does not answer.
        """
        if self._name != DEFAULT_BUS:
            deadline.check("finding the event bus", PUBLISH.max_seconds)
            self._client.describe_event_bus(Name=self._name)

    def send(self, events: Sequence[Event], deadline: Deadline) -> list[Reason]:
        """Send ``events``, and return for each None or the reason of its failure.

        Entries that fail are sent again, alone. An event that the bus refuses as invalid is sent in its minimal form.
        """
        reasons: list[Reason] = [None] * len(events)
        left = dict(enumerate(events))
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                self._pause(random.uniform(0, MAX_PAUSE))  # nosec B311 # spreads retries, keeps no secret
            for number, reason in self._attempt(left, deadline):
                reasons[number] = reason
            left = {number: again for number, event in left.items() if (again := _again(event, reasons[number]))}
            if not left:
                break
        return reasons

    def _attempt(self, events: Mapping[int, Event], deadline: Deadline) -> Iterator[tuple[int, Reason]]:
        """Send all ``events`` once, and yield each number with the reason of its failure."""
        requests = list(_requests(events))
        answers = in_parallel(lambda request: self._put([events[one] for one in request], deadline), requests)
        for request, answer in zip(requests, answers, strict=True):
            yield from zip(request, answer, strict=True)

    def _put(self, events: Sequence[Event], deadline: Deadline) -> list[Reason]:
        """Send one request, and return the reason of failure for each event.

        Events that are refused together are sent again one by one, because one of them may be invalid for all.
        """
        try:
            deadline.check("sending events", PUBLISH.max_seconds + MARK_SECONDS)
            answer = self._client.put_events(Entries=[event.entry(self._name) for event in events])
            results = answer.get("Entries", [])
            if len(results) != len(events):
                raise MalformedAnswerError("PutEvents", "it does not tell of every event")
        except ClientError as error:
            if code_of(error) in INVALID and len(events) > 1:
                return [reason for event in events for reason in self._put([event], deadline)]
            return [NotSentError(code_of(error), str(error))] * len(events)
        except EXPECTED_ERRORS as error:
            return [error] * len(events)
        codes = [result.get("ErrorCode") for result in results]
        return [NotSentError(code, f"EventBridge refused an event: {code}") if code else None for code in codes]


def _again(event: Event, reason: Reason) -> Event | None:
    """Return the event to send after a failure, or None."""
    code = reason.code if isinstance(reason, NotSentError) else None
    if code in INVALID and event != event.minimal():
        return event.minimal()
    return event if code in RETRYABLE else None


def _requests(events: Mapping[int, Event]) -> Iterator[list[int]]:
    """Divide the numbers of ``events`` into requests within EventBridge's limits."""
    request: list[int] = []
    size = 0
    for number, event in events.items():
        if request and (len(request) == ENTRIES_PER_REQUEST or size + event.size > MAX_REQUEST_BYTES):
            yield request
            request, size = [], 0
        request.append(number)
        size += event.size
    if request:
        yield request
