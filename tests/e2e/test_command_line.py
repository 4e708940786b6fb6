"""`task-reporter` as its user has it: the installed program against the deployed stack."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.cloud import Cloud
from local.deployment import Deployment, build, deploy
from local.environments import ROOT, program_path, uv_environment
from local.process_environment import isolated_environment
from local.sam import RUNTIME
from task_reporter_cli.actions.listen import PREFIX
from tests.e2e.conftest import PATIENT, StagedEc2
from tests.e2e.steps import TASK_REPORTER, environment_of, failure, parts, poll, row_of, run, task, told_row
from tests.support.waiting import WAIT_SECONDS, eventually


def test_what_was_recorded_is_listed_and_shown(fresh: Deployment, ec2: StagedEc2) -> None:
    ec2.lists(task("bun-e2e-cli", "complete", InstanceId="i-0e2ec11"), task("bun-e2e-cli-2", "bundling"))
    poll(fresh)
    told_row(fresh, "bun-e2e-cli")
    listed = run(fresh, "list", "--resource", "i-0e2ec11", "--output", "json")
    [row] = json.loads(listed.stdout)
    assert (row["task_id"], row["outcome"], listed.returncode) == ("bun-e2e-cli", "complete", 0)
    shown = run(fresh, "show", "bun-e2e-cli")
    assert "task-reporter register bun-e2e-cli --name bun-e2e-cli\n" in shown.stdout
    assert "bun-e2e-cli-2" in run(fresh, "list", "--limit", "0").stdout
    assert run(fresh, "wait", "bun-e2e-cli").stdout == "complete\n"


def test_a_test_is_delivered_marked_and_leaves_nothing(fresh: Deployment) -> None:
    done = run(fresh, "test", "--outcome", "failed", "--timeout", str(WAIT_SECONDS))
    assert (done.returncode, done.stderr) == (0, "")
    assert "SNS took the notice of test-" in done.stdout
    assert "EventBridge took the event of test-" in done.stdout
    assert "Confirmed subscribers: 1." in done.stdout
    [mail] = eventually(fresh.cloud.inbox.new)
    assert mail.subject.startswith("TEST: EC2 import-image task test-")
    assert "This is a test: there is no such task." in mail.text
    assert not any(row["task_id"].startswith("test-") for row in fresh.rows())


def left_over(fresh: Deployment) -> list[str]:
    """Return what commands that listen have left: queues, subscriptions and rules."""
    sqs, sns, events = (fresh.cloud.client(name) for name in ("sqs", "sns", "events"))
    queues = sqs.list_queues(QueueNamePrefix=PREFIX).get("QueueUrls", [])
    topic = fresh.outputs["NotificationTopicArn"]
    endpoints = [one["Endpoint"] for one in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]]
    rules = [rule["Name"] for rule in events.list_rules(NamePrefix=PREFIX)["Rules"]]
    return [*queues, *rules, *(endpoint for endpoint in endpoints if PREFIX in endpoint)]


def test_a_listener_shows_what_arrives_and_leaves_nothing(fresh: Deployment) -> None:
    sqs = fresh.cloud.client("sqs")
    sqs.create_queue(QueueName=f"{PREFIX}1700000000-killed")
    done = run(fresh, "test", "--listen", "--settle", "0", "--timeout", str(WAIT_SECONDS))
    assert (done.returncode, done.stderr) == (0, "")
    assert "--- the notice arrived ---\nSubject: TEST: EC2 import-image task test-" in done.stdout
    assert "\nAttribute outcome (String): complete\n" in done.stdout
    assert '\n  "detail-type": "EC2 Task Ended (Test)",\n' in done.stdout
    assert left_over(fresh) == []


def test_a_listener_that_is_interrupted_leaves_nothing(fresh: Deployment) -> None:
    arguments = [str(TASK_REPORTER), "test", "--listen", "--settle", str(WAIT_SECONDS)]
    with subprocess.Popen(arguments, env=environment_of(fresh), stdout=subprocess.PIPE) as process:
        eventually(lambda: left_over(fresh))
        process.send_signal(signal.SIGTERM)
    assert process.returncode != 0
    assert left_over(fresh) == []


def test_all_is_well_after_a_good_poll(fresh: Deployment) -> None:
    poll(fresh)
    told = parts(fresh)
    assert {level for level, _ in told.values()} == {"well"}
    assert re.match(r"(just now|\d+ (second|minute)s? ago),", told["last poll"][1])
    assert told["subscribers"][1] == "1 confirmed"


def test_a_layer_without_bytecode_is_told_of(cloud: Cloud, ec2: StagedEc2, tmp_path: Path) -> None:
    """A layer without bytecode is mentioned by `sam build` and by `status`."""
    template = build(tmp_path, "python3.99")
    assert "\nWARNING: no python3.99 was found, so the layer ships without bytecode: " in (
        tmp_path / "build.log"
    ).read_text(encoding="utf-8")
    ec2.lists()
    slow = deploy(cloud, template, {"NotificationEmail": "slow@example.com", **PATIENT}, "slow")
    poll(slow)
    level, text = parts(slow)["layer"]
    assert (level, text) == ("well", f"no bytecode for {RUNTIME}, so a cold start takes about twice as long")


def test_what_nobody_was_told_of_is_seen_and_redriven(fresh: Deployment, ec2: StagedEc2) -> None:
    ec2.lists(task("bun-e2e-stuck", "failed", **failure("Client.S3Error", "Gone.")))
    poll(fresh)
    row = told_row(fresh, "bun-e2e-stuck")
    fresh.cloud.inbox.new()
    with the_stream_disabled(fresh):
        make_it_wait(fresh, row)
        told = parts(fresh)
        assert told["not announced"][0] == told["stream to notifier"][0] == "wrong"
        assert told["not announced"][1].startswith("1, the oldest has waited for ")
        done = run(fresh, "redrive", "--timeout", "0")
        assert (done.returncode, done.stdout) == (1, "Announced 0 of 1.\n")
        assert done.stderr.startswith("error: 1 still await their notification: bun-e2e-stuck; none is lost")
        assert "redriven_at" in row_of(fresh, "bun-e2e-stuck")
    assert eventually(lambda: [mail for mail in fresh.cloud.inbox.new() if "bun-e2e-stuck" in mail.subject])
    told_row(fresh, "bun-e2e-stuck")
    assert parts(fresh)["not announced"] == ("well", "none")
    assert run(fresh, "redrive").stderr == "Nothing awaits its notification.\n"


@contextmanager
def the_stream_disabled(deployment: Deployment) -> Iterator[None]:
    client = deployment.cloud.client("lambda")
    [mapping] = client.list_event_source_mappings(FunctionName=deployment.outputs["NotifierFunctionName"])[
        "EventSourceMappings"
    ]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def make_it_wait(deployment: Deployment, row: dict[str, str]) -> None:
    """Put the row as it is after a long outage of SNS."""
    deployment.cloud.client("dynamodb").update_item(
        TableName=deployment.outputs["HistoryTableName"],
        Key={name: {"S": row[name]} for name in ("scope", "task_id")},
        UpdateExpression="SET awaiting = :what, awaiting_since = :since REMOVE notified_at",
        ExpressionAttributeValues={":what": {"S": "notification"}, ":since": {"S": "2026-11-01T00:00:00.000Z"}},
    )


def test_what_failed_for_good_is_seen(fresh: Deployment) -> None:
    poll(fresh)
    sqs, queue = fresh.cloud.client("sqs"), fresh.outputs["DeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="{}")
    try:
        assert parts(fresh)["dead-letter queue"] == ("wrong", "1 messages")
    finally:
        sqs.purge_queue(QueueUrl=queue)
    assert parts(fresh)["dead-letter queue"] == ("well", "empty")


def test_the_history_on_one_page(fresh: Deployment, ec2: StagedEc2, tmp_path: Path) -> None:
    ec2.lists(task("bun-e2e-page", "complete"))
    poll(fresh)
    told_row(fresh, "bun-e2e-page")
    done = run(fresh, "report", "--out", str(tmp_path / "page.html"), "--since", "36500d")
    assert done.returncode == 0, done.stderr
    assert "bun-e2e-page" in (tmp_path / "page.html").read_text()
    assert os.listdir(tmp_path) == ["page.html"]


def test_another_stack_has_no_history_of_ours(fresh: Deployment) -> None:
    done = run(fresh, "list", "--stack", "somebody-elses")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no stack 'somebody-elses' in eu-west-1; ")
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh environment after `pip install .[cli]` from a copy.

    Building leaves files behind.
    """
    folder = tmp_path_factory.mktemp("installed")
    files = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in files.stdout.decode().strip("\0").split("\0"):
        if (ROOT / name).is_file():
            (folder / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "copy" / name).write_bytes((ROOT / name).read_bytes())
    uv, environment = program_path("uv", "uv"), uv_environment(program_path("uv", "python"))
    venv = ["venv", "--quiet", "--python", sys.executable, str(folder / "venv")]
    subprocess.run([uv, *venv], check=True, env=environment)
    into = ["--python", str(folder / "venv" / "bin" / "python"), f"{folder / 'copy'}[cli]"]
    subprocess.run([uv, "pip", "install", "--quiet", *into], check=True, env=environment)
    return folder / "venv" / "bin" / "task-reporter"


def test_it_is_whole_when_it_is_installed(installed: Path, fresh: Deployment, tmp_path: Path) -> None:
    environment = isolated_environment() | fresh.cloud.environment
    done = subprocess.run(
        [str(installed), "report", "--stack", fresh.stack, "--out", "page.html"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "<html" in (tmp_path / "page.html").read_text()
