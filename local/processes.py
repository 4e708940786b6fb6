"""Child processes that are surely gone afterwards, whatever happens to us."""

import os
import secrets
import signal
import socket
import subprocess  # nosec B404 # it runs the SAM CLI and the local AWS
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

FIRST_PORT, PORTS = 10_000, 22_000
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals by which a person or a system asks us to end."""


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
        raise StepFailed(f"{step} (exit status {status})", log.read_text(encoding="utf-8", errors="replace"))


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
    """Start a child that leads its own process group, so that its children can be ended with it.

    The pipe to its standard input breaks when we die, also from SIGKILL: a child that watches it can end itself.
    """
    child = None
    try:
        with _undisturbed():
            child = subprocess.Popen(  # nosec B603 # no shell, arguments of our own
                command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=output,  # type: ignore[call-overload]
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        yield child
    finally:
        if child:
            with _undisturbed():
                end_group(child)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Delay signals until the end of the context: a child that is just being started would be forgotten."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    came: list[int] = []
    before = {sign: signal.signal(sign, lambda number, _: came.append(number)) for sign in ENDINGS}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
        for number in came:
            signal.raise_signal(number)


def end_group(child: "subprocess.Popen[bytes]") -> None:
    """End the group that ``child`` leads. There is nothing in it worth saving, so it is not asked."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    if child.stdin:
        child.stdin.close()
    child.wait()


def free_port() -> int:
    """Return a port on loopback that is free, and that nobody gets by chance before it is used.

    It lies below those that systems give to outgoing connections: 32768 and above on Linux, 49152 on macOS.
    """
    while True:
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
