"""Tests of the variables that reach the project's programs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.environments import ROOT
from local.process_environment import LOCAL_SAM, NO_ACCOUNT, UTF8, aws_environment, isolated_environment
from tests.support.hostile_shell import EXPORTS

PLACES = {"HOME": "/home/you", "PATH": "/usr/bin", "TMPDIR": "/var/tmp", "XDG_CACHE_HOME": "/cache"}
NETWORK = {"https_proxy": "http://proxy:3128", "SSL_CERT_FILE": "/etc/ca.pem", "PIP_INDEX_URL": "https://mirror/simple"}
DIRECT = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def test_places_and_network_settings_are_passed() -> None:
    assert isolated_environment(PLACES | NETWORK) == PLACES | NETWORK | DIRECT | NO_ACCOUNT | UTF8 | LOCAL_SAM


def test_a_proxys_exceptions_are_passed() -> None:
    assert isolated_environment({"no_proxy": "mirror"})["NO_PROXY"] == "mirror,127.0.0.1,localhost"


@pytest.mark.parametrize("name", [name for name in EXPORTS if not name.startswith(("PIP_", "UV_"))])
def test_other_variables_do_not_reach_a_program(name: str) -> None:
    assert isolated_environment({name: EXPORTS[name]}).get(name) in (None, *NO_ACCOUNT.values())


@pytest.mark.parametrize(
    "name", ["PYTHONPATH", "PYTHONHOME", "SAM_TEMPLATE_FILE", "LC_ALL", "MAKEFLAGS", "VIRTUAL_ENV"]
)
def test_disturbing_variables_do_not_reach_a_deployment(name: str) -> None:
    assert name not in aws_environment({name: EXPORTS[name]})


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_REGION", "AWS_CA_BUNDLE", "SSH_AUTH_SOCK", "SAM_CLI_TELEMETRY"])
def test_the_account_of_the_shell_reaches_a_deployment(name: str) -> None:
    assert aws_environment({name: "x"})[name] == "x"


def test_a_program_runs_in_the_isolated_environment(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a module of somebody else')")
    shell = {**os.environ, **EXPORTS, "PYTHONPATH": str(tmp_path)}
    code = "import os, sys; print(sorted(os.environ), sys.flags.optimize, os.getcwd())"
    command = [sys.executable, "-I", str(ROOT / "local" / "run.py"), "--", sys.executable, "-c", code]
    result = subprocess.run(command, env=shell, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert result.stdout == f"{sorted(isolated_environment(shell))} 0 {ROOT}\n"


def test_an_environment_that_does_not_exist_is_named() -> None:
    command = [sys.executable, "-I", str(ROOT / "local" / "run.py"), "proyect", "--", "true"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("no such environment: proyect; use project, ")
