"""Every test: ``python -m tests``; with arguments, only pytest with them.

The interpreter of this program runs all tests, and the deployed functions run on its version. At the same time, the
other supported versions on this machine run the unit tests.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from local.environments import ROOT, SUPPORTED, EnvironmentSetupError, make_test_environment

# isort: split
# local.environments has put the folder of this module on the path.
import interpreters
from tests.integration.dynamodb_local import UnavailableError, fetched
from tests.support import browser
from tests.support.debian import InstallationError, install, may_install

OWN = sys.version_info[:2]
CAPTURED = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}


def main(arguments: list[str]) -> int:
    """Return 0 if every test passed on every version that was found."""
    if arguments:
        return pytest(sys.executable, arguments).wait()
    try:
        left_out = list(prepared(os.environ, os.geteuid()))
    except InstallationError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    end_to_end = pytest(sys.executable, ["tests/e2e"], **CAPTURED)
    status = pytest(sys.executable, ["tests/unit", "tests/local", "tests/campaigns", "tests/integration"]).wait()
    others = dict(start_others())
    failed = [status, finish("End to end", end_to_end)]
    failed += [finish(f"{name(version)}, unit tests", running) for version, running in others.items()]
    report(set(others))
    for sentence in left_out:
        print(sentence)
    return max(failed)


def prepared(environ: Mapping[str, str], user_id: int) -> Iterator[str]:
    """Install the programs that tests need; yield a sentence for each omitted part.

    Raises InstallationError if CI lacks a program.
    """
    if browser.lacking() and may_install(environ, user_id):
        install(browser.PACKAGES, environ)
    if lacking := browser.lacking():
        yield f"The report page was not tested in a browser: {lacking}."
    try:
        with TemporaryDirectory() as folder:
            fetched(Path(folder))
    except UnavailableError as unavailable:
        yield f"The history was not tested on DynamoDB Local, on the local AWS alone: {unavailable}."


def finish(what: str, running: "subprocess.Popen[bytes]") -> int:
    """Wait for parallel tests, and print their result; return the exit status."""
    output, _ = running.communicate()
    text = output.decode(errors="replace").strip()
    if running.returncode:
        print(f"\n{text}")
    print(f"\n{what}:", text.splitlines()[-1].strip("= "), flush=True)
    return abs(running.wait())


def start_others() -> Iterator[tuple[tuple[int, int], "subprocess.Popen[bytes]"]]:
    """Start the unit tests on each other supported version of Python here."""
    for version, python in find_others().items():
        try:
            yield version, start(version, python)
        except (OSError, subprocess.CalledProcessError, EnvironmentSetupError) as problem:
            print(f"{name(version)} is here, but no environment can be made for it: {problem}")


def find_others() -> dict[tuple[int, int], str]:
    """Return the other supported versions on this machine, each with an interpreter."""
    pairs = (
        (version, interpreters.find(f"python{version[0]}.{version[1]}")) for version in SUPPORTED if version != OWN
    )
    return {version: python for version, python in pairs if python}


def start(version: tuple[int, int], python: str) -> "subprocess.Popen[bytes]":
    """Start the unit tests on ``python``, in a new environment with the pins."""
    inside = make_test_environment(ROOT / f".venv-{version[0]}.{version[1]}", python)
    options = ["-q", "-p", "no:cacheprovider", "--hypothesis-profile", "further"]
    return pytest(inside, ["tests/unit", "--ignore=tests/unit/template", *options], **CAPTURED)


def pytest(python: str, arguments: list[str], **options: Any) -> "subprocess.Popen[bytes]":
    """Start pytest with ``arguments``."""
    return subprocess.Popen([python, "-m", "pytest", *arguments], cwd=ROOT, **options)


def report(others: set[tuple[int, int]]) -> None:
    """Print the versions that were tested and those that were not."""
    missing = [version for version in SUPPORTED if version != OWN and version not in others]
    print(
        f"\nAll tests ran on {name(OWN)}; the unit tests also on: {', '.join(map(name, sorted(others))) or 'no other'}."
    )
    if missing:
        print(f"Not tested, because not on this machine: {', '.join(map(name, missing))}.")


def name(version: tuple[int, int]) -> str:
    return f"Python {version[0]}.{version[1]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
