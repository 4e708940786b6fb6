"""Child processes that end with this one, however it ends."""

import os
import secrets
import signal
import socket
import subprocess  # nosec B404 # it runs the SAM CLI and the local AWS
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

FIRST_PORT, PORT_COUNT = 10_000, 22_000
"""Range of `find_free_port`, below the ports of outgoing connections.

Those start at 32768 on Linux and at 49152 on macOS.
"""
TERMINATION_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals with which a person or a system ends a program."""


class StepError(Exception):
    """A step of the local stack failed.

    The text contains the end of its output.
    """

    def __init__(self, step: str, output: str) -> None:
        super().__init__(f"{step} failed:\n{output.strip()[-3000:]}")
        self.step = step


def run_step(step: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> None:
    """Run ``command`` in ``folder`` to its end, and append its output to ``log``.

    Raises StepError with the end of the log if the exit status is not 0.
    """
    with running_process(command, environment, folder, log) as child:
        status = child.wait()
    if status:
        raise StepError(f"{step} (exit status {status})", log.read_text(encoding="utf-8", errors="replace"))


@contextmanager
def running_process(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` in ``folder`` during the context, then kill it and its descendants.

    The child leads a process group, so that its descendants can be killed with it. Its standard input is a pipe that
    closes when this process dies, even by SIGKILL: a child that reads it can end itself then.
    """
    child = None
    with log.open("ab") as output:
        try:
            with _delayed_signals():
                child = subprocess.Popen(  # nosec B603 # no shell, arguments of our own
                    command,
                    env=dict(environment),
                    cwd=folder,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            yield child
        finally:
            if child:
                with _delayed_signals():
                    _kill_group(child)


@contextmanager
def _delayed_signals() -> Iterator[None]:
    """Delay termination signals, so that a child that just started is not lost."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives signals
        return
    received: list[int] = []
    handlers = {number: signal.signal(number, lambda sent, _: received.append(sent)) for number in TERMINATION_SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for sent in received:
            signal.raise_signal(sent)


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    """Kill the process group of ``child``. A clean shutdown would save nothing."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    if child.stdin:
        child.stdin.close()
    child.wait()


def find_free_port() -> int:
    """Return a random free port on loopback, which no outgoing connection will take."""
    while True:
        port = FIRST_PORT + secrets.randbelow(PORT_COUNT)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
