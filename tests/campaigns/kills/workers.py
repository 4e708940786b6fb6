"""Processes of the functions, found as children of the local AWS."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from local.cloud import Cloud

PROC = Path("/proc")


def kill(cloud: Cloud, function: str) -> int:
    """Kill every process that runs or awaits calls of ``function``; return their number."""
    killed = 0
    for pid in _children(_server(cloud)):
        if function in _function(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


def _server(cloud: Cloud) -> int:
    """Return the leading process of ``cloud``, found by its mail folder's path.

    A fork of the process has the same arguments until it runs another program.
    """
    folder = str(cloud.inbox.folder).encode()
    [found] = (pid for pid in _pids() if folder in _read(pid, "cmdline").split(b"\0") and _leads_its_group(pid))
    return found


def _leads_its_group(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def _children(parent: int) -> list[int]:
    return [pid for pid in _pids() if _parent(pid) == parent]


def _parent(pid: int) -> int | None:
    """Return a process's parent; None if the process has ended."""
    # After the name, which may hold anything, come the state and the parent's id.
    state, parent, *_ = _read(pid, "stat").rpartition(b") ")[2].split() or (b"Z", b"")
    return None if state == b"Z" else int(parent)


def _function(pid: int) -> str:
    """Return the name of the function that a process runs, or ''."""
    variables = dict(pair.partition(b"=")[::2] for pair in _read(pid, "environ").split(b"\0"))
    return variables.get(b"AWS_LAMBDA_FUNCTION_NAME", b"").decode()


def _pids() -> Iterator[int]:
    return (int(path.name) for path in PROC.iterdir() if path.name.isdecimal())


def _read(pid: int, name: str) -> bytes:
    """Return a file of a process; nothing if the process has ended."""
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""
