"""botocore without awscrt, unless a profile needs it.

Importing awscrt takes a fifth of the time of a short command.
"""

import os
import sys

FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
"""Variable → the file that is read where the variable is not set."""
NEEDS_AWSCRT = b"login_session"
"""The setting that `aws login` writes. https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html"""


def hide_awscrt() -> None:
    """Hide awscrt from botocore, unless a profile signs in with `aws login`.

    botocore imports it wherever it is installed.

    Nothing else that is asked for here needs it. To be called before botocore is imported.
    """
    if not any(NEEDS_AWSCRT in _read(path).lower() for path in configuration_files().values()):
        sys.modules.setdefault("awscrt", None)  # type: ignore[arg-type]


def configuration_files() -> dict[str, str]:
    """Map each configuration file's environment variable to the file's path."""
    named = {variable: os.environ.get(variable) or default for variable, default in FILES.items()}
    return {variable: os.path.expanduser(os.path.expandvars(path)) for variable, path in named.items()}


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
