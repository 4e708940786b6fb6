"""DynamoDB engines for tests, and tables made from the template."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from local.cloud import CREDENTIALS, REGION
from task_reporter.aws import clients
from task_reporter.aws.request_limits import USE_TABLE
from task_reporter.history.rows import ROSTER_SCOPE, Row, from_item
from task_reporter.history.table import HistoryTable
from tests.support.template import table_properties
from tests.support.waiting import WAIT_SECONDS, unhurried

LOCAL_AWS, DYNAMODB_LOCAL = "local AWS", "DynamoDB Local"
ENGINES = (LOCAL_AWS, DYNAMODB_LOCAL)


@dataclass(frozen=True, slots=True)
class Engine:
    """Something that speaks DynamoDB's protocol at ``endpoint``."""

    name: str
    endpoint: str

    def client(self, service: str = "dynamodb") -> Any:
        """Return a client as the functions make it, but for its time limits."""
        patience = unhurried(clients.TIMEOUT_AND_ATTEMPTS.get(service, USE_TABLE))
        return clients.client(service, patience, region_name=REGION, endpoint_url=self.endpoint, **CREDENTIALS)


@dataclass(slots=True)
class Table:
    """A fresh table, empty at first. ``pauses`` are those that ``history`` would have made."""

    client: Any
    name: str
    pauses: list[float] = field(default_factory=list)

    @property
    def history(self) -> HistoryTable:
        return HistoryTable(self.client, self.name, self.pauses.append)

    def rows(self) -> dict[str, Row]:
        """All tasks' rows, by task id."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        rows = (from_item(item) for page in pages for item in page["Items"])
        return {str(row["task_id"]): row for row in rows if row["scope"] != ROSTER_SCOPE}

    def ask(self, index: str, newest_first: bool = False, **key: str) -> list[str]:
        """Return the task ids under one key of an index, in its order."""
        ((name, value),) = key.items()
        answer = self.client.query(
            TableName=self.name,
            IndexName=index,
            KeyConditionExpression="#key = :key",
            ExpressionAttributeNames={"#key": name},
            ExpressionAttributeValues={":key": {"S": value}},
            ScanIndexForward=not newest_first,
        )
        return [item["task_id"]["S"] for item in answer["Items"]]


def make_table(client: Any, **instead: Any) -> Table:
    """Return a table as the template defines it, but for what ``instead`` says."""
    name = f"history-{uuid.uuid4().hex[:12]}"
    client.create_table(TableName=name, **table_properties() | instead)
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": WAIT_SECONDS})
    return Table(client, name)
