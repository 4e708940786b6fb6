"""Makes the project's Python environments: ``python3 -m local.environments project sam aws``.

Each environment has its own pins in ``requirements/<name>.txt``, because the SAM CLI, the local AWS and the project
need different versions of botocore. An environment that is up to date is not made again. Standard library only, because
this runs before anything is installed.
"""

from __future__ import annotations  # so that an old interpreter reaches the check of its version

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

from local.process_environment import isolated_environment  # noqa: E402
from pip_settings import package_sources, pip_environment  # noqa: E402

SUPPORTED = ((3, 11), (3, 12), (3, 13), (3, 14))
SUPPORTED_TEXT = "Python 3.11, 3.12, 3.13 or 3.14"
UV_SOURCES = re.compile(
    r"UV_((DEFAULT_|EXTRA_)?INDEX(_URL)?|INDEX_\w+_(USERNAME|PASSWORD)|FIND_LINKS|INSECURE_HOST|KEYRING_PROVIDER"
    r"|NATIVE_TLS|SYSTEM_CERTS|HTTP_\w+|OFFLINE|CACHE_DIR|NO_CACHE|LINK_MODE|CONCURRENT_\w+)"
)
"""Names of uv's variables for package sources, for the network and for its cache."""
UV_EQUIVALENTS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "no-index": "UV_OFFLINE",
}
"""Setting of pip → variable of the same meaning for uv.

uv does not read pip's configuration.
"""
BASE_INTERPRETER = str(getattr(sys, "_base_executable", None) or sys.executable)
"""The interpreter outside of any environment.

An active .venv's interpreter would be deleted while it runs.
"""
NAMES = ("project", "sam", "aws", "check", "bench", "bench-cli", "bench-lambda")


class EnvironmentSetupError(Exception):
    """An environment could not be made.

    The text contains the command, its output and advice.
    """


def environment_folder(name: str) -> Path:
    """Return the folder of the environment ``name``."""
    return ROOT / (".venv" if name == "project" else f".venv-{name}")


def program_path(name: str, command: str) -> str:
    """Return the path of ``command`` in the environment ``name``."""
    return str(environment_folder(name) / "bin" / command)


def main(names: list[str]) -> int:
    """Make the environments ``names``; return the exit status."""
    if unknown := [name for name in names if name not in NAMES]:
        print(f"no such environment: {', '.join(unknown)}; use {', '.join(NAMES)}", file=sys.stderr)
        return 2
    try:
        make_environments(names)
    except EnvironmentSetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"error: pip cannot read its configuration: {error.stderr.strip()}", file=sys.stderr)
        return 1
    except OSError as error:
        advice = "make sure that you can read and write this copy of the project"
        print(f"error: {error.filename or ROOT}: {error.strerror or error}; {advice}", file=sys.stderr)
        return 1
    return 0


def make_environments(names: list[str], python: str = BASE_INTERPRETER) -> None:
    """Make those of the environments ``names`` that are not up to date, in parallel.

    Raises EnvironmentSetupError.
    """
    if sys.version_info[:2] not in SUPPORTED:
        version = ".".join(map(str, sys.version_info[:2]))
        raise EnvironmentSetupError(f"{SUPPORTED_TEXT} is needed, this is {version}; run make PYTHON=python3.13 …")
    if all(map(_is_ready, names)):
        return
    with _exclusive_lock():
        outdated = [name for name in names if not _is_ready(name)]
        print(f"Installing the environments {', '.join(outdated)} into .venv* (only once)", flush=True)
        uv = _install_uv(python)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: _make_environment(name, python, uv), outdated))


@contextmanager
def _exclusive_lock() -> Iterator[None]:
    """Let only one process at a time make environments."""
    lock = ROOT / ".local" / "environments.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_test_environment(folder: Path, python: str) -> str:
    """Make the project's environment in ``folder`` for another interpreter; return its interpreter.

    It does not contain the command line. Raises EnvironmentSetupError.
    """
    _install(folder, python, _install_uv(BASE_INTERPRETER), [_requirements("project")])
    return str(folder / "bin" / "python")


