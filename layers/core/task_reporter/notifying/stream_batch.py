"""Batches of the table's stream: their rows, and the response to Lambda."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from task_reporter.errors import NotAnnouncedError, UnreadableRecordError
from task_reporter.history.rows import Key

Record = Mapping[str, Any]
Failures = Mapping[Key, Exception]


def record_key(record: Record) -> Key:
    """Return the row's key of a stream record.

    Raises UnreadableRecordError where the record has none.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
    """
    try:
        keys = record["dynamodb"]["Keys"]
        key = Key(keys["scope"]["S"], keys["task_id"]["S"])
    except (KeyError, TypeError):
        raise UnreadableRecordError("a stream record names no scope and task_id") from None
    if not all(isinstance(part, str) and part for part in key):
        raise UnreadableRecordError("a stream record names a scope or task_id that is no text")
    return key


def process_batch(records: Sequence[Record], announce: Callable[[Sequence[Key]], Failures]) -> dict[str, Any]:
    """Announce the tasks of ``records``; return the failed records.

    Lambda delivers again the first of them and every later record of the batch.

    ``announce`` takes the distinct keys and returns those that failed. Raises NotAnnouncedError where all records
    failed, or where a failed record has no sequence number: Lambda then delivers the whole batch again.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """
    keys = [_key_or_none(record) for record in records]
    failures = announce(list(dict.fromkeys(key for key in keys if key)))
    failed = [record for record, key in zip(records, keys, strict=True) if key is None or key in failures]
    numbers = [_sequence_number(record) for record in failed]
    if failed and (len(failed) == len(records) or not all(numbers)):
        reasons = sorted({str(reason) for reason in failures.values()})[:3] or ["unreadable stream records"]
        raise NotAnnouncedError(f"{len(failed)} of {len(records)} records failed: {'; '.join(reasons)}")
    return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}


def _key_or_none(record: Record) -> Key | None:
    try:
        return record_key(record)
    except UnreadableRecordError:
        return None


def _sequence_number(record: Record) -> str | None:
    try:
        number = record["dynamodb"]["SequenceNumber"]
    except (KeyError, TypeError):
        return None
    return number if isinstance(number, str) else None
