"""Clients and regions of an AWS account."""

import os
import re
from pathlib import Path

import pytest
from botocore.exceptions import UnknownServiceError

from local.environments import ROOT
from task_reporter_cli.aws.account import SERVICES, Account

NOT_ASKED_FOR = ("signin", "sso", "sso-oidc", "sts")
"""Services that botocore itself uses to get credentials."""


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.mark.parametrize("service", [*SERVICES, *NOT_ASKED_FOR])
def test_every_needed_service_has_a_client(service: str) -> None:
    assert Account(region="eu-west-1").client(service).meta.service_model.service_name == service


def test_the_listed_services_are_those_that_commands_use() -> None:
    source = "".join(path.read_text() for path in (ROOT / "cli" / "task_reporter_cli").rglob("*.py"))
    named = set(re.findall(r'client\("(\w+)"', source))
    several = re.findall(r"(?:account\.client\(name\) for name in|services =) \((.*?)\)", source)
    assert len(several) == 2
    assert named | set(re.findall(r'"(\w+)"', " ".join(several))) == set(SERVICES)


def test_a_service_that_does_not_exist_is_unknown() -> None:
    with pytest.raises(UnknownServiceError, match="dynamodb"):
        Account(region="eu-west-1").client("ec3")


def test_models_of_the_user_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "dynamodb" / "2999-01-01"
    model.mkdir(parents=True)
    (model / "service-2.json").write_text('{"metadata": {"serviceId": "Ours"}, "operations": {}, "shapes": {}}')
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    loader = Account(region="eu-west-1")._session.get_component("data_loader")
    assert loader.load_service_model("dynamodb", "service-2")["metadata"]["serviceId"] == "Ours"


REGIONS: list[tuple[str | None, dict[str, str], str | None]] = [
    ("eu-west-1", {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-west-2"}, "eu-west-1"),
    (None, {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-west-2"}, "us-east-1"),
    (None, {"AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"), (None, {}, None),
]  # fmt: skip


@pytest.mark.parametrize(("given", "environment", "region"), REGIONS)
def test_the_region(
    given: str | None, environment: dict[str, str], region: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Account(region=given).region == region
