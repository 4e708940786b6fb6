"""The table with its stream: whatever changes a row goes down the stream, as Lambda delivers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock

from task_reporter.history.rows import Key, Row, Value, key_of, to_attribute, to_key
from task_reporter.history.table import ApplyResult
from task_reporter.history.writes import Write
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline
from tests.support.stream_mapping import FakeClock
from tests.support.stream_records import Record, stream_record
from tests.support.table import Table

FIRST_SEQUENCE = 4_421_584_500_000_000_017_450_439_000


class StreamedTable(Table):
    """A table that can stand in for the history.

    records     what its stream got, oldest first
    before      called with some writes before they are done: to fail, or to change a row just then
    """

    def __init__(self, *rows: Row, clock: Callable[[], float] | None = None) -> None:
        super().__init__()
        self.records: list[Record] = []
        self.before: Callable[[Sequence[Write]], None] = lambda writes: None
        self._clock = clock or FakeClock()
        self._one_at_a_time = RLock()
        for row in rows:
            self.put(row)

    def put(self, row: Row) -> Record:
        """What others do to the table: the row is as given, whatever it was."""
        event = "MODIFY" if key_of(row) in self.rows else "INSERT"
        self.rows[key_of(row)] = dict(row)
        return self._record(event, key_of(row))

    def change(self, key: Key, **changes: Value | None) -> Record:
        """Some attributes of a row change; None removes one."""
        return self.put({name: value for name, value in {**self.rows[key], **changes}.items() if value is not None})

    def expire(self, key: Key) -> Record:
        """DynamoDB's TTL deletes a row."""
        del self.rows[key]
        return self._record("REMOVE", key)

    def apply(self, writes: Sequence[Write], deadline: Deadline = NO_DEADLINE) -> ApplyResult:
        with self._one_at_a_time:
            self.before(writes)
            applied = super().apply(writes, deadline)
            for write in applied.written:
                self._record("MODIFY", write.key)
        return applied

    def untold(self) -> set[str]:
        """The tasks that await notification."""
        return {key.task_id for key, row in self.rows.items() if row.get("awaiting") == "notification"}

    def _record(self, event: str, key: Key) -> Record:
        image = {name: to_attribute(value) for name, value in self.rows.get(key, {}).items()} or None
        sequence = FIRST_SEQUENCE + len(self.records)
        record = stream_record(event, to_key(key), image, sequence=sequence, created=self._clock())
        self.records.append(record)
        return record
