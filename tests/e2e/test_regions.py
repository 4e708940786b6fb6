"""Several regions of one account on the deployed template, with its policies enforced."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.cloud import REGION, Cloud, local_cloud
from local.deployment import Deployment, deploy
from local.ec2 import Ec2Server, StsAccounts
from local.ec2.account import ACCOUNT_ID
from local.ec2.regions import ALWAYS, DEFAULT_REGIONS, DISABLED, ENABLED
from local.processes import find_free_port
from task_reporter.times import now
from tests.e2e.conftest import PATIENT
from tests.e2e.steps import parts, roster_row, setting
from tests.support.clock import Clock
from tests.support.queues import drain
from tests.support.waiting import WAIT_SECONDS, eventually

OTHER = "us-east-1"
DENIED, CLOSED, THROTTLED, SLOW, MALFORMED = "ap-south-1", "me-south-1", "ap-northeast-1", "us-west-2", "eu-north-1"
NAMED = (REGION, OTHER, DENIED, CLOSED, THROTTLED, SLOW, MALFORMED)
"""Regions of one stack; ``CLOSED`` is disabled for the account."""
READABLE = (REGION, OTHER, SLOW)
LISTS = {"import-snapshot": "DescribeImportSnapshotTasks", "import-image": "DescribeImportImageTasks"}
PARAMETERS = {**PATIENT, "TaskKinds": ",".join(LISTS), "LostAfterMinutes": "0", "RedriveAfterMinutes": "0"}
SNAPSHOT = {"DiskContainer": {"UserBucket": {"S3Bucket": "exports", "S3Key": "wiki.vmdk"}}}
RULE, QUEUE = "ended", "ended-tasks"


@dataclass
class Account:
    """An account with its local EC2, whose time the test moves."""

    cloud: Cloud
    ec2: Ec2Server
    clock: Clock
    mails: list[Any] = field(default_factory=list)
    """All emails so far."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """All events so far."""

    def start(self, *regions: str) -> dict[str, str]:
        """Start a task in each region; return their ids by region."""
        return {region: self._ec2(region).import_snapshot(**SNAPSHOT)["ImportTaskId"] for region in regions}

    def run_tasks(self) -> None:
        """Let all running tasks complete."""
        self.clock.forward(60)

    def calls(self, operations: Sequence[str] = tuple(LISTS.values())) -> dict[str, int]:
        """Return the number of requests by region."""
        counts = {region: 0 for _, region, _ in list(self.ec2.calls)}
        for (_, region, operation), count in list(self.ec2.calls.items()):
            counts[region] += count if operation in operations else 0
        return counts

    def has_heard(self, region: str, task_id: str) -> bool:
        """Tell whether one email and one event name the task and its region."""
        self.mails += self.cloud.inbox.new()
        sqs = self.cloud.client("sqs")
        self.events += drain(sqs, sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"])
        mails = [mail for mail in self.mails if task_id in mail.text]
        events = [event["detail"] for event in self.events if event["detail"]["task_id"] == task_id]
        if not mails or not events:
            return False
        [mail], [event] = mails, events
        assert f"({ACCOUNT_ID}/{region})" in mail.subject
        assert not any(other in mail.text for other in NAMED if other != region), mail.text
        assert (event["region"], event["account"]) == (region, ACCOUNT_ID), event
        return True

    def _ec2(self, region: str) -> Any:
        return self.cloud.client("ec2", region)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Yield an account in which policies are enforced, with a queue of all events."""
    port, clock = find_free_port(), Clock(now())
    with (
        Ec2Server(clock=clock, seed=1, account_of=StsAccounts(f"http://127.0.0.1:{port}")) as ec2,
        local_cloud(tmp_path_factory.mktemp("regions"), ec2.url, port, checks_access=True) as cloud,
    ):
        sqs, events = cloud.client("sqs"), cloud.client("events")
        queue = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name=RULE, EventPattern=json.dumps({"source": ["ec2-task-reporter"]}))
        events.put_targets(Rule=RULE, Targets=[{"Id": QUEUE, "Arn": arn}])
        yield Account(cloud, ec2, clock)


