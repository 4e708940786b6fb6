"""DynamoDB with faults, and its stream in two shards, served as Lambda serves them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from tests.campaigns.lives.faults import EXPECTED_ERRORS, PERMANENT, SENT_AGAIN, FaultInjector, Send
from tests.support.cloudformation import HUB, stream_mapping
from tests.support.dynamodb import DynamoDb, Table, refusal
from tests.support.filter_patterns import matches
from tests.support.stream_mapping import FakeClock, StreamMapping
from tests.support.stream_records import Record

MAPPING = stream_mapping(**HUB)
NOTIFIER_ERRORS = (*EXPECTED_ERRORS, ChildProcessError)
SHARDS = 2


class FaultyDynamoDb(DynamoDb):
    """The client of the history; ``page`` limits the rows of an answer."""

    def __init__(self, table: Table, faults: FaultInjector, page: int) -> None:
        super().__init__(table, page)
        self._perform = partial(faults.perform, "DynamoDB")

    def query(self, **request: Any) -> Any:
        send = partial(super().query, **request)
        return self._perform(send, {"one a page": partial(send, Limit=1)})

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> Any:
        send_one = partial(DynamoDb(self.table, page=1).batch_get_item, RequestItems)
        return self._perform(partial(super().batch_get_item, RequestItems), {"one key read": send_one})

    def put_item(self, **request: Any) -> Any:
        return self._write_one_item(partial(super().put_item, **request))

    def update_item(self, **request: Any) -> Any:
        return self._write_one_item(partial(super().update_item, **request))

    def transact_write_items(self, TransactItems: Sequence[Mapping[str, Any]]) -> Any:
        send = partial(super().transact_write_items, TransactItems)
        others = [{"Code": "None"}] * (len(TransactItems) - 1)

        def cancel(code: str) -> Any:
            raise refusal("TransactionCanceledException", CancellationReasons=[{"Code": code}, *others])

        conflict, permanent = partial(cancel, "TransactionConflict"), partial(cancel, "ValidationError")
        # botocore sends a transaction again with the token of the first time, so that it is applied once.
        return self._perform(send, {SENT_AGAIN: send, "conflict": conflict, PERMANENT: permanent})

    def _write_one_item(self, send: Send) -> Any:
        conflict, permanent = partial(_refuse, "TransactionConflictException"), partial(_refuse, "ValidationException")
        again = partial(self._send_twice, send)
        return self._perform(send, {SENT_AGAIN: again, "conflict": conflict, PERMANENT: permanent})

    def _send_twice(self, send: Send) -> Any:
        """Return the response to a write that botocore repeats after a lost response."""
        send()
        watch, self.table.watch = self.table.watch, lambda change: None
        try:
            return send()
        except ClientError as error:
            error.response["ResponseMetadata"]["RetryAttempts"] = 1
            raise
        finally:
            self.table.watch = watch


def _refuse(code: str) -> Any:
    raise refusal(code)


class Shards:
    """The shards of the stream ``records``; ``notify`` is the notifier.

    All records of one task are in the same shard.
    """

    def __init__(self, records: list[Record], notify: Callable[[dict[str, Any]], Any], clock: FakeClock) -> None:
        self._records, self._notify, self._clock = records, notify, clock
        self._fed = 0
        self._reset()

    def serve(self, first: int = 0) -> None:
        """Serve as far as it goes at this time, beginning with shard ``first``."""
        for number in range(SHARDS):
            mapping = self._mappings[(first + number) % SHARDS]
            mapping.run()
            _raise_unexpected(mapping)

    def drain(self) -> None:
        """Serve until nothing is left; time passes."""
        while self._fed < len(self._records) or any(mapping.waits_until is not None for mapping in self._mappings):
            self.feed()
            for mapping in self._mappings:
                mapping.drain()
                _raise_unexpected(mapping)

    def expire(self) -> int:
        """Drop all unserved records as too old; return their number."""
        before, self._fed = self._fed, len(self._records)
        self._reset()
        return self._fed - before

    def deliver_again(self, *batches: Sequence[Record]) -> None:
        """Deliver ``batches`` again in any order, and ignore the results."""
        for records in batches:
            with suppress(*NOTIFIER_ERRORS):
                self._notify(json.loads(json.dumps({"Records": records})))

    @property
    def served(self) -> list[Record]:
        """Return the records that were or could have been delivered."""
        patterns = self._mappings[0].settings.patterns
        return [record for record in self._records[: self._fed] if any(matches(each, record) for each in patterns)]

    def feed(self) -> None:
        """Move the new records of the table's stream into the shards."""
        new, self._fed = self._records[self._fed :], len(self._records)
        for record in new:
            task_id: str = record["dynamodb"]["Keys"]["task_id"]["S"]
            self._mappings[sum(task_id.encode()) % SHARDS].feed([record])

    def _reset(self) -> None:
        self._mappings = [StreamMapping(MAPPING, self._notify, self._clock) for _ in range(SHARDS)]


def _raise_unexpected(mapping: StreamMapping) -> None:
    """Raise an unexpected error of the function, which Lambda would only retry."""
    for error in mapping.errors:
        if not isinstance(error, NOTIFIER_ERRORS):
            raise error
