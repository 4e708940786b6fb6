"""The documents' questions to the history, asked of the deployed table."""

import json

import pytest

from local.deployment import Deployment
from tests.e2e.conftest import StagedEc2
from tests.e2e.steps import failure, poll, task, told_row
from tests.support.documents import ROOT, commands, request
from tests.support.waiting import eventually

QUESTIONS = [
    words for words in commands(ROOT / "docs" / "history.md") if words[2] == "query" and "by-awaiting" not in words
]


@pytest.mark.parametrize("words", QUESTIONS, ids=[words[words.index("--index-name") + 1] for words in QUESTIONS])
def test_the_documents_questions_are_answered(fresh: Deployment, ec2: StagedEc2, words: list[str]) -> None:
    asked = request(words, {"$TABLE": fresh.outputs["HistoryTableName"]})
    ec2.lists(
        task("bun-e2e-asked", "complete", InstanceId="i-0a1b2c3d4e5f60718"),
        task("bun-e2e-asked-too", "failed", **failure("Client.S3Error", "Gone.")),
    )
    poll(fresh)
    told_row(fresh, "bun-e2e-asked")
    told_row(fresh, "bun-e2e-asked-too")
    found = eventually(lambda: fresh.cloud.client("dynamodb").query(**asked)["Items"])
    assert {"bun-e2e-asked", "bun-e2e-asked-too"} & {item["task_id"]["S"] for item in found}


def test_a_row_can_be_announced_again_and_what_was_told_can_not(fresh: Deployment, ec2: StagedEc2) -> None:
    ec2.lists(task("bun-2a4e041c", "complete"))
    poll(fresh)
    row = told_row(fresh, "bun-2a4e041c")
    fresh.cloud.inbox.new()
    client = fresh.cloud.client("dynamodb")
    [words] = [words for words in commands(ROOT / "docs" / "history.md") if words[2] == "update-item"]
    asked = request(words, {"$TABLE": fresh.outputs["HistoryTableName"]})
    asked["Key"] = json.loads(json.dumps(asked["Key"]).replace("123456789012/us-east-2", row["scope"]))
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
