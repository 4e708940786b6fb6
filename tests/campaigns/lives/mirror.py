"""What the table holds, known without asking: all writes that the engine made are made here, and go down a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from task_reporter.history.rows import Key, Row, from_item, key_of, to_attribute, to_key
from tests.support.stream_records import Record, stream_record

FIRST_SEQUENCE = 4_421_584_500_000_000_017_450_439_000
Action = tuple[str, Mapping[str, Any]]
"""``Put`` or ``Update``, and its request."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write that was made."""

    key: Key
    before: Row | None
    after: Row


class Mirror:
    """The rows of one scope, and the records of their stream, oldest first; each change is shown to ``watch``."""

    def __init__(self, clock: Callable[[], float], watch: Callable[[Change], None]) -> None:
        self.rows: dict[Key, Row] = {}
        self.records: list[Record] = []
        self._clock, self._watch = clock, watch

    def follow(self, actions: list[Action]) -> None:
        """The engine did all of ``actions``."""
        for change in [self._change(*action) for action in actions]:
            self.rows[change.key] = change.after
            if change.before != change.after:  # what changes nothing leaves no record
                self.records.append(self._record(change))
            self._watch(change)

    def _change(self, verb: str, request: Mapping[str, Any]) -> Change:
        if verb == "Put":
            row = from_item(request["Item"])
            return Change(key_of(row), self.rows.get(key_of(row)), row)
        key = key_of(from_item(request["Key"]))
        before = self.rows.get(key)
        return Change(key, before, _updated(before or {"scope": key.scope, "task_id": key.task_id}, request))

    def _record(self, change: Change) -> Record:
        image = {name: to_attribute(value) for name, value in change.after.items()}
        event = "MODIFY" if change.before else "INSERT"
        sequence = FIRST_SEQUENCE + len(self.records)
        return stream_record(event, to_key(change.key), image, sequence=sequence, created=self._clock())


def _updated(row: Row, request: Mapping[str, Any]) -> Row:
    names, values = request["ExpressionAttributeNames"], from_item(request.get("ExpressionAttributeValues", {}))
    row = dict(row)
    for verb, clause in _clauses(request["UpdateExpression"]):
        for part in clause.split(", "):
            name, _, value = part.partition(" = ")
            if verb == "SET":
                row[names[name]] = values[value]
            else:
                row.pop(names[name], None)
    return row


def _clauses(expression: str) -> Iterator[tuple[str, str]]:
    """The verbs of an update expression as this project writes it, each with what follows it."""
    first, _, second = expression.partition(" REMOVE ")
    for clause in (first, f"REMOVE {second}" if second else ""):
        if clause:
            verb, _, rest = clause.partition(" ")
            yield verb, rest
