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
from task_reporter.errors import HistoryError
from task_reporter.rows import Key, Row, from_item, key_of, to_key
from task_reporter.writes import Insert, Write, action, is_done, put, update

KEYS_A_READ = 100
WRITES_A_TRANSACTION = 100
SIDE_BY_SIDE = 8
TRIES = 16
# Shorter than what a deadline keeps: nothing sleeps into the function's time-out.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
NOT_ITS_FAULT = "None"
SOMEONE_WAS_FIRST = "ConditionalCheckFailed"
WORTH_A_RETRY = {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError", NOT_ITS_FAULT}
NOT_FINAL = WORTH_A_RETRY | {SOMEONE_WAS_FIRST}

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
OF_ONE_WRITE = {
    "ConditionalCheckFailedException": SOMEONE_WAS_FIRST,
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "RequestLimitExceeded": "ThrottlingError",
    "ThrottlingException": "ThrottlingError",
    "ValidationException": "ValidationError",
}
"""Error of a write that went alone → the code by which a transaction would have said the same."""

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
            deadline.check("reading the history")
            found, unread = self._fetch(batch)
            rows.update(found)
            return unread

        unread = self._until_settled(list(dict.fromkeys(keys)), KEYS_A_READ, fetch)
        if unread:
            raise HistoryError(dict.fromkeys(unread, "UnprocessedKeys"))
        return rows

    def apply(self, writes: Sequence[Write], deadline: Deadline = NO_DEADLINE) -> Applied:
        """Do ``writes``, each on its own condition and in no order.

        Raises HistoryError, after all that can be written is written, where DynamoDB refuses some for another
        cause than their condition; OutOfTimeError; and botocore's errors, where a whole request fails.
        """
        applied, refused = Applied(), dict[Key, str]()

        def send(batch: Sequence[Write]) -> list[Write]:
            deadline.check("writing the history")
            try:
                self._send(batch)
            except ClientError as error:
                if not _met_itself(batch, error):
                    return settle(batch, error)
            applied.written.extend(batch)
            return []

        def settle(batch: Sequence[Write], error: ClientError) -> list[Write]:
            if _is_invalid(error) and len(batch) > 1:
                middle = len(batch) // 2
                return send(batch[:middle]) + send(batch[middle:])
            why = list(zip(batch, _reasons(error, batch), strict=True))
            applied.overtaken.extend(write for write, code in why if code == SOMEONE_WAS_FIRST)
            refused.update((write.key, code) for write, code in why if code not in NOT_FINAL)
            return [write for write, code in why if code in WORTH_A_RETRY]

        unsettled = self._until_settled(writes, WRITES_A_TRANSACTION, send)
        refused |= {write.key: "Throttled" for write in unsettled}
        if refused:
            raise HistoryError(refused, applied)
        return applied

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
        # One table was asked. Its name may stand here where its ARN was given, so neither is looked for.
        found = (from_item(item) for items in answer["Responses"].values() for item in items)
        left_out = (key for left in answer.get("UnprocessedKeys", {}).values() for key in left["Keys"])
        return {key_of(row): row for row in found}, [key_of(from_item(key)) for key in left_out]


def _pause_before(tried: int) -> float:
    """Seconds before the next try: longer each time, and random, or two who met would meet again and again."""
    most: float = min(FIRST_PAUSE * 2 ** (tried - 1), LONGEST_PAUSE)
    return random.uniform(most / 2, most)  # nosec B311 # spreads retries, keeps no secret


def _reasons(error: ClientError, writes: Sequence[Write]) -> list[str]:
    """Why ``writes`` were not made, one code each. Raises ``error`` where it is about something else."""
    if reasons := error.response.get("CancellationReasons"):
        return [str(reason.get("Code", NOT_ITS_FAULT)) for reason in reasons]
    code = error.response["Error"]["Code"]
    if code == "TransactionConflictException":
        return ["TransactionConflict"] * len(writes)
    if len(writes) == 1 and (code in OF_ONE_WRITE or _is_invalid(error)):
        return [OF_ONE_WRITE.get(code, "ValidationError")]
    raise error


def _met_itself(writes: Sequence[Write], error: ClientError) -> bool:
    """Whether one write was made, its answer lost, and it was refused when botocore sent it again.

    A transaction knows itself by its token; a write that goes alone has none.
    """
    sent_again = error.response.get("ResponseMetadata", {}).get("RetryAttempts")
    there: Any = error.response.get("Item")
    return bool(sent_again and there and is_done(writes[0], from_item(there)))


def _is_invalid(error: ClientError) -> bool:
    """Whether DynamoDB refused the request as a whole: one write is ugly, or together they are too large.

    Above 4 MB it says so; a body above 16 MB, which text beyond ASCII soon makes, is not even read (413).
    """
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or error.response["Error"]["Code"] == "ValidationException"


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _side_by_side(work: Callable[[Sequence[Item]], Left], batches: Sequence[Sequence[Item]]) -> list[Left]:
    """``work`` on every batch; one alone needs no thread. The first error rises after all have ended."""
    if len(batches) == 1:
        return [work(batches[0])]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        running = [pool.submit(work, batch) for batch in batches]
    return [one.result() for one in running]
