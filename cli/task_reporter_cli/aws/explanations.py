"""Errors of AWS and this machine in one line, with value and remedy."""

import os

from botocore import exceptions as aws
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from task_reporter.errors import TaskReporterError
from task_reporter.times import now
from task_reporter_cli.aws.credentials import CredentialsError
from task_reporter_cli.aws.faults.credentials import describe_ignored_sources, explain_credentials
from task_reporter_cli.aws.faults.network import explain_network_error, mask_passwords
from task_reporter_cli.aws.faults.refusals import RENEWAL, explain_refusal
from task_reporter_cli.errors import CommandLineError


def explain(error: Exception) -> str:
    """Explain ``error`` to a person in one line."""
    return mask_passwords(_explain(find_root_cause(error)))


def find_root_cause(error: Exception) -> Exception:
    """Return the error of AWS that caused an error of ours, else ``error`` itself.

    A HistoryError whose whole request failed only repeats the code for each row; its cause names the operation.
    """
    cause = error.__cause__
    return cause if isinstance(error, TaskReporterError) and isinstance(cause, BotoCoreError | ClientError) else error


def _explain(error: Exception) -> str:
    match error:
        case ClientError():
            return explain_refusal(error, now())
        case CredentialsError():
            return explain_credentials(error, now())
        case BotoCoreError():
            return explain_network_error(error) or _explain_unsent(error)
        case TaskReporterError() | CommandLineError():
            return str(error)
        case ResponseParserError():
            return "what answers is not AWS, or a proxy stands in between: its answer can't be read"
        case ValueError() if str(error).startswith("Invalid endpoint"):
            return f"{error}; check --region and AWS_ENDPOINT_URL"
        case OSError():
            named = f"{error.filename}: " if error.filename else ""
            return f"{named}{error.strerror or error}"
    return (
        f"this should not have happened ({type(error).__name__}: {error}); with TASK_REPORTER_DEBUG=1 the whole trace"
        " is shown, please report it"
    )


def _explain_unsent(error: BotoCoreError) -> str:
    """Explain an error of a request that was not sent."""
    match error:
        case aws.ProfileNotFound():
            profile = error.kwargs["profile"]
            by = ", which AWS_PROFILE names," if os.environ.get("AWS_PROFILE") == profile else ""
            lists = "`aws configure list-profiles` lists them"
            return f"no profile {profile!r}{by} in your AWS configuration{describe_ignored_sources()}; {lists}"
        case aws.ConfigParseError():
            return f"{error.kwargs['path']} can't be read as AWS configuration{_format_line(error.kwargs.get('error'))}"
        case aws.NoCredentialsError():
            return "no AWS credentials; give --profile, set AWS_PROFILE, or run `aws configure` or `aws sso login`"
        case aws.NoRegionError():
            return "no AWS region; give --region or set AWS_REGION, such as --region eu-west-1"
        case aws.InvalidRegionError():
            return f"{error.kwargs['region_name']!r} is no region; give --region, such as --region eu-west-1"
        case aws.InvalidConfigError():
            text = str(error).rstrip(".")
            return f"{text}; check --region and AWS_ENDPOINT_URL, and the other settings of AWS"
        case aws.SSOError() | aws.LoginError() | aws.TokenRetrievalError() | aws.CredentialRetrievalError():
            return f"the AWS credentials could not be had ({error}); {RENEWAL}"
    return str(error)


def _format_line(error: object) -> str:
    """Name the line that configparser could not read, without its text.

    The text may be a secret.
    """
    first = next(iter(getattr(error, "errors", [])), (None,))[0]
    line = getattr(error, "lineno", None) or first
    return f" (see line {line})" if line else ""
