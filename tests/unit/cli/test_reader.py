"""Queries of the history: the right index, and no more read than shown."""

from collections.abc import Callable
from itertools import islice
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
from task_reporter_cli.history.reader import IndexQuery, QueryResults, TaskQuery, plan_queries, query_parameters
from tests.support.dynamodb import DynamoDb, Table
from tests.support.finished import row


def at(number: int) -> str:
    return f"2026-11-{1 + number // 24:02}T{number % 24:02}:00:00.000Z"


def many(number: int, outcome: Callable[[int], str] = lambda number: "complete", **more: Any) -> list[Row]:
    """Rows that ended hour by hour; the last is the newest."""
    return [row(hour, outcome(hour), updated_at=at(hour), finished_at=at(hour), **more) for hour in range(number)]


def ids(rows: Any) -> list[str]:
    return [row["task_id"] for row in rows]


def newest(rows: list[Row], limit: int | None = None) -> list[str]:
    return ids(sorted(rows, key=lambda row: str(row["updated_at"]), reverse=True)[:limit])


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
        [IndexQuery("by-outcome", ("outcome", "lost"), "finished_at", (("kind", ("a",)),))],
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
                "by-resource", ("resource_id", "i-1"), "updated_at", (("kind", ("a", "b")), ("outcome", ("lost",)))
            )
        ],
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
    part = IndexQuery("by-resource", ("resource_id", "i-1"), "updated_at", (("kind", ("a",)), ("outcome", ("b", "c"))))
    asked = query_parameters("history", part, TaskQuery(since="1", until="2"))
    assert asked["KeyConditionExpression"] == "#key = :key AND #time BETWEEN :since AND :until"
    assert asked["FilterExpression"] == "#kind IN (:kind0) AND #outcome IN (:outcome0, :outcome1)"
    values = {":key": "i-1", ":since": "1", ":until": "2", ":kind0": "a", ":outcome0": "b", ":outcome1": "c"}
    assert asked["ExpressionAttributeValues"] == {alias: {"S": value} for alias, value in values.items()}
    assert asked["ExpressionAttributeNames"] == {
        "#key": "resource_id", "#time": "updated_at", "#kind": "kind", "#outcome": "outcome"
    }  # fmt: skip


@pytest.mark.parametrize("limit", [1, 7, 39, 40, 41])
def test_one_page_is_read_and_not_a_row_more_than_is_shown(limit: int) -> None:
    index = DynamoDb(Table(*many(40)))
    question = TaskQuery(kinds=("bundle",), limit=limit)
    assert ids(QueryResults(index, "history", question)) == newest(list(index.table.rows.values()), limit)
    assert index.read == min(limit, 40)
    assert len(index.requests) == 1


@pytest.mark.parametrize("page", [1, 3, 10, 49])
def test_where_pages_are_small_no_row_more_is_read_either(page: int) -> None:
    index = DynamoDb(Table(*many(100)), page)
    assert ids(QueryResults(index, "history", TaskQuery(limit=50))) == newest(list(index.table.rows.values()), 50)
    assert index.read == 50


def test_nothing_is_read_before_the_first_row_is_wanted() -> None:
    index = DynamoDb(Table(*many(10)))
    iter(QueryResults(index, "history", TaskQuery()))
    assert index.requests == []


def test_a_page_is_read_when_its_first_row_is_wanted() -> None:
    index = DynamoDb(Table(*many(10)), page=3)
    assert len(list(islice(QueryResults(index, "history", TaskQuery(kinds=("bundle",))), 3))) == 3
    assert len(index.requests) == 1


def test_pages_without_a_limit_have_dynamodb_s_size() -> None:
    index = DynamoDb(Table(*many(10)))
    list(QueryResults(index, "history", TaskQuery()))
    assert "Limit" not in index.requests[0]


def test_each_part_of_a_merged_answer_reads_its_share() -> None:
    index = DynamoDb(Table(*many(200, lambda hour: OUTCOMES[hour % 4])))
    assert ids(QueryResults(index, "history", TaskQuery(outcomes=OUTCOMES, limit=40))) == newest(
        list(index.table.rows.values()), 40
    )
    assert [call["Limit"] for call in index.requests][:4] == [10, 10, 10, 10]
    assert index.read < 50


def test_a_partition_with_all_matches_is_read_no_further() -> None:
    index = DynamoDb(Table(*many(200)))
    answer = QueryResults(index, "history", TaskQuery(outcomes=OUTCOMES, limit=40))
    assert ids(answer) == newest(list(index.table.rows.values()), 40)
    assert index.read == 40


def test_where_rows_are_filtered_pages_are_not_tiny() -> None:
    index = DynamoDb(Table(*many(300, lambda hour: OUTCOMES[hour % 4], resource_id="i-1")))
    asked = TaskQuery(outcomes=("failed",), resource="i-1", limit=5)
    assert len(list(QueryResults(index, "history", asked))) == 5
    assert [call["Limit"] for call in index.requests] == [reader.MIN_FILTERED_PAGE]


