"""The history on real engines: each read and each write."""

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from task_reporter.errors import HistoryError, OutOfTimeError
from task_reporter.history.backlog import query_awaiting
from task_reporter.history.rows import Key, Row, to_attribute
from task_reporter.history.table import MAX_ATTEMPTS, WRITES_PER_TRANSACTION, HistoryTable
from task_reporter.history.writes import Insert, Update, is_applied
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.notifying.announce import NotificationPolicy, announce
from task_reporter.notifying.topic import Topic
from task_reporter.recording.context import PollContext
from task_reporter.recording.projection import project
from task_reporter.recording.transitions import next_write
from task_reporter.runtime.deadline import Deadline
from task_reporter.runtime.parallel import MAX_THREADS
from tests.integration.engines import Table
from tests.integration.faults import (
    Fault,
    alone_at_the_engine,
    answered,
    between,
    cancelled,
    let_through,
    lost_answer,
    refused,
)
from tests.support.waiting import WAIT_SECONDS

SCOPE = "123456789012/eu-west-1"
NOON = "2026-11-23T12:00:00.000Z"
KB = 1024


def key(task_id: str) -> Key:
    return Key(SCOPE, task_id)


def row(task_id: str, **more: str | int) -> Row:
    always = {"scope": SCOPE, "task_id": task_id, "kind": "bundle", "state": "pending"}
    return {**always, "updated_at": NOON, "first_seen_at": NOON, **more}


def insert(task_id: str, **more: str | int) -> Insert:
    return Insert(row(task_id, **more))


def inserts(number: int, **more: str | int) -> list[Insert]:
    return [insert(f"bun-{position:04}", **more) for position in range(number)]


def ids(writes: Sequence[Insert | Update]) -> list[str]:
    return sorted(write.key.task_id for write in writes)


def tries(table: Table) -> int:
    """Return the number of times that the client sends a request."""
    return int(table.client.meta.config.retries["total_max_attempts"])


def at(minute: int) -> str:
    return f"2026-11-23T12:{minute:02}:00.000Z"


@pytest.fixture
def kept(table: Table) -> Table:
    """Return a table that holds one running task, bun-0."""
    table.history.apply([insert("bun-0", state="storing", progress=40)])
    return table


# Reading


def test_what_was_inserted_is_read_as_it_was(table: Table) -> None:
    written = row("bun-Ω", progress=0, expires_at=1_803_470_400, error_message="line 1\nline “2” \u2028 \x07 🙂")
    table.history.apply([Insert(written)])
    assert table.history.read([key("bun-Ω")]) == {key("bun-Ω"): written}


def test_a_row_that_is_not_there_is_left_out(kept: Table) -> None:
    assert list(kept.history.read([key("bun-0"), key("bun-1"), Key("other/eu-west-1", "bun-0")])) == [key("bun-0")]


def test_no_keys_ask_nothing(table: Table) -> None:
    with between(table.client, "BatchGetItem", []) as sent:
        assert table.history.read([]) == {}
    assert sent == []


def test_a_key_that_is_named_twice_is_asked_once(kept: Table) -> None:
    """DynamoDB refuses a batch that names one twice."""
    assert len(kept.history.read([key("bun-0"), key("bun-0")])) == 1


def test_many_rows_are_read_in_the_largest_batches(table: Table) -> None:
    table.history.apply(inserts(150))
    with between(table.client, "BatchGetItem", []) as sent:
        found = table.history.read(write.key for write in inserts(160))
    assert found == {write.key: write.row for write in inserts(150)}
    requests = [request["RequestItems"][table.name] for request in sent]
    assert sorted(len(request["Keys"]) for request in requests) == [60, 100]
    assert all(request["ConsistentRead"] for request in requests)


def test_the_table_may_be_named_by_its_arn(kept: Table) -> None:
    arn = kept.client.describe_table(TableName=kept.name)["Table"]["TableArn"]
    assert list(HistoryTable(kept.client, arn).read([key("bun-0")])) == [key("bun-0")]


def test_rows_too_large_for_one_answer_all_come(table: Table) -> None:
    """An answer holds 16 MB at most; DynamoDB leaves the other keys out."""
    writes = inserts(60, error_message="x" * 300 * KB)
    table.history.apply(writes)
    assert table.history.read(write.key for write in writes) == {write.key: write.row for write in writes}


