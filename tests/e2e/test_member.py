"""`make member` for one account: the printed command, its run, and the role."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.cloud import REGION, Cloud
from local.environments import ROOT, make_environments, program_path
from local.process_environment import isolated_environment

HUB, MEMBER = "111122223333", "444455556666"
PARAMETERS = {
    "OrganizationId": "o-a1b2c3d4e5",
    "ExternalId": "hub,of/acme=1",
    "MemberRoleName": "ec2-task-reporter-member",
    "OrganizationalUnits": "",
}


@pytest.fixture(scope="module")
def shell(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables of a shell in the hub's account, with another profile.

    The local AWS takes the account from the access key id.
    """
    config = tmp_path_factory.mktemp("aws") / "config"
    config.write_text(f"[profile other]\naws_access_key_id = {MEMBER}\naws_secret_access_key = any\n")
    path = f"{Path(program_path('bench', 'aws')).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"AWS_ACCESS_KEY_ID": HUB, "AWS_CONFIG_FILE": str(config), "PATH": path}
    return isolated_environment() | cloud.environment | own | {"PYTHONPATH": os.pathsep.join(sys.path)}


def run(shell: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        command, env=shell, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def aws(shell: dict[str, str], *words: str) -> dict[str, object]:
    answer = run(shell, program_path("bench", "aws"), *words, "--output", "json")
    found: dict[str, object] = json.loads(answer) if answer else {}
    return found


def test_one_account_is_enrolled_by_the_printed_command(shell: dict[str, str], tmp_path: Path) -> None:
    make_environments(["bench"])
    hub = tmp_path / "hub.json"
    declared = {name: {"Type": "String"} for name in PARAMETERS}
    hub.write_text(json.dumps({"Parameters": declared, "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}))
    given = json.dumps([{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()])
    aws(
        shell, "cloudformation", "create-stack", "--stack-name", "hub",
        "--template-body", f"file://{hub}", "--parameters", given,
    )  # fmt: skip
    aws(shell, "cloudformation", "wait", "stack-create-complete", "--stack-name", "hub")

    member = (sys.executable, "-m", "local.member", "--stack", "hub", "--profile", "other")
    shown = run(shell, *member)
    assert "Nothing was run. " in shown
    [command] = [line for line in shown.splitlines() if line.startswith("  aws ")]
    run(shell, "sh", "-euc", command)
    other = ("--profile", "other", "--region", REGION)
    run(
        shell, program_path("bench", "aws"), "cloudformation", "wait", "stack-create-complete",
        "--stack-name", "hub-member", *other,
    )  # fmt: skip
    assert f"The stack hub-member in the account {MEMBER} is up to date." in run(shell, *member, "--yes")

    described = aws(shell, "iam", "get-role", "--role-name", "ec2-task-reporter-member", *other)["Role"]
    assert isinstance(described, dict)
    assert described["Arn"] == f"arn:aws:iam::{MEMBER}:role/ec2-task-reporter-member"
    [trust] = described["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": f"arn:aws:iam::{HUB}:root"}
    assert trust["Condition"] == {
        "ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{HUB}:role/ec2-task-reporter/*"},
        "StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5", "sts:ExternalId": "hub,of/acme=1"},
    }
