"""Makes the project's Python environments: ``python3 -m local.environments project sam aws``.

Each has its own pins (``requirements/<name>.txt``), because the SAM CLI, the local AWS and the project each want their
own botocore. An environment that is up to date costs nothing. Standard library only: this runs before anything else.
"""

from __future__ import annotations  # so that an interpreter too old can still say so

import hashlib
import os
import subprocess  # nosec B404 # it runs installers
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ((3, 11), (3, 12), (3, 13))
NAMES = ("project", "sam", "aws", "check", "bench", "bench-cli", "bench-lambda")


class EnvironmentProblem(Exception):
    """An environment could not be made; the text says which, why and what to do."""


def folder(name: str) -> Path:
    """Where the environment ``name`` stands."""
    return ROOT / (".venv" if name == "project" else f".venv-{name}")


def program(name: str, command: str) -> str:
    """The path of ``command`` in the environment ``name``."""
    return str(folder(name) / "bin" / command)


def main(names: list[str]) -> int:
    """Make the environments ``names``; 0 where all stand."""
    if unknown := [name for name in names if name not in NAMES]:
        print(f"no such environment: {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    try:
        make(names)
    except EnvironmentProblem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


def make(names: list[str], python: str = sys.executable) -> None:
    """Make those of ``names`` that are not up to date, side by side. Raises EnvironmentProblem."""
    if sys.version_info[:2] not in SUPPORTED:
        found = ".".join(map(str, sys.version_info[:2]))
        raise EnvironmentProblem(f"Python 3.11, 3.12 or 3.13 is needed, this is {found}; say make PYTHON=python3.13 …")
    wanted = [name for name in names if not _is_ready(name)]
    if not wanted:
        return
    print(f"Installing {', '.join(wanted)} (once; kept in .venv*)", flush=True)
    installer = _installer(python)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: _make(name, python, installer), wanted))


def _is_ready(name: str) -> bool:
    stamp = folder(name) / ".ready"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _fingerprint(name)


def _fingerprint(name: str) -> str:
    """What the environment was made of; where that changes, it is made anew."""
    pins = (ROOT / "requirements" / f"{name}.txt").read_bytes()
    ours = (ROOT / "pyproject.toml").read_bytes() if name == "project" else b""
    return hashlib.sha256(pins + ours + sys.version.encode() + str(ROOT).encode()).hexdigest()


def _installer(python: str) -> Path:
    """uv, in a small environment of its own: it installs in seconds what takes pip a minute."""
    home = ROOT / ".venv-uv"
    uv = home / "bin" / "uv"
    if not uv.is_file():
        _venv(home, python)
        pip = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--requirement", str(ROOT / "requirements" / "uv.txt")], "installing uv")
    return uv


def _make(name: str, python: str, uv: Path) -> None:
    home = folder(name)
    try:
        _run([str(uv), "venv", "--quiet", "--clear", "--python", python, str(home)], f"making {name}")
        _install(name, [str(uv), "pip", "install", "--compile-bytecode", "--python", program(name, "python")])
    except EnvironmentProblem:
        # uv does not read pip's configuration, which may name the one registry that a company's machines may reach.
        _venv(home, python)
        _install(name, [program(name, "pip"), "install"])
    (home / ".ready").write_text(_fingerprint(name), encoding="utf-8")


def _install(name: str, install: list[str]) -> None:
    """The pins, and in the project's environment the project itself, as its code stands: the command line."""
    pins = str(ROOT / "requirements" / f"{name}.txt")
    _run([*install, "--quiet", "--requirement", pins], f"installing {name}")
    if name == "project":
        ours = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
        _run([*install, "--quiet", *ours], "installing the command line")


def _venv(home: Path, python: str) -> None:
    hint = "is the package python3-venv installed?"
    _run([python, "-m", "venv", "--clear", str(home)], "making an environment", hint)


def _run(command: list[str], doing: str, hint: str = "") -> None:
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)  # nosec B603 # no shell, arguments of our own
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[-2000:]
        raise EnvironmentProblem(f"{doing} failed with exit status {done.returncode}: {said} {hint}".rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["project"]))
