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

from __future__ import annotations

import base64
import json
import math
import operator
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]
Pattern = dict[str, Any]

PAYLOAD_LIMIT = 6 * 1024 * 1024
RETENTION = 24 * 60 * 60
FILTERS_LIMIT = 5
PATTERN_LIMIT = 4096
LONGEST_DELAY = 60.0

REGION = "us-east-2"
STREAM_ARN = f"arn:aws:dynamodb:{REGION}:123456789012:table/history/stream/2026-11-23T12:00:00.000"
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


# Records


def stream_record(
    event_name: str,
    keys: Mapping[str, Any],
    new_image: Mapping[str, Any] | None,
    *,
    sequence: int | str,
    created: float,
    old_image: Mapping[str, Any] | None = None,
    view: str = "NEW_IMAGE",
) -> Record:
    """One record as Lambda delivers it (page with-ddb); values are DynamoDB-typed, binary as base64 text.

    Seen: the creation time is a number of whole seconds, and SizeBytes counts the keys and the images.
    """
    images = {"NewImage": new_image, "OldImage": old_image}
    shown = {"Keys": keys, **{name: image for name, image in images.items() if image is not None}}
    return {
        "eventID": uuid.uuid5(uuid.NAMESPACE_OID, str(sequence)).hex,
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": float(int(created)),
            **{name: dict(item) for name, item in shown.items()},
            "SequenceNumber": str(sequence),
            "SizeBytes": sum(_item_size(item) for item in shown.values()),
            "StreamViewType": view,
        },
        "eventSourceARN": STREAM_ARN,
    }


def sequence_of(record: Mapping[str, Any]) -> str:
    sequence: str = record["dynamodb"]["SequenceNumber"]
    return sequence


def _created(record: Record) -> float:
    created: float = record["dynamodb"]["ApproximateCreationDateTime"]
    return created


def _item_size(item: Mapping[str, Any]) -> int:
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Mapping[str, Any]) -> int:
    """Sizes as in the DynamoDB developer guide, page CapacityUnitCalculations."""
    ((kind, value),) = typed.items()
    return _SIZES[kind](value)


def _number_size(text: str) -> int:
    digits = text.strip("-").replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1


_SIZES: dict[str, Callable[[Any], int]] = {
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "S": lambda text: len(text.encode()),
    "N": _number_size,
    "B": lambda text: len(base64.b64decode(text)),
    "SS": lambda members: sum(map(_SIZES["S"], members)),
    "NS": lambda members: sum(map(_SIZES["N"], members)),
    "BS": lambda members: sum(map(_SIZES["B"], members)),
    "L": lambda members: 3 + sum(1 + _value_size(member) for member in members),
    "M": lambda members: 3 + len(members) + _item_size(members),
}


def _json_size(record: Record) -> int:
    return len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())


# Filter patterns

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}


def _same(value: Any, wanted: Any) -> bool:
    """Strings match character by character and numbers by representation: 300 is not 300.0.

    Page invocation-eventfiltering. In JSON true is not 1 either, which Python would call equal.
    """
    return json.dumps(value) == json.dumps(wanted)


def _numeric(value: Any, terms: Sequence[Any]) -> bool:
    """Never matches an attribute: the record carries `N` as text (page with-ddb-filtering)."""
    if not _is_number(value):
        return False
    return all(_COMPARE[terms[i]](value, terms[i + 1]) for i in range(0, len(terms), 2))


def _anything_but(value: Any, unwanted: Any) -> bool:
    return not any(_same(value, each) for each in _listed(unwanted))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


def _are_terms(value: Any) -> bool:
    if not isinstance(value, list) or not value or len(value) % 2:
        return False
    return all(sign in _COMPARE for sign in value[::2]) and all(map(_is_number, value[1::2]))


@dataclass(frozen=True)
class _Operator:
    accepts: Callable[[Any], bool]
    matches: Callable[[Any, Any], bool]


