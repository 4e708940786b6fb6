"""Environment variables of the programs that this project runs.

A shell exports variables for other programs, such as `PIP_USER`, `PYTHONPATH`, `AWS_PROFILE`, `SAM_TEMPLATE_FILE` or a
locale. If they reached the programs of this project, these would behave differently on each machine. Standard library
only.
"""

from __future__ import annotations  # so that an old interpreter reaches the check of its version

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

PASSED_VARIABLES = re.compile(
    r"HOME|PATH|USER|LOGNAME|SHELL|TMPDIR|XDG_\w+|LD_LIBRARY_PATH|DYLD_\w+|PYENV_ROOT"  # places
    r"|JAVA_\w+|MAVEN_\w+|M2_HOME"
    r"|(?i:(HTTPS?|ALL|NO)_PROXY)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NETRC"  # ways to a network
    r"|PIP_\w+|UV_\w+"  # local/environments.py reads only package sources from these
    r"|TERM|NO_COLOR|CI"
)
"""Variables that reach the local AWS, the demo, the tests and the build."""
REMOVED_VARIABLES = re.compile(
    r"PYTHON\w*|__PYVENV_LAUNCHER__|VIRTUAL_ENV\w*|CONDA_\w+|SAM_(?!CLI_TELEMETRY)\w+|(GNU)?MAKE\w+|MFLAGS"
    r"|LC_\w+|LANG(UAGE)?"
)
"""Variables that do not reach a deployment.

All others do: a credential provider may need any of them.
"""

UTF8 = {"PYTHONUTF8": "1", "LC_CTYPE": "UTF-8" if sys.platform == "darwin" else "C.UTF-8"}
"""Variables that make Python, Java and others use UTF-8, also in file names."""

LOCAL_SAM = {
    "SAM_CLI_TELEMETRY": "0",
    "__SAM_CLI_APP_DIR": str(Path(__file__).resolve().parent.parent / ".local" / "sam"),
}
"""Variables that stop the SAM CLI's telemetry and its writes to home folders."""

NO_ACCOUNT = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Variables that hide the user's AWS accounts from every AWS tool."""


def isolated_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment for a program that needs no AWS account."""
    passed = {name: value for name, value in environ.items() if PASSED_VARIABLES.fullmatch(name)}
    return passed | _proxy_exceptions(passed) | NO_ACCOUNT | UTF8 | LOCAL_SAM


def aws_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment for a program that uses the shell's AWS account."""
    return {name: value for name, value in environ.items() if not REMOVED_VARIABLES.fullmatch(name)} | UTF8


def _proxy_exceptions(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep requests to this machine away from a proxy."""
    hosts = ",".join(filter(None, [environ.get("NO_PROXY", environ.get("no_proxy")), "127.0.0.1", "localhost"]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}
