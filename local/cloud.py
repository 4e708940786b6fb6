"""A whole AWS on loopback: ministack, its EC2 replaced by an endpoint of ours."""

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.session import Session
from botocore.config import Config

from local.environments import ROOT, program
from local.mail import Inbox
from local.own_environment import own_environment
from local.processes import StepFailed, free_port, running

REGION = "eu-west-1"
START_PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running local AWS: its ``endpoint``, its ``ec2`` endpoint, the ``inbox`` of its email subscribers."""

    endpoint: str
    ec2: str
    folder: Path
    inbox: Inbox

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which every AWS tool in a process talks to this AWS and to no other."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_EC2": self.ec2,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",  # nosec B105 # the local AWS takes any
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
        }

    def client(self, service: str) -> Any:
        """Make a client for ``service``."""
        return Session().client(
            service,
            region_name=REGION,
            endpoint_url=self.ec2 if service == "ec2" else self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # nosec B106 # the local AWS takes any
            config=Config(read_timeout=150, retries={"total_max_attempts": 1}, proxies={}),
        )


@contextmanager
def local_cloud(folder: Path, ec2: str, port: int | None = None) -> Iterator[Cloud]:
    """Run a local AWS that keeps its files in ``folder``, its functions talking to the EC2 at ``ec2``.

    Raises StepFailed where it does not start.
    """
    port = port or free_port()
    cloud = Cloud(f"http://127.0.0.1:{port}", ec2, folder, Inbox(folder / "mail"))
    log, temporary = folder / "aws.log", folder / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = own_environment() | cloud.environment | _settings(port, temporary)
    launcher = str(ROOT / "local" / "ministack_with_mail.py")
    command = [program("aws", "python"), launcher, str(cloud.inbox.folder)]
    with running(command, environment, folder, log) as child:
        _until_healthy(cloud.endpoint, lambda: child.poll() is None, log)
        yield cloud


def _settings(port: int, temporary: Path) -> dict[str, str]:
    """Return the settings of ministack: loopback only, no second listener, all files in one folder."""
    return {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "TMPDIR": str(temporary),
        "STATE_DIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
    }


def _until_healthy(endpoint: str, alive: Any, log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(START_PATIENCE * 10):
        try:
            with direct.open(f"{endpoint}/_ministack/health", timeout=2):
                return
        except OSError:
            if not alive():
                break
            time.sleep(0.1)
    raise StepFailed("starting the local AWS", log.read_text(encoding="utf-8", errors="replace"))
