"""The history: the DynamoDB table that remembers every task.

Reads and conditional writes go in DynamoDB's largest batches, side by side. A transaction is the one batch whose
writes can carry conditions; where one write spoils it, the others are sent again without that one. It costs double,
so a write that is alone goes without:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.errors import HistoryError, MalformedAnswerError
from task_reporter.failures import FORESEEN, answer_is_missing, code_of, status_of
from task_reporter.patience import USE_TABLE
from task_reporter.rows import Key, Row, from_item, key_of, to_key
from task_reporter.writes import Insert, Write, action, is_done, put, update

KEYS_A_READ = 100
WRITES_A_TRANSACTION = 100
SIDE_BY_SIDE = 8
TRIES = 16
# Shorter than what a deadline keeps: nothing sleeps into the function's time-out.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

SERVER_ERROR = HTTPStatus.INTERNAL_SERVER_ERROR

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
NOT_ITS_FAULT = "None"
SOMEONE_WAS_FIRST = "ConditionalCheckFailed"
WORTH_A_RETRY = {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError", NOT_ITS_FAULT}
NOT_FINAL = WORTH_A_RETRY | {SOMEONE_WAS_FIRST}

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
OF_ONE_REQUEST = {
    "ConditionalCheckFailedException": SOMEONE_WAS_FIRST,
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "RequestLimitExceeded": "ThrottlingError",
    "ThrottlingException": "ThrottlingError",
    "TransactionConflictException": "TransactionConflict",
    "TransactionInProgressException": "TransactionConflict",
}
"""Error of a whole request → the code by which a transaction says the same of one write.

DynamoDB throttles and finds conflicts in a single write and in a batch alike; a condition fails in a single write.
"""

Item = TypeVar("Item")
Left = TypeVar("Left")


@dataclass(slots=True)
class Applied:
    """What became of some writes: ``written``, or ``overtaken`` by somebody who was first."""

    written: list[Write] = field(default_factory=list)
    overtaken: list[Write] = field(default_factory=list)


class History:
    """The table, through a DynamoDB client of botocore's."""

    def __init__(self, client: Any, table: str, pause: Callable[[float], None] = time.sleep) -> None:
        self.client = client
        self.table = table
        self._pause = pause

    def read(self, keys: Iterable[Key], deadline: Deadline = NO_DEADLINE) -> dict[Key, Row]:
        """The rows of ``keys`` that exist, read consistently.

        Raises HistoryError where DynamoDB goes on leaving keys out, OutOfTimeError, and botocore's errors.
        """
        rows: dict[Key, Row] = {}

        def fetch(batch: Sequence[Key]) -> list[Key]:
            deadline.check("reading the history", USE_TABLE.longest)
            found, unread = self._fetch(batch)
            rows.update(found)
            return unread

        unread = self._until_settled(list(dict.fromkeys(keys)), KEYS_A_READ, fetch)
        if unread:
            raise HistoryError(dict.fromkeys(unread, "UnprocessedKeys"))
        return rows

    def apply(self, writes: Sequence[Write], deadline: Deadline = NO_DEADLINE) -> Applied:
        """Do ``writes``, each on its own condition and in no order.

        Raises HistoryError, after all that can be written is written, where some could not be: DynamoDB refused them
        for another cause than their condition, a whole request failed, or the time ran out.
        """
        applied, refused, causes, uncertain = Applied(), dict[Key, str](), list[Exception](), list[Write]()

        def send(batch: Sequence[Write]) -> list[Write]:
            try:
                deadline.check("writing the history", USE_TABLE.longest)
                self._send(batch)
            except FORESEEN as error:
                if not _met_itself(batch, error):
                    return settle(batch, error)
            applied.written.extend(batch)
            return []

        def settle(batch: Sequence[Write], error: Exception) -> list[Write]:
            if _is_invalid(error) and len(batch) > 1:
                middle = len(batch) // 2
                return send(batch[:middle]) + send(batch[middle:])
            if (codes := _reasons(error, batch)) is None:
                causes.append(error)
                uncertain.extend(batch if _may_be_done(error) else [])
                codes = [code_of(error)] * len(batch)
            why = list(zip(batch, codes, strict=True))
            applied.overtaken.extend(write for write, code in why if code == SOMEONE_WAS_FIRST)
            refused.update((write.key, code) for write, code in why if code not in NOT_FINAL)
            return [write for write, code in why if code in WORTH_A_RETRY]

        unsettled = self._until_settled(writes, WRITES_A_TRANSACTION, send)
        refused |= {write.key: "Throttled" for write in unsettled}
        for write in self._done_after_all(uncertain, deadline):
            applied.written.append(write)
            del refused[write.key]
        if refused:
            raise HistoryError(refused, applied, next(iter(causes), None))
        return applied

    def _done_after_all(self, writes: Sequence[Write], deadline: Deadline) -> list[Write]:
        """Find those of ``writes`` that were made although their answer was lost, by reading their rows."""
        try:
            rows = self.read([write.key for write in writes], deadline)
        except FORESEEN:
            return []
        return [write for write in writes if write.key in rows and is_done(write, rows[write.key])]

    def _send(self, writes: Sequence[Write]) -> None:
        """Make all of ``writes``, or none of them."""
        if len(writes) > 1:
            self.client.transact_write_items(TransactItems=[action(self.table, write) for write in writes])
            return
        [write] = writes
        if isinstance(write, Insert):
            self.client.put_item(**put(self.table, write), ReturnValuesOnConditionCheckFailure="ALL_OLD")
        else:
            self.client.update_item(**update(self.table, write), ReturnValuesOnConditionCheckFailure="ALL_OLD")

    def _until_settled(
        self, items: Sequence[Item], at_a_time: int, attempt: Callable[[Sequence[Item]], list[Item]]
    ) -> list[Item]:
        """Attempt all ``items`` in batches, and again those that an attempt hands back; the rest at the end."""
        left = list(items)
        for tried in range(TRIES):
            if not left:
                break
            if tried:
                self._pause(_pause_before(tried))
            left = [item for some in _side_by_side(attempt, list(_batches(left, at_a_time))) for item in some]
        return left

    def _fetch(self, keys: Sequence[Key]) -> tuple[dict[Key, Row], list[Key]]:
        request = {"Keys": [to_key(key) for key in keys], "ConsistentRead": True}
        answer = self.client.batch_get_item(RequestItems={self.table: request})
        if "Responses" not in answer:
            raise MalformedAnswerError("BatchGetItem", "it does not hold the rows")
        # One table was asked. Its name may stand here where its ARN was given, so neither is looked for.
        found = (from_item(item) for items in answer["Responses"].values() for item in items)
        left_out = (key for left in answer.get("UnprocessedKeys", {}).values() for key in left["Keys"])
        return {key_of(row): row for row in found}, [key_of(from_item(key)) for key in left_out]