def test_keys_left_out_are_asked_again_and_they_alone(table: Table) -> None:
    writes = inserts(4)
    table.history.apply(writes)
    first, rest = writes[0], writes[1:]
    left_out = [{"scope": {"S": SCOPE}, "task_id": {"S": write.key.task_id}} for write in rest]
    given = {name: to_attribute(value) for name, value in first.row.items()}
    half = {
        "Responses": {table.name: [given]},
        "UnprocessedKeys": {table.name: {"Keys": left_out, "ConsistentRead": True}},
    }
    with between(table.client, "BatchGetItem", [answered(200, half)]) as sent:
        assert len(table.history.read(write.key for write in writes)) == 4
    assert [len(request["RequestItems"][table.name]["Keys"]) for request in sent] == [4, 3]
    assert len(table.pauses) == 1


def test_keys_that_are_left_out_for_good_are_named(kept: Table) -> None:
    left_out = {"Keys": [{"scope": {"S": SCOPE}, "task_id": {"S": "bun-0"}}], "ConsistentRead": True}
    nothing = answered(200, {"Responses": {}, "UnprocessedKeys": {kept.name: left_out}})
    with between(kept.client, "BatchGetItem", [nothing] * MAX_ATTEMPTS), pytest.raises(HistoryError) as raised:
        kept.history.read([key("bun-0")])
    assert raised.value.problems == {key("bun-0"): "UnprocessedKeys"}


READ_FAULTS = {
    "throttled": refused("ProvisionedThroughputExceededException"),
    "throttled by the account's limit": refused("RequestLimitExceeded"),
    "throttled as new tables are": refused("ThrottlingException"),
    "broken": refused("InternalServerError", status=500),
    "lost": lost_answer,
}


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("fault", READ_FAULTS.values(), ids=READ_FAULTS)
def test_a_read_that_fails_for_a_while_is_repeated(kept: Table, fault: Fault) -> None:
    with between(kept.client, "BatchGetItem", [fault, fault]):
        assert list(kept.history.read([key("bun-0")])) == [key("bun-0")]


@pytest.mark.usefixtures("no_waiting")
def test_a_read_that_is_throttled_for_good_raises(kept: Table) -> None:
    throttled = [refused("ProvisionedThroughputExceededException")] * tries(kept)
    with between(kept.client, "BatchGetItem", throttled), pytest.raises(ClientError, match="ProvisionedThrou"):
        kept.history.read([key("bun-0")])


# One write


def test_an_insert_never_replaces_a_row(kept: Table) -> None:
    before = kept.rows()
    again = insert("bun-0", state="pending")
    applied = kept.history.apply([again])
    assert (applied.written, applied.overtaken) == ([], [again])
    assert kept.rows() == before


def test_an_update_sets_and_removes_and_leaves_the_rest(kept: Table) -> None:
    update = Update(key("bun-0"), {"state": "complete", "outcome": "complete"}, {"state": "storing"}, ("progress",))
    assert kept.history.apply([update]).written == [update]
    assert kept.rows()["bun-0"] == row("bun-0", state="complete", outcome="complete")


MET: dict[str, Row] = {
    "a value that is the same": {"state": "storing"},
    "a number that is the same": {"progress": 40},
    "an absence": {"outcome": None},  # type: ignore[dict-item]
    "all of several": {"state": "storing", "outcome": None, "progress": 40, "awaiting": None},  # type: ignore[dict-item]
    "nothing": {},
}
NOT_MET: dict[str, Row] = {
    "another value": {"state": "bundling"},
    "a number as text": {"progress": "40"},
    "an absence, but it is there": {"state": None},  # type: ignore[dict-item]
    "a value, but it is absent": {"outcome": "lost"},
    "one of several": {"state": "storing", "outcome": None, "progress": 41},  # type: ignore[dict-item]
}


@pytest.mark.parametrize("expected", MET.values(), ids=MET)
def test_an_update_is_made_where_its_conditions_hold(kept: Table, expected: Any) -> None:
    update = Update(key("bun-0"), {"state": "complete"}, expected)
    assert kept.history.apply([update]).written == [update]
    assert kept.rows()["bun-0"]["state"] == "complete"


@pytest.mark.parametrize("expected", NOT_MET.values(), ids=NOT_MET)
def test_an_update_with_one_failed_condition_is_overtaken(kept: Table, expected: Any) -> None:
    before = kept.rows()
    update = Update(key("bun-0"), {"state": "complete"}, expected)
    assert kept.history.apply([update]).overtaken == [update]
    assert kept.rows() == before


