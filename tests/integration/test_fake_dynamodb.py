"""The fake of DynamoDB answers as DynamoDB Local does, request by request."""

from itertools import count
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from task_reporter.history.rows import from_item, key_of, to_attribute, to_key
from task_reporter.history.writes import Insert, Update, Write, put_request, transaction_item, update_request
from tests.integration.engines import make_table
from tests.support import dynamodb
from tests.support.dynamodb import index_keys

scopes = (f"{number:012}/eu-west-1" for number in count())
"""Each history of requests has a scope of its own in the same table."""
task_ids = st.sampled_from(["bun-0", "bun-1", "bun-2"])
# Values that DynamoDB takes for an attribute, and some that it refuses; a pair is a text and how often it is repeated.
values = {
    "kind": st.sampled_from(["bundle", "import-image"]),
    "outcome": st.sampled_from(["complete", "failed", ("x", 2048)]),
    "resource_id": st.sampled_from(["i-0", "i-1", ("x", 2048)]),
    "awaiting": st.sampled_from(["outcome", "notification"]),
    "updated_at": st.sampled_from(["2026-11-23T12:00", "2026-11-23T12:05", ("x", 1024)]),
    "finished_at": st.sampled_from(["2026-11-23T12:00", "2026-11-23T12:05"]),
    "error_message": st.sampled_from(["gone", ("x", 400 * 1024)]),
    "progress": st.integers(-5, 10**37),
}
attributes = st.fixed_dictionaries({}, optional=values)
few = st.fixed_dictionaries({}, optional={name: values[name] for name in ("kind", "awaiting", "resource_id")})
inserts = st.builds(lambda task_id, more: ("insert", task_id, more), task_ids, attributes)
updates = st.builds(
    lambda task_id, new, expected, remove: ("update", task_id, new, expected, remove),
    task_ids,
    attributes,
    st.dictionaries(st.sampled_from(["kind", "awaiting"]), st.sampled_from([None, "bundle", "outcome"])),
    st.lists(st.sampled_from(["outcome", "awaiting", "error_message", "kind"]), unique=True),
)
requests = st.lists(st.lists(inserts | updates, min_size=1, max_size=3), max_size=8)


def to_write(scope: str, kind: str, task_id: str, new: Any, expected: Any = (), remove: Any = ()) -> Write:
    new = {name: value[0] * value[1] if isinstance(value, tuple) else value for name, value in new.items()}
    if kind == "insert":
        return Insert({"scope": scope, "task_id": task_id, **new})
    return Update(dynamodb.Key(scope, task_id), new, dict(expected), tuple(remove))


def send(client: Any, table: str, writes: list[Write]) -> Any:
    """Return the response to ``writes``: nothing, or the error's relevant parts."""
    try:
        if len(writes) > 1:
            client.transact_write_items(TransactItems=[transaction_item(table, write) for write in writes])
        elif isinstance(writes[0], Insert):
            client.put_item(**put_request(table, writes[0]), ReturnValuesOnConditionCheckFailure="ALL_OLD")
        else:
            client.update_item(**update_request(table, writes[0]), ReturnValuesOnConditionCheckFailure="ALL_OLD")
    except ClientError as error:
        response: Any = error.response
        codes = [reason["Code"] for reason in response.get("CancellationReasons", [])]
        if response["Error"]["Code"] == "ValidationException" or "ValidationError" in codes:
            return "invalid"
        return response["Error"]["Code"], codes, response.get("Item")
    return None


def indexed(client: Any, table: str, scope: str) -> dict[str, Any]:
    """Return the rows of ``scope`` in each index, as lists of what sorts them."""
    found = {}
    for index, (partition, sort) in index_keys().items():
        for value in ("bundle", "outcome", "notification", "complete", "i-0"):
            answer = client.query(
                TableName=table,
                IndexName=index,
                KeyConditionExpression="#key = :key",
                ExpressionAttributeNames={"#key": partition},
                ExpressionAttributeValues={":key": to_attribute(value)},
                ScanIndexForward=False,
            )
            rows = [row for row in map(from_item, answer["Items"]) if row["scope"] == scope]
            assert [row[sort] for row in rows] == sorted((row[sort] for row in rows), reverse=True)
            found[index, value] = sorted((key_of(row), sorted(row.items())) for row in rows)
    return found


def test_requests_are_answered_as_dynamodb_local_answers(aws_own: Any) -> None:
    table = make_table(aws_own)

    @settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(requests)
    def compare(batches: list[list[Any]]) -> None:
        fake, scope = dynamodb.Table(), next(scopes)
        for batch in batches:
            writes = list({write.key: write for write in (to_write(scope, *parts) for parts in batch)}.values())
            answers = [
                send(client, name, writes) for client, name in ((table.client, table.name), (fake.client, "fake"))
            ]
            # DynamoDB looks at some conditions before it looks whether a write is valid.
            assert answers[0] == answers[1] or (None not in answers and "invalid" in answers), (batch, answers)
        keys = {"Keys": [to_key(dynamodb.Key(scope, task)) for task in ("bun-0", "bun-1")], "ConsistentRead": True}
        read = [rows(client, {name: keys}) for client, name in ((table.client, table.name), (fake.client, "fake"))]
        assert read[0] == read[1]
        assert indexed(table.client, table.name, scope) == indexed(fake.client, "fake", scope)

    compare()


def rows(client: Any, request: Any) -> list[Any]:
    [items] = client.batch_get_item(RequestItems=request)["Responses"].values()
    return sorted(sorted(from_item(item).items()) for item in items)
