"""Reasons for which a list can't be read."""

from task_reporter.aws.failures import code_of
from task_reporter.errors import MalformedAnswerError, OutOfTimeError

DENIED, DENIED_BY_SCP, REGION_DISABLED = "denied", "denied-by-scp", "region-disabled"
MALFORMED, ABSENT = "malformed", "absent"
"""Lasting reasons for an unreadable list; a region lacks one that is ``absent``."""
THROTTLED, ERROR = "throttled", "error"
"""Further reasons in a member account, where the list is asked less often meanwhile."""
NO_ROLE = "no-role"
"""Reason for a whole account: its role can't be assumed."""

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
LASTING_CODES = {
    "UnauthorizedOperation": DENIED,
    "AccessDenied": DENIED,
    "AccessDeniedException": DENIED,
    "AuthFailure": REGION_DISABLED,
    "InvalidClientTokenId": REGION_DISABLED,
    "OptInRequired": REGION_DISABLED,
    "InvalidAction": ABSENT,
    "UnknownOperationException": ABSENT,
    "UnsupportedOperation": ABSENT,
}
THROTTLING_CODES = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}
SERVICE_CONTROL_POLICY = "service control policy"
"""Words in the text of a denial by a policy of the organization.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""


def lasting_reason(error: Exception) -> str:
    """Return the lasting reason for an unreadable list, or '' for a transient error."""
    if isinstance(error, MalformedAnswerError):
        return MALFORMED
    reason = LASTING_CODES.get(code_of(error), "")
    return DENIED_BY_SCP if reason == DENIED and SERVICE_CONTROL_POLICY in str(error) else reason


def member_reason(error: Exception) -> str:
    """Return the reason for an unreadable list of a member account.

    It is empty where the list was not asked.
    """
    if isinstance(error, OutOfTimeError):  # it concerns the function, not the account
        return ""
    return lasting_reason(error) or (THROTTLED if code_of(error) in THROTTLING_CODES else ERROR)