def test_an_update_never_makes_a_row(table: Table) -> None:
    update = Update(key("bun-0"), {"state": "complete"}, {"outcome": None})
    assert table.history.apply([update]).overtaken == [update]
    assert table.rows() == {}


def test_what_is_absent_can_be_removed(kept: Table) -> None:
    update = Update(key("bun-0"), {"state": "complete"}, {}, ("notified_at", "expires_at", "missing_since"))
    assert kept.history.apply([update]).written == [update]
    assert kept.rows()["bun-0"] == row("bun-0", state="complete", progress=40)


@pytest.mark.parametrize("expected", [{}, {"outcome": None}, {"state": "storing"}], ids=str)
def test_an_update_may_only_remove(kept: Table, expected: Any) -> None:
    update = Update(key("bun-0"), {}, expected, ("progress",))
    assert kept.history.apply([update]).written == [update]
    assert kept.rows()["bun-0"] == row("bun-0", state="storing")


def test_an_expected_value_may_be_replaced_or_removed(kept: Table) -> None:
    update = Update(key("bun-0"), {"state": "storing"}, {"state": "storing", "progress": 40}, ("progress",))
    assert kept.history.apply([update]).written == [update]
    assert kept.rows()["bun-0"] == row("bun-0", state="storing")


# One write goes alone: a transaction costs double


ALONE: dict[str, tuple[str, Insert | Update]] = {
    "an insert": ("PutItem", insert("bun-1", state="storing")),
    "an update": ("UpdateItem", Update(key("bun-0"), {"state": "complete"}, {"state": "storing"}, ("progress",))),
    "an update that only removes": ("UpdateItem", Update(key("bun-0"), {}, {}, ("progress",))),
}
each_alone = pytest.mark.parametrize(("operation", "write"), ALONE.values(), ids=ALONE)


@each_alone
def test_one_write_is_sent_without_a_transaction(kept: Table, operation: str, write: Insert | Update) -> None:
    with between(kept.client, "TransactWriteItems", []) as together, between(kept.client, operation, []) as alone:
        assert kept.history.apply([write]).written == [write]
        assert kept.history.apply(inserts(2)).overtaken == []
    assert (len(together), len(alone)) == (1, 1)
    assert is_applied(write, kept.rows()[write.key.task_id])


CONFLICT = refused("TransactionConflictException")


