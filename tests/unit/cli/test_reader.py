"""Queries of the history: the index that answers, and the rows that are read."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.history.rows import Key, Row
from task_reporter.kinds.kind import OUTCOMES
from task_reporter.kinds.table import KINDS
from task_reporter_cli.errors import NoTableError
from task_reporter_cli.history import reader
from task_reporter_cli.history.reader import (
    Filter,
    IndexQuery,
    QueryResults,
    TaskQuery,
    plan_queries,
    query_parameters,
)
from tests.support.dynamodb import DynamoDb, Table
from tests.support.finished import row
from tests.support.waiting import WAIT_SECONDS, eventually


def at(number: int) -> str:
    return f"2026-11-{1 + number // 24:02}T{number % 24:02}:00:00.000Z"


def many(number: int, outcome: Callable[[int], str] = lambda number: "complete", **more: Any) -> list[Row]:
    """Rows that ended hour by hour; the last is the newest."""
    return [row(hour, outcome(hour), updated_at=at(hour), finished_at=at(hour), **more) for hour in range(number)]


def ids(rows: Any) -> list[str]:
    return [row["task_id"] for row in rows]


def newest(rows: list[Row], limit: int | None = None) -> list[str]:
    return ids(sorted(rows, key=lambda row: str(row["updated_at"]), reverse=True)[:limit])


HERE, THERE, ELSEWHERE = "111111111111/eu-west-1", "111111111111/us-east-1", "222222222222/eu-west-1"
IN_THE_REGION = Filter("scope", ("/eu-west-1",), "contains({}, {})")
INDEXES = {
    "everything": (TaskQuery(), [IndexQuery("by-kind", ("kind", kind), "updated_at") for kind in KINDS]),
    "a kind": (TaskQuery(kinds=("bundle",)), [IndexQuery("by-kind", ("kind", "bundle"), "updated_at")]),
    "kinds": (
        TaskQuery(kinds=("a", "b")),
        [IndexQuery("by-kind", ("kind", "a"), "updated_at"), IndexQuery("by-kind", ("kind", "b"), "updated_at")],
    ),
    "an outcome": (TaskQuery(outcomes=("lost",)), [IndexQuery("by-outcome", ("outcome", "lost"), "finished_at")]),
    "an outcome of a kind": (
        TaskQuery(kinds=("a",), outcomes=("lost",)),
        [IndexQuery("by-outcome", ("outcome", "lost"), "finished_at", (Filter("kind", ("a",)),))],
    ),
    "the same outcome twice": (
        TaskQuery(outcomes=("lost", "failed", "lost")),
        [IndexQuery("by-outcome", ("outcome", outcome), "finished_at") for outcome in ("lost", "failed")],
    ),
    "the same kind twice": (TaskQuery(kinds=("a", "a")), [IndexQuery("by-kind", ("kind", "a"), "updated_at")]),
    "a resource": (TaskQuery(resource="i-1"), [IndexQuery("by-resource", ("resource_id", "i-1"), "updated_at")]),
    "all of it": (
        TaskQuery(("a", "b"), ("lost",), "i-1"),
        [
            IndexQuery(
                "by-resource",
                ("resource_id", "i-1"),
                "updated_at",
                (Filter("kind", ("a", "b")), Filter("outcome", ("lost",))),
            )
        ],
    ),
    "an account": (
        TaskQuery(scopes=(HERE, THERE)),
        [IndexQuery("by-scope", ("scope", scope), "updated_at") for scope in (HERE, THERE)],
    ),
    "an outcome and a kind of an account": (
        TaskQuery(("a",), ("lost",), scopes=(HERE,)),
        [IndexQuery("by-scope", ("scope", HERE), "updated_at", (Filter("kind", ("a",)), Filter("outcome", ("lost",))))],
    ),
    "what runs": (TaskQuery(running=True), [IndexQuery("by-awaiting", ("awaiting", "outcome"), "updated_at")]),
    "what runs in accounts": (
        TaskQuery(running=True, scopes=(HERE, THERE, ELSEWHERE)),
        [
            IndexQuery("by-awaiting", ("awaiting", "outcome"), "updated_at", (), scope)
            for scope in ("111111111111/", ELSEWHERE)
        ],
    ),
    "what runs on a resource of an account": (
        TaskQuery(resource="i-1", running=True, scopes=(HERE, THERE)),
        [
            IndexQuery(
                "by-resource",
                ("resource_id", "i-1"),
                "updated_at",
                (Filter("awaiting", ("outcome",)), Filter("scope", ("111111111111/",), "begins_with({}, {})")),
            )
        ],
    ),
    "an outcome in a region": (
        TaskQuery(outcomes=("lost",), regions=("eu-west-1",)),
        [IndexQuery("by-outcome", ("outcome", "lost"), "finished_at", (IN_THE_REGION,))],
    ),
    "a kind in a region": (
        TaskQuery(kinds=("a",), regions=("eu-west-1",)),
        [IndexQuery("by-kind", ("kind", "a"), "updated_at", (IN_THE_REGION,))],
    ),
}


@pytest.mark.parametrize(("question", "asked"), INDEXES.values(), ids=INDEXES)
def test_the_narrowest_index_is_asked(question: TaskQuery, asked: list[IndexQuery]) -> None:
    assert plan_queries(question) == asked


def test_a_question_is_one_key_of_one_index_newest_first() -> None:
    assert query_parameters("history", IndexQuery("by-kind", ("kind", "bundle"), "updated_at"), TaskQuery()) == {
        "TableName": "history",
        "IndexName": "by-kind",
        "KeyConditionExpression": "#key = :key",
        "ExpressionAttributeNames": {"#key": "kind"},
        "ExpressionAttributeValues": {":key": {"S": "bundle"}},
        "ScanIndexForward": False,
    }


def test_times_and_what_is_left_to_filter_go_along() -> None:
    left = (Filter("kind", ("a",)), Filter("outcome", ("b", "c")))
    part = IndexQuery("by-resource", ("resource_id", "i-1"), "updated_at", left)
    asked = query_parameters("history", part, TaskQuery(since="1", until="2"))
    assert asked["KeyConditionExpression"] == "#key = :key AND #time BETWEEN :since AND :until"
    assert asked["FilterExpression"] == "#f0 = :f0v0 AND (#f1 = :f1v0 OR #f1 = :f1v1)"
    values = {":key": "i-1", ":since": "1", ":until": "2", ":f0v0": "a", ":f1v0": "b", ":f1v1": "c"}
    assert asked["ExpressionAttributeValues"] == {alias: {"S": value} for alias, value in values.items()}
    assert asked["ExpressionAttributeNames"] == {
        "#key": "resource_id", "#time": "updated_at", "#f0": "kind", "#f1": "outcome"
    }  # fmt: skip


@pytest.mark.parametrize(("scope", "condition"), [("1/", "begins_with(#scope, :scope)"), ("1/r", "#scope = :scope")])
def test_time_is_a_filter_where_the_index_has_another_order(scope: str, condition: str) -> None:
    part = IndexQuery("by-awaiting", ("awaiting", "outcome"), "updated_at", (), scope)
    asked = query_parameters("history", part, TaskQuery(since="1", until="2"))
    assert asked["KeyConditionExpression"] == f"#key = :key AND {condition}"
    assert asked["FilterExpression"] == "#time BETWEEN :since AND :until"


def ask(index: DynamoDb, *arguments: Any, **question: Any) -> QueryResults:
    return QueryResults(index, "history", TaskQuery(*arguments, **question))


@pytest.mark.parametrize("page", [1, 3, 10, 39, None])
@pytest.mark.parametrize("limit", [1, 7, 39, 40, 41])
def test_no_row_more_is_read_than_is_returned(limit: int, page: int | None) -> None:
    rows = many(40)
    index = DynamoDb(Table(*rows), page) if page else DynamoDb(Table(*rows))
    assert ids(ask(index, ("bundle",), limit=limit)) == newest(rows, limit)
    assert index.read == min(limit, 40)
    assert page or len(index.requests) == 1


def test_a_page_is_read_when_its_first_row_is_wanted() -> None:
    index = DynamoDb(Table(*many(10)), page=3)
    rows = iter(ask(index, ("bundle",)))
    assert index.requests == []
    assert len(list(islice(rows, 3))) == 3
    assert len(index.requests) == 1
    assert index.requests[0]["Limit"] == reader.MAX_PAGE_ROWS, "DynamoDB makes pages as large as it can"


@pytest.mark.parametrize(("outcomes", "read"), [(OUTCOMES, range(40, 50)), (("complete",), range(40, 41))])
def test_each_query_of_a_merged_answer_reads_its_share(outcomes: tuple[str, ...], read: range) -> None:
    rows = many(200, lambda hour: outcomes[hour % len(outcomes)])
    index = DynamoDb(Table(*rows))
    assert ids(ask(index, outcomes=OUTCOMES, limit=40)) == newest(rows, 40)
    assert [call["Limit"] for call in index.requests][:4] == [10, 10, 10, 10]
    assert index.read in read


SHARES = {
    "equal": (lambda number: number % 9, 60),
    "one of nine": (lambda number: 0, 50),
    "two of nine": (lambda number: number % 2, 60),
    "most are of one": (lambda number: 0 if number % 5 else number % 9, 80),
    "the newest are of one": (lambda number: 0 if number > 160 else number % 9, 100),
}


@pytest.mark.parametrize(("share", "most"), SHARES.values(), ids=SHARES)
def test_hardly_more_rows_are_read_than_shown(share: Callable[[int], int], most: int) -> None:
    kinds = list(KINDS)
    rows = [row(hour, kind=kinds[share(hour)], updated_at=at(hour)) for hour in range(200)]
    index = DynamoDb(Table(*rows))
    assert ids(ask(index, limit=50)) == newest(rows, 50)
    assert index.read <= most


def test_first_pages_are_read_side_by_side() -> None:
    """The first request is answered when the last one has come."""
    index, together = DynamoDb(Table(*many(5))), Barrier(len(KINDS), timeout=WAIT_SECONDS)
    query = index.query

    def wait_for_all(**request: Any) -> Any:
        together.wait()
        return query(**request)

    index.query = wait_for_all  # type: ignore[method-assign]
    assert len(list(ask(index, limit=50))) == 5


def test_without_a_limit_one_page_is_read_ahead() -> None:
    index = DynamoDb(Table(*many(10)), page=2)
    rows = iter(ask(index, ("bundle",)))
    assert len(list(islice(rows, 5))) == 5
    eventually(lambda: len(index.requests) == 4)
    assert len(list(rows)) == 5


def test_filtered_pages_are_not_tiny() -> None:
    index = DynamoDb(Table(*many(300, lambda hour: OUTCOMES[hour % 4], resource_id="i-1")))
    assert len(list(ask(index, outcomes=("failed",), resource="i-1", limit=5))) == 5
    assert [call["Limit"] for call in index.requests] == [reader.MIN_FILTERED_PAGE]


def test_filtered_pages_are_read_until_there_is_enough() -> None:
    rows = many(500, lambda hour: "failed" if hour < 10 else "complete", resource_id="i-1")
    index = DynamoDb(Table(*rows))
    assert ids(ask(index, outcomes=("failed",), resource="i-1", limit=5)) == newest(rows[:10], 5)
    assert len(index.requests) == 5


MERGED = {
    "all of one part are newer": lambda hour: "complete" if hour > 1 else "failed",
    "all of one part are older": lambda hour: "failed" if hour > 1 else "complete",
    "they take turns": lambda hour: ("failed", "complete")[hour % 2],
    "one part is empty": lambda hour: "complete",
}


@pytest.mark.parametrize("kinds", [(), ("bundle",)], ids=["by pages of a share", "by pages of a hundred"])
@pytest.mark.parametrize("limit", range(1, 8))
@pytest.mark.parametrize("outcome", MERGED.values(), ids=MERGED)
def test_the_answer_tells_whether_there_are_more_rows(
    outcome: Callable[[int], str], limit: int, kinds: tuple[str, ...]
) -> None:
    """DynamoDB does not know it where exactly ``limit`` rows exist."""
    answer = ask(DynamoDb(Table(*many(5, outcome))), kinds, ("complete", "failed"), limit=limit)
    given = len(list(answer))
    assert given == answer.returned == min(limit, 5)
    assert answer.may_have_more or limit >= 5
    assert not answer.may_have_more or limit <= 5


@pytest.mark.parametrize("page", [3, 5, 10])
def test_an_answer_without_a_limit_is_complete(page: int) -> None:
    """An empty page follows a full one."""
    answer = ask(DynamoDb(Table(*many(10)), page))
    assert len(list(answer)) == 10
    assert not answer.may_have_more


def make_row(number: int, kind: str, outcome: str | None, resource: str | None, hour: int, scope: str) -> Row:
    ended = {"outcome": outcome, "finished_at": at(hour) if outcome else None}
    awaiting = None if outcome else "outcome"
    row_with_none = row(number, kind=kind, resource_id=resource, updated_at=at(hour), scope=scope) | ended
    row_with_none["awaiting"] = awaiting
    return {name: value for name, value in row_with_none.items() if value is not None}


SCOPES = (HERE, THERE, ELSEWHERE)
QUESTIONS = st.builds(
    TaskQuery,
    st.sampled_from([(), ("bundle",), ("export",), ("bundle", "export"), ("export", "export")]),
    st.lists(st.sampled_from(OUTCOMES), max_size=3).map(tuple),
    st.none() | st.sampled_from(["i-1", "i-2", "i-3"]),
    st.none() | st.integers(0, 60).map(at),
    st.none() | st.integers(0, 60).map(at),
    st.none() | st.integers(1, 30),
    st.booleans(),
    st.lists(st.sampled_from(SCOPES), max_size=3, unique=True).map(lambda scopes: tuple(sorted(scopes))),
)
REGIONS = st.sampled_from([(), ("eu-west-1",), ("us-east-1", "eu-west-1")])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["bundle", "export"]),
        st.sampled_from([*OUTCOMES, None]),
        st.sampled_from(["i-1", "i-2", None]),
        st.integers(0, 60),
        st.sampled_from(SCOPES),
    ),
    max_size=40,
).map(
    lambda drawn: [make_row(number, *values) for number, values in enumerate(drawn)]
)  # fmt: skip


def wanted(rows: list[Row], question: TaskQuery) -> list[Row]:
    """Select the rows that a query asks for.

    Without any condition but time, a query asks for the kinds of this version.
    """
    narrower = question.outcomes or question.resource or question.running or question.scopes
    kinds = question.kinds or (() if narrower else tuple(KINDS))
    since, until = question.since or "", question.until or "~"
    return [
        row
        for row in rows
        if (not kinds or row["kind"] in kinds)
        and (not question.outcomes or row.get("outcome") in question.outcomes)
        and (not question.resource or row.get("resource_id") == question.resource)
        and since <= str(row["updated_at"]) <= until
        and (not question.running or "outcome" not in row)
        and (not question.scopes or row["scope"] in question.scopes)
        and (not question.regions or str(row["scope"]).partition("/")[2] in question.regions)
    ]


def in_regions(question: TaskQuery, regions: tuple[str, ...]) -> TaskQuery:
    """Return ``question`` about whole accounts, or about regions of them.

    What runs has no outcome.
    """
    accounts = sorted({scope.partition("/")[0] for scope in question.scopes})
    scopes = tuple(scope for scope in SCOPES if scope.partition("/")[0] in accounts)
    if regions:
        scopes = tuple(f"{account}/{region}" for account in accounts for region in regions)
    outcomes = () if question.running else question.outcomes
    return replace(question, scopes=scopes, regions=regions, outcomes=outcomes)


@given(ROWS, QUESTIONS, REGIONS, st.integers(1, 20))
def test_every_question_is_answered_as_it_is_meant(
    rows: list[Row], question: TaskQuery, regions: tuple[str, ...], page: int
) -> None:
    question = in_regions(question, regions)
    answer, meant = QueryResults(DynamoDb(Table(*rows), page), "history", question), wanted(rows, question)
    given = list(answer)
    times = [row["updated_at"] for row in given]
    assert times == sorted((str(row["updated_at"]) for row in meant), reverse=True)[: question.limit]
    assert len(set(ids(given))) == len(given)
    assert set(ids(given)) <= set(ids(meant))
    assert answer.may_have_more or len(given) == len(meant)


ESTIMATES = {
    "everything": (TaskQuery(), 40),
    "everything of every kind": (TaskQuery(kinds=tuple(KINDS)), 40),
    "the newest": (TaskQuery(limit=5), 5),
    "more than there are": (TaskQuery(limit=50), 40),
    "some": (TaskQuery(outcomes=("failed",)), None),
    "since": (TaskQuery(since="2026"), None),
    "until": (TaskQuery(until="2026"), None),
    "at most some": (TaskQuery(resource="i-1", limit=7), 7),
}


@pytest.mark.parametrize(("question", "about"), ESTIMATES.values(), ids=ESTIMATES)
def test_the_number_of_rows_is_estimated_where_possible(question: TaskQuery, about: int | None) -> None:
    assert QueryResults(DynamoDb(Table(*many(40))), "history", question).estimate() == about


class Refusing:
    """A client whose requests are all refused."""

    class meta:
        region_name = "eu-west-1"

    def __init__(self, code: str, message: str) -> None:
        self.error = ClientError({"Error": {"Code": code, "Message": message}}, "Any")

    def query(self, **_: Any) -> None:
        raise self.error

    get_item = describe_table = query


def test_a_denied_count_leaves_the_estimate_at_the_limit() -> None:
    assert QueryResults(Refusing("AccessDeniedException", "no"), "history", TaskQuery(limit=5)).estimate() == 5


NO_HISTORIES = {
    "no table": ("ResourceNotFoundException", "Requested resource not found", "no table 'history' in eu-west-1"),
    "no index": ("ValidationException", "The table does not have the specified index: by-kind", "is no history"),
    "another key": ("ValidationException", "The provided key element does not match the schema", "is no history"),
}


@pytest.mark.parametrize(("code", "message", "text"), NO_HISTORIES.values(), ids=NO_HISTORIES)
def test_a_table_that_is_no_history_is_named(code: str, message: str, text: str) -> None:
    refusing = Refusing(code, message)
    with pytest.raises(NoTableError, match=text):
        list(QueryResults(refusing, "history", TaskQuery()))
    with pytest.raises(NoTableError, match=text):
        reader.read_task(refusing, "history", Key("a", "b"))


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "ValidationException"])
def test_other_refusals_rise_as_they_are(code: str) -> None:
    with pytest.raises(ClientError, match=code):
        list(QueryResults(Refusing(code, "no"), "history", TaskQuery()))
