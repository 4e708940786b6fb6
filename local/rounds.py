"""Rounds of a deployed hub, without its schedule."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local.deployment import Deployment
from local.processes import StepError
from task_reporter.history.rows import ROSTER_SCOPE, Key, Row, from_item, to_key
from task_reporter.organization.members import ORGANIZATION_KEY
from task_reporter.times import to_text

ROUND_TIMEOUT = 300
"""Seconds until a round must be over; one or two suffice."""
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
"""Messages of a queue that wait, are worked on, and wait for their time."""
ORGANIZATION = ORGANIZATION_KEY.task_id
"""The roster row of the planner."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """Rounds of one hub, and its roster."""

    stack: Deployment

    def run(self) -> dict[str, Any]:
        """Run one round to its end, and return the planner's numbers.

        Raises StepError if the planner fails, or an assignment is not carried out.
        """
        functions = self.stack.cloud.client("lambda")
        answer = functions.invoke(FunctionName=self.stack.outputs["PlannerFunctionName"], Payload=b"{}")
        numbers = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise StepError("planning a round", str(numbers))
        end = time.monotonic() + ROUND_TIMEOUT
        while waiting := self.count_waiting():
            if time.monotonic() > end:
                raise StepError("carrying out a round", f"{waiting} assignments wait after {ROUND_TIMEOUT} seconds")
            time.sleep(0.05)
        return dict(numbers)

    def count_waiting(self) -> int:
        """Return the number of assignments that are not carried out."""
        sqs, queue = self.stack.cloud.client("sqs"), self.stack.outputs["AssignmentQueueUrl"]
        counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=list(COUNTS))["Attributes"]
        return sum(int(counts[name]) for name in COUNTS)

    def row(self, account: str) -> Row:
        """Return a roster row, of an account or the ORGANIZATION, or an empty one."""
        dynamodb, table = self.stack.cloud.client("dynamodb"), self.stack.outputs["HistoryTableName"]
        answer = dynamodb.get_item(TableName=table, Key=to_key(Key(ROSTER_SCOPE, account)), ConsistentRead=True)
        return from_item(answer.get("Item", {}))

    def age(self, account: str, attribute: str, **length: float) -> None:
        """Move a time in a roster row into the past, by ``length``.

        It has the arguments of timedelta.
        """
        past = to_text(datetime.now(UTC) - timedelta(**length))
        self.stack.cloud.client("dynamodb").update_item(
            TableName=self.stack.outputs["HistoryTableName"],
            Key=to_key(Key(ROSTER_SCOPE, account)),
            UpdateExpression="SET #name = :past",
            ExpressionAttributeNames={"#name": attribute},
            ExpressionAttributeValues={":past": {"S": past}},
        )
