"""The demo as a person runs it, to its end and interrupted; whatever happens, nothing is left running."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.environments import ROOT
from tests.e2e.conftest import eventually


class Run:
    """One run of the demo; every process that it starts inherits its mark."""

    def __init__(self, folder: Path) -> None:
        self.mark, self.folder, self._log = uuid.uuid4().hex, folder, folder / "demo.log"
        environment = {**os.environ, "DEMO_RUN": self.mark, "TMPDIR": str(folder)}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.demo"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    def left_running(self) -> list[str]:
        """The command lines of the processes that carry the mark."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    yield run
    run.process.kill()
    run.process.wait()


def test_it_tells_the_whole_story_and_ends_by_itself(run: Run) -> None:
    assert run.process.wait(150) == 0, run.said
    for part in (
        "is complete.",
        "Client.S3Error",
        "Client.Cancelled",
        "EC2 has forgotten. The history has not.",
        "InvalidBundleID.NotFound",
        "aws ec2 register-image --region eu-west-1 --name bun-",
        '{"ImageId": "ami-',
    ):
        assert part in run.said, part
    assert run.said.count("✉  email") == 3
    assert run.left_running() == []
    assert [path.name for path in run.folder.iterdir()] == ["demo.log"]


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_interrupted_it_leaves_nothing_behind(run: Run, sign: signal.Signals, status: int) -> None:
    eventually(lambda: "✓ local AWS" in run.said)
    run.process.send_signal(sign)
    assert run.process.wait(20) == status
    assert "Nothing is left running." in run.said
    assert run.left_running() == []
    assert [path.name for path in run.folder.iterdir()] == ["demo.log"]


def test_killed_its_local_aws_ends_too(run: Run) -> None:
    eventually(lambda: "✓ local AWS" in run.said)
    run.process.kill()
    run.process.wait()
    time.sleep(0.1)
    eventually(lambda: not [command for command in run.left_running() if "ministack" in command])


def test_a_failing_step_says_which_and_why(tmp_path: Path) -> None:
    broken = [sys.executable, "-c", "import local.deployment as d; d.program = lambda *_: '/bin/false'; "]
    broken[2] += "import local.demo as m; from local.stage import play; raise SystemExit(play(m.story))"
    done = subprocess.run(broken, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "sam build (exit status 1) failed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
