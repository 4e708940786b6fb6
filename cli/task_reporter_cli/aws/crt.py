"""botocore without awscrt, whose import takes a fifth of a short command, wherever no profile needs it."""

import os
import sys

FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
"""Variable → the file that is read where the variable is not set."""
NEEDS_AWSCRT = b"login_session"
"""The setting that `aws login` writes. https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html"""


def hide_awscrt() -> None:
    """Hide awscrt from botocore, which imports it where it can, unless a profile signs in with `aws login`.

    Nothing else that is asked for here needs it. To be called before botocore is imported.
    """
    if not any(NEEDS_AWSCRT in _read(path).lower() for path in configuration_files().values()):
        sys.modules.setdefault("awscrt", None)  # type: ignore[arg-type]


def configuration_files() -> dict[str, str]:
    """Map the variable that can name each configuration file to the path of the file."""
    named = {variable: os.environ.get(variable) or default for variable, default in FILES.items()}
    return {variable: os.path.expanduser(os.path.expandvars(path)) for variable, path in named.items()}


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