def _pause_before(tried: int) -> float:
    """Seconds before the next try: longer each time, and random, or two who met would meet again and again."""
    most: float = min(FIRST_PAUSE * 2 ** (tried - 1), LONGEST_PAUSE)
    return random.uniform(most / 2, most)  # nosec B311 # spreads retries, keeps no secret


def _reasons(error: Exception, writes: Sequence[Write]) -> list[str] | None:
    """Say why ``writes`` were not made, one code each; None where the whole request failed for good."""
    if not isinstance(error, ClientError):
        return None
    if reasons := error.response.get("CancellationReasons"):
        return [str(reason.get("Code", NOT_ITS_FAULT)) for reason in reasons]
    code = OF_ONE_REQUEST.get(code_of(error))
    if code in WORTH_A_RETRY or (code and len(writes) == 1):
        return [code] * len(writes)
    return ["ValidationError"] if _is_invalid(error) else None


def _met_itself(writes: Sequence[Write], error: Exception) -> bool:
    """Whether one write was made, its answer lost, and it was refused when botocore sent it again.

    A transaction knows itself by its token; a write that goes alone has none.
    """
    response: Any = error.response if isinstance(error, ClientError) else {}
    sent_again = response.get("ResponseMetadata", {}).get("RetryAttempts")
    there = response.get("Item")
    return bool(sent_again and there and is_done(writes[0], from_item(there)))


def _may_be_done(error: Exception) -> bool:
    """Tell whether a request that failed for good may have been carried out all the same."""
    return status_of(error) >= SERVER_ERROR or answer_is_missing(error)


def _is_invalid(error: Exception) -> bool:
    """Whether DynamoDB refused the request as a whole: one write is ugly, or together they are too large.

    Above 4 MB it says so; a body above 16 MB, which text beyond ASCII soon makes, is not even read (413).
    """
    return status_of(error) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or code_of(error) == "ValidationException"


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _side_by_side(work: Callable[[Sequence[Item]], Left], batches: Sequence[Sequence[Item]]) -> list[Left]:
    """``work`` on every batch; one alone needs no thread. The first error rises after all have ended."""
    if len(batches) == 1:
        return [work(batches[0])]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        running = [pool.submit(work, batch) for batch in batches]
    return [one.result() for one in running]
