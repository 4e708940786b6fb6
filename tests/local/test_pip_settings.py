"""Tests of the package sources that pip and uv get."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from local.environments import uv_environment
from pip_settings import package_sources, pip_environment
from tests.support.hostile_shell import EXPORTS

HOSTILE = {name: value for name, value in EXPORTS.items() if name.startswith(("PIP_", "UV_"))}
FILE = """
[global]
index-url = https://mirror.example/simple
timeout = 33
user = true
quiet = 2
require-virtualenv = true
[install]
timeout = 44
target = /nonexistent
extra-index-url =
    https://one.example/simple
    https://two.example/simple
"""
FILE_SETTINGS = {"timeout": "44", "index-url": "https://mirror.example/simple"}
EXTRA_INDEXES = "\nhttps://one.example/simple\nhttps://two.example/simple"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return a patch of a hostile environment with one configuration file."""
    (tmp_path / "pip.conf").write_text(FILE)
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "XDG_"))]:
        monkeypatch.delenv(name)
    for name, value in {**HOSTILE, "HOME": str(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def pip_variables(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PIP_")}


def test_sources_are_read_from_files(shell: pytest.MonkeyPatch) -> None:
    settings = package_sources(sys.executable)
    assert settings.items() >= (FILE_SETTINGS | {"extra-index-url": EXTRA_INDEXES}).items()
    assert settings.keys().isdisjoint({"user", "target", "quiet", "require-virtualenv", "constraint"})


def test_the_shell_goes_before_files(shell: pytest.MonkeyPatch) -> None:
    shell.setenv("PIP_INDEX_URL", "https://other.example/simple")
    assert package_sources(sys.executable)["index-url"] == "https://other.example/simple"


def test_pip_gets_sources_and_no_configuration_file(shell: pytest.MonkeyPatch) -> None:
    environment = pip_variables(pip_environment(sys.executable))
    assert environment["PIP_INDEX_URL"] == "https://mirror.example/simple"
    assert environment["PIP_EXTRA_INDEX_URL"].split() == EXTRA_INDEXES.split()
    assert environment["PIP_CONFIG_FILE"] == os.devnull
    assert environment.keys().isdisjoint(HOSTILE)


def test_a_configuration_that_cannot_be_read_is_an_error(shell: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("no section = here")
    with pytest.raises(CalledProcessError) as failed:
        package_sources(sys.executable)
    assert "pip.conf" in failed.value.stderr + failed.value.stdout


def test_uv_gets_the_sources_of_pip(shell: pytest.MonkeyPatch) -> None:
    shell.setenv("UV_CACHE_DIR", "/cache")
    environment = uv_environment(sys.executable)
    assert environment["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert environment["UV_INDEX"] == " ".join(EXTRA_INDEXES.split())
    assert environment["UV_CACHE_DIR"] == "/cache"
    assert environment["UV_NO_CONFIG"] == "1"
    assert environment.keys().isdisjoint(HOSTILE)


def test_an_installation_without_an_index_asks_none(shell: pytest.MonkeyPatch) -> None:
    shell.setenv("PIP_NO_INDEX", "1")
    assert uv_environment(sys.executable)["UV_OFFLINE"] == "1"


def test_sources_of_uv_go_before_those_of_pip(shell: pytest.MonkeyPatch) -> None:
    shell.setenv("UV_DEFAULT_INDEX", "https://other.example/simple")
    assert uv_environment(sys.executable)["UV_DEFAULT_INDEX"] == "https://other.example/simple"
