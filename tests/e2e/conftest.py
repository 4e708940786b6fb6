"""The deployed stack: the unchanged template, with an EC2 that tests control."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud, local_cloud
from local.deployment import Deployment, build, deploy
from local.ec2.response import format_response
from tests.support.canned_ec2 import Answer, CannedEc2, canned_ec2

READER = "impatient@example.com"
PATIENT = {
    "PollSchedule": "rate(12 hours)", "SilentAfterMinutes": "1440", "LostAfterMinutes": "1440", "TaskKinds": "bundle"
}  # fmt: skip
"""Parameters of stacks that tests poll: no schedule, no waiting times, one list."""
SECRETS = ("AKIAE2EACCESSKEY", "ZTJlLXVwbG9hZC1wb2xpY3k=", "e2e-upload-signature")


class StagedEc2:
    """EC2 as a test wants it.

    ``tasks`` are what it lists; ``says`` puts a whole answer in their place.
    """

    def __init__(self, canned: CannedEc2) -> None:
        self.url = canned.url
        self.by_action = canned.by_action
        self._canned = canned

    def lists(self, *tasks: dict[str, Any]) -> None:
        result = {"BundleTasks": [with_secrets(task) for task in tasks]}
        self.says(format_response("DescribeBundleTasks", result, "e2e"))

    def says(self, body: bytes, status: int = 200) -> None:
        self._canned.answers[:] = [Answer(body, status)]


def with_secrets(task: dict[str, Any]) -> dict[str, Any]:
    """``task`` with the upload policy that EC2 repeats in its answers."""
    key, policy, signature = SECRETS
    s3 = {"Bucket": "e2e-bucket", "Prefix": task["BundleId"]}
    s3 |= {"AWSAccessKeyId": key, "UploadPolicy": base64.b64decode(policy), "UploadPolicySignature": signature}
    return {"Storage": {"S3": s3}, **task}


@pytest.fixture(scope="session")
def ec2() -> Iterator[StagedEc2]:
    with canned_ec2(Answer(b"")) as canned:
        staged = StagedEc2(canned)
        staged.lists()
        yield staged


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, ec2: StagedEc2) -> Iterator[Cloud]:
    with local_cloud(tmp_path_factory.mktemp("cloud"), ec2.url) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def deployment(cloud: Cloud, template: Path) -> Deployment:
    """Return the stack that most tests share; each has its own task ids."""
    return deploy(cloud, template, {"NotificationEmail": "e2e@example.com", **PATIENT})


@pytest.fixture(scope="session")
def impatient(cloud: Cloud, template: Path, ec2: StagedEc2) -> Deployment:
    """Return a stack that loses and redrives without waiting."""
    at_once = {"RedriveAfterMinutes": "0", "LostAfterMinutes": "0"}
    ec2.lists()
    return deploy(cloud, template, {"NotificationEmail": READER, **PATIENT, **at_once}, "impatient")


@pytest.fixture
def fresh(deployment: Deployment, ec2: StagedEc2) -> Iterator[Deployment]:
    """Yield the shared stack, its inbox read and EC2's list empty."""
    ec2.lists()
    deployment.cloud.inbox.new()
    yield deployment
    ec2.lists()
