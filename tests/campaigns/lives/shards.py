"""The table's stream in two shards, each served as Lambda serves it.

All records of one task are in the same shard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from tests.campaigns.lives.edge import FORESEEN
from tests.support.filter_patterns import matches, parse_pattern
from tests.support.stream_mapping import FakeClock, StreamMapping
from tests.support.stream_records import Record
from tests.support.template import event_properties

PROPERTIES = event_properties("NotifierFunction", "History")
EXPECTED = (*FORESEEN, ChildProcessError)
COUNT = 2
PATTERNS = [parse_pattern(one["Pattern"]) for one in PROPERTIES["FilterCriteria"]["Filters"]]


class Shards:
    """The shards of the stream ``records``; ``function`` is the notifier."""

    def __init__(self, records: list[Record], function: Callable[[dict[str, Any]], Any], clock: FakeClock) -> None:
        self._records, self._function, self._clock = records, function, clock
        self._fed = 0
        self._unforeseen: BaseException | None = None
        self._make()

    def serve(self, first: int = 0) -> None:
        """Serve as far as it goes at this time, beginning with shard ``first``."""
        for number in range(COUNT):
            self._mappings[(first + number) % COUNT].run()
            self._raise_unforeseen()

    def drain(self) -> None:
        """Serve until nothing is left; time passes."""
        while self._fed < len(self._records) or any(one.waits_until is not None for one in self._mappings):
            self.feed()
            for mapping in self._mappings:
                mapping.drain()
                self._raise_unforeseen()

    def lose(self) -> int:
        """Drop all unserved records as too old; return their number."""
        before = self._fed
        self._fed = len(self._records)
        self._make()
        return self._fed - before

    def again(self, *batches: Sequence[Record]) -> None:
        """Deliver ``batches`` again in any order, and ignore the results."""
        for records in batches:
            with suppress(*EXPECTED):
                self._function(json.loads(json.dumps({"Records": records})))

    @property
    def served(self) -> list[Record]:
        """Return the batches that were or could have been delivered."""
        return [record for record in self._records[: self._fed] if _passes(record)]

    def _make(self) -> None:
        self._mappings = [StreamMapping(PROPERTIES, self._guarded, self._clock) for _ in range(COUNT)]

    def feed(self) -> None:
        """Move the new records of the table's stream into the shards."""
        fresh, self._fed = self._records[self._fed :], len(self._records)
        for record in fresh:
            self._mappings[_shard(record)].feed([record])

    def _guarded(self, event: dict[str, Any]) -> Any:
        """Keep an unforeseen error, which Lambda would only retry, to raise it later."""
        try:
            return self._function(event)
        except EXPECTED:
            raise
        except Exception as error:
            self._unforeseen = error
            raise

    def _raise_unforeseen(self) -> None:
        if self._unforeseen:
            raise self._unforeseen


def _shard(record: Record) -> int:
    return int(record["dynamodb"]["Keys"]["task_id"]["S"][-1:], 36) % COUNT


def _passes(record: Record) -> bool:
    return any(matches(pattern, record) for pattern in PATTERNS)
