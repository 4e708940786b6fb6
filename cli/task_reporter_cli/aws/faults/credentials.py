"""Missing credentials, each explained by the source that should have given them."""

import os
import shlex
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore import exceptions as aws
from botocore.exceptions import BotoCoreError, ClientError

from task_reporter_cli.aws.credentials import CredentialsError, MissingMfaCodeError, name_source
from task_reporter_cli.aws.crt import configuration_files
from task_reporter_cli.aws.faults.network import explain_network_error
from task_reporter_cli.aws.faults.refusals import MAX_TEXT, explain_refusal

REMEDIES = {
    "assume-role": "check role_arn, source_profile, credential_source and mfa_serial of the profile",
    "assume-role-with-web-identity": (
        "check AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, or role_arn and web_identity_token_file of the profile"
    ),
    "container-role": "check AWS_CONTAINER_CREDENTIALS_FULL_URI and what it needs",
    "custom-process": "run it by hand: it must print the JSON that AWS tools read",
    "env": "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN as you got them, or give --profile",
    "iam-role": "check the role of this EC2 instance",
}
"""botocore's name of a source → the step that mends it."""


def explain_credentials(error: CredentialsError, now: datetime) -> str:
    """Explain that a source gave no credentials, and what to do."""
    cause = error.__cause__
    if isinstance(cause, aws.NoCredentialsError):
        return _explain_missing(error.profile)
    source = name_source(error.method, error.profile)
    if isinstance(cause, MissingMfaCodeError):
        return f"no credentials from {source}: {cause}"
    if isinstance(cause, ClientError):
        return f"no credentials from {source}: {explain_refusal(cause, now)}"
    if isinstance(cause, BotoCoreError) and (unreachable := explain_network_error(cause)):
        return f"no credentials from {source}: {unreachable}"
    return f"no credentials from {source}: {_reason(cause).rstrip('.')}; {_remedy(error)}"


def _explain_missing(profile: str) -> str:
    others = "give --profile, set AWS_PROFILE, or run `aws configure`, `aws sso login` or `aws login`"
    named = "" if profile == "default" else f" in profile {profile!r}"
    return f"no AWS credentials{named}{describe_ignored_sources()}; {others}"


def describe_ignored_sources(may_read: Callable[[str], bool] = lambda path: os.access(path, os.R_OK)) -> str:
    """Return the problems that botocore ignores silently, or ''.

    They are unreadable files of profiles, and half of a key.
    """
    found = []
    if os.environ.get("AWS_SECRET_ACCESS_KEY") and not os.environ.get("AWS_ACCESS_KEY_ID"):
        found.append("AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not")
    for variable, path in configuration_files().items():
        if not os.path.exists(path):
            found += [f"{variable} names {path}, which does not exist"] if variable in os.environ else []
        elif os.path.isdir(path) or not may_read(path):
            found.append(f"{path} can't be read")
    return f" ({', and '.join(found)})" if found else ""


def _reason(cause: BaseException | None) -> str:
    match cause:
        case aws.CredentialRetrievalError() | aws.TokenRetrievalError():
            words: Any = cause.kwargs
            return str(words["error_msg"])[:MAX_TEXT].strip() or "it failed, and said nothing"
        case aws.RefreshWithMFAUnsupportedError():
            return "a new session needs another MFA code"
        case OSError():
            return f"{cause.filename}: {cause.strerror}" if cause.filename else str(cause)
        case BotoCoreError() | RuntimeError():
            return str(cause)
    return f"they can't be read ({type(cause).__name__}: {cause})"


def _remedy(error: CredentialsError) -> str:
    cause, profile = error.__cause__, shlex.quote(error.root_profile)
    match cause:
        case aws.RefreshWithMFAUnsupportedError():
            return "start again; duration_seconds of the profile makes a session last longer, up to 12 hours"
        case aws.MissingDependencyException():
            return "install it beside task-reporter: pip install 'botocore[crt]'"
        case aws.LoginInsufficientPermissions():
            return "ask an administrator for it"
        case aws.InvalidConfigError() | aws.PartialCredentialsError() if error.method != "env":
            return f"mend it in {' or '.join(configuration_files().values())}"
    if error.method == "login" or isinstance(cause, aws.LoginError):
        return f"sign in with `aws login --profile {profile}`"
    if error.method == "sso" or isinstance(cause, aws.SSOError | aws.TokenRetrievalError):
        return f"sign in with `aws sso login --profile {profile}`"
    return REMEDIES.get(error.method, REMEDIES["assume-role"])