_OPERATORS: dict[str, _Operator] = {
    "prefix": _Operator(_is_text, lambda value, text: _is_text(value) and value.startswith(text)),
    "suffix": _Operator(_is_text, lambda value, text: _is_text(value) and value.endswith(text)),
    "equals-ignore-case": _Operator(
        _is_text, lambda value, text: _is_text(value) and value.casefold() == text.casefold()
    ),
    "anything-but": _Operator(
        lambda value: bool(_listed(value)) and all(map(_is_scalar, _listed(value))), _anything_but
    ),
    "numeric": _Operator(_are_terms, _numeric),
}


def parse_pattern(text: str) -> Pattern:
    """A pattern that is not valid is refused when the mapping is made (page with-ddb-filtering)."""
    if len(text) > PATTERN_LIMIT:
        raise ValueError(f"filter pattern longer than {PATTERN_LIMIT} characters")
    pattern: Pattern = json.loads(text, object_pairs_hook=_merged)
    _check_node(pattern)
    _check_roots(pattern)
    return pattern


def _merged(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The page's own AND example writes "dynamodb" twice, so objects under one name are merged.

    Silent: on anything else written twice; refused, because one of the two would vanish.
    """
    merged: dict[str, Any] = {}
    for name, value in pairs:
        if name not in merged:
            merged[name] = value
        elif isinstance(merged[name], dict) and isinstance(value, dict):
            merged[name] = _merged([*merged[name].items(), *value.items()])
        else:
            raise ValueError(f"filter pattern names {name!r} twice")
    return merged


def _check_roots(pattern: Pattern) -> None:
    """Page with-ddb-filtering: only the `dynamodb` key can be filtered on. Seen: `eventName` too."""
    for name, rules in pattern.items():
        if name == "$or":
            for alternative in rules:
                _check_roots(alternative)
        elif name not in ("dynamodb", "eventName"):
            raise ValueError(f"a DynamoDB mapping can't filter on {name!r}")


def _check_node(node: Any) -> None:
    if not isinstance(node, dict) or not node:
        raise ValueError(f"filter pattern: expected an object with names, got {node!r}")
    for name, rules in node.items():
        if isinstance(rules, dict) and name != "$or":
            _check_node(rules)
        elif isinstance(rules, list) and rules:
            check = _check_node if name == "$or" else _check_rule
            for rule in rules:
                check(rule)
        else:
            raise ValueError(f"filter pattern: {name!r} needs a list of rules, got {rules!r}")


def _check_rule(rule: Any) -> None:
    if _is_scalar(rule):
        return
    if not isinstance(rule, dict) or len(rule) != 1:
        raise ValueError(f"filter rule: expected a value or one operator, got {rule!r}")
    ((name, argument),) = rule.items()
    accepts = _is_truth if name == "exists" else _OPERATORS[name].accepts if name in _OPERATORS else None
    if accepts is None or not accepts(argument):
        raise ValueError(f"filter rule not known to Lambda: {rule!r}")


def matches(pattern: Pattern, node: Any) -> bool:
    """Every name in the pattern must match, names that it doesn't mention are ignored.

    Page invocation-eventfiltering. Under a list any element may match, as in the `Organizations` example of
    page with-ddb-filtering.
    """
    if isinstance(node, list):
        return any(matches(pattern, element) for element in node)
    return all(_matches_name(name, rules, node) for name, rules in pattern.items())


def _matches_name(name: str, rules: Any, node: Any) -> bool:
    if name == "$or":
        return any(matches(alternative, node) for alternative in rules)
    value = node.get(name, {}) if isinstance(node, dict) else {}
    if isinstance(rules, dict):
        return matches(rules, value)
    return any(_matches_rule(rule, _leaves(value)) for rule in rules)


def _matches_rule(rule: Any, leaves: list[Any]) -> bool:
    """Exists only sees leaves; an intermediate node counts as absent (page with-ddb-filtering).

    Seen: so `exists: false` on an attribute that is there, but without its type, matches every record.
    """
    if not isinstance(rule, dict):
        return any(_same(leaf, rule) for leaf in leaves)
    ((name, argument),) = rule.items()
    if name == "exists":
        return bool(leaves) is argument
    return any(_OPERATORS[name].matches(leaf, argument) for leaf in leaves)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return []
    if isinstance(value, list):
        return [leaf for element in value for leaf in _leaves(element)]
    return [value]


# Properties

_RANGES = {
    "BatchSize": (100, 1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 0, 300),
    "MaximumRetryAttempts": (-1, -1, 10_000),
    "MaximumRecordAgeInSeconds": (-1, -1, 604_800),
}
_FIXED = {"ParallelizationFactor": 1, "TumblingWindowInSeconds": 0, "Enabled": True}
_READ = {"BisectBatchOnFunctionError", "FunctionResponseTypes", "FilterCriteria", "StartingPosition"}
_ABOUT_OTHERS = {"EventSourceArn", "Stream", "FunctionName", "DestinationConfig"}
_ABOUT_OTHERS |= {"KmsKeyArn", "MetricsConfig", "Tags"}


@dataclass(frozen=True)
class Settings:
    """The properties with the defaults of page services-ddb-params."""

    batch_size: int
    window: int
    retries: int
    oldest: float
    bisect: bool
    partial: bool
    patterns: tuple[Pattern, ...]
    from_latest: bool

    @classmethod
    def read(cls, properties: Mapping[str, Any]) -> Settings:
        _check_names(properties)
        age = _number(properties, "MaximumRecordAgeInSeconds")
        if 0 <= age < 60:
            # CloudFormation's page on the property: inside the range, yet not allowed.
            raise ValueError(f"MaximumRecordAgeInSeconds: {age} is below 60")
        return cls(
            batch_size=_number(properties, "BatchSize"),
            window=_number(properties, "MaximumBatchingWindowInSeconds"),
            retries=_number(properties, "MaximumRetryAttempts"),
            # -1 means until the record expires, and a stream keeps its records for 24 hours.
            oldest=RETENTION if age < 0 else min(age, RETENTION),
            bisect=_choice(properties, "BisectBatchOnFunctionError", [False, True], False),
            partial=_choice(properties, "FunctionResponseTypes", [[], ["ReportBatchItemFailures"]], []) != [],
            patterns=_patterns(properties.get("FilterCriteria") or {}),
            from_latest=_choice(properties, "StartingPosition", ["TRIM_HORIZON", "LATEST"], None) == "LATEST",
        )


def _check_names(properties: Mapping[str, Any]) -> None:
    """A misspelt property would silently be its default, so it is refused; so is what isn't modelled."""
    unknown = sorted(properties.keys() - _RANGES.keys() - _FIXED.keys() - _READ - _ABOUT_OTHERS)
    if unknown:
        raise ValueError(f"not a property of a DynamoDB stream mapping: {', '.join(unknown)}")
    for name, value in _FIXED.items():
        if properties.get(name, value) != value:
            raise ValueError(f"not modelled: {name} = {properties[name]!r}")


def _number(properties: Mapping[str, Any], name: str) -> int:
    default, low, high = _RANGES[name]
    value = properties.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name}: {value!r} is not a whole number from {low} to {high}")
    return value


def _choice(properties: Mapping[str, Any], name: str, allowed: list[Any], default: Any) -> Any:
    value = properties.get(name, default)
    if value not in allowed:
        raise ValueError(f"{name}: {value!r} is none of {allowed}")
    return value


def _patterns(criteria: Mapping[str, Any]) -> tuple[Pattern, ...]:
    """At most five filters (page invocation-eventfiltering)."""
    filters = criteria.get("Filters", [])
    if len(filters) > FILTERS_LIMIT:
        raise ValueError(f"{len(filters)} filters, at most {FILTERS_LIMIT} are allowed")
    return tuple(parse_pattern(each["Pattern"]) for each in filters)


# The mapping


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
            if self.settings.from_latest and _created(record) < self._made:
                self.missed.append(sequence_of(record))
            elif self._wanted(record):
                self._waiting.append(_Waiting(record, self.clock(), _json_size(record)))
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
        count = next((i for i, record in ages if _created(record) >= limit), len(batch.records))
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
                "approximateArrivalOfFirstRecord": _iso(_created(batch.records[0]), "seconds"),
                "approximateArrivalOfLastRecord": _iso(_created(batch.records[-1]), "seconds"),
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
