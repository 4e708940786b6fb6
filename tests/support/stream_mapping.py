"""Lambda's event source mapping for one shard of a DynamoDB stream.

A test gives the properties in the template and a function. The model filters, batches, retries, bisects and discards
as Lambda's documentation says, on the test's clock, and refuses properties that the template does not use.
Pages of https://docs.aws.amazon.com/lambda/latest/dg/ that docstrings cite by name:

  invocation-eventsourcemapping       batching
  services-ddb-batchfailurereporting  partial batch responses, bisecting
  services-dynamodb-errors            retries, age, discarded batches and their message
  services-ddb-params                 properties
  with-ddb                            records, order

"Silent:" marks a choice where the pages say nothing. "Observed:" marks behaviour of AWS that they do not describe,
mostly from LocalStack's tests of event source mappings, which recorded it.
"""

from __future__ import annotations

import json
import math
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.support.filter_patterns import Pattern, matches, parse_pattern
from tests.support.stream_records import REGION, Record, created_at, json_size, sequence_of

PAYLOAD_LIMIT = 6 * 1024 * 1024
LONGEST_DELAY = 60.0

FUNCTION_ARN = f"arn:aws:lambda:{REGION}:123456789012:function:notifier"
SHARD_ID = "shardId-00000001573689847184-864758bb"

RANGES = {
    "BatchSize": (1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "MaximumRetryAttempts": (0, 10_000),
    "MaximumRecordAgeInSeconds": (60, 86_400),
}
"""Limits of numbers (page services-ddb-params).

Lambda also allows -1 (no limit) for the last two, with which one bad record blocks a shard for a day.
"""
FIXED = {
    "StartingPosition": "TRIM_HORIZON",
    "BisectBatchOnFunctionError": True,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}
"""Properties that are modelled with one value only."""
IGNORED = {"Stream", "DestinationConfig"}


@dataclass(frozen=True)
class Settings:
    """The properties of a mapping that the model uses."""

    batch_size: int
    window: int
    retries: int
    max_age: int
    patterns: list[Pattern]

    @classmethod
    def read(cls, properties: Mapping[str, Any]) -> Settings:
        """Read the properties. Raises ValueError for what Lambda refuses or what is not modelled."""
        if unknown := sorted(properties.keys() - RANGES.keys() - FIXED.keys() - IGNORED - {"FilterCriteria"}):
            raise ValueError(f"not modelled: {', '.join(unknown)}")
        for name, value in FIXED.items():
            if properties.get(name) != value:
                raise ValueError(f"not modelled: {name} = {properties.get(name)!r}")
        batch_size, window, retries, max_age = (_number(properties, name) for name in RANGES)
        patterns = [parse_pattern(each["Pattern"]) for each in properties["FilterCriteria"]["Filters"]]
        return cls(batch_size, window, retries, max_age, patterns)


def _number(properties: Mapping[str, Any], name: str) -> int:
    low, high = RANGES[name]
    value = properties.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name}: {value!r} is not a whole number from {low} to {high}")
    return value


