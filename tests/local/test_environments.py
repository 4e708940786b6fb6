"""Tests of the errors when an environment cannot be made."""

from pathlib import Path

import pytest

from local import environments


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".local").write_text("")  # a file, so that the folder cannot be made
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    assert environments.main(["sam"]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / '.local'}: File exists; make sure")