@each_alone
def test_one_write_that_meets_a_transaction_is_repeated(kept: Table, operation: str, write: Insert | Update) -> None:
    with between(kept.client, operation, [CONFLICT] * 3):
        assert kept.history.apply([write]).written == [write]
    assert len(kept.pauses) == 3


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"]
)
def test_one_write_throttled_for_good_is_named_others_written(
    table: Table, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when botocore has given up, as it does sooner where much is throttled."""
    monkeypatch.setattr("botocore.retries.standard.MaxAttemptsChecker.is_retryable", lambda self, context: False)
    with between(table.client, "PutItem", [refused(code)] * MAX_ATTEMPTS), pytest.raises(HistoryError) as raised:
        table.history.apply(inserts(WRITES_PER_TRANSACTION + 1))
    assert raised.value.problems == {key("bun-0100"): "Throttled"}
    assert ids(raised.value.applied.written) == list(table.rows()) == ids(inserts(100))


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("fault", [*READ_FAULTS.values()], ids=[*READ_FAULTS])
@each_alone
def test_one_write_that_fails_briefly_is_repeated_and_ours(
    kept: Table, operation: str, write: Insert | Update, fault: Fault
) -> None:
    """The engine applied it and its response was lost: the row shows that."""
    with between(kept.client, operation, [fault, fault]):
        applied = kept.history.apply([write])
    assert (applied.written, applied.overtaken, kept.pauses) == ([write], [], [])


@pytest.mark.usefixtures("no_waiting")
def test_one_write_repeated_after_another_writer_is_overtaken(kept: Table) -> None:
    """The response broke off before it was applied; another writer was faster."""
    ours, theirs = (Update(key("bun-0"), {"state": state}, {"state": "storing"}) for state in ("complete", "failed"))

    def meanwhile(request: Any) -> Any:
        kept.history.apply([theirs, insert("bun-1")])
        return refused("InternalServerError", status=500)(request)

    with between(kept.client, "UpdateItem", [meanwhile]) as sent:
        assert kept.history.apply([ours]).overtaken == [ours]
    assert len(sent) == 2
    assert kept.rows()["bun-0"]["state"] == "failed"


@pytest.mark.parametrize(
    "write",
    [insert("bun-1"), Update(key("bun-0"), {"state": "complete"}, {"state": "storing"})],
    ids=["insert", "update"],
)
def test_one_write_that_was_made_before_is_overtaken(kept: Table, write: Insert | Update) -> None:
    """No answer broke off, so whoever made it was somebody else."""
    kept.history.apply([write])
    assert kept.history.apply([write]).overtaken == [write]


@pytest.mark.parametrize("fault", [refused("ValidationException"), refused("Anything", status=413)], ids=["400", "413"])
@each_alone
def test_one_write_that_is_refused_is_named(kept: Table, operation: str, write: Insert | Update, fault: Fault) -> None:
    with between(kept.client, operation, [fault]), pytest.raises(HistoryError) as raised:
        kept.history.apply([write])
    assert raised.value.problems == {write.key: "ValidationError"}


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
@each_alone
def test_one_write_that_always_fails_is_named_with_its_cause(
    kept: Table, operation: str, write: Insert | Update, code: str
) -> None:
    with between(kept.client, operation, [refused(code)]) as sent, pytest.raises(HistoryError, match=code) as raised:
        kept.history.apply([write])
    assert len(sent) == 1
    assert raised.value.problems == {write.key: code}
    assert isinstance(raised.value.__cause__, ClientError)


# Many writes


def test_a_thousand_inserts_go_in_full_transactions_side_by_side(table: Table) -> None:
    together, alone = threading.Barrier(MAX_THREADS, timeout=WAIT_SECONDS), alone_at_the_engine()

    def wait_for_the_others(request: Any) -> Any:
        together.wait()
        return alone(request)

    faults = [*[wait_for_the_others] * MAX_THREADS, alone, alone]
    with between(table.client, "TransactWriteItems", faults) as sent:
        applied = table.history.apply(inserts(1000))
    assert ids(applied.written) == ids(inserts(1000))
    assert (applied.overtaken, table.pauses) == ([], [])
    assert [len(request["TransactItems"]) for request in sent] == [WRITES_PER_TRANSACTION] * 10
    assert table.rows() == {write.key.task_id: write.row for write in inserts(1000)}


def test_no_writes_send_nothing(table: Table) -> None:
    with between(table.client, "TransactWriteItems", []) as sent:
        assert table.history.apply([]).written == []
    assert sent == []


def test_conflicting_writes_cost_their_neighbours_nothing(table: Table) -> None:
    table.history.apply(inserts(100)[::3])
    stale = [Update(key("bun-0000"), {"state": "complete"}, {"state": "storing"})]
    good = [Update(key("bun-0003"), {"state": "complete"}, {"state": "pending"})]
    fresh = inserts(100)
    taken, new = [fresh[6], fresh[99]], [write for position, write in enumerate(fresh) if position % 3]
    with between(table.client, "TransactWriteItems", []) as sent:
        applied = table.history.apply([*stale, *good, *taken, *new])
    assert ids(applied.written) == ids([*good, *new])
    assert ids(applied.overtaken) == ids([*stale, *taken])
    assert table.rows().keys() == {write.key.task_id for write in fresh}
    assert len(sent) == 2, "one that fails and one without those that spoilt it"


UGLY = {
    "an empty index key": insert("bun-ugly", resource_id=""),
    "an empty id": insert(""),
    "an id above 1,024 bytes": insert("b" * 1025),
    "an item above 400 KB": insert("bun-ugly", error_message="x" * 401 * KB),
    "an update to above 400 KB": Update(key("bun-0050"), {"error_message": "x" * 401 * KB}, {}),
    "an update to an empty index key": Update(key("bun-0050"), {"resource_id": ""}, {}),
}


@pytest.mark.parametrize("ugly", UGLY.values(), ids=UGLY)
def test_one_ugly_write_is_named_and_its_neighbours_are_written(table: Table, ugly: Insert | Update) -> None:
    table.history.apply([insert("bun-0050")])
    neighbours = [write for write in inserts(60) if write.key.task_id != "bun-0050"]
    with (
        between(table.client, "TransactWriteItems", []) as sent,
        pytest.raises(HistoryError) as raised,
    ):
        table.history.apply([*neighbours[:57], ugly, *neighbours[57:]])
    assert raised.value.problems == {ugly.key: "ValidationError"}
    assert table.rows() == {write.key.task_id: write.row for write in inserts(60)}
    assert len(sent) < 20, "halved until it stands alone, not sent one by one"


def test_an_ugly_write_alone_is_named(table: Table) -> None:
    with pytest.raises(HistoryError, match="bun-0: ValidationError"):
        table.history.apply([insert("bun-0", resource_id="")])


def test_ugly_and_conflicting_writes_among_good_ones(table: Table) -> None:
    table.history.apply([insert("bun-0001")])
    with pytest.raises(HistoryError) as raised:
        table.history.apply([*inserts(10), insert("bun-x", kind=""), insert("bun-y", resource_id="")])
    assert raised.value.problems == {key("bun-x"): "ValidationError", key("bun-y"): "ValidationError"}
    assert list(table.rows()) == ids(inserts(10))


def test_writes_that_are_too_large_together_are_written(table: Table) -> None:
    """One transaction holds 4 MB at most."""
    writes = inserts(40, error_message="x" * 200 * KB)
    assert ids(table.history.apply(writes).written) == ids(writes)
    assert len(table.rows()) == 40


def test_writes_that_are_too_large_for_one_request_are_written(table: Table) -> None:
    """A body holds 16 MB, and JSON makes six bytes of one ``ß``."""
    writes = inserts(100, error_message="ß" * 30 * KB)
    assert ids(table.history.apply(writes).written) == ids(writes)
    assert len(table.rows()) == 100


def test_two_writes_to_one_row_are_made_one_after_the_other(table: Table) -> None:
    """DynamoDB takes one action per row and transaction."""
    applied = table.history.apply([insert("bun-0"), insert("bun-0", state="storing"), insert("bun-1")])
    assert (ids(applied.written), ids(applied.overtaken)) == (["bun-0", "bun-1"], ["bun-0"])


# Side by side with others


def test_two_recorders_at_once_record_each_task_once(table: Table) -> None:
    writes = [inserts(150), random.Random(1).sample(inserts(150), 150)]
    histories = [HistoryTable(table.client, table.name) for _ in writes]
    start = threading.Barrier(2, timeout=WAIT_SECONDS)

    def work(history: HistoryTable, some: list[Insert]) -> Any:
        start.wait()
        return history.apply(some)

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(work, histories, writes)
    assert ids(one.written + two.written) == ids(inserts(150))
    assert ids(one.overtaken + two.overtaken) == ids(inserts(150))
    assert table.rows() == {write.key.task_id: write.row for write in inserts(150)}


def test_two_updates_from_one_state_are_made_once_each(table: Table) -> None:
    table.history.apply(inserts(150))
    ended = [
        [Update(write.key, {"state": state, "outcome": outcome}, {"outcome": None}) for write in inserts(150)]
        for state, outcome in (("complete", "complete"), ("failed", "failed"))
    ]
    histories = [HistoryTable(table.client, table.name) for _ in ended]
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda history, some: history.apply(some), histories, ended)
    assert ids(one.written + two.written) == ids(inserts(150))
    won = {write.key.task_id: write.set["outcome"] for write in one.written + two.written}
    assert {task_id: row["outcome"] for task_id, row in table.rows().items()} == won


# Faults


CODES_THAT_PASS = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]


@pytest.mark.parametrize("code", CODES_THAT_PASS)
def test_a_transaction_cancelled_by_what_passes_is_repeated(table: Table, code: str) -> None:
    fault = cancelled(lambda number: code if number in {0, 7} else "None")
    with between(table.client, "TransactWriteItems", [fault] * 3):
        assert ids(table.history.apply(inserts(20)).written) == ids(inserts(20))
    assert table.pauses == sorted(set(table.pauses)), "each pause is longer than the one before"
    assert len(table.pauses) == 3


def test_a_conflict_of_the_whole_request_is_repeated(table: Table) -> None:
    with between(table.client, "TransactWriteItems", [refused("TransactionConflictException")]):
        assert ids(table.history.apply(inserts(3)).written) == ids(inserts(3))


def test_two_who_met_do_not_pause_alike(table: Table) -> None:
    conflict = cancelled(lambda number: "TransactionConflict")
    for start in (0, 2):
        with between(table.client, "TransactWriteItems", [conflict] * 6):
            table.history.apply(inserts(4)[start : start + 2])
    assert len(set(table.pauses)) == 12


@pytest.mark.parametrize("code", CODES_THAT_PASS)
def test_what_does_not_pass_is_named_and_others_are_written(table: Table, code: str) -> None:
    """Two transactions: one that is never let through, and its neighbour."""

    def unlucky(request: Any) -> Any:
        return fault(request) if b"bun-0000" in request.body else let_through(request)

    fault = cancelled(lambda number: code if number == 0 else "None")
    with (
        between(table.client, "TransactWriteItems", [unlucky] * (MAX_ATTEMPTS + 1)),
        pytest.raises(HistoryError) as raised,
    ):
        table.history.apply(inserts(110))
    assert raised.value.problems == {write.key: "Throttled" for write in inserts(100)}
    assert list(table.rows()) == ids(inserts(110)[100:])


def test_one_answer_with_every_reason(table: Table) -> None:
    reasons = ["None", "ConditionalCheckFailed", "TransactionConflict", "ValidationError", "ItemCollectionSizeLimitEx"]
    with (
        between(table.client, "TransactWriteItems", [cancelled(reasons.__getitem__)]) as sent,
        pytest.raises(HistoryError) as raised,
    ):
        table.history.apply(inserts(5))
    assert raised.value.problems == {key("bun-0003"): reasons[3], key("bun-0004"): reasons[4]}
    assert list(table.rows()) == ["bun-0000", "bun-0002"]
    assert [len(request["TransactItems"]) for request in sent] == [5, 2]


WRITE_FAULTS = READ_FAULTS | {"still at it": refused("TransactionInProgressException")}


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("fault", WRITE_FAULTS.values(), ids=WRITE_FAULTS)
def test_a_transaction_that_fails_briefly_is_repeated_and_ours(table: Table, fault: Fault) -> None:
    """The engine applied it and its response was lost: the token shows that."""
    with between(table.client, "TransactWriteItems", [fault, fault]) as sent:
        applied = table.history.apply(inserts(3))
    assert (ids(applied.written), applied.overtaken) == (ids(inserts(3)), [])
    assert len({request["ClientRequestToken"] for request in sent}) == 1
    assert len(table.rows()) == 3


@pytest.mark.usefixtures("no_waiting")
def test_writes_whose_answer_stays_lost_are_found_by_reading(table: Table) -> None:
    """Nobody would count them later: the next poll finds nothing new."""
    with between(table.client, "TransactWriteItems", [lost_answer] * tries(table)):
        applied = table.history.apply(inserts(3))
    assert (ids(applied.written), applied.overtaken) == (ids(inserts(3)), [])
    assert ids(table.history.apply(inserts(3)).overtaken) == ids(inserts(3))


@pytest.mark.usefixtures("no_waiting")
def test_writes_that_were_not_made_are_not_found_by_reading(table: Table) -> None:
    with between(table.client, "TransactWriteItems", [broken] * tries(table)), pytest.raises(HistoryError) as raised:
        table.history.apply(inserts(3))
    assert raised.value.problems == {write.key: "EndpointConnectionError" for write in inserts(3)}
    assert (raised.value.applied.written, table.rows()) == ([], {})


def broken(_request: Any) -> Any:
    raise EndpointConnectionError(endpoint_url="https://dynamodb")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_what_no_repetition_helps_is_named_with_the_cause(table: Table, code: str) -> None:
    faults = [refused(code)]
    with between(table.client, "TransactWriteItems", faults) as sent, pytest.raises(HistoryError) as raised:
        table.history.apply(inserts(3))
    assert len(sent) == 1
    assert raised.value.problems == {write.key: code for write in inserts(3)}
    assert isinstance(raised.value.__cause__, ClientError)


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
@pytest.mark.usefixtures("no_waiting")
def test_a_throttled_transaction_is_retried_by_the_history(table: Table, code: str) -> None:
    """Like a single write: after what botocore tries itself."""
    with between(table.client, "TransactWriteItems", [refused(code)] * (tries(table) + 1)):
        applied = table.history.apply(inserts(3))
    assert (ids(applied.written), len(table.pauses)) == (ids(inserts(3)), 1)


def test_a_request_that_fails_costs_other_transactions_nothing(table: Table) -> None:
    def denied(request: Any) -> Any:
        fault = refused("AccessDeniedException") if b"bun-0000" in request.body else let_through
        return fault(request)

    with between(table.client, "TransactWriteItems", [denied] * 2), pytest.raises(HistoryError) as raised:
        table.history.apply(inserts(110))
    assert ids(raised.value.applied.written) == ids(inserts(110)[100:])
    assert len(raised.value.problems) == 100
    assert list(table.rows()) == ids(inserts(110)[100:])


# Time


def test_out_of_time_nothing_is_asked_or_written(kept: Table) -> None:
    late = Deadline(lambda: 100)
    with between(kept.client, "BatchGetItem", []) as asked, pytest.raises(OutOfTimeError, match="reading"):
        kept.history.read([key("bun-0")], late)
    with between(kept.client, "TransactWriteItems", []) as sent, pytest.raises(HistoryError, match="out of time"):
        kept.history.apply(inserts(3), late)
    assert (asked, sent) == ([], [])


def test_time_that_runs_out_between_two_tries_ends_them(table: Table) -> None:
    remaining = iter([300_000, 100])
    conflict = cancelled(lambda number: "TransactionConflict")
    with between(table.client, "TransactWriteItems", [conflict]), pytest.raises(HistoryError, match="out of time"):
        table.history.apply(inserts(3), Deadline(lambda: next(remaining)))


def test_no_pause_outlasts_the_time_that_is_kept_for_saying_so(table: Table) -> None:
    """A function that sleeps into its time-out says nothing."""
    conflict = cancelled(lambda number: "TransactionConflict")
    with between(table.client, "TransactWriteItems", [conflict] * MAX_ATTEMPTS), pytest.raises(HistoryError):
        table.history.apply(inserts(3))
    assert max(table.pauses) < 3.0


# Indexes


@pytest.fixture
def busy(table: Table) -> Table:
    """Six tasks of two kinds, on three resources, in all stages of their lives."""
    running = {"awaiting": "outcome", "awaiting_since": NOON}
    waiting = {"awaiting": "notification", "awaiting_since": NOON}
    told = {"notified_at": NOON}
    table.history.apply(
        [
            insert("bun-a", updated_at=at(1), resource_id="i-1", **running),
            insert("bun-b", updated_at=at(6), resource_id="i-1", outcome="failed", finished_at=at(3), **waiting),
            insert("bun-c", updated_at=at(3), resource_id="i-2", outcome="complete", finished_at=at(9), **told),
            insert("bun-d", updated_at=at(4), outcome="complete", finished_at=at(2), **told),
            insert("imp-e", updated_at=at(5), kind="import-image", **running),
            insert("bun-f", updated_at=at(2), outcome="failed", finished_at=at(1), **waiting),
            Insert({"scope": "roster", "task_id": "123456789012", "polled_at": NOON}),
        ]
    )
    return table


def test_by_kind_is_newest_first(busy: Table) -> None:
    assert busy.ask("by-kind", newest_first=True, kind="bundle") == ["bun-b", "bun-d", "bun-c", "bun-f", "bun-a"]
    assert busy.ask("by-kind", kind="import-image") == ["imp-e"]


def test_by_outcome_is_in_the_order_of_ending(busy: Table) -> None:
    assert busy.ask("by-outcome", outcome="complete") == ["bun-d", "bun-c"]
    assert busy.ask("by-outcome", outcome="failed", newest_first=True) == ["bun-b", "bun-f"]
    assert busy.ask("by-outcome", outcome="lost") == []


def test_by_resource_tells_what_was_done_to_it(busy: Table) -> None:
    assert busy.ask("by-resource", newest_first=True, resource_id="i-1") == ["bun-b", "bun-a"]


def test_by_awaiting_holds_unfinished_business_only(busy: Table) -> None:
    assert sorted(busy.ask("by-awaiting", awaiting="outcome")) == ["bun-a", "imp-e"]
    assert sorted(busy.ask("by-awaiting", awaiting="notification")) == ["bun-b", "bun-f"]
    answer = busy.client.scan(TableName=busy.name, IndexName="by-awaiting")
    assert answer["Count"] == answer["ScannedCount"] == 4


def test_by_scope_is_newest_first(busy: Table) -> None:
    assert busy.ask("by-scope", newest_first=True, scope=SCOPE) == [
        "bun-b",
        "imp-e",
        "bun-d",
        "bun-c",
        "bun-f",
        "bun-a",
    ]
    assert busy.ask("by-scope", scope="roster") == []


@pytest.mark.parametrize("index", ["by-kind", "by-outcome", "by-resource", "by-awaiting", "by-scope"])
def test_every_index_has_whole_rows_and_no_roster(busy: Table, index: str) -> None:
    items = busy.client.scan(TableName=busy.name, IndexName=index)["Items"]
    assert items
    assert all(item in busy.client.scan(TableName=busy.name)["Items"] for item in items)
    assert "123456789012" not in {item["task_id"]["S"] for item in items}


def test_the_table_is_the_deployed_one(table: Table) -> None:
    described = table.client.describe_table(TableName=table.name)["Table"]
    assert {index["IndexName"] for index in described["GlobalSecondaryIndexes"]} == {
        "by-kind", "by-outcome", "by-resource", "by-awaiting", "by-scope",
    }  # fmt: skip
    assert described["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}


# A row's life


def test_empty_text_is_never_stored(table: Table) -> None:
    """An empty index key would fail the write."""
    empty = {"InstanceId": "", "State": "", "Progress": "", "StartTime": "", "UpdateTime": ""}
    empty |= {"Storage": {"S3": {"Bucket": "", "Prefix": ""}}, "BundleTaskError": {"Code": "", "Message": " "}}
    poll = PollContext(SCOPE, datetime(2026, 11, 23, 12, tzinfo=UTC))
    tasks = project(BUNDLE, [{"BundleTasks": [empty | {"BundleId": "bun-0"}]}]).tasks
    writes = [write for task in tasks if (write := next_write(BUNDLE, task, None, poll))]
    assert ids(table.history.apply(writes).written) == ["bun-0"]
    assert all(value != "" for value in table.rows()["bun-0"].values())
    assert table.ask("by-awaiting", awaiting="outcome") == ["bun-0"]


class TopicThatTakesAll:
    """SNS where it is not what is tested."""

    def publish(self, **_: Any) -> None:
        pass


def test_a_finished_row_leaves_by_awaiting_with_its_mark(table: Table) -> None:
    running = {"BundleId": "bun-0", "InstanceId": "i-1", "State": "storing", "UpdateTime": NOON}
    poll = PollContext(SCOPE, datetime(2026, 11, 23, 12, 30, tzinfo=UTC))
    stages = []
    for listed in (running, running | {"State": "complete", "UpdateTime": at(20)}):
        (task,) = project(BUNDLE, [{"BundleTasks": [listed]}]).tasks
        write = next_write(BUNDLE, task, table.rows().get("bun-0"), poll)
        assert write
        table.history.apply([write])
        stages.append([table.ask("by-awaiting", awaiting=what) for what in ("outcome", "notification")])
    announced = announce(
        [key("bun-0")], table.history, Topic(TopicThatTakesAll(), "arn"), NotificationPolicy(5, 90), clock=later
    )
    stages.append([table.ask("by-awaiting", awaiting=what) for what in ("outcome", "notification")])
    assert stages == [[["bun-0"], []], [[], ["bun-0"]], [[], []]]
    assert announced.failed == {}
    marked = table.rows()["bun-0"]
    assert marked["notified_at"] == "2026-11-23T12:31:00.000Z"
    assert marked["expires_at"] == int(datetime(2027, 2, 21, 12, 31, tzinfo=UTC).timestamp())
    assert "awaiting_since" not in marked


def later() -> datetime:
    return datetime(2026, 11, 23, 12, 31, tzinfo=UTC)


def test_what_is_unfinished_is_found_page_by_page(table: Table) -> None:
    """More than the megabyte that DynamoDB answers at a time."""
    running = [insert(f"bun-{n:04}", awaiting="outcome", error_message="x" * 30_000) for n in range(60)]
    others = [
        insert("bun-told", outcome="complete", finished_at=NOON),
        insert("bun-untold", outcome="complete", finished_at=NOON, awaiting="notification"),
        Insert(row("bun-elsewhere", awaiting="outcome") | {"scope": "123456789012/eu-north-1"}),
    ]
    table.history.apply([*running, *others])
    found = query_awaiting(table.history, SCOPE, "outcome")
    assert sorted(str(row["task_id"]) for row in found) == ids(running)
    assert [row["task_id"] for row in query_awaiting(table.history, SCOPE, "notification")] == ["bun-untold"]
