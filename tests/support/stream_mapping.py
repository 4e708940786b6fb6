"""How AWS Lambda's event source mapping serves one shard of a DynamoDB stream.

A test hands over the very properties that stand in the template and a function; the model batches, filters,
retries, bisects and discards as Lambda's documentation says, on a clock that the test holds.

Pages of https://docs.aws.amazon.com/lambda/latest/dg/ that the docstrings cite by name:
  services-ddb-params                 properties, limits and defaults
  invocation-eventsourcemapping       batching
  invocation-eventfiltering, with-ddb-filtering   filters
  services-ddb-batchfailurereporting  partial batch responses and where a batch is bisected
  services-dynamodb-errors            retries, age, discarded batches and the message about them
  with-ddb                            records, order, starting position
"Silent:" marks a choice made here because the pages say nothing. "Seen:" marks what the pages leave open and
AWS was observed to do, mostly in what LocalStack's tests of event source mappings recorded from AWS.
"""

import json
import math
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.support.filter_patterns import matches
from tests.support.mapping_properties import Settings
from tests.support.stream_records import REGION, Record, created_at, json_size, sequence_of

PAYLOAD_LIMIT = 6 * 1024 * 1024
LONGEST_DELAY = 60.0

FUNCTION_ARN = f"arn:aws:lambda:{REGION}:123456789012:function:notifier"
SHARD_ID = "shardId-00000001573689847184-864758bb"


class FakeClock:
    """A clock that stands still until it is told to advance."""

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
    """What one invocation came to: how many leading records it settled, and whether the function failed."""

    settled: int
    function_error: str | None = None


