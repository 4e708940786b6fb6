"""The documents' questions to the history, asked of the deployed table."""

from collections.abc import Iterator

import pytest

from local.deployment import Deployment
from task_reporter.history.rows import Row, key_of, to_attribute, to_key
from tests.e2e.conftest import StagedEc2
from tests.e2e.steps import poll, task, told_row
from tests.support.documents import ROOT, commands, request
from tests.support.finished import cases
from tests.support.waiting import eventually

ANSWERS = {
    "by-kind": {"import-image-complete", "import-image-failed"},
    "by-outcome": {"import-image-failed"},
    "by-resource": {"export-image-complete", "store-image-complete"},
}
"""Index → the cases of the golden emails that the question on it finds."""
QUESTIONS = [
    words for words in commands(ROOT / "docs" / "history.md") if words[2] == "query" and "by-awaiting" not in words
]


@pytest.fixture
def recorded(fresh: Deployment) -> Iterator[dict[str, Row]]:
    """Put announced rows of several kinds into the table; yield case → row."""
    client, table = fresh.cloud.client("dynamodb"), fresh.outputs["HistoryTableName"]
    rows = {name: cases()[name][0] for names in ANSWERS.values() for name in names}
    for row in rows.values():
        announced = {name: to_attribute(value) for name, value in row.items() if not name.startswith("awaiting")}
        client.put_item(TableName=table, Item=announced)
    yield rows
    for row in rows.values():
        client.delete_item(TableName=table, Key=to_key(key_of(row)))


@pytest.mark.parametrize("words", QUESTIONS, ids=[words[words.index("--index-name") + 1] for words in QUESTIONS])
def test_the_documents_questions_are_answered(fresh: Deployment, recorded: dict[str, Row], words: list[str]) -> None:
    asked = request(words, {"$TABLE": fresh.outputs["HistoryTableName"]})
    expected = {recorded[name]["task_id"] for name in ANSWERS[asked["IndexName"]]}
    others = {row["task_id"] for row in recorded.values()} - expected
    query = fresh.cloud.client("dynamodb").query
    eventually(lambda: expected <= {item["task_id"]["S"] for item in query(**asked)["Items"]})
    assert not others & {item["task_id"]["S"] for item in query(**asked)["Items"]}


def test_a_row_can_be_announced_again_and_what_was_told_can_not(fresh: Deployment, ec2: StagedEc2) -> None:
    ec2.lists(task("bun-2a4e041c", "complete"))
    poll(fresh)
    row = told_row(fresh, "bun-2a4e041c")
    fresh.cloud.inbox.new()
    client = fresh.cloud.client("dynamodb")
    [words] = [words for words in commands(ROOT / "docs" / "history.md") if words[2] == "update-item"]
    asked = request(words, {"$TABLE": fresh.outputs["HistoryTableName"]})
    asked["Key"] = to_key(key_of(row))
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.update_item(**asked)
    # As it would stand had SNS stayed away for longer than the stream retries.
    client.put_item(
        TableName=asked["TableName"],
        Item={
            name: {"N": value} if name == "progress" else {"S": value}
            for name, value in {**row, "awaiting": "unheard"}.items()
            if name != "notified_at"
        },
    )
    client.update_item(
        TableName=asked["TableName"],
        Key=asked["Key"],
        UpdateExpression="SET awaiting = :what",
        ExpressionAttributeValues={":what": {"S": "notification"}},
    )
    eventually(lambda: [mail for mail in fresh.cloud.inbox.new() if "bun-2a4e041c" in mail.subject])
