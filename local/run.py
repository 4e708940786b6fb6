"""Runs a program of the project in an environment of its own.

python3 -I local/run.py project sam -- .venv/bin/python -m local.demo

The Python environments before the ``--`` are made first. With ``--aws`` the program works in the AWS account that the
shell names. Standard library only: this runs before anything else, and as ``python -I``, whatever the shell exports.
"""

from __future__ import annotations  # so that an interpreter too old can still say so

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "core")]  # python -I leaves both out

from local.environments import main as make_environments  # noqa: E402
from local.own_environment import aws_environment, own_environment  # noqa: E402


def main(arguments: list[str]) -> int:
    """Make the environments that ``arguments`` name, then become the program; return 1 or 2 where that fails."""
    end = arguments.index("--")
    names, command = arguments[:end], arguments[end + 1 :]
    with_aws = "--aws" in names
    environment = aws_environment() if with_aws else own_environment()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    if status := make_environments([name for name in names if name != "--aws"]):
        return status
    sys.stdout.flush()
    os.execvp(command[0], command)  # nosec B606 # no shell, arguments of our own


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
