"""The stack on a local AWS, for the demo and ``make local``."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from local.cloud import local_cloud
from local.deployment import Deployment, build, deploy
from local.screen import Screen


@contextmanager
def local_stack(
    screen: Screen, ec2: str, parameters: Mapping[str, str], port: int | None = None
) -> Iterator[Deployment]:
    """Deploy the template on a local AWS during the context.

    ``ec2`` is the URL of its EC2, ``port`` the port of all other services. Raises StepError.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ec2-task-reporter-")))
        with screen.step("local AWS", "on loopback; no account, no Docker"):
            cloud = stack.enter_context(local_cloud(folder, ec2, port))
        with screen.step("sam build", "the unchanged template.yaml"):
            template = build(folder)
        with screen.step("sam deploy", "stack ec2-task-reporter"):
            deployment = deploy(cloud, template, parameters)
        yield deployment
