"""Find an interpreter of a version: this one, or one on the path, of pyenv or of uv. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess  # nosec B404 # it asks interpreters for their version
import sys
from collections.abc import Iterator
from pathlib import Path


def find(name: str) -> str | None:
    """Return an interpreter of the version that ``name`` says, such as ``python3.13``, or None where there is none."""
    return next((python for python in _candidates(name) if _tag(python) == _tag_of(name)), None)


def _candidates(name: str) -> Iterator[str]:
    """Yield where an interpreter of that name may be. A version manager's shim on the path may stand for none."""
    yield sys.executable
    if on_path := shutil.which(name):
        yield on_path
    version, home = name.removeprefix("python"), Path(os.path.expanduser("~"))
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    for found in (pyenv.glob(f"{version}.*/bin/{name}"), uv.glob(f"cpython-{version}.*/bin/{name}")):
        yield from map(str, sorted(found))


def _tag_of(name: str) -> str:
    return f"cpython-{name.removeprefix('python').replace('.', '')}"


def _tag(python: str) -> str:
    """Return the tag of the bytecode that ``python`` reads: ``cpython-313``; empty where it does not run."""
    command = [python, "-I", "-c", "import sys; print(sys.implementation.cache_tag)"]
    try:
        return subprocess.run(command, capture_output=True, check=False).stdout.decode().strip()  # nosec B603 # no shell, arguments of our own
    except OSError:  # a link to nothing, or a program for another processor
        return ""
