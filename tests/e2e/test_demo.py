"""The demo, to its end and interrupted; no process is left running."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.environments import ROOT
from local.processes import find_free_port
from tests.support.documents import blocks
from tests.support.hostile_shell import EXPORTS
from tests.support.waiting import eventually

ELSEWHERE = (
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_CONFIG_FILE",
    "AWS_USE_FIPS_ENDPOINT",
)
DEMO = [sys.executable, "-m", "local.demo"]


class Run:
    """One run of the demo, with its temporary files in ``folder``.

    Every process that it starts has them there too.
    """

    def __init__(self, folder: Path, command: Sequence[str] = DEMO, place: Path = ROOT, **exports: str) -> None:
        self.folder, self._log = folder, folder / "demo.log"
        shell = os.environ | exports | {"TMPDIR": str(folder)}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=place, env=shell, stdout=log, stderr=subprocess.STDOUT)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def left_running(self) -> list[str]:
        """Return the command lines of the processes whose temporary files are there."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if bytes(self.folder) in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with kept(Run(tmp_path)) as run:
        yield run


@contextmanager
def kept(run: Run) -> Iterator[Run]:
    """``run``, ended with the context."""
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait()


@pytest.fixture
def fresh(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run ``make demo`` in a fresh copy, with a hostile folder and shell."""
    copy = tmp_path_factory.mktemp("copy") / "Größe & 'mit' Blanks"
    made = shutil.ignore_patterns(".git", ".venv*", ".aws-sam", ".local", ".*_cache", ".hypothesis", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=made)
    with kept(Run(tmp_path, ["make", "demo"], copy, **EXPORTS)) as run:
        yield run


def test_a_fresh_copy_runs_the_whole_demo_in_any_shell(fresh: Run) -> None:
    run = fresh
    assert run.process.wait() == 0, run.said
    for part in (
        "EC2 import-snapshot task import-snap-",
        "EC2 store-image task ami-0a1b2c3d4e5f60001/",
        "ClientError: Disk validation failed [Unsupported specified file format]",
        "EC2 has forgotten. The history has not.",
        "InvalidBundleID.NotFound",
        "aws ec2 register-image --region eu-west-1 --name bun-",
        '{"ImageId": "ami-',
    ):
        assert part in run.said, part
    assert run.said.count("✉  email") == 4
    eventually(lambda: run.left_running() == [])
    # uv leaves its lock files, as its makers mean it to.
    assert [path.name for path in run.folder.iterdir() if path.suffix != ".lock"] == ["demo.log"]


@pytest.mark.parametrize("story", ["tasks", "organization"])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind(tmp_path: Path, story: str, sign: signal.Signals) -> None:
    with kept(Run(tmp_path, [*DEMO, story])) as run:
        eventually(lambda: "✓ local AWS" in run.said)
        run.process.send_signal(sign)
        assert run.process.wait() == 130
        assert "Nothing is left running." in run.said
        eventually(lambda: run.left_running() == [])
        assert [path.name for path in run.folder.iterdir()] == ["demo.log"]


def test_an_organization_is_shown_as_documented(tmp_path: Path) -> None:
    with kept(Run(tmp_path, [*DEMO, "organization"])) as run:
        assert run.process.wait() == 0, run.said
        shown = Counter(map(without_chance, run.said.splitlines()))
        [documented] = [
            text for text in blocks(ROOT / "docs" / "organization.md", "") if "task-reporter accounts" in text
        ]
        assert not Counter(map(without_chance, documented.splitlines())) - shown
        for part in (
            "(sandbox): its role can't be assumed",
            "(analytics) ap-south-1: denied by a service control policy",
            "These problems are over:",
            "6 of 7 accounts are watched, 1 denied-by-scp",
        ):
            assert part in run.said, part
        assert run.said.count("✉  email") == 6
        eventually(lambda: run.left_running() == [])


def without_chance(line: str) -> str:
    """Return a line of output without ids and times."""
    line = re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}|\b[0-9]{12}\b|\b[0-9a-f]{17}\b", "…", line)
    return re.sub(r"\bjust now\b|\b[0-9]+ (second|minute)s? ago", "lately", line).strip()


def test_another_word_is_a_usage_error() -> None:
    done = subprocess.run([*DEMO, "organisation"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "invalid choice: 'organisation'" in done.stderr


def test_killed_its_local_aws_ends_too(run: Run) -> None:
    eventually(lambda: "✓ local AWS" in run.said)
    run.process.kill()
    run.process.wait()
    eventually(lambda: not [command for command in run.left_running() if "ministack" in command])


def test_a_failing_step_says_which_and_why(tmp_path: Path) -> None:
    broken = [sys.executable, "-c", "import local.sam as d; d.program_path = lambda *_: '/bin/false'; "]
    broken[2] += "import local.demo as m; raise SystemExit(m.run_with_screen(m.run_demo))"
    done = subprocess.run(broken, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "sam build (exit status 1) failed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_shell_can_use_the_stack_that_is_kept(tmp_path: Path) -> None:
    """Whatever account and region it named before."""
    ports = [f"--port={find_free_port()}", f"--ec2-port={find_free_port()}"]
    with kept(Run(tmp_path, [sys.executable, "-m", "local.serve", *ports])) as run:
        eventually(lambda: "Press Ctrl-C to end." in run.said)
        script = ". .local/env && .venv/bin/task-reporter list --output json && .venv/bin/task-reporter test"
        shell = os.environ | {name: value for name, value in EXPORTS.items() if name in ELSEWHERE}
        done = subprocess.run(["sh", "-c", script], cwd=ROOT, env=shell, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "SNS took the notice of " in done.stdout
        eventually(lambda: "✉  email" in run.said)
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait() == 130
        eventually(lambda: run.left_running() == [])