@pytest.fixture(autouse=True)
def all_is_well(account: Account) -> Iterator[None]:
    """End a test's plays, and reset the account's regions."""
    yield
    account.ec2.end_plays()
    account.ec2.set_regions(ACCOUNT_ID, DEFAULT_REGIONS)


def recorded(stack: Deployment) -> dict[str, str]:
    """Return the ids of ended tasks, and the regions of their rows."""
    return {row["task_id"]: row["scope"].partition("/")[2] for row in stack.rows() if "outcome" in row}


def failed(stack: Deployment) -> str:
    """Poll, and return the text of the error that the poll ends with."""
    answer = stack.poll()
    assert answer["error"], answer
    return str(answer["payload"]["errorMessage"])


def wrong_parts(stack: Deployment) -> dict[str, str]:
    """Return the parts in which `status` finds something wrong."""
    return {part: text for part, (level, text) in parts(stack).items() if level == "wrong"}


def notifier_reads(stack: Deployment, region: str) -> bool:
    """Tell whether the notifier may read rows of a region."""
    key = {"scope": {"S": f"{ACCOUNT_ID}/{region}"}, "task_id": {"S": "import-snap-absent"}}
    record = {"eventID": "1", "dynamodb": {"Keys": key, "SequenceNumber": "1"}}
    functions, name = stack.cloud.client("lambda"), stack.outputs["NotifierFunctionName"]
    answer = functions.invoke(FunctionName=name, Payload=json.dumps({"Records": [record]}))
    return "FunctionError" not in answer and json.loads(answer["Payload"].read()) == {"batchItemFailures": []}


def check_no_access(account: Account, stack: Deployment) -> None:
    """Check that neither function can work for another region's scope."""
    tasks = account.start(REGION, OTHER)
    account.run_tasks()
    with setting(stack, REGIONS=f"{REGION},{OTHER}"):
        assert "AccessDenied" in failed(stack)
    assert recorded(stack) == {}
    assert stack.poll()["error"] is None
    assert recorded(stack) == {tasks[REGION]: REGION}
    with setting(stack, "NotifierFunctionName", SCOPES="*/*"):
        assert not notifier_reads(stack, OTHER)
    eventually(lambda: account.has_heard(REGION, tasks[REGION]))


def poll_with_faults(account: Account, stack: Deployment) -> None:
    """Poll while some regions fail, each in its way.

    Another is slow until all regions are asked.
    """
    before = account.calls()
    with ExitStack() as plays, ThreadPoolExecutor(1) as pool:
        for name, region in (("denied-by-scp", DENIED), ("throttled", THROTTLED), ("broken", MALFORMED)):
            plays.enter_context(account.ec2.play(name, region=region, operations=("Describe*",)))
        slow = plays.enter_context(account.ec2.play("slow", region=SLOW, seconds=WAIT_SECONDS))
        polled = pool.submit(stack.poll)
        least = {region: before.get(region, 0) + len(LISTS) for region in NAMED}
        eventually(lambda: all(account.calls().get(region, 0) >= least[region] for region in NAMED))
        assert not polled.done()
        slow.end()
        answer = polled.result()
    assert answer["error"] is None, answer
    unreadable = {name: numbers["unreadable"] for name, numbers in answer["payload"].items() if "unreadable" in numbers}
    assert {name.partition("/")[0] for name in unreadable} == {DENIED, THROTTLED, MALFORMED, CLOSED}
    assert all(unreadable[f"{THROTTLED}/{kind}"] == "throttled" for kind in LISTS)


