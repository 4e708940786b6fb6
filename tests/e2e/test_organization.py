"""A hub, the unchanged template, over an organization whose accounts refuse, join and leave."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.organization import ADMIN_ROLE, HUB
from tests.e2e.hubs import Hub, running_hub
from tests.e2e.steps import run, setting
from tests.support.queues import drain_texts
from tests.support.waiting import eventually

REGIONS = ("ap-south-1", "eu-west-1", "us-east-1")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("organization")
    with running_hub(folder, template, ["alpha", "beta", "gamma"], Regions=",".join(REGIONS)) as hub:
        yield hub


def test_accounts_that_refuse_cost_the_others_nothing(hub: Hub) -> None:
    organization = hub.organization
    organization.remove_member_role("beta")
    with organization.ec2.play("denied-by-scp", organization.accounts["gamma"], region="ap-*"):
        task = hub.import_snapshot("alpha", "us-east-1")
        assert hub.round() == {"accounts": 4, "sent": 4, "lists_due": 0}
        hub.end_tasks()
        assert hub.round()["sent"] == 3, "a running task, and two denials to confirm"
        [notice] = eventually(lambda: hub.mails_with(task))
        assert notice.subject.endswith("complete (alpha/us-east-1)")
        assert f"Account       alpha ({organization.accounts['alpha']})" in notice.text
        hub.round()
        alarm = hub.alarm("can't be read")
    lines = [f"{organization.accounts['beta']} (beta): its role can't be assumed",
             f"{organization.accounts['gamma']} (gamma) ap-south-1: denied by a service control policy"]  # fmt: skip
    assert all(line in alarm.text for line in lines), alarm.text
    assert hub.row("beta")["unreadable"] == "no-role"
    assert hub.row(HUB)["polled_at"], "the hub's own account is read without a role to assume"
    hub.round()
    assert hub.alarm("can't be read") == alarm, "announced once"


def test_role_that_is_made_again_is_used_and_announced(hub: Hub) -> None:
    hub.organization.add_member_role("beta")
    assert "unreadable" in hub.row("beta"), "it is tried again after an hour"
    hub.make_due("beta")
    task = hub.import_snapshot("beta", "eu-west-1")
    hub.round()
    assert "unreadable" not in hub.row("beta")
    hub.round()
    assert "(beta)" in hub.alarm("These problems are over:").text
    assert hub.scopes()[task] == f"{hub.organization.accounts['beta']}/eu-west-1"


def test_accounts_that_join_are_found_and_leavers_are_kept(hub: Hub) -> None:
    organization = hub.organization
    organization.add_account("delta")
    task = hub.import_snapshot("alpha", "us-east-1")
    hub.list_accounts_again()
    hub.round()
    assert hub.row("delta")["polled_at"]
    assert task in hub.outcomes(), "it runs in an account that leaves"
    organization.leave("alpha")
    hub.list_accounts_again()
    for _ in range(3):
        hub.round()
    assert hub.row("alpha")["status"] == "LEFT"
    assert "(alpha)" in hub.alarm("has left the organization").text
    assert hub.outcomes()[task] is None, "neither lost nor removed"
    listed = run(hub.stack, "list", "--running", "--account", "alpha").stdout
    assert task in listed
    assert "account not watched any more" in listed


def test_tasks_of_before_the_first_poll_are_one_digest(hub: Hub) -> None:
    hub.organization.add_account("epsilon")
    tasks = [hub.import_snapshot("epsilon", region) for region in REGIONS for _ in range(2)]
    hub.end_tasks()
    hub.list_accounts_again()
    hub.round()
    [digest] = eventually(lambda: hub.mails_with("epsilon"))
    assert digest.subject == "EC2 tasks: 6 complete (epsilon, 3 regions)"
    assert all(task in digest.text for task in tasks)
    news = hub.import_snapshot("epsilon", "us-east-1")
    hub.make_due("epsilon")
    hub.round()
    hub.end_tasks()
    hub.round()
    [notice] = eventually(lambda: hub.mails_with(news))
    assert notice.subject.endswith("complete (epsilon/us-east-1)")
    assert len(hub.mails_with("epsilon")) == 2


def test_the_recorder_assumes_no_other_role(hub: Hub) -> None:
    """The administrator's role trusts the hub, but the recorder's policy does not allow it."""
    hub.make_due("gamma")
    with setting(hub.stack, MEMBER_ROLE=ADMIN_ROLE):
        hub.round()
        assert hub.row("gamma")["unreadable"] == "no-role"
    hub.make_due("gamma")
    hub.round()
    assert "unreadable" not in hub.row("gamma")


GARBAGE = (" ", "{}", "[]", '{"account": "x"}', "\N{SNOWMAN}")


def test_messages_that_are_no_assignments_harm_nothing(hub: Hub) -> None:
    sqs, queue = hub.client("sqs"), hub.stack.outputs["AssignmentQueueUrl"]
    task = hub.import_snapshot("gamma", "eu-west-1")
    hub.make_due("gamma")
    # In AWS they come back after some minutes.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "3"})
    for body in GARBAGE:
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    hub.round()
    assert task in hub.outcomes()
    assert sorted(drain_texts(sqs, hub.stack.outputs["DeadLetterQueueUrl"])) == sorted(GARBAGE)


def test_tasks_of_an_account_are_found_by_its_name(hub: Hub) -> None:
    task = hub.import_snapshot("gamma", "eu-west-1")
    hub.make_due("gamma")
    hub.round()
    running = json.loads(run(hub.stack, "list", "--running", "--account", "GAMMA", "--output", "json").stdout)
    assert {row["scope"] for row in running} == {f"{hub.organization.accounts['gamma']}/eu-west-1"}
    assert task in {row["task_id"] for row in running}
    hub.end_tasks()
    hub.round()
    assert run(hub.stack, "wait", task, "--account", "gamma", "--timeout", "1").stdout == "complete\n"
    shown = run(hub.stack, "show", f"gamma/eu-west-1/{task}").stdout
    assert "Account name" in shown
    assert f"task-reporter register gamma/eu-west-1/{task} " in shown
    assert f" --name {task} --task-profile PROFILE\n" in shown


def test_ami_is_registered_in_the_account_of_its_task(hub: Hub, tmp_path: Path) -> None:
    task = hub.import_snapshot("beta", "eu-west-1")
    hub.make_due("beta")
    hub.round()
    hub.end_tasks()
    hub.round()
    register = ("register", task, "--account", "beta", "--name", task)
    refused = run(hub.stack, *register)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "give an AWS profile with credentials of" in refused.stderr
    config = tmp_path / "config"
    # For the local AWS, a key of twelve digits is the root of that account.
    keys = f"aws_access_key_id = {hub.organization.accounts['beta']}\naws_secret_access_key = x\n"
    config.write_text(f"[profile beta-admin]\nregion = eu-west-1\n{keys}", encoding="utf-8")
    made = run(hub.stack, *register, "--task-profile", "beta-admin", AWS_CONFIG_FILE=str(config))
    [image] = hub.organization.client("beta", "ec2", "eu-west-1").describe_images(Owners=["self"])["Images"]
    assert (made.returncode, made.stdout) == (0, f"{image['ImageId']}\n"), made.stderr
    assert f"Image            {image['ImageId']}\n" in run(hub.stack, "show", task, "--account", "beta").stdout
