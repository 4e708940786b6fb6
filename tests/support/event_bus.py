"""A fake client of EventBridge with its limits, and with faults on demand.

It accepts events for a bus that does not exist, and drops them, as AWS does.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.validate import validate_parameters

from task_reporter.notifying.bus import Bus

BUS = "tasks"
MAX_ENTRIES, MAX_BYTES, TIME_BYTES = 10, 262_144, 14

Entry = Mapping[str, Any]


class FakeEventBridge:
    """A client of one account's event buses.

    requests  the entries of each request
    accepted  the entries that a bus accepted
    dropped   the accepted entries for a bus that does not exist
    error     returns the code of an entry's failure, or the exception of its whole request, if any
    buses     the names of the buses, besides the default one
    """

    def __init__(self) -> None:
        self.requests: list[Sequence[Entry]] = []
        self.accepted: list[Entry] = []
        self.dropped: list[Entry] = []
        self.error: Callable[[Entry], str | Exception | None] = lambda entry: None
        self.buses = {BUS}

    def describe_event_bus(self, Name: str) -> dict[str, str]:
        if Name not in {*self.buses, "default"}:
            raise refusal("ResourceNotFoundException", "DescribeEventBus")
        return {"Name": Name}

    def put_events(self, Entries: Sequence[Entry]) -> dict[str, Any]:
        validate_parameters({"Entries": Entries}, _shape())
        self.requests.append(Entries)
        if len(Entries) > MAX_ENTRIES or sum(map(size, Entries)) > MAX_BYTES:
            raise refusal("ValidationException")
        errors = [next(_wrong(entry), None) or self.error(entry) for entry in Entries]
        for refused in (error for error in errors if isinstance(error, Exception)):
            raise refused  # nothing of this request is accepted
        results = [self._put(entry, error) for entry, error in zip(Entries, errors, strict=True)]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def close(self) -> None:
        """Close nothing."""

    def _put(self, entry: Entry, error: object) -> dict[str, Any]:
        if error:
            return {"ErrorCode": error, "ErrorMessage": "no"}
        bus = entry.get("EventBusName", "default")
        (self.accepted if bus in {*self.buses, "default"} else self.dropped).append(entry)
        return {"EventId": f"event-{len(self.accepted)}"}

    def bus(self, name: str = BUS) -> Bus:
        """Return a bus of this client that makes no pauses."""
        return Bus(self, name, pause=lambda seconds: None)

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Return task and outcome of each accepted event, in order."""
        return [about(entry) for entry in self.accepted]


def about(entry: Entry) -> tuple[str, str]:
    """Return task and outcome of an event."""
    return detail(entry)["task_id"], detail(entry)["outcome"]


def detail(entry: Entry) -> Any:
    return json.loads(entry["Detail"])


def delivered(entry: Entry) -> dict[str, Any]:
    """Return the event that EventBridge makes of an accepted entry with a time.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """
    content = detail(entry)
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": content["account"],
        "time": entry["Time"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": content["region"],
        "resources": entry["Resources"],
        "detail": content,
    }


def refusal(code: str, operation: str = "PutEvents") -> ClientError:
    """Return the error that botocore raises for a whole request."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


def size(entry: Entry) -> int:
    """Return the bytes that EventBridge counts.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
    """
    texts = [entry["Source"], entry["DetailType"], entry["Detail"], *entry.get("Resources", [])]
    return (TIME_BYTES if "Time" in entry else 0) + sum(len(text.encode()) for text in texts)


def _wrong(entry: Entry) -> Iterator[str]:
    try:
        is_object = isinstance(detail(entry), dict)
    except ValueError:
        is_object = False
    if not is_object:
        yield "MalformedDetail"
    if entry["Source"].startswith("aws.") or not entry["DetailType"]:
        yield "InvalidArgument"


@cache
def _shape() -> Any:
    return get_session().get_service_model("events").operation_model("PutEvents").input_shape