def test_named_regions_each_stand_alone(account: Account, template: Path) -> None:
    email = {"NotificationEmail": "named@example.com"}
    stack = deploy(account.cloud, template, {**email, **PARAMETERS}, "named")
    check_no_access(account, stack)

    # Regions are added by an update. All but one fail or wait, and the others' tasks are announced by the same poll.
    deploy(account.cloud, template, {**email, **PARAMETERS, "Regions": ",".join(NAMED)}, "named")
    assert notifier_reads(stack, OTHER)
    tasks = account.start(*(region for region in NAMED if region != CLOSED))
    account.run_tasks()
    poll_with_faults(account, stack)
    found = recorded(stack)
    assert set(found.values()) == set(READABLE)
    assert found.items() >= {(tasks[region], region) for region in READABLE}
    eventually(lambda: all(account.has_heard(region, tasks[region]) for region in READABLE))
    wrong = wrong_parts(stack)
    assert wrong[f"region {DENIED}"].startswith("denied by a service control policy since ")
    assert wrong[f"region {CLOSED}"].startswith("the region is disabled since ")
    assert wrong[f"region {MALFORMED}"].startswith("malformed answers since ")
    assert wrong[f"region {THROTTLED}"].startswith("throttled since ")
    assert not any(region in part for part in wrong for region in READABLE)

    # Regions that can be read again come back.
    account.ec2.set_regions(ACCOUNT_ID, {region: ENABLED if region == CLOSED else ALWAYS for region in NAMED})
    tasks |= account.start(CLOSED)
    account.run_tasks()
    polled = stack.poll()
    assert polled["error"] is None, polled
    assert not any("unreadable" in numbers for numbers in polled["payload"].values())
    assert recorded(stack).items() >= {(task_id, region) for region, task_id in tasks.items()}
    eventually(lambda: all(account.has_heard(region, task_id) for region, task_id in tasks.items()))
    assert not any("region" in part or "list" in part for part in wrong_parts(stack))

    # A task that runs in a region that is removed is not lost, nor does another region's fault lose it.
    [(_, runs)] = account.start(OTHER).items()
    assert stack.poll()["error"] is None
    remaining = ",".join(region for region in NAMED if region != OTHER)
    deploy(account.cloud, template, {**email, **PARAMETERS, "Regions": remaining}, "named")
    account.clock.forward(60 * 24 * 30)
    for _ in range(3):
        assert stack.poll()["error"] is None
    [row] = [row for row in stack.rows() if row["task_id"] == runs]
    assert (row["awaiting"], "missing_since" in row) == ("outcome", False)
    assert not any(OTHER in part for part in wrong_parts(stack))


def test_all_stands_for_the_enabled_regions(account: Account, template: Path) -> None:
    account.ec2.set_regions(ACCOUNT_ID, {REGION: ALWAYS, OTHER: ALWAYS, SLOW: ENABLED, CLOSED: DISABLED})
    before = account.calls()
    parameters = {"NotificationEmail": "all@example.com", **PARAMETERS, "Regions": "all"}
    stack = deploy(account.cloud, template, parameters, "every")
    tasks = account.start(OTHER, SLOW)
    account.run_tasks()
    for _ in range(2):
        assert stack.poll()["error"] is None
    found = recorded(stack)
    assert all(found[task_id] == region for region, task_id in tasks.items())
    eventually(lambda: all(account.has_heard(region, task_id) for region, task_id in tasks.items()))
    asked = {region for region, count in account.calls().items() if count > before.get(region, 0)}
    assert asked == {REGION, OTHER, SLOW}
    assert account.calls(["DescribeRegions"])[REGION] == 1
    assert roster_row(stack)["regions"] == " ".join(sorted(asked))
    assert wrong_parts(stack).keys().isdisjoint({"last poll", f"region {CLOSED}"})

    # EC2 does not tell the regions: the last known ones are polled, and the poll counts as failed.
    tasks = account.start(OTHER)
    account.run_tasks()
    with account.ec2.play("denied", operations=("DescribeRegions",)), setting(stack, SILENT_AFTER_MINUTES="30"):
        assert "the enabled regions are not known" in failed(stack), "in a new environment, from the roster"
        assert recorded(stack)[tasks[OTHER]] == OTHER

    # Another region is enabled, and one disabled: a new environment asks again, and status misses neither.
    account.ec2.set_regions(ACCOUNT_ID, {REGION: ALWAYS, OTHER: ALWAYS, SLOW: DISABLED, CLOSED: ENABLED})
    tasks |= account.start(CLOSED)
    account.run_tasks()
    assert stack.poll()["error"] is None
    assert recorded(stack).items() >= {(task_id, region) for region, task_id in tasks.items()}
    with setting(stack, SILENT_AFTER_MINUTES="1"):
        assert not any(SLOW in part for part in wrong_parts(stack))