class FakeClock:
    """A clock that only ``advance`` moves."""

    def __init__(self, now: float = 1_795_435_200.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class _Waiting:
    record: Record
    since: float
    size: int


@dataclass
class _Batch:
    records: list[Record]
    tries: int = 0
    due: float = -math.inf

    @property
    def sequences(self) -> list[str]:
        return [sequence_of(record) for record in self.records]


@dataclass(frozen=True)
class _Answer:
    """Result of one invocation: settled leading records, and the function's failure."""

    settled: int
    function_error: str | None = None


class StreamMapping:
    """One shard, one batch at a time, strictly in order (page with-ddb; ParallelizationFactor 1).

    invocations        the sequence numbers of each batch tried, in order
    accepted           sequence numbers that count as processed, in order
    filtered           sequence numbers that no filter matched; they count as processed
    discarded          the messages for the on-failure destination
    discarded_records  sequence numbers inside those batches
    errors             errors of the function, by which a test finds failed assertions
    """

    def __init__(
        self, properties: Mapping[str, Any], function: Callable[[dict[str, Any]], object], clock: Callable[[], float]
    ) -> None:
        self.settings = Settings.read(properties)
        self.invocations: list[list[str]] = []
        self.accepted: list[str] = []
        self.filtered: list[str] = []
        self.discarded: list[dict[str, Any]] = []
        self.discarded_records: list[str] = []
        self.errors: list[BaseException] = []
        self._function = function
        self.clock = clock
        self._last = -1
        self._waiting: deque[_Waiting] = deque()
        self._batches: deque[_Batch] = deque()
        self._previous_end = -math.inf

    def feed(self, records: Iterable[Record]) -> None:
        """Add records at the end of the shard, if one of the filters matches."""
        for record in records:
            number = int(sequence_of(record))
            if number <= self._last:
                raise ValueError(f"sequence number {number} after {self._last}: a shard is ordered")
            self._last = number
            if any(matches(pattern, record) for pattern in self.settings.patterns):
                self._waiting.append(_Waiting(record, self.clock(), json_size(record)))
            else:
                self.filtered.append(sequence_of(record))

    def run(self) -> None:
        """Serve until the shard is empty or waits, for a retry or a window."""
        while (batch := self._due_batch()) is not None:
            self._serve(batch)

    def drain(self) -> None:
        """Run and advance the clock, in turn, until the shard is empty."""
        if not isinstance(self.clock, FakeClock):
            raise TypeError("drain() needs a FakeClock to advance")
        self.run()
        while (until := self.waits_until) is not None:
            self.clock.advance(max(0.0, until - self.clock()))
            self.run()

    @property
    def waits_until(self) -> float | None:
        """Time of the next work; None if the shard is empty."""
        if self._batches:
            return self._batches[0].due
        return self._window_end() if self._waiting else None

    def _due_batch(self) -> _Batch | None:
        if self._batches:
            # A failed batch holds up what follows: "pauses processing for the affected shard".
            return self._batches.popleft() if self._batches[0].due <= self.clock() else None
        count = self._fitting()
        full = count == self.settings.batch_size or count < len(self._waiting)
        if not count or not (full or self._window_end() <= self.clock()):
            return None
        return _Batch([self._waiting.popleft().record for _ in range(count)])

    def _fitting(self) -> int:
        """Count the waiting records of the next batch: BatchSize, and 6 MB of payload.

        Page invocation-eventsourcemapping. Silent: on what is measured; here the event as compact JSON.
        """
        payload = len('{"Records":[]}')
        count = 0
        for waiting in self._waiting:
            payload += waiting.size + 1
            if count == self.settings.batch_size or (count and payload > PAYLOAD_LIMIT):
                break
            count += 1
        return count

    def _window_end(self) -> float:
        """Return the end of the window, which begins when the previous invocation ends.

        Page invocation-eventsourcemapping. Silent: on a shard that was idle for longer than a window; then the first
        record begins a new one.
        """
        window = self.settings.window
        first = self._waiting[0].since if self._waiting else math.inf
        begun = self._previous_end if first < self._previous_end + window else first
        return begun + window

    def _serve(self, batch: _Batch) -> None:
        self._drop_expired(batch)
        if not batch.records:
            return
        answer = self._invoke(batch)
        self.accepted += batch.sequences[: answer.settled]
        rest = batch.records[answer.settled :]
        if not rest:
            return
        if answer.settled:
            # Observed: the records after a moved checkpoint are another batch, with retries of its own.
            self._batches.appendleft(_Batch(rest))
        elif len(rest) > 1:
            self._halve(rest)
        elif self.settings.retries < batch.tries:
            self._discard(batch, "RetryAttemptsExhausted", batch.tries, answer)
        else:
            # Silent: on the delay; here one second, doubling with each try up to a minute.
            batch.due = self.clock() + min(LONGEST_DELAY, 2.0 ** min(batch.tries - 1, 10))
            self._batches.appendleft(batch)

    def _halve(self, records: list[Record]) -> None:
        """Split a failed batch in two, which consumes no retry (page services-dynamodb-errors).

        Silent: on a delay and on the odd record; here there is no delay, and the second half gets the record. A partial
        success is bisected at the sequence number returned (services-ddb-batchfailurereporting). Silent: on that being
        the first record or invalid; here it is halved like any failure.
        """
        middle = len(records) // 2
        self._batches.extendleft([_Batch(records[middle:]), _Batch(records[:middle])])

    def _drop_expired(self, batch: _Batch) -> None:
        """Discard records older than the limit without sending them (page services-dynamodb-errors).

        Observed: only the old ones at the front are discarded, and the count in the message includes the try that did
        not take place.
        """
        limit = self.clock() - self.settings.max_age
        ages = enumerate(batch.records)
        count = next((i for i, record in ages if created_at(record) >= limit), len(batch.records))
        if count:
            self._discard(_Batch(batch.records[:count]), "RecordAgeExceeded", batch.tries + 1, None)
            del batch.records[:count]

    def _invoke(self, batch: _Batch) -> _Answer:
        batch.tries += 1
        self.invocations.append(batch.sequences)
        try:
            # Through JSON both ways, as in Lambda: the function can't change the stream, and an answer that is no JSON
            # is an error of the function.
            event = json.loads(json.dumps({"Records": batch.records}))
            response = json.loads(json.dumps(self._function(event)))
        except (Exception, SystemExit) as error:
            self.errors.append(error)
            return _Answer(settled=0, function_error="Unhandled")
        finally:
            self._previous_end = self.clock()
        return _Answer(settled=_checkpoint(response, batch.sequences))

    def _discard(self, batch: _Batch, condition: str, count: int, answer: _Answer | None) -> None:
        """Discard the batch, and send its message (page services-dynamodb-errors).

        Observed: besides RetryAttemptsExhausted, which the page shows, RecordAgeExceeded, without a responseContext;
        and functionError null when the function reported the failure itself.
        """
        self.discarded_records += batch.sequences
        message: dict[str, Any] = {
            "requestContext": {
                "requestId": str(uuid.UUID(int=len(self.discarded) + 1)),
                "functionArn": FUNCTION_ARN,
                "condition": condition,
                "approximateInvokeCount": count,
            },
            "version": "1.0",
            "timestamp": _iso(self.clock(), "milliseconds"),
            "DDBStreamBatchInfo": {
                "shardId": SHARD_ID,
                "startSequenceNumber": batch.sequences[0],
                "endSequenceNumber": batch.sequences[-1],
                "approximateArrivalOfFirstRecord": _iso(created_at(batch.records[0]), "seconds"),
                "approximateArrivalOfLastRecord": _iso(created_at(batch.records[-1]), "seconds"),
                "batchSize": len(batch.records),
                "streamArn": batch.records[0]["eventSourceARN"],
            },
        }
        if answer is not None:
            message["responseContext"] = {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": answer.function_error,
            }
        self.discarded.append(message)


def _checkpoint(response: Any, sequences: list[str]) -> int:
    """Count the leading records that a response settles (page services-ddb-batchfailurereporting).

    An empty or null response or list settles all; else everything before the lowest sequence number in it. An item
    identifier that is empty, null or under another name settles none. Observed: nor does one that isn't in the batch.
    """
    if response in (None, {}):
        return len(sequences)
    if not isinstance(response, dict) or response.keys() - {"batchItemFailures"}:
        raise ValueError(f"not modelled: the response {response!r}")
    named = [failure.get("itemIdentifier") for failure in response["batchItemFailures"] or ()]
    return min((sequences.index(name) if name in sequences else 0 for name in named), default=len(sequences))


def _iso(seconds: float, precision: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
