"""Makes the project's Python environments: ``python3 -m local.environments project sam aws``.

Each has its own pins (``requirements/<name>.txt``), because the SAM CLI, the local AWS and the project each want their
own botocore. An environment that is up to date costs nothing. Standard library only: this runs before anything else.
"""

from __future__ import annotations  # so that an interpreter too old can still say so

import fcntl
import hashlib
import re
import subprocess  # nosec B404 # it runs installers
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "layers" / "core"))

from local.own_environment import own_environment  # noqa: E402
from pip_settings import package_sources, pip_environment  # noqa: E402

SUPPORTED = ((3, 11), (3, 12), (3, 13), (3, 14))
SUPPORTED_TEXT = "Python 3.11, 3.12, 3.13 or 3.14"
UV_SOURCES = re.compile(
    r"UV_((DEFAULT_|EXTRA_)?INDEX(_URL)?|INDEX_\w+_(USERNAME|PASSWORD)|FIND_LINKS|INSECURE_HOST|KEYRING_PROVIDER"
    r"|NATIVE_TLS|SYSTEM_CERTS|HTTP_\w+|OFFLINE|CACHE_DIR|NO_CACHE|LINK_MODE|CONCURRENT_\w+)"
)
"""Variables that tell uv where packages come from, how to get there, and where to keep them."""
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "no-index": "UV_OFFLINE",
}
"""uv's variables for settings of pip: uv does not read pip's configuration."""
INTERPRETER = str(getattr(sys, "_base_executable", None) or sys.executable)
"""The interpreter outside of any environment: an activated .venv would be cleared under itself."""
NAMES = ("project", "sam", "aws", "check", "bench", "bench-cli", "bench-lambda")


class EnvironmentProblem(Exception):
    """An environment could not be made; the text says which, why and what to do."""


def folder(name: str) -> Path:
    """Where the environment ``name`` stands."""
    return ROOT / (".venv" if name == "project" else f".venv-{name}")


def program(name: str, command: str) -> str:
    """Return the path of ``command`` in the environment ``name``."""
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
    except subprocess.CalledProcessError as problem:
        print(f"error: pip can't read its configuration: {problem.stderr.strip()}", file=sys.stderr)
        return 1
    except OSError as problem:
        mend = "you must be able to read and write this copy of the project"
        print(f"error: {problem.filename or ROOT}: {problem.strerror or problem}; {mend}", file=sys.stderr)
        return 1
    return 0


def make(names: list[str], python: str = INTERPRETER) -> None:
    """Make those of ``names`` that are not up to date, side by side. Raises EnvironmentProblem."""
    if sys.version_info[:2] not in SUPPORTED:
        found = ".".join(map(str, sys.version_info[:2]))
        raise EnvironmentProblem(f"{SUPPORTED_TEXT} is needed, this is {found}; say make PYTHON=python3.13 …")
    if all(map(_is_ready, names)):
        return
    with _alone():
        wanted = [name for name in names if not _is_ready(name)]
        print(f"Installing {', '.join(wanted)} (once; kept in .venv*)", flush=True)
        uv = _installer(python)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: _make(name, python, uv), wanted))


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time make environments in this copy of the project."""
    lock = ROOT / ".local" / "environments.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_further(home: Path, python: str) -> str:
    """Make the project's environment once more, in ``home`` and for another interpreter; return its Python.

    The command line is not installed in it. Raises EnvironmentProblem.
    """
    _fill(home, python, _installer(INTERPRETER), [_pins("project")])
    return str(home / "bin" / "python")


def _is_ready(name: str) -> bool:
    stamp, python = folder(name) / ".ready", folder(name) / "bin" / "python"
    # The interpreter that a link leads to may have been removed since.
    return python.exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == _fingerprint(name)


def _set_ready(name: str) -> None:
    (folder(name) / ".ready").write_text(_fingerprint(name), encoding="utf-8")


def _fingerprint(name: str) -> str:
    """Return a fingerprint of everything of which the environment is made."""
    pins = (ROOT / "requirements" / f"{name}.txt").read_bytes()
    ours = (ROOT / "pyproject.toml").read_bytes() if name == "project" else b""
    return hashlib.sha256(pins + ours + sys.version.encode() + str(ROOT).encode()).hexdigest()


def _installer(python: str) -> Path:
    """Return uv, in a small environment of its own: it installs in seconds what takes pip a minute."""
    if not _is_ready("uv"):
        _venv(folder("uv"), python)
        _pip_install(folder("uv"), _pins("uv"))
        _set_ready("uv")
    return folder("uv") / "bin" / "uv"


def _make(name: str, python: str, uv: Path) -> None:
    """Make the environment ``name``: its pins, and in the project's the command line, as its code stands."""
    ours = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    _fill(folder(name), python, uv, [_pins(name), *([ours] if name == "project" else [])])
    _set_ready(name)


def _fill(home: Path, python: str, uv: Path, installations: list[list[str]]) -> None:
    """Make an environment in ``home`` with each of ``installations``, which are arguments of pip and of uv."""
    inside = str(home / "bin" / "python")
    environment = uv_environment(str(uv.with_name("python")))
    try:
        _run([str(uv), "venv", "--quiet", "--clear", "--python", python, str(home)], environment)
        for arguments in installations:
            install = ["pip", "install", "--compile-bytecode", "--python", inside, "--quiet", *arguments]
            _run([str(uv), *install], environment)
    except EnvironmentProblem:
        # pip gets packages in ways that uv does not know, and says better what hinders it.
        _venv(home, python)
        for arguments in installations:
            _pip_install(home, arguments)


def uv_environment(python: str) -> dict[str, str]:
    """Return an environment in which uv gets packages from where the pip of ``python`` gets them, and reads no file.

    Raises CalledProcessError where pip can't read its configuration.
    """
    settings = package_sources(python)
    kept = {name: value for name, value in own_environment().items() if not name.startswith(("UV_", "PIP_"))}
    of_uv = {name: value for name, value in own_environment().items() if UV_SOURCES.fullmatch(name)}
    of_pip = {UV_NAMES[name]: " ".join(value.split()) for name, value in settings.items() if name in UV_NAMES}
    return kept | of_pip | of_uv | {"UV_NO_CONFIG": "1"}


def _pins(name: str) -> list[str]:
    return ["--requirement", str(ROOT / "requirements" / f"{name}.txt")]


def _venv(home: Path, python: str) -> None:
    hint = "is the package python3-venv installed?"
    _run([python, "-m", "venv", "--clear", str(home)], own_environment(), hint)


def _pip_install(home: Path, arguments: list[str]) -> None:
    inside = str(home / "bin" / "python")
    _run([inside, "-m", "pip", "install", "--quiet", *arguments], pip_environment(inside))


def _run(command: list[str], environment: dict[str, str], hint: str = "") -> None:
    done = subprocess.run(command, env=environment, capture_output=True, check=False)  # nosec B603 # no shell, arguments of our own
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace").strip()[-2000:]
        doing = " ".join(command)
        raise EnvironmentProblem(f"`{doing}` failed with exit status {done.returncode}: {words} {hint}".rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["project"]))
