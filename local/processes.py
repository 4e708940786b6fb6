"""Child processes that are surely gone afterwards, whatever happens to us."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


class StepFailed(Exception):
    """A step of the local stack failed; the text says which, and the last that it said."""

    def __init__(self, step: str, said: str) -> None:
        super().__init__(f"{step} failed:\n{said.strip()[-3000:]}")
        self.step = step


def run(step: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> None:
    """Run ``command`` to its end, its output kept in ``log``. Raises StepFailed, which shows the end of it."""
    with log.open("ab") as output, _group(command, environment, folder, output) as child:
        status = child.wait()
    if status:
        raise StepFailed(f"{step} (exit status {status})", log.read_text(errors="replace"))


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """``command``, running while the context lasts. It and all that it started are gone afterwards."""
    with log.open("ab") as output, _group(command, environment, folder, output) as child:
        yield child


@contextmanager
def _group(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, output: object
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that leads its own process group, so that its children can be ended with it.

    The pipe to its standard input breaks when we die, also from SIGKILL: a child that watches it can end itself.
    """
    child = subprocess.Popen(
        command,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=output,  # type: ignore[call-overload]
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        end_group(child)


def end_group(child: "subprocess.Popen[bytes]") -> None:
    """End the group that ``child`` leads. There is nothing in it worth saving, so it is not asked."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    if child.stdin:
        child.stdin.close()
    child.wait()


def free_port() -> int:
    """A port on loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
