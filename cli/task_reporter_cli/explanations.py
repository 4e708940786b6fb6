"""Errors of AWS and of this machine in one line that names the value and says what to do."""

from botocore import exceptions as aws
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from task_reporter.errors import TaskReporterError
from task_reporter_cli.errors import CommandLineError

RENEW = "get new ones as you got these (such as `aws sso login`), or choose others with --profile"
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
UNKNOWN_CREDENTIALS = {
    "AuthFailure", "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException",
    "InvalidToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}  # fmt: skip
DENIED = {
    "AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "KMSAccessDenied",
    "KMSAccessDeniedException", "UnauthorizedOperation",
}  # fmt: skip
LONGEST = 400
"""Characters of AWS's own text; EC2 adds an encoded message of a thousand to what it denies."""


def explained(error: Exception) -> str:
    """Explain ``error`` to a person in one line."""
    error = root_of(error)
    match error:
        case ClientError():
            return _refused(error)
        case BotoCoreError():
            return _unsent(error)
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


def root_of(error: Exception) -> Exception:
    """The error of AWS that an error of ours comes from, else ``error`` itself.

    A HistoryError whose whole request failed only repeats the code for each row; its cause names the operation.
    """
    cause = error.__cause__
    return cause if isinstance(error, TaskReporterError) and isinstance(cause, BotoCoreError | ClientError) else error


def _refused(error: ClientError) -> str:
    """Explain an error that AWS answered."""
    code, said = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")[:LONGEST]
    if code in EXPIRED:
        return f"the AWS credentials have expired; {RENEW}"
    if code in UNKNOWN_CREDENTIALS:
        return f"AWS does not take these credentials ({code}: {said}); check them with `aws sts get-caller-identity`"
    if code in DENIED:
        return (
            f"no permission for {error.operation_name} ({said or code}); docs/command-line.md lists what each command"
            " needs"
        )
    return f"AWS refused {error.operation_name}: {code}: {said}"


def _unsent(error: BotoCoreError) -> str:
    """Explain an error of a request that got no answer."""
    match error:
        case aws.ProfileNotFound():
            named = repr(error.kwargs["profile"])
            return f"no profile {named} in your AWS configuration; `aws configure list-profiles` lists them"
        case aws.NoCredentialsError():
            return "no AWS credentials; give --profile, set AWS_PROFILE, or run `aws configure` or `aws sso login`"
        case aws.NoRegionError():
            return "no AWS region; give --region or set AWS_REGION, such as --region eu-west-1"
        case aws.InvalidRegionError():
            return f"{error.kwargs['region_name']!r} is no region; give --region, such as --region eu-west-1"
        case aws.SSOError() | aws.TokenRetrievalError() | aws.CredentialRetrievalError():
            return f"the AWS credentials could not be had ({error}); {RENEW}"
        case aws.EndpointConnectionError() | aws.ConnectTimeoutError() | aws.ConnectionError():
            return f"AWS can't be reached ({error}); check --region and the network"
    return str(error)