def _is_ready(name: str) -> bool:
    """Tell whether the environment ``name`` is up to date."""
    stamp, python = environment_folder(name) / ".ready", Path(program_path(name, "python"))
    # A link to an interpreter that was removed does not exist.
    return python.exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == _fingerprint(name)


def _mark_ready(name: str) -> None:
    (environment_folder(name) / ".ready").write_text(_fingerprint(name), encoding="utf-8")


def _fingerprint(name: str) -> str:
    """Return a hash of everything that determines the content of the environment ``name``."""
    pins = (ROOT / "requirements" / f"{name}.txt").read_bytes()
    metadata = (ROOT / "pyproject.toml").read_bytes() if name == "project" else b""
    return hashlib.sha256(pins + metadata + sys.version.encode() + str(ROOT).encode()).hexdigest()


def _install_uv(python: str) -> Path:
    """Install uv, which is much faster than pip; return its path."""
    if not _is_ready("uv"):
        _make_venv(environment_folder("uv"), python)
        _pip_install(environment_folder("uv"), _requirements("uv"))
        _mark_ready("uv")
    return Path(program_path("uv", "uv"))


def _make_environment(name: str, python: str, uv: Path) -> None:
    """Make the environment ``name``.

    That of the project contains the project itself in editable form.
    """
    project = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    _install(environment_folder(name), python, uv, [_requirements(name), *([project] if name == "project" else [])])
    _mark_ready(name)


def _install(folder: Path, python: str, uv: Path, installations: list[list[str]]) -> None:
    """Make an environment in ``folder`` and install into it.

    Each of ``installations`` is a list of arguments that both ``pip install`` and ``uv pip install`` understand.
    """
    environment = uv_environment(str(uv.with_name("python")))
    try:
        _run([str(uv), "venv", "--quiet", "--clear", "--python", python, str(folder)], environment)
        for arguments in installations:
            options = ["--compile-bytecode", "--python", str(folder / "bin" / "python"), "--quiet"]
            _run([str(uv), "pip", "install", *options, *arguments], environment)
    except EnvironmentSetupError:
        # pip knows some package sources that uv does not know, and its error messages are clearer.
        _make_venv(folder, python)
        for arguments in installations:
            _pip_install(folder, arguments)


def uv_environment(python: str) -> dict[str, str]:
    """Return the environment for uv, with the package sources of the pip of ``python``.

    uv reads no configuration file with it. Raises CalledProcessError if pip cannot read its configuration.
    """
    settings = package_sources(python)
    environment = isolated_environment()
    base = {name: value for name, value in environment.items() if not name.startswith(("UV_", "PIP_"))}
    uv_sources = {name: value for name, value in environment.items() if UV_SOURCES.fullmatch(name)}
    pip_sources = {
        UV_EQUIVALENTS[name]: " ".join(value.split()) for name, value in settings.items() if name in UV_EQUIVALENTS
    }
    return base | pip_sources | uv_sources | {"UV_NO_CONFIG": "1"}


def _requirements(name: str) -> list[str]:
    return ["--requirement", str(ROOT / "requirements" / f"{name}.txt")]


def _make_venv(folder: Path, python: str) -> None:
    advice = "is the package python3-venv installed?"
    _run([python, "-m", "venv", "--clear", str(folder)], isolated_environment(), advice)


def _pip_install(folder: Path, arguments: list[str]) -> None:
    python = str(folder / "bin" / "python")
    _run([python, "-m", "pip", "install", "--quiet", *arguments], pip_environment(python))


def _run(command: list[str], environment: dict[str, str], advice: str = "") -> None:
    result = subprocess.run(command, env=environment, capture_output=True, check=False)  # nosec B603 # no shell, arguments of our own
    if result.returncode:
        output = (result.stderr or result.stdout).decode(errors="replace").strip()[-2000:]
        text = f"`{' '.join(command)}` failed with exit status {result.returncode}: {output} {advice}"
        raise EnvironmentSetupError(text.rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["project"]))
