"""The stack on a local AWS, for the demos and ``make local``."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from local.cloud import Cloud, local_cloud
from local.deployment import Deployment, build, deploy
from local.organization import Organization, local_organization
from local.screen import Screen


@contextmanager
def local_stack(
    screen: Screen, ec2: str, parameters: Mapping[str, str], port: int | None = None
) -> Iterator[Deployment]:
    """Deploy the template on a local AWS during the context.

    ``ec2`` is the URL of its EC2, ``port`` the port of all other services. Raises StepError.
    """
    with ExitStack() as stack:
        folder = _enter_folder(stack)
        with screen.step("local AWS", "on loopback; no account, no Docker"):
            cloud = stack.enter_context(local_cloud(folder, ec2, port))
        yield _deploy(screen, cloud, parameters, "stack ec2-task-reporter")


@contextmanager
def local_hub(
    screen: Screen, accounts: Sequence[str], parameters: Mapping[str, str], **ec2_options: Any
) -> Iterator[tuple[Organization, Deployment]]:
    """Deploy the template as the hub of a local organization during the context.

    ``accounts`` are the names of its members, ``ec2_options`` are arguments of `Ec2Server`. Raises StepError.
    """
    with ExitStack() as stack:
        folder = _enter_folder(stack)
        with screen.step("local AWS", f"the hub's account, and {len(accounts)} with the role of member.yaml"):
            organization = stack.enter_context(local_organization(folder, accounts, **ec2_options))
        values = {**organization.parameters, **parameters}
        yield (
            organization,
            _deploy(screen, organization.cloud, values, f"stack ec2-task-reporter, {parameters['Regions']}"),
        )


def _enter_folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ec2-task-reporter-")))


def _deploy(screen: Screen, cloud: Cloud, parameters: Mapping[str, str], detail: str) -> Deployment:
    with screen.step("sam build", "the unchanged template.yaml"):
        template = build(cloud.folder)
    with screen.step("sam deploy", detail):
        return deploy(cloud, template, parameters)
