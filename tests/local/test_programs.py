"""Tests of the programs that tests need besides Python, and of CI's script."""

import os
import subprocess
from pathlib import Path

import pytest

from local.environments import ROOT
from tests.__main__ import prepared
from tests.integration.dynamodb_local import UnavailableError, fetched
from tests.support.debian import InstallationError

ROOT_USER, SOMEBODY = 0, 1000


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder on the PATH, which contains the shell."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def apt_get(programs: Path) -> Path:
    """Make an apt-get that installs both programs; return the log of its calls."""
    calls = programs / "calls"
    brings = f'echo "$*" >> {calls}; for name in chromium chromedriver; do ln -sf /bin/sh {programs}/$name; done'
    put(programs, "ln", 'exec /bin/ln "$@"')
    put(programs, "apt-get", brings)
    return calls


def test_in_ci_root_installs_a_browser(apt_get: Path) -> None:
    left_out = list(prepared(os.environ | {"CI": "true"}, ROOT_USER))
    assert "install --yes --no-install-recommends chromium chromium-driver" in apt_get.read_text()
    assert not [sentence for sentence in left_out if "browser" in sentence]


@pytest.mark.parametrize(("environ", "user_id"), [({}, ROOT_USER), ({"CI": ""}, ROOT_USER), ({"CI": "true"}, SOMEBODY)])
def test_elsewhere_nothing_is_installed_unasked(apt_get: Path, environ: dict[str, str], user_id: int) -> None:
    page, history = prepared({**os.environ, "CI": ""} | environ, user_id)
    assert not apt_get.exists()
    assert page.startswith(
        "The report page was not tested in a browser: no chromium and no chromedriver on the path; `"
    )
    assert "apt-get install chromium" in page
    assert "apt-get install default-jdk-headless maven` brings both" in history


def test_without_apt_get_the_programs_are_named(programs: Path) -> None:
    page, history = prepared(os.environ | {"CI": "true"}, ROOT_USER)
    assert page.endswith("no chromium and no chromedriver on the path.")
    assert history.endswith("it needs a JDK of 17 or later; found: none.")


def test_an_installation_that_fails_ends_a_ci_run(programs: Path) -> None:
    put(programs, "apt-get", "echo E: no network >&2; exit 100")
    with pytest.raises(InstallationError, match="could not install chromium and chromium-driver:\nE: no network"):
        list(prepared(os.environ | {"CI": "true"}, ROOT_USER))


def test_maven_without_a_network_is_no_error(programs: Path, tmp_path: Path) -> None:
    put(programs, "javac", "echo javac 17.0.1")
    put(programs, "java", "exit 0")
    put(programs, "mvn", "echo '[ERROR] Unknown host'; echo '[ERROR] Read this'; exit 1")
    with pytest.raises(UnavailableError, match=r"^Maven could not fetch it: Unknown host$"):
        fetched(tmp_path, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(("exported", "passed"), [(None, "true"), ("", "true"), ("jenkins", "jenkins")])
def test_ci_runs_make_test_in_its_own_folder(tmp_path: Path, exported: str | None, passed: str) -> None:
    (tmp_path / ".ci").mkdir()
    put(tmp_path, "make", 'echo "$PWD $* $CI"')
    shell = {name: value for name, value in os.environ.items() if name != "CI"}
    shell |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CDPATH": str(tmp_path)}
    shell |= {} if exported is None else {"CI": exported}
    result = subprocess.run([".ci/run"], cwd=ROOT, env=shell, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{ROOT} test {passed}\n", "")