class StreamMapping:
    """One shard, one batch at a time, strictly in order (page with-ddb; ParallelizationFactor 1).

    invocations        the sequence numbers of each batch tried, in order
    accepted           sequence numbers that count as processed, in order
    filtered           sequence numbers that no filter let through; they count as processed
    missed             sequence numbers that StartingPosition LATEST passed over
    discarded          the messages for the on-failure destination
    discarded_records  sequence numbers inside those batches
    errors             what the function raised; lets a test tell a failed assertion from a planned failure
    """

    def __init__(
        self,
        properties: Mapping[str, Any],
        function: Callable[[dict[str, Any]], object],
        clock: Callable[[], float],
    ) -> None:
        self.settings = Settings.read(properties)
        self.invocations: list[list[str]] = []
        self.accepted: list[str] = []
        self.filtered: list[str] = []
        self.missed: list[str] = []
        self.discarded: list[dict[str, Any]] = []
        self.discarded_records: list[str] = []
        self.errors: list[BaseException] = []
        self._function = function
        self.clock = clock
        self._made = int(clock())
        self._last = -1
        self._waiting: deque[_Waiting] = deque()
        self._batches: deque[_Batch] = deque()
        self._previous_end = -math.inf

    def feed(self, records: Iterable[Record]) -> None:
        """Add records at the end of the shard.

        Filters apply before batching, and the iterator goes past what they reject (page
        invocation-eventfiltering). LATEST can miss records made before the mapping reads (page with-ddb).
        """
        for record in records:
            self._check_order(record)
            if self.settings.from_latest and created_at(record) < self._made:
                self.missed.append(sequence_of(record))
            elif self._wanted(record):
                self._waiting.append(_Waiting(record, self.clock(), json_size(record)))
            else:
                self.filtered.append(sequence_of(record))

    def run(self) -> None:
        """Serve until the shard is empty or waits, for a retry or for its batching window."""
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
        """When there is something to do again; None if the shard is empty."""
        if self._batches:
            return self._batches[0].due
        return self._window_end() if self._waiting else None

    def _check_order(self, record: Record) -> None:
        number = int(sequence_of(record))
        if number <= self._last:
            raise ValueError(f"sequence number {number} after {self._last}: a shard is ordered")
        self._last = number

    def _wanted(self, record: Record) -> bool:
        """Filters are joined with OR; without any, everything is wanted (page invocation-eventfiltering)."""
        patterns = self.settings.patterns
        return not patterns or any(matches(pattern, record) for pattern in patterns)

    def _due_batch(self) -> _Batch | None:
        if self._batches:
            # What failed holds up what follows: "pauses processing for the affected shard".
            return self._batches.popleft() if self._batches[0].due <= self.clock() else None
        count = self._fitting()
        full = count == self.settings.batch_size or count < len(self._waiting)
        if not count or not (full or self._window_end() <= self.clock()):
            return None
        return _Batch([self._waiting.popleft().record for _ in range(count)])

    def _fitting(self) -> int:
        """How many waiting records one batch takes: BatchSize, and 6 MB of payload.

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
        """The next window begins when the previous invocation ends (page invocation-eventsourcemapping).

        Silent: on a shard that was idle for longer than a window; then the first record begins a new one.
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
            # Seen: what is left behind a moved checkpoint is another batch, with a retry quota of its own.
            self._batches.appendleft(_Batch(rest))
        elif self.settings.bisect and len(rest) > 1:
            self._halve(rest)
        elif 0 <= self.settings.retries < batch.tries:
            self._discard(batch, "RetryAttemptsExhausted", batch.tries, answer)
        else:
            self._retry_later(batch)

    def _halve(self, records: list[Record]) -> None:
        """A failed batch is split in two, which consumes no retry (page services-dynamodb-errors).

        So each half starts with a full quota, also with MaximumRetryAttempts 0, and only a batch of one is
        ever retried. Silent: on a delay and on who gets the odd record; here none, and the second half.
        A partial success is bisected at the sequence number returned (services-ddb-batchfailurereporting).
        Silent: on that being the first record or invalid; nothing succeeded then, so it is halved like any
        failure. Seen, by the author of my-aws-notes.pages.dev/DynamoDB-Stream---Lambda-error-handling: with
        both features on, only the failing record is discarded.
        """
        middle = len(records) // 2
        self._batches.extendleft([_Batch(records[middle:]), _Batch(records[:middle])])

    def _retry_later(self, batch: _Batch) -> None:
        """Silent: on the delay; here one second, doubling with each try up to a minute."""
        batch.due = self.clock() + min(LONGEST_DELAY, 2.0 ** min(batch.tries - 1, 10))
        self._batches.appendleft(batch)

    def _drop_expired(self, batch: _Batch) -> None:
        """Records older than the limit are discarded without being sent (page services-dynamodb-errors).

        Seen: those at the front go by themselves, the younger ones are still served, and the count in the
        message includes the try that did not take place. Silent: on whether the younger ones keep the tries
        made so far; here they do.
        """
        limit = self.clock() - self.settings.oldest
        ages = enumerate(batch.records)
        count = next((i for i, record in ages if created_at(record) >= limit), len(batch.records))
        if count:
            self._discard(_Batch(batch.records[:count]), "RecordAgeExceeded", batch.tries + 1, None)
            del batch.records[:count]

    def _invoke(self, batch: _Batch) -> _Answer:
        batch.tries += 1
        self.invocations.append(batch.sequences)
        try:
            # Through JSON both ways, as in Lambda: the function can't reach into the stream, and an answer
            # that isn't JSON is an error of the function.
            event = json.loads(json.dumps({"Records": batch.records}))
            response = json.loads(json.dumps(self._function(event)))
        except (Exception, SystemExit) as error:
            self.errors.append(error)
            return _Answer(settled=0, function_error="Unhandled")
        finally:
            self._previous_end = self.clock()
        if not self.settings.partial:
            # Without ReportBatchItemFailures the response is not looked at.
            return _Answer(settled=len(batch.records))
        return _Answer(settled=_checkpoint(response, batch.sequences))

    def _discard(self, batch: _Batch, condition: str, count: int, answer: _Answer | None) -> None:
        """Give the batch up, tell the destination, go on with what follows (page services-dynamodb-errors).

        Seen: besides RetryAttemptsExhausted, which the page shows, RecordAgeExceeded, without a
        responseContext; and functionError null when the function reported the failure itself. Silent: on the
        stream's own 24 hours running out; here RecordAgeExceeded too. CloudFormation's page says that records
        which failed one by one may share a message; here each batch has its own.
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
    """How many leading records a response settles (page services-ddb-batchfailurereporting).

    Empty or null, the response or its list: all. The lowest sequence number named: everything before it.
    An item identifier that is empty, null or under another name: none. Seen: none for an identifier that
    isn't in the batch, all for `[]` and `""`. Silent: on a response of another type, and on a bad identifier
    among good ones; here none. Silent: on a response without `batchItemFailures`; here a null list, so all.
    """
    if response in (None, {}, [], ""):
        return len(sequences)
    if not isinstance(response, dict):
        return 0
    failures = response.get("batchItemFailures")
    if failures in (None, []):
        return len(sequences)
    if not isinstance(failures, list):
        return 0
    named = [failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures]
    return min(sequences.index(name) if name in sequences else 0 for name in named)


def _iso(seconds: float, precision: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
