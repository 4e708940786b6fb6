"""Finds Python interpreters by version. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess  # nosec B404 # it asks interpreters for their version
import sys
from collections.abc import Iterator
from pathlib import Path


def find(name: str) -> str | None:
    """Return the path of the interpreter ``name``, such as ``python3.13``, or None."""
    expected = f"cpython-{name.removeprefix('python').replace('.', '')}"
    return next((python for python in _candidates(name) if _bytecode_tag(python) == expected), None)


def _candidates(name: str) -> Iterator[str]:
    """Yield the paths where the interpreter may be.

    A version manager's shim on the PATH may not work.
    """
    yield sys.executable
    if on_path := shutil.which(name):
        yield on_path
    version, home = name.removeprefix("python"), Path(os.path.expanduser("~"))
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    for paths in (pyenv.glob(f"{version}.*/bin/{name}"), uv.glob(f"cpython-{version}.*/bin/{name}")):
        yield from map(str, sorted(paths))


def _bytecode_tag(python: str) -> str:
    """Return the bytecode tag of ``python``, such as ``cpython-313``, or an empty text."""
    command = [python, "-I", "-c", "import sys; print(sys.implementation.cache_tag)"]
    try:
        return subprocess.run(command, capture_output=True, check=False).stdout.decode().strip()  # nosec B603 # no shell, arguments of our own
    except OSError:  # a broken link, or a program for another processor
        return ""
