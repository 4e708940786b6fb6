"""A hub, the unchanged template, over an organization whose accounts refuse, join and leave."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.deployment import Deployment, deploy
from local.mail import Mail
from local.organization import HUB, Organization, local_organization
from task_reporter.history.rows import from_item
from task_reporter.times import to_text
from tests.support.waiting import eventually

REGIONS = ("ap-south-1", "eu-west-1", "us-east-1")
NOTICES, ALARMS = "ops@example.com", "oncall@example.com"
SNAPSHOT = {"DiskContainer": {"UserBucket": {"S3Bucket": "exports", "S3Key": "wiki.vmdk"}}}
MONTH = 30 * 24 * 60
"""Minutes for which the local EC2 lists ended tasks."""


@dataclass(slots=True)
class Hub:
    """A deployed hub and its organization."""

    organization: Organization
    stack: Deployment

    def round(self) -> dict[str, Any]:
        """Plan one round, wait for its assignments, and return the planner's numbers."""
        answer = self._client("lambda").invoke(FunctionName=self.stack.outputs["PlannerFunctionName"], Payload=b"{}")
        numbers = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, numbers
        eventually(lambda: self._waiting() == 0)
        return dict(numbers)

    def _waiting(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        queue = self.stack.outputs["AssignmentQueueUrl"]
        attributes = self._client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def _client(self, service: str) -> Any:
        return self.organization.cloud.client(service)

    def row(self, task_id: str) -> dict[str, Any]:
        """Return a row of the roster: of an account, by its name, or ``organization``."""
        key = {"scope": {"S": "roster"}, "task_id": {"S": self.organization.accounts.get(task_id, task_id)}}
        table = self.stack.outputs["HistoryTableName"]
        return from_item(self._client("dynamodb").get_item(TableName=table, Key=key).get("Item", {}))

    def age(self, task_id: str, attribute: str, **length: float) -> None:
        """Make a time in the roster older by ``length``."""
        past = to_text(datetime.now(UTC) - timedelta(**length))
        self._client("dynamodb").update_item(
            TableName=self.stack.outputs["HistoryTableName"],
            Key={"scope": {"S": "roster"}, "task_id": {"S": self.organization.accounts.get(task_id, task_id)}},
            UpdateExpression="SET #name = :past",
            ExpressionAttributeNames={"#name": attribute},
            ExpressionAttributeValues={":past": {"S": past}},
        )

    def scopes(self) -> dict[str, str | None]:
        """Return the scopes of all tasks in the history, with their outcome."""
        return {row["scope"]: row.get("outcome") for row in self.stack.rows()}

    def mail(self, to: str) -> Mail:
        """Wait for the next email to ``to``."""
        return eventually(lambda: next((mail for mail in self.organization.cloud.inbox.new() if mail.to == to), None))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("organization")
    with local_organization(folder, ["alpha", "beta", "gamma"], seed=1, speed=600, listed_for=MONTH) as organization:
        parameters = {
            **organization.parameters,
            "NotificationEmail": NOTICES,
            "AlarmEmail": ALARMS,
            "Regions": ",".join(REGIONS),
            "PollSchedule": "rate(12 hours)",
            "SilentAfterMinutes": "1440",
        }
        yield Hub(organization, deploy(organization.cloud, template, parameters, "hub"))


def test_accounts_that_refuse_cost_the_others_nothing(hub: Hub) -> None:
    organization = hub.organization
    organization.remove_member_role("beta")
    with organization.ec2.play("denied-by-scp", organization.accounts["gamma"], region="ap-*"):
        organization.client("alpha", "ec2", "us-east-1").import_snapshot(**SNAPSHOT)
        assert hub.round() == {"accounts": 4, "sent": 4, "lists_due": 0}
        assert hub.round()["sent"] == 3, "a running task, and two denials to confirm"
        notice = hub.mail(NOTICES)
        assert notice.subject.endswith(f"complete ({organization.accounts['alpha']}/us-east-1)")
        hub.round()
        alarm = hub.mail(ALARMS)
    lines = [f"{organization.accounts['beta']} (beta): its role can't be assumed",
             f"{organization.accounts['gamma']} (gamma) ap-south-1: denied by a service control policy"]  # fmt: skip
    assert all(line in alarm.text for line in lines), alarm.text
    assert hub.row("beta")["unreadable"] == "no-role"
    assert hub.row(HUB)["polled_at"], "the hub's own account is read without a role to assume"
    hub.round()
    assert not [mail for mail in organization.cloud.inbox.new() if mail.to == ALARMS], "told once"


def test_role_that_is_made_again_is_used_and_announced(hub: Hub) -> None:
    hub.organization.add_member_role("beta")
    assert "unreadable" in hub.row("beta"), "it is tried again after an hour"
    hub.age("beta", "asked_at", hours=2)
    hub.organization.client("beta", "ec2", "eu-west-1").import_snapshot(**SNAPSHOT)
    hub.round()
    assert "unreadable" not in hub.row("beta")
    hub.round()
    assert "These problems are over:" in hub.mail(ALARMS).text
    assert f"{hub.organization.accounts['beta']}/eu-west-1" in hub.scopes()


def test_accounts_that_join_are_found_and_leavers_are_kept(hub: Hub) -> None:
    organization = hub.organization
    delta = organization.add_account("delta")
    organization.client("alpha", "ec2", "eu-west-1").import_snapshot(**SNAPSHOT)
    hub.age("organization", "accounts_at", hours=2)
    hub.age("alpha", "polled_at", hours=2)
    hub.round()
    assert hub.row(delta)["polled_at"]
    before = hub.scopes()
    organization.leave("alpha")
    hub.age("organization", "accounts_at", hours=2)
    hub.round()
    hub.round()
    assert hub.row("alpha")["status"] == "LEFT"
    assert "has left the organization" in hub.mail(ALARMS).text
    assert "lost" not in hub.scopes().values()
    assert before.keys() <= hub.scopes().keys(), "its history stays"


@pytest.mark.parametrize("body", ["", "{}", '{"account": "x"}', "[]"])
def test_message_that_is_no_assignment_harms_nothing(hub: Hub, body: str) -> None:
    hub._client("sqs").send_message(QueueUrl=hub.stack.outputs["AssignmentQueueUrl"], MessageBody=body or " ")
    before = hub.stack.rows()
    hub.organization.cloud.client("lambda")
    assert hub.stack.rows() == before
