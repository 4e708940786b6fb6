"""Environment variables of the programs that this project runs.

A shell exports variables for other programs: `PIP_USER`, `PYTHONPATH`, `AWS_PROFILE`, `SAM_TEMPLATE_FILE`, a locale.
Programs that change with them would work on one machine and fail on the next. Standard library only.
"""

from __future__ import annotations  # so that an interpreter too old can still say so

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

KEPT = re.compile(
    r"HOME|PATH|USER|LOGNAME|SHELL|TMPDIR|XDG_\w+|LD_LIBRARY_PATH|DYLD_\w+|PYENV_ROOT"  # places
    r"|JAVA_\w+|MAVEN_\w+|M2_HOME"
    r"|(?i:(HTTPS?|ALL|NO)_PROXY)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NETRC"  # ways to a network
    r"|PIP_\w+|UV_\w+"  # sources of packages; local/environments.py takes nothing else from them
    r"|TERM|NO_COLOR|CI"
)
"""Names of the variables that reach the local AWS, the demo, the tests and the build."""
DROPPED = re.compile(
    r"PYTHON\w*|__PYVENV_LAUNCHER__|VIRTUAL_ENV\w*|CONDA_\w+|SAM_(?!CLI_TELEMETRY)\w+|(GNU)?MAKE\w+|MFLAGS"
    r"|LC_\w+|LANG(UAGE)?"
)
"""Names of the variables that do not reach a deployment. Others may: a program that gets credentials can need any."""

UNICODE = {"PYTHONUTF8": "1", "LC_CTYPE": "UTF-8" if sys.platform == "darwin" else "C.UTF-8"}
"""The variables by which Python, Java and others read and write UTF-8, in file names too."""

LOCAL_SAM = {
    "SAM_CLI_TELEMETRY": "0",
    "__SAM_CLI_APP_DIR": str(Path(__file__).resolve().parent.parent / ".local" / "sam"),
}
"""The variables that keep the SAM CLI from sending anything, and from writing into the user's home."""

NO_ACCOUNT = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The variables that keep every AWS tool from the accounts of this machine's user."""


def own_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a program that needs no AWS account; ``environ`` is this process's by default."""
    environ = os.environ if environ is None else environ
    kept = {name: value for name, value in environ.items() if KEPT.fullmatch(name)}
    return kept | _direct(kept) | NO_ACCOUNT | UNICODE | LOCAL_SAM


def aws_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a program that works in the AWS account that the shell names."""
    environ = os.environ if environ is None else environ
    kept = {name: value for name, value in environ.items() if not DROPPED.fullmatch(name)}
    return kept | UNICODE


def _direct(environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables that keep requests to this machine from a proxy that leads to the package index."""
    hosts = ",".join(filter(None, [environ.get("NO_PROXY", environ.get("no_proxy")), "127.0.0.1", "localhost"]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}
