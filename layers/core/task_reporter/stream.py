"""Batches of the table's stream: which rows they are about, and the answer that Lambda understands."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from task_reporter.errors import NotAnnouncedError, UnreadableRecordError
from task_reporter.rows import Key

Record = Mapping[str, Any]
Failures = Mapping[Key, Exception]


def key_in(record: Record) -> Key:
    """The key of the row that a stream record is about.

    Raises UnreadableRecordError where it does not say.
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


def settle(records: Sequence[Record], announce: Callable[[Sequence[Key]], Failures]) -> dict[str, Any]:
    """Announce the tasks that ``records`` are about, and say which records failed, for Lambda to bring again.

    ``announce`` takes the distinct keys and answers those that failed. Raises NotAnnouncedError where every
    record failed, or where a failed one can't be named: then Lambda brings the whole batch again.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """
    readable = {position: key for position, record in enumerate(records) if (key := _key_or_none(record))}
    failed = announce(list(dict.fromkeys(readable.values())))
    again = [record for position, record in enumerate(records) if readable.get(position) in {None, *failed}]
    numbers = [_sequence_number(record) for record in again]
    if again and (len(again) == len(records) or not all(numbers)):
        reasons = sorted({str(reason) for reason in failed.values()})[:3] or ["unreadable stream records"]
        raise NotAnnouncedError(f"{len(again)} of {len(records)} records failed: {'; '.join(reasons)}")
    return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}


def _key_or_none(record: Record) -> Key | None:
    try:
        return key_in(record)
    except UnreadableRecordError:
        return None


def _sequence_number(record: Record) -> str | None:
    try:
        number = record["dynamodb"]["SequenceNumber"]
    except (KeyError, TypeError):
        return None
    return number if isinstance(number, str) else None
