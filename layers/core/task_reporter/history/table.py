"""The history table in DynamoDB: batched, parallel reads and conditional writes.

A transaction is the only batch whose writes can have conditions. Where one of its writes fails, the others are sent
again without that one. A transaction costs double, so a single write is sent without:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from task_reporter.aws.failures import EXPECTED_ERRORS, answer_is_missing, code_of, status_of
from task_reporter.aws.request_limits import USE_TABLE
from task_reporter.errors import HistoryError, MalformedAnswerError
from task_reporter.history.rows import Key, Row, from_item, key_of, to_key
from task_reporter.history.writes import Insert, Write, is_applied, put_request, transaction_item, update_request
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline
from task_reporter.runtime.parallel import in_parallel

KEYS_PER_READ = 100
WRITES_PER_TRANSACTION = 100
MAX_ATTEMPTS = 16
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds; shorter than a deadline's margin, so no pause exceeds the function's timeout."""

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
NO_REASON = "None"
CONDITION_FAILED = "ConditionalCheckFailed"
RETRYABLE = {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError", NO_REASON}
NOT_FINAL = RETRYABLE | {CONDITION_FAILED}

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
SINGLE_WRITE_CODES = {
    "ConditionalCheckFailedException": CONDITION_FAILED,
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "RequestLimitExceeded": "ThrottlingError",
    "ThrottlingException": "ThrottlingError",
    "TransactionConflictException": "TransactionConflict",
    "TransactionInProgressException": "TransactionConflict",
}
"""Error code of a whole request → code of one write in a transaction.

DynamoDB throttles, and finds conflicts in, single writes and transactions. Only a single write fails by its condition.
"""

Item = TypeVar("Item")


@dataclass(slots=True)
class ApplyResult:
    """The result of applying some writes."""

    written: list[Write] = field(default_factory=list)
    overtaken: list[Write] = field(default_factory=list)
    """Writes whose condition failed, because another writer was faster."""


class HistoryTable:
    """The table, through a DynamoDB client."""

    def __init__(self, client: Any, table: str, pause: Callable[[float], None] = time.sleep) -> None:
        self.client = client
        self.table = table
        self.pause = pause

    def read(self, keys: Iterable[Key], deadline: Deadline = NO_DEADLINE) -> dict[Key, Row]:
        """Return those rows of ``keys`` that exist, read consistently.

        Raises HistoryError where DynamoDB keeps leaving keys out, OutOfTimeError, and botocore's errors.
        """
        rows: dict[Key, Row] = {}

        def fetch(batch: Sequence[Key]) -> list[Key]:
            deadline.check("reading the history", USE_TABLE.max_seconds)
            fetched, unread = self._fetch(batch)
            rows.update(fetched)
            return unread

        unread = self._retry(list(dict.fromkeys(keys)), KEYS_PER_READ, fetch)
        if unread:
            raise HistoryError(dict.fromkeys(unread, "UnprocessedKeys"))
        return rows

    def apply(self, writes: Sequence[Write], deadline: Deadline = NO_DEADLINE) -> ApplyResult:
        """Apply ``writes``, each on its own condition and in no order.

        Raises HistoryError where writes could not be applied for another reason than their condition: DynamoDB refused
        them, a whole request failed, or the time ran out. All other writes are applied first.
        """
        result, refused, causes, uncertain = ApplyResult(), dict[Key, str](), list[Exception](), list[Write]()

        def send(batch: Sequence[Write]) -> list[Write]:
            try:
                deadline.check("writing the history", USE_TABLE.max_seconds)
                self._send(batch)
            except EXPECTED_ERRORS as error:
                if not _is_own_retry(batch, error):
                    return settle(batch, error)
            result.written.extend(batch)
            return []

        def settle(batch: Sequence[Write], error: Exception) -> list[Write]:
            if _is_invalid(error) and len(batch) > 1:
                middle = len(batch) // 2
                return send(batch[:middle]) + send(batch[middle:])
            if (codes := _reasons(error, batch)) is None:
                causes.append(error)
                uncertain.extend(batch if _may_have_been_applied(error) else [])
                codes = [code_of(error)] * len(batch)
            reasons = list(zip(batch, codes, strict=True))
            result.overtaken.extend(write for write, code in reasons if code == CONDITION_FAILED)
            refused.update((write.key, code) for write, code in reasons if code not in NOT_FINAL)
            return [write for write, code in reasons if code in RETRYABLE]

        unsettled = self._retry(writes, WRITES_PER_TRANSACTION, send)
        refused |= {write.key: "Throttled" for write in unsettled}
        for write in self._find_applied(uncertain, deadline):
            result.written.append(write)
            del refused[write.key]
        if refused:
            raise HistoryError(refused, result, next(iter(causes), None))
        return result

    def _find_applied(self, writes: Sequence[Write], deadline: Deadline) -> list[Write]:
        """Return those ``writes`` whose response was lost but which were applied.

        Their rows are read to find out.
        """
        try:
            rows = self.read([write.key for write in writes], deadline)
        except EXPECTED_ERRORS:
            return []
        return [write for write in writes if write.key in rows and is_applied(write, rows[write.key])]

    def _send(self, writes: Sequence[Write]) -> None:
        """Apply all of ``writes``, or none."""
        if len(writes) > 1:
            self.client.transact_write_items(TransactItems=[transaction_item(self.table, write) for write in writes])
            return
        [write] = writes
        if isinstance(write, Insert):
            self.client.put_item(**put_request(self.table, write), ReturnValuesOnConditionCheckFailure="ALL_OLD")
        else:
            self.client.update_item(**update_request(self.table, write), ReturnValuesOnConditionCheckFailure="ALL_OLD")

    def _retry(
        self, items: Sequence[Item], batch_size: int, attempt: Callable[[Sequence[Item]], list[Item]]
    ) -> list[Item]:
        """Attempt ``items`` in batches, retry those returned, and return the rest."""
        left = list(items)
        for attempts in range(MAX_ATTEMPTS):
            if not left:
                break
            if attempts:
                self.pause(_pause_before(attempts))
            left = [item for rest in in_parallel(attempt, list(_batches(left, batch_size))) for item in rest]
        return left

    def _fetch(self, keys: Sequence[Key]) -> tuple[dict[Key, Row], list[Key]]:
        request = {"Keys": [to_key(key) for key in keys], "ConsistentRead": True}
        answer = self.client.batch_get_item(RequestItems={self.table: request})
        if "Responses" not in answer:
            raise MalformedAnswerError("BatchGetItem", "it does not hold the rows")
        # The answer may name the table where the request gave its ARN, so the name is ignored: it is only one table.
        rows = (from_item(item) for items in answer["Responses"].values() for item in items)
        unprocessed = (key for table in answer.get("UnprocessedKeys", {}).values() for key in table["Keys"])
        return {key_of(row): row for row in rows}, [key_of(from_item(key)) for key in unprocessed]


def _pause_before(attempt: int) -> float:
    """Return the seconds before an attempt: longer each time, and random.

    The randomness keeps two writers from colliding again.
    """
    longest: float = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
    return random.uniform(longest / 2, longest)  # nosec B311 # spreads retries, keeps no secret


def _reasons(error: Exception, writes: Sequence[Write]) -> list[str] | None:
    """Return for each of ``writes`` a code that says why it failed.

    None where the whole request failed.
    """
    if not isinstance(error, ClientError):
        return None
    if reasons := error.response.get("CancellationReasons"):
        return [str(reason.get("Code", NO_REASON)) for reason in reasons]
    code = SINGLE_WRITE_CODES.get(code_of(error))
    if code in RETRYABLE or (code and len(writes) == 1):
        return [code] * len(writes)
    return ["ValidationError"] if _is_invalid(error) else None


def _is_own_retry(writes: Sequence[Write], error: Exception) -> bool:
    """Tell whether a condition failed because the same write had been applied.

    botocore sends a write again when its response is lost.

    A transaction is idempotent by its token; a single write has no token.
    """
    response: Any = error.response if isinstance(error, ClientError) else {}
    was_retried = response.get("ResponseMetadata", {}).get("RetryAttempts")
    item = response.get("Item")
    return bool(was_retried and item and is_applied(writes[0], from_item(item)))


def _may_have_been_applied(error: Exception) -> bool:
    """Tell whether DynamoDB may have applied a request that failed."""
    return status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR or answer_is_missing(error)


def _is_invalid(error: Exception) -> bool:
    """Tell whether DynamoDB refused a request as invalid or too large.

    Above 4 MB DynamoDB says so. A body above 16 MB, which text beyond ASCII soon makes, is not even read (413).
    """
    return status_of(error) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or code_of(error) == "ValidationException"


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
