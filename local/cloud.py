"""A complete AWS on loopback: ministack with the local EC2."""

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from boto3.session import Session
from botocore.config import Config

from local.environments import ROOT, program_path
from local.mail import Inbox
from local.process_environment import isolated_environment
from local.processes import StepError, find_free_port, running_process

REGION = "eu-west-1"
# The local AWS accepts any.
CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}  # nosec B105
SESSION_LOCK = threading.Lock()
"""https://docs.aws.amazon.com/boto3/latest/guide/session.html#multithreading-or-multiprocessing-with-sessions"""
START_TIMEOUT = 60
"""Seconds in which the local AWS must answer its health check."""


@cache
def shared_session() -> Session:
    """Return one session for all clients.

    Each session would read the services' models again.
    """
    return Session()


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running local AWS."""

    endpoint: str
    """URL of every service except EC2."""
    ec2: str
    """URL of EC2."""
    folder: Path
    """Folder of its files."""
    inbox: Inbox
    """Emails to its subscribers."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that direct every AWS tool to this AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_EC2": self.ec2,
            **{name.upper(): value for name, value in CREDENTIALS.items()},
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
        }

    def client(self, service: str, region: str = REGION, credentials: Mapping[str, Any] = CREDENTIALS) -> Any:
        """Make a client for ``service``."""
        with SESSION_LOCK:
            return shared_session().client(
                service,
                region_name=region,
                endpoint_url=self.ec2 if service == "ec2" else self.endpoint,
                **credentials,
                config=Config(read_timeout=150, retries={"total_max_attempts": 1}, proxies={}),
            )


@contextmanager
def local_cloud(folder: Path, ec2: str, port: int | None = None, checks_access: bool = False) -> Iterator[Cloud]:
    """Run a local AWS during the context.

    Its files are in ``folder``, and ``ec2`` is the URL of its EC2. With ``checks_access`` it enforces IAM policies, and
    its functions have the credentials of their roles. Raises StepError if it does not start.
    """
    port = port or find_free_port()
    cloud = Cloud(f"http://127.0.0.1:{port}", ec2, folder, Inbox(folder / "mail"))
    log, temporary = folder / "aws.log", folder / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = isolated_environment() | cloud.environment | _ministack_settings(port, temporary, checks_access)
    launcher = str(ROOT / "local" / "ministack_with_mail.py")
    command = [program_path("aws", "python"), launcher, str(cloud.inbox.folder)]
    with running_process(command, environment, folder, log) as child:
        _wait_until_healthy(cloud.endpoint, lambda: child.poll() is None, log)
        yield cloud


def _ministack_settings(port: int, temporary: Path, checks_access: bool) -> dict[str, str]:
    """Return ministack's settings: loopback only, no second listener, all files in one folder."""
    return {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "AUTH": str(checks_access).lower(),
        "TMPDIR": str(temporary),
        "STATE_DIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
    }


def _wait_until_healthy(endpoint: str, is_running: Callable[[], bool], log: Path) -> None:
    """Wait for the health check.

    Raises StepError with the end of the log if it does not succeed.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(START_TIMEOUT * 10):
        try:
            with opener.open(f"{endpoint}/_ministack/health", timeout=2):
                return
        except OSError:
            if not is_running():
                break
            time.sleep(0.1)
    raise StepError("starting the local AWS", log.read_text(encoding="utf-8", errors="replace"))
