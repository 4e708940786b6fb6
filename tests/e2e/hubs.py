"""A deployed hub with its organization, for tests."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.deployment import Deployment, deploy
from local.mail import Mail
from local.organization import Organization, local_organization
from local.rounds import ORGANIZATION, Rounds
from task_reporter.history.rows import ROSTER_SCOPE, Key, Row, to_key
from task_reporter.times import now
from tests.e2e.steps import run
from tests.support.clock import Clock
from tests.support.waiting import eventually

NOTICES, ALARMS = "ops@example.com", "oncall@example.com"
SNAPSHOT = {"DiskContainer": {"UserBucket": {"S3Bucket": "exports", "S3Key": "wiki.vmdk"}}}
MONTH = 30 * 24 * 60
"""Minutes for which the local EC2 lists ended tasks."""
DAY = 24 * 60 * 60
UNSCHEDULED = {"PollSchedule": "rate(12 hours)", "SilentAfterMinutes": "1440"}


@dataclass(slots=True)
class Hub:
    """A deployed hub and its organization, whose EC2 has a clock of its own."""

    organization: Organization
    stack: Deployment
    clock: Clock
    mails: list[Mail] = field(default_factory=list)
    """All emails so far."""

    def round(self) -> dict[str, Any]:
        """Run one round to its end, and return the planner's numbers."""
        return Rounds(self.stack).run()

    def end_tasks(self) -> None:
        """Let all running tasks complete."""
        self.clock.forward(60)

    def import_snapshot(self, name: str, region: str) -> str:
        """Start a task in an account, and return its id."""
        return str(self.organization.client(name, "ec2", region).import_snapshot(**SNAPSHOT)["ImportTaskId"])

    def row(self, name: str) -> Row:
        """Return a row of the roster, of an account or of the organization."""
        return Rounds(self.stack).row(self._id(name))

    def age(self, name: str, attribute: str, **length: float) -> None:
        """Make a time in such a row older by ``length``."""
        Rounds(self.stack).age(self._id(name), attribute, **length)

    def make_due(self, name: str) -> None:
        """Make an account and all its lists due, as a day later."""
        row = self.row(name)
        lists = json.loads(str(row.get("lists", "{}")))
        for record in (record for kinds in lists.values() for record in kinds.values()):
            record |= {each: max(record[each] - DAY, 0) for each in ("at", "asked") if each in record}
        if lists:
            self.client("dynamodb").update_item(
                TableName=self.stack.outputs["HistoryTableName"],
                Key=to_key(Key(ROSTER_SCOPE, self._id(name))),
                UpdateExpression="SET lists = :lists",
                ExpressionAttributeValues={":lists": {"S": json.dumps(lists)}},
            )
        if "asked_at" in row:
            self.age(name, "asked_at", days=1)

    def list_accounts_again(self) -> None:
        """Make the planner list the accounts in the next round."""
        self.age(ORGANIZATION, "accounts_at", hours=2)

    def outcomes(self) -> dict[str, str | None]:
        """Return the outcomes of all tasks in the history by id."""
        return {row["task_id"]: row.get("outcome") for row in self.stack.rows()}

    def scopes(self) -> dict[str, str]:
        """Return the scopes of all tasks in the history by id."""
        return {row["task_id"]: row["scope"] for row in self.stack.rows()}

    def mails_with(self, text: str, to: str = NOTICES) -> list[Mail]:
        """Return all emails so far to an address whose subject or body has ``text``."""
        self.mails += self.organization.cloud.inbox.new()
        return [mail for mail in self.mails if mail.to == to and (text in mail.subject or text in mail.text)]

    def alarm(self, text: str) -> Mail:
        """Wait for the only email about problems that has ``text``."""
        [mail] = eventually(lambda: self.mails_with(text, ALARMS))
        return mail

    def states(self) -> dict[str, set[tuple[str, ...]]]:
        """Return state and places by account name, as the command line does."""
        listed = json.loads(run(self.stack, "accounts", "--all", "--output", "json").stdout)
        names = {account: name for name, account in self.organization.accounts.items()}
        found = [(names.get(each["account"], "hub"), each["state"], tuple(each.get("places", ()))) for each in listed]
        return {name: {state[1:] for state in found if state[0] == name} for name, _, _ in found}

    def client(self, service: str) -> Any:
        """Make a client of the hub's account."""
        return self.organization.cloud.client(service)

    def _id(self, name: str) -> str:
        return self.organization.accounts.get(name, name)


@contextmanager
def running_hub(folder: Path, template: Path, names: Sequence[str], **parameters: str) -> Iterator[Hub]:
    """Deploy a hub over an organization with the named accounts during the context."""
    clock = Clock(now())
    with local_organization(folder, names, seed=1, clock=clock, listed_for=MONTH) as organization:
        emails = {"NotificationEmail": NOTICES, "AlarmEmail": ALARMS}
        values = {**organization.parameters, **emails, **UNSCHEDULED, **parameters}
        yield Hub(organization, deploy(organization.cloud, template, values, "hub"), clock)
