"""Tests of the Makefile's values and of its choice of an interpreter."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.environments import ROOT, SUPPORTED, SUPPORTED_TEXT
from tests.support.hostile_shell import EXPORTS

VALUES = {
    "an apostrophe": "o'brien@example.com", "quotes": '"o b"@example.com', "a dollar sign": "a$b$$c$(HOME)@example.com",
    "a command": "a`id`$(shell id)@example.com", "a backslash": r"a\b\@example.com", "a hash": "a#b@example.com",
    "a percent sign": "a%b@example.com", "letters of all kinds": "jürgen@exämple.com",
    "an operator": "a;b&c|d>e@example.com", "nothing": "",
}  # fmt: skip
STUB = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word"; done
"""


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """Return an interpreter that only prints its arguments."""
    path = tmp_path / "stub"
    path.write_text(STUB)
    path.chmod(0o755)
    return path


def make(*arguments: str, **environment: str) -> list[str]:
    """Run ``make`` and return the lines of its output."""
    command = ["make", "--no-print-directory", "-C", str(ROOT), *arguments]
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("target", ["deploy", "takeover"])
def test_every_value_passes_unchanged(stub: Path, target: str, value: str) -> None:
    values = {"STACK": value, "EMAIL": value, "PARAMETERS": f'AlarmEmail="{value}"', "TABLE": value}
    words = make(target, f"PYTHON={stub}", *(f"{name}={text}" for name, text in values.items()))
    passed = [word for word in words if word.startswith("--") and "=" in word]
    table = [f"--table={value}"] if target == "takeover" else []
    assert passed == [*table, f"--stack={value}", f"--email={value}", f'--parameters=AlarmEmail="{value}"']


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_member_gets_its_values_and_arguments(stub: Path, value: str) -> None:
    values = {"STACK": value, "PARAMETERS": f'PermissionsBoundaryArn="{value}"', "ARGS": "--profile root --yes"}
    words = make("member", f"PYTHON={stub}", *(f"{name}={text}" for name, text in values.items()))
    given = [f"--stack={value}", f'--parameters=PermissionsBoundaryArn="{value}"', "--profile", "root", "--yes"]
    assert words[words.index("local.member") + 1 :] == given


def test_an_interpreter_may_stand_in_a_folder_with_blanks(stub: Path) -> None:
    moved = stub.rename(stub.with_name("a stub"))
    assert make("demo", f"PYTHON={moved}")[:2] == ["-I", "local/run.py"]


def test_the_layer_is_built_whatever_the_shell_exports(stub: Path) -> None:
    """`sam build` runs this Makefile in the environment of the user's shell."""
    stub.rename(stub.with_name("python3"))
    shell = {**EXPORTS, "PATH": f"{stub.parent}{os.pathsep}{os.environ['PATH']}"}
    words = make("-s", "-C", "layers/core", "build-CoreLayer", "ARTIFACTS_DIR=a b", **shell)
    assert words[:3] == ["-E", "build.py", "a b"]


def test_values_are_not_taken_from_the_shell(stub: Path) -> None:
    words = make("deploy", f"PYTHON={stub}", **{name: EXPORTS[name] for name in ("EMAIL", "STACK", "PARAMETERS")})
    assert words[-3:] == ["--stack=ec2-task-reporter", "--email=", "--parameters="]


def test_only_a_deployment_works_in_the_account_of_the_shell(stub: Path) -> None:
    targets = re.findall("^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    run = [target for target in targets if target not in ("help", "clean")]
    assert {target for target in run if "--aws" in make(target, f"PYTHON={stub}")} == {"deploy", "takeover", "member"}


INTERPRETERS = [
    ({"python3": "3.9"}, "python3"), ({"python3": "3.9", "python3.11": "3.11"}, "python3.11"),
    ({"python3": "3.14"}, "python3"), ({"python3.13": "3.13"}, "python3.13"),
    ({"python3": "3.15", "python3.14": "3.14", "python3.12": "3.12"}, "python3.14"),
]  # fmt: skip


@pytest.mark.parametrize(("versions", "chosen"), INTERPRETERS)
def test_the_first_supported_interpreter_is_chosen(tmp_path: Path, versions: dict[str, str], chosen: str) -> None:
    """Stubs evaluate the Makefile's check with another version and print their name."""
    for name, version in versions.items():
        number = tuple(map(int, version.split(".")))
        code = f"import sys; sys.version_info = {number}; exec(sys.argv[1])"
        evaluate = f'{shlex.quote(sys.executable)} -I -c "{code}" "$3"'
        (tmp_path / name).write_text(f'#!/bin/sh\nif [ "$2" = -c ]; then exec {evaluate}; fi\necho {name}\n')
        (tmp_path / name).chmod(0o755)
    for name in ("make", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    assert make("demo", PATH=str(tmp_path))[0] == chosen


def test_the_makefile_and_the_package_support_the_same_versions() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    first, last = SUPPORTED[0], SUPPORTED[-1]
    assert f"{first} <= sys.version_info[:2] <= {last}" in text
    for major, minor in SUPPORTED:
        assert f"python{major}.{minor}" in text
    assert f'">={first[0]}.{first[1]},<{last[0]}.{last[1] + 1}"' in (ROOT / "pyproject.toml").read_text()
    assert SUPPORTED_TEXT in (ROOT / "README.md").read_text(encoding="utf-8")
