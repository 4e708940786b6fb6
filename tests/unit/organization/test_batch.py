"""A batch of assignments from the queue: each account stands alone."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from task_reporter.aws.subscribers import Audience
from task_reporter.kinds.table import KINDS
from task_reporter.organization.assignment import Assignment
from task_reporter.organization.batch import ACCOUNTS_AT_ONCE, process_messages
from task_reporter.organization.metrics import round_metrics
from task_reporter.organization.planner import RoundResult
from task_reporter.runtime.deadline import NO_DEADLINE
from task_reporter.runtime.metrics import COUNT, LOCK, Metric, emit
from task_reporter_cli.estimate.costs import METRICS
from tests.support.organization import ACCOUNT, DENIAL, HUB, OTHER, REGION, SECRET, Hub, Request, error
from tests.support.waiting import WAIT_SECONDS


class Log:
    """A logger that keeps its lines: level, message, and values."""

    def __init__(self):
        self.lines = []

    def __getattr__(self, level):
        return lambda message, **values: self.lines.append((level, message, values))

    def of(self, message):
        return [values for _, text, values in self.lines if text == message]


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def hub():
    with ThreadPoolExecutor(8) as pool:
        hub = Hub(pool=pool)
        hub.join(ACCOUNT, OTHER, HUB)
        yield hub


def message(hub, account=ACCOUNT, due=None, message_id=None, **more):
    now = int(hub.clock.now.timestamp())
    assignment = Assignment(now, now + 360, account, due or {REGION: ("bundle",)}, **more)
    return {"messageId": message_id or account, "body": assignment.to_message(), "eventSource": "aws:sqs"}


def process(hub, log, *messages):
    answer = process_messages(messages, hub.worker, hub.poll, NO_DEADLINE, log, lambda: hub.clock.now)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def metrics(capsys):
    """Return the metrics by name, with all their values."""
    found = {}
    for line in capsys.readouterr().out.splitlines():
        values = json.loads(line)
        for each in values["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            found.setdefault(each["Name"], []).extend(values[each["Name"]])
    return found


def test_all_accounts_of_a_batch_are_polled(hub, log, capsys):
    assert process(hub, log, *(message(hub, account) for account in (ACCOUNT, OTHER, HUB))) == []
    assert sorted(request.account for request in hub.ec2.requests) == [ACCOUNT, OTHER, HUB]
    assert log.of("worked") == [{"accounts": 3, "dropped": 0, "lists": 3, "listed": 0, "tasks": {}}]
    assert metrics(capsys) == {"AccountsFailed": [0], "TasksListed": [0], "CallsMade": [0], "RoundDuration": [0]}


def test_the_failure_of_an_account_costs_no_other(hub, log, capsys):
    hub.sts.refused[OTHER] = error("Throttling")
    assert process(hub, log, message(hub), message(hub, OTHER, message_id="m-2")) == ["m-2"]
    [failure] = log.of("an account was not polled")
    assert (failure["account"], "Throttling" in failure["reason"]) == (OTHER, True)
    assert metrics(capsys)["AccountsFailed"] == [1]


@pytest.mark.parametrize("body", [None, "", "{}", f'{{"account": "{SECRET}"}}', "[" * 99_999])
def test_a_message_that_is_no_assignment_fails(hub, log, body):
    assert process(hub, log, {"messageId": "m-1", "body": body}, message(hub)) == ["m-1"]
    assert SECRET not in str(log.lines)
    assert len(hub.ec2.requests) == 1


def test_past_assignments_are_dropped_and_do_not_come_back(hub, log):
    late = message(hub)
    hub.clock.forward(7)
    assert process(hub, log, late, message(hub, OTHER)) == []
    assert [request.account for request in hub.ec2.requests] == [OTHER]
    assert log.of("worked")[0]["dropped"] == 1


def test_an_account_without_a_role_does_not_come_back(hub, log, capsys):
    hub.sts.refused[ACCOUNT] = error("AccessDenied")
    assert process(hub, log, message(hub)) == []
    assert log.of("an account can't be read") == [{"account": ACCOUNT, "unreadable": "no-role"}]
    assert metrics(capsys)["AccountsFailed"] == [0]


def test_a_defect_fails_its_account_alone(hub, log):
    hub.ec2.regions[OTHER] = RuntimeError(SECRET)
    assert process(hub, log, message(hub, OTHER, find_regions=True), message(hub)) == [OTHER]
    [failure] = log.of("an account was not polled")
    assert failure["reason"].startswith("unexpected RuntimeError")
    assert SECRET not in str(log.lines)


def test_what_was_not_recorded_is_logged_and_counted(hub, log, capsys):
    def refuse(_writes):
        raise KeyError(SECRET)

    hub.ec2.lists[Request(ACCOUNT, REGION, "bundle")] = [{"BundleId": "bun-1", "State": "bundling"}]
    hub.table.before = refuse
    assert process(hub, log, message(hub)) == []
    assert log.of("not recorded completely")
    assert metrics(capsys)["AccountsFailed"] == [1]
    assert SECRET not in str(log.lines)


def test_a_list_that_changes_is_logged_once(hub, log):
    hub.ec2.refuse(ACCOUNT, REGION, DENIAL)
    for _ in range(3):
        process(hub, log, message(hub))
        hub.clock.forward(5)
    hub.ec2.lists.clear()
    process(hub, log, message(hub))
    changes = [(values["account"], values["kind"], values["unreadable"]) for values in log.of("a list changed")]
    assert changes == [(ACCOUNT, "bundle", "denied"), (ACCOUNT, "bundle", "")]


def test_a_task_that_cannot_be_kept_is_logged_once(hub, log, capsys):
    hub.ec2.lists[Request(ACCOUNT, REGION, "bundle")] = [{"BundleId": "b" * 2000, "State": "bundling"}]
    for _ in range(2):
        process(hub, log, message(hub))
        hub.clock.forward(5)
    [line] = log.of("a task can't be kept")
    assert (line["account"], line["kind"]) == (ACCOUNT, "bundle")
    assert metrics(capsys)["TasksUnkeepable"] == [1, 1]


def test_ended_tasks_and_gaps_have_metrics(hub, log, capsys):
    process(hub, log, message(hub))
    hub.clock.forward(24 * 60)
    hub.ec2.lists[Request(ACCOUNT, REGION, "bundle")] = [{"BundleId": "bun-1", "State": "complete"}]
    process(hub, log, message(hub))
    found = metrics(capsys)
    assert (found["TasksComplete"], found["CoverageGap"]) == ([1], [24 * 3600])
    [gap] = log.of("a task could have come and gone unseen")
    assert gap == {"account": ACCOUNT, "seconds_without_a_good_poll": 24 * 3600}
    assert log.of("worked")[1]["tasks"] == {"bun-1": "complete"}


def test_a_round_lasts_until_the_last_account_is_done(hub, log, capsys):
    first, second = message(hub), message(hub, OTHER)
    hub.ec2.before = lambda request: hub.clock.forward(2)
    process(hub, log, first)
    process(hub, log, second)
    assert metrics(capsys)["RoundDuration"] == [2 * 60, 4 * 60]


def test_a_dropped_assignment_has_no_duration(hub, log, capsys):
    late = message(hub)
    hub.clock.forward(7)
    process(hub, log, late)
    assert "RoundDuration" not in metrics(capsys)


def test_the_calls_of_a_batch_are_counted_once(hub, log, capsys):
    hub.ec2.before = lambda request: hub.worker.calls.add()
    process(hub, log, message(hub), message(hub, OTHER))
    process(hub, log, message(hub, due={REGION: ("bundle", "conversion", "store-image")}))
    assert metrics(capsys)["CallsMade"] == [2, 3]


def test_a_quiet_hub_has_the_metrics_of_the_estimate(hub, log, capsys):
    process(hub, log, message(hub))
    emit(round_metrics(RoundResult(0, audience=Audience(1)), replace(hub.poll, sends_events=True), ()))
    assert len(metrics(capsys)) == METRICS


def test_accounts_are_worked_on_side_by_side(hub, log):
    barrier = Barrier(ACCOUNTS_AT_ONCE)

    def wait(_request):
        barrier.wait(WAIT_SECONDS)

    accounts = [f"{number:012d}" for number in range(1, ACCOUNTS_AT_ONCE + 1)]
    hub.join(*accounts)
    hub.ec2.before = wait
    assert process(hub, log, *(message(hub, account) for account in accounts)) == []


def test_metrics_of_many_accounts_are_all_counted(hub, log, capsys):
    accounts = [f"{number:012d}" for number in range(1, 41)]
    hub.join(*accounts)
    for account in accounts:
        hub.ec2.lists[Request(account, REGION, "bundle")] = [{"BundleId": "bun-1", "State": "complete"}]
    assert process(hub, log, *(message(hub, account) for account in accounts)) == []
    assert not log.of("not recorded completely")
    assert sum(metrics(capsys)["TasksComplete"]) == 40


def test_threads_emit_metrics_one_after_the_other(capsys):
    emit(Metric("IsLocked", COUNT, int(LOCK.locked())) for _ in range(2))
    assert metrics(capsys) == {"IsLocked": [1, 1]}


def test_a_message_twice_in_a_batch_is_recorded_once(hub, log):
    hub.ec2.lists[Request(ACCOUNT, REGION, "bundle")] = [{"BundleId": "bun-1", "State": "complete"}]
    assert process(hub, log, message(hub, message_id="m-1"), message(hub, message_id="m-2")) == []
    inserted = [write for write in hub.table.written if write.key.task_id == "bun-1"]
    assert len(inserted) == 1


def test_nothing_secret_is_logged(hub, log, capsys):
    hub.ec2.refuse(ACCOUNT, REGION, error("UnauthorizedOperation", "no"), list(KINDS))
    hub.sts.refused[OTHER] = error("AccessDenied", SECRET)
    process(hub, log, message(hub), message(hub, OTHER), message(hub, HUB))
    assert not re.search(f"{SECRET}|key-", str(log.lines) + capsys.readouterr().out)
