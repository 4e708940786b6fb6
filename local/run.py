"""Runs a program of the project independently of the user's shell.

python3 -I local/run.py project sam -- .venv/bin/python -m local.demo

The names before the ``--`` are Python environments, which are made first. With ``--aws`` the program uses the shell's
AWS account. Standard library only, because it runs before anything is installed.
"""

from __future__ import annotations  # so that an old interpreter reaches the check of its version

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "core")]  # python -I adds neither

from local.environments import main as make_environments  # noqa: E402
from local.process_environment import aws_environment, isolated_environment  # noqa: E402


def main(arguments: list[str]) -> int:
    """Make the environments, then become the program; return 1 or 2 on errors."""
    separator = arguments.index("--")
    options, command = arguments[:separator], arguments[separator + 1 :]
    environment = aws_environment() if "--aws" in options else isolated_environment()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    if status := make_environments([name for name in options if name != "--aws"]):
        return status
    sys.stdout.flush()
    os.execvp(command[0], command)  # nosec B606 # no shell, arguments of our own


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
