"""The deployed local stack as a context, for the demo and ``make local``."""

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from local.cloud import local_cloud
from local.deployment import Deployment, build, deploy
from local.processes import ENDINGS, StepFailed
from local.screen import Screen
from task_reporter_cli.output.streams import settle_streams


@contextmanager
def deployed(screen: Screen, ec2: str, parameters: Mapping[str, str], port: int | None = None) -> Iterator[Deployment]:
    """Deploy the unchanged template on a local AWS whose EC2 is at ``ec2``. All of it is gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ec2-task-reporter-")))
        with screen.step("local AWS", "on loopback; no account, no Docker"):
            cloud = stack.enter_context(local_cloud(folder, ec2, port))
        with screen.step("sam build", "template.yaml as it stands"):
            template = build(folder)
        with screen.step("sam deploy", "stack ec2-task-reporter"):
            deployment = deploy(cloud, template, parameters)
        yield deployment


def play(story: Callable[[Screen], None]) -> int:
    """Tell ``story`` and answer its exit status; however it ends, what it started is gone."""
    settle_streams()
    screen = Screen()
    for sign in ENDINGS:
        signal.signal(sign, _interrupt)
    try:
        story(screen)
    except KeyboardInterrupt:
        screen.say("\nStopped. Nothing is left running.")
        return 130
    except (StepFailed, OSError) as problem:
        screen.error(f"\n{problem}")
        return 1
    finally:
        sys.stdout.flush()
    return 0


def _interrupt(_sign: int, _frame: FrameType | None) -> None:
    """Being ended is being interrupted: the way out that cleans up is the same."""
    raise KeyboardInterrupt
