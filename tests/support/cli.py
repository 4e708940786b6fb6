"""The command line in this process, or as a separate program."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import botocore.session
import pytest
from botocore.loaders import create_loader

from local.process_environment import NO_ACCOUNT
from task_reporter_cli.main import main

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-west-1"


@dataclass(frozen=True, slots=True)
class Said:
    """The exit status and the output of a run of the command line."""

    status: int | str | None
    out: str
    err: str

    @property
    def error(self) -> str:
        """Return the text of the only error, which must be one line."""
        assert self.err.startswith("error: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert self.err.endswith("\n")
        return self.err.removeprefix("error: ").removesuffix("\n")


class Terminal(io.StringIO):
    """A stream that passes for a terminal."""

    def isatty(self) -> bool:
        return True


def run(*arguments: str, out: type[io.StringIO] = io.StringIO, err: type[io.StringIO] = io.StringIO) -> Said:
    """Run the command line in this process, with streams of the given types."""
    answer, errors = out(), err()
    with redirect_stdout(answer), redirect_stderr(errors), pytest.raises(SystemExit) as ended:
        main(arguments)
    return Said(ended.value.code, answer.getvalue(), errors.getvalue())


def environment(**more: str) -> dict[str, str]:
    """Return a separate program's environment, which leads to no AWS account."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "layers/core", ROOT / "cli"))), **more}


def somewhere(**endpoints: str) -> dict[str, str]:
    """Return an environment with credentials, in which only services at ``endpoints`` answer."""
    at = {f"AWS_ENDPOINT_URL_{service.upper()}": url for service, url in endpoints.items()}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return NO_ACCOUNT | keys | {"AWS_REGION": REGION, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", **at}


def program(*arguments: str) -> list[str]:
    """Return the words that start the command line as a separate program."""
    return [sys.executable, "-m", "task_reporter_cli", *arguments]


def run_program(*arguments: str, **more: str) -> Said:
    """Run the command line as a separate program, with ``more`` in its environment."""
    done = subprocess.run(
        program(*arguments),
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def on_terminal(*arguments: str, out: bool = True, err: bool = True, **more: str) -> Said:
    """Run a separate program with a terminal as output, error output, or both.

    If both are the terminal, ``out`` has both.
    """
    master, slave = pty.openpty()
    env = environment(**{"TERM": "xterm-256color", "COLUMNS": "200", "NO_COLOR": "", **more})
    with TemporaryFile() as file:
        streams: Any = {"stdout": slave if out else file, "stderr": slave if err else file}
        with subprocess.Popen(program(*arguments), env=env, stdin=subprocess.DEVNULL, **streams) as child:
            os.close(slave)
            shown = b"".join(_from_terminal(master)).decode()
        os.close(master)
        file.seek(0)
        filed = file.read().decode()
    return Said(child.returncode, shown if out else filed, filed if out else shown)


def _from_terminal(master: int) -> Iterator[bytes]:
    """Read a terminal until an error reports that all writers have closed it."""
    with suppress(OSError):
        while read := os.read(master, 65536):
            yield read


@contextmanager
def in_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set ``values`` as this process's only variables of AWS, and share its session."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "TASK_REPORTER"))]:
            patch.delenv(name)
        for name, value in values.items():
            patch.setenv(name, value)
        patch.setattr("task_reporter_cli.aws.account.Session", shared_session)
        yield


def session(**options: Any) -> botocore.session.Session:
    """Return a session that shares the parsed service models of all sessions here."""
    new = botocore.session.Session(**options)
    new.register_component("data_loader", _loader())
    return new


def shared_session(profile: str | None = None) -> botocore.session.Session:
    """Return one session for all runs with the same account, to save time."""
    account = {name: value for name, value in os.environ.items() if name.startswith("AWS_") and "ENDPOINT" not in name}
    return _session(profile, tuple(sorted(account.items())))


@cache
def _session(profile: str | None, _account: tuple[tuple[str, str], ...]) -> botocore.session.Session:
    return session(profile=profile)


@cache
def _loader() -> Any:
    return create_loader()
