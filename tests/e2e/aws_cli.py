"""Shell commands of the documents, run by the aws CLI on the local AWS."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.cloud import Cloud
from local.environments import make_environments, program_path
from local.process_environment import isolated_environment
from tests.support.documents import ROOT

EVENTS = ROOT / "docs" / "events.md"
ENDPOINT = 'aws() { command aws "$@" --endpoint-url "$AWS_ENDPOINT_URL"; }\n'
"""Version 1 of the CLI ignores the variable for SQS."""


def recipe(heading: str, document: Path = EVENTS) -> list[str]:
    """Return the blocks of shell commands under ``heading``."""
    _, _, below = document.read_text().partition(f"\n### {heading}\n")
    blocks = re.findall(r"^```sh\n(.*?)^```$", re.split(r"^#", below, maxsplit=1, flags=re.M)[0], re.S | re.M)
    assert blocks, heading
    return blocks


def paste(cloud: Cloud, commands: str, variables: Mapping[str, str], account: str | None = None) -> str:
    """Run ``commands`` with other values of their variables; return their output.

    ``account`` is the account id of the caller. The local AWS takes it from the access key id.
    """
    for name, value in variables.items():
        commands, count = re.subn(rf"^{name}=.*$", f"{name}={value}", commands, flags=re.MULTILINE)
        assert count == 1, name
    make_environments(["bench"])
    path = f"{Path(program_path('bench', 'aws')).parent}{os.pathsep}{os.environ['PATH']}"
    environment = isolated_environment() | cloud.environment | {"PATH": path}
    environment |= {"AWS_ACCESS_KEY_ID": account} if account else {}
    done = subprocess.run(
        ["sh", "-eu", "-c", ENDPOINT + commands], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout
