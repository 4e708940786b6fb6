"""Refusals of AWS: bad credentials, a wrong clock, responses of others."""

from datetime import datetime

from botocore.exceptions import ClientError

from task_reporter_cli.aws.credentials import SOURCE_MEMBER
from task_reporter_cli.aws.faults.clock import explain_clock
from task_reporter_cli.aws.faults.network import explain_proxy_password

RENEWAL = "get new ones as you got these (such as `aws sso login` or `aws login`), or choose others with --profile"
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
CLOCK_SKEW = {"RequestInTheFuture", "RequestTimeTooSkewed"}
SIGNATURE_CODES = EXPIRED | UNKNOWN_CREDENTIALS | CLOCK_SKEW
"""Codes with which a service answers a signature of another time, too."""
MAX_TEXT = 400
"""Characters of AWS's own text.

EC2 adds an encoded message of a thousand characters to what it denies.
"""
WRONG_CODE, WRONG_DEVICE = "invalid MFA one time pass code", "unable to validate MFA code"
"""STS's words. https://repost.aws/knowledge-center/authenticate-mfa-cli"""


def explain_refusal(error: ClientError, now: datetime) -> str:
    """Explain an error that AWS answered, or somebody in its place."""
    code, text = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")[:MAX_TEXT]
    named = f" ({origin})" if (origin := error.response.get(SOURCE_MEMBER)) else ""
    if code in SIGNATURE_CODES and (wrong := explain_clock(error, now)):
        return wrong
    if instead := _explain_sign_in(error.operation_name, code, text):
        return instead
    if code in EXPIRED:
        return f"the AWS credentials have expired{named}; {RENEWAL}"
    if code in UNKNOWN_CREDENTIALS:
        check = "check them with `aws sts get-caller-identity`"
        return f"AWS does not take these credentials{named} ({code}: {text}); {check}"
    if code in DENIED:
        lists = "docs/command-line.md lists what each command needs"
        return f"no permission for {error.operation_name}{named} ({text or code}); {lists}"
    if code == "407":
        return explain_proxy_password()
    if code.isdecimal():  # botocore's stopgap where the answer is in no form of AWS's
        text = f"HTTP status {code}, {text}".rstrip(", ")
        return f"what answers {error.operation_name} is not AWS, or a proxy stands in between ({text})"
    return f"AWS refused {error.operation_name}: {code}: {text}"


def _explain_sign_in(operation: str, code: str, text: str) -> str | None:
    """Explain a refused request for credentials; it says nothing about the command's permissions."""
    match operation:
        case "AssumeRole" if WRONG_CODE in text:
            return "the MFA code is wrong or was used before; each code works once, so wait for the next one"
        case "AssumeRole" if WRONG_DEVICE in text:
            return f"the MFA code is not of the device that mfa_serial of the profile names ({text})"
        case "AssumeRole" if code in DENIED:
            both = "the role's trust policy must name who asks, and a policy of who asks must allow sts:AssumeRole"
            return f"no permission to assume the role ({text or code}); {both}"
        case "AssumeRoleWithWebIdentity" if code in EXPIRED:
            return f"the web identity token has expired ({text or code})"
        case "AssumeRoleWithWebIdentity" if code in DENIED:
            return f"the role does not trust the web identity token ({text or code})"
        case "GetRoleCredentials" if code in {"ForbiddenException", *DENIED}:
            check = "check sso_account_id and sso_role_name of the profile"
            return f"your sign-in has no access to this account or role ({text or code}); {check}"
    return None
