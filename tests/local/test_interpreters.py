"""Tests of the search for interpreters of other versions."""

import sys
from pathlib import Path

import pytest

import interpreters

THIS = f"python{sys.version_info.major}.{sys.version_info.minor}"
OTHER = "python3.99"
PLACES = {
    "on the path": "path/python3.99",
    "of pyenv": ".pyenv/versions/3.99.1/bin/python3.99",
    "of uv": ".local/share/uv/python/cpython-3.99.0-linux-x86_64-gnu/bin/python3.99",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home without interpreters; the path has none either."""
    for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path


def put(path: Path, script: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_an_interpreter_is_found(home: Path, place: str) -> None:
    expected = put(home / place, "echo cpython-399")
    assert interpreters.find(OTHER) == expected


def test_a_shim_without_an_interpreter_is_skipped(home: Path) -> None:
    put(home / PLACES["on the path"], "exit 127")
    expected = put(home / PLACES["of pyenv"], "echo cpython-399")
    assert interpreters.find(OTHER) == expected


def test_an_interpreter_with_other_bytecode_is_skipped(home: Path) -> None:
    put(home / PLACES["on the path"], "echo cpython-399t")
    assert interpreters.find(OTHER) is None


def test_this_interpreter_is_found_for_its_own_version() -> None:
    assert interpreters.find(THIS) == sys.executable


def test_a_program_that_does_not_run_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken link, a program for another processor, and no HOME."""
    (tmp_path / "versions" / "3.99.1" / "bin").mkdir(parents=True)
    (tmp_path / "versions" / "3.99.1" / "bin" / "python3.99").symlink_to("/nonexistent")
    (tmp_path / "python3.99").write_bytes(b"\x7fELF of another processor")
    (tmp_path / "python3.99").chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("HOME", raising=False)
    assert interpreters.find("python3.99") is None