def test_filtered_pages_are_read_until_there_is_enough() -> None:
    rows = many(500, lambda hour: "failed" if hour < 10 else "complete", resource_id="i-1")
    index = DynamoDb(Table(*rows))
    answer = QueryResults(index, "history", TaskQuery(outcomes=("failed",), resource="i-1", limit=5))
    assert ids(answer) == newest(rows[:10], 5)
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
def test_it_is_told_whether_there_is_more_than_was_given(
    outcome: Callable[[int], str], limit: int, kinds: tuple[str, ...]
) -> None:
    """Where exactly as many are there as are wanted, DynamoDB itself does not know."""
    answer = QueryResults(
        DynamoDb(Table(*many(5, outcome))), "history", TaskQuery(kinds, ("complete", "failed"), limit=limit)
    )
    given = len(list(answer))
    assert given == answer.returned == min(limit, 5)
    assert answer.may_have_more or limit >= 5
    assert not answer.may_have_more or limit <= 5


@pytest.mark.parametrize("page", [3, 5, 10])
def test_an_answer_without_a_limit_does_not_go_on(page: int) -> None:
    """Where the last page is full, an empty one follows."""
    answer = QueryResults(DynamoDb(Table(*many(10)), page), "history", TaskQuery())
    assert len(list(answer)) == 10
    assert not answer.may_have_more


def made_row(number: int, kind: str, outcome: str | None, resource: str | None, hour: int) -> Row:
    made = row(number, kind=kind, resource_id=resource, updated_at=at(hour), finished_at=at(hour))
    return made | {"outcome": outcome} if outcome else without(made, "outcome", "finished_at")


def without(given: Row, *names: str) -> Row:
    return {name: value for name, value in given.items() if name not in names}


QUESTIONS = st.builds(
    TaskQuery,
    st.sampled_from([(), ("bundle",), ("export",), ("bundle", "export"), ("export", "export")]),
    st.lists(st.sampled_from(OUTCOMES), max_size=3).map(tuple),
    st.none() | st.sampled_from(["i-1", "i-2", "i-3"]),
    st.none() | st.integers(0, 60).map(at),
    st.none() | st.integers(0, 60).map(at),
    st.none() | st.integers(1, 30),
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["bundle", "export"]),
        st.sampled_from([*OUTCOMES, None]),
        st.sampled_from(["i-1", "i-2", None]),
        st.integers(0, 60),
    ),
    max_size=40,
).map(
    lambda made: [
        made_row(number, kind, outcome, resource, hour)
        for number, (kind, outcome, resource, hour) in enumerate(made)
    ]
)  # fmt: skip


def wanted(rows: list[Row], question: TaskQuery) -> list[Row]:
    """Return the rows that a query selects, found by a plain filter.

    Without kinds, those that this version knows, unless something else is named.
    """
    kinds = question.kinds or (() if question.outcomes or question.resource else tuple(KINDS))
    since, until = question.since or "", question.until or "~"
    return [
        row
        for row in rows
        if (not kinds or row["kind"] in kinds)
        and (not question.outcomes or row.get("outcome") in question.outcomes)
        and (not question.resource or row.get("resource_id") == question.resource)
        and since <= str(row["updated_at"]) <= until
    ]


@given(ROWS, QUESTIONS, st.integers(1, 20))
def test_every_question_is_answered_as_it_is_meant(rows: list[Row], question: TaskQuery, page: int) -> None:
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
def test_how_many_will_come_is_told_where_that_is_known(question: TaskQuery, about: int | None) -> None:
    assert QueryResults(DynamoDb(Table(*many(40))), "history", question).estimate() == about


class Refusing:
    """A client that is refused everything."""

    class meta:
        region_name = "eu-west-1"

    def __init__(self, code: str, message: str) -> None:
        self.error = ClientError({"Error": {"Code": code, "Message": message}}, "Any")

    def query(self, **_: Any) -> None:
        raise self.error

    get_item = describe_table = query


def test_progress_without_permission_to_count_has_no_total() -> None:
    assert QueryResults(Refusing("AccessDeniedException", "no"), "history", TaskQuery(limit=5)).estimate() == 5


NO_HISTORIES = {
    "no table": ("ResourceNotFoundException", "Requested resource not found", "no table 'history' in eu-west-1"),
    "no index": ("ValidationException", "The table does not have the specified index: by-kind", "is no history"),
    "another key": ("ValidationException", "The provided key element does not match the schema", "is no history"),
}


@pytest.mark.parametrize(("code", "message", "said"), NO_HISTORIES.values(), ids=NO_HISTORIES)
def test_a_table_that_is_no_history_is_named(code: str, message: str, said: str) -> None:
    refusing = Refusing(code, message)
    with pytest.raises(NoTableError, match=said):
        list(QueryResults(refusing, "history", TaskQuery()))
    with pytest.raises(NoTableError, match=said):
        reader.read_task(refusing, "history", Key("a", "b"))


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "ValidationException"])
def test_other_refusals_rise_as_they_are(code: str) -> None:
    with pytest.raises(ClientError, match=code):
        list(QueryResults(Refusing(code, "no"), "history", TaskQuery()))
