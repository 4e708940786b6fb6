"""Explanations of errors: one line with the value and the remedy."""

import pytest
from botocore import exceptions as aws
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from task_reporter.errors import HistoryError, MalformedAnswerError
from task_reporter.history.rows import Key
from task_reporter_cli.aws.explanations import explain
from task_reporter_cli.aws.faults.refusals import DENIED, EXPIRED, MAX_TEXT, UNKNOWN_CREDENTIALS


def refused(code: str, message: str = "said so", operation: str = "Query") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


# The codes are those of the services' references, in addition to those of the module.
CODES = {
    "expired": (
        EXPIRED.union(["ExpiredToken", "ExpiredTokenException", "RequestExpired"]),
        ["credentials have expired", "aws sso login", "--profile"],
    ),
    "unknown": (
        UNKNOWN_CREDENTIALS.union(
            ["AuthFailure", "IncompleteSignature", "InvalidClientTokenId", "InvalidSignatureException",
             "MissingAuthenticationToken", "SignatureDoesNotMatch", "UnrecognizedClientException"]
        ),
        ["({code}: no: dynamodb:Query)", "aws sts get-caller-identity"],
    ),
    "denied": (
        DENIED.union(["AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"]),
        ["no permission for Query (no: dynamodb:Query)", "what each command needs"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "parts"), [(code, named) for codes, named in CODES.values() for code in sorted(codes)]
)
def test_a_refusal_is_explained_by_its_code(code, parts):
    line = explain(refused(code, "no: dynamodb:Query"))
    assert [part for part in parts if part.format(code=code) not in line] == []


OTHERS = {
    "denied, without a text": (refused("AccessDenied", ""), "no permission for Query (AccessDenied); "),
    "throttled": (refused("ThrottlingException"), "AWS refused Query: ThrottlingException: said so"),
    "a fault of AWS's": (refused("InternalServerError"), "AWS refused Query: InternalServerError: said so"),
    "nothing": (ClientError({"Error": {}}, "Query"), "AWS refused Query: : "),
}


@pytest.mark.parametrize(("error", "line"), OTHERS.values(), ids=OTHERS)
def test_any_other_refusal_names_operation_and_code(error, line):
    assert explain(error).startswith(line)


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "ThrottlingException"])
def test_a_long_text_of_aws_is_cut(code):
    assert len(explain(refused(code, "x" * 5000))) < MAX_TEXT + 120


EARLIER = "Signature expired: 20261125T101500Z is now earlier than 20261125T110000Z (20261125T110500Z - 5 min.)"
LATER = "Signature not yet current: 20261126T110500Z is still later than 20261125T111000Z (20261125T110500Z + 5 min.)"
CLOCKS = {
    "behind": ("SignatureDoesNotMatch", EARLIER, "this machine's clock is 50 minutes behind AWS's"),
    "ahead": ("InvalidSignatureException", LATER, "this machine's clock is 24 hours ahead of AWS's"),
    "by an unknown time": ("AuthFailure", "The difference is too large: local time", "check this machine's clock"),
    "without a word": ("RequestInTheFuture", "", "AWS refused Query: RequestInTheFuture: "),
}


@pytest.mark.parametrize(("code", "message", "text"), CLOCKS.values(), ids=CLOCKS)
def test_a_wrong_clock_is_told_by_the_times_in_the_text(code, message, text):
    assert text in explain(refused(code, message))


@pytest.mark.parametrize("date", ["soon", "", None])
def test_an_answer_without_a_time_blames_no_clock(date):
    error = refused("AuthFailure", "not validated")
    error.response["ResponseMetadata"] = {"HTTPHeaders": {"date": date}}
    assert "does not take these credentials" in explain(error)


SIGNING_IN = {
    "a web identity that is over": (
        ("ExpiredTokenException", "Token expired: current date", "AssumeRoleWithWebIdentity"),
        "the web identity token has expired (Token expired: current date)",
    ),
    "a web identity that is not trusted": (
        ("AccessDenied", "Not authorized", "AssumeRoleWithWebIdentity"), "the role does not trust the web identity"
    ),
    "a role that SSO does not give": (
        ("ForbiddenException", "No access", "GetRoleCredentials"), "no access to this account or role (No access)"
    ),
    "a role without a reason": (("AccessDenied", "", "AssumeRole"), "no permission to assume the role (AccessDenied)"),
}  # fmt: skip


@pytest.mark.parametrize(("refusal", "text"), SIGNING_IN.values(), ids=SIGNING_IN)
def test_a_refused_sign_in_is_no_missing_permission(refusal, text):
    assert text in explain(refused(*refusal))
    assert "docs/command-line.md" not in explain(refused(*refusal))


@pytest.mark.parametrize("code", ["403", "503"])
def test_a_refusal_in_another_form_is_not_from_aws(code):
    assert explain(refused(code, "<html>")).startswith("what answers Query is not AWS, or a proxy stands in between")


def caused(cause):
    error = HistoryError({Key("a/b", "bun-1"): "AccessDeniedException"})
    error.__cause__ = cause
    return error


ERRORS = {
    "no credentials": (aws.NoCredentialsError(), ["no AWS credentials", "--profile", "AWS_PROFILE", "aws sso login"]),
    "half of the credentials": (aws.PartialCredentialsError(provider="env", cred_var="KEY"), ["env", "KEY"]),
    "no such mode": (aws.InvalidConfigError(error_msg="no mode 'x'."), ["no mode 'x'; check --region and"]),
    "an SSO session that is over": (aws.UnauthorizedSSOTokenError(), ["could not be had", "aws sso login"]),
    "an SSO session that never was": (aws.SSOTokenLoadError(error_msg="no file"), ["no file", "aws sso login"]),
    "a token that can't be renewed": (aws.TokenRetrievalError(provider="sso", error_msg="bad"), ["bad", "--profile"]),
    "a program that gives none": (aws.CredentialRetrievalError(provider="p", error_msg="died"), ["died", "--profile"]),
    "a silent host": (aws.ConnectTimeoutError(endpoint_url="https://x.test"), ["https://x.test", "network"]),
    "no encryption": (aws.SSLError(endpoint_url="https://x.test", error="bad cert"), ["https://x.test", "bad cert"]),
    "no answer": (aws.ReadTimeoutError(endpoint_url="https://x.test"), ["https://x.test"]),
    "an unreadable configuration": (aws.ConfigParseError(path="/a/config"), ["/a/config"]),
    "ours": (caused(None), ["1 rows could not be written or read: bun-1: AccessDeniedException"]),
    "ours, after a refusal": (caused(refused("AccessDenied", "no", "Put")), ["no permission for Put (no)"]),
    "ours, without credentials": (caused(aws.NoCredentialsError()), ["no AWS credentials"]),
    "ours, after a mistake": (caused(KeyError("x")), ["1 rows could not be written or read: bun-1: AccessDenied"]),
    "EC2's answer": (MalformedAnswerError("DescribeBundleTasks", "it is HTML"), ["it is HTML"]),
    "a full disk": (OSError(28, "No space left on device"), ["No space left on device"]),
    "a file": (FileNotFoundError(2, "No such file or directory", "a.html"), ["a.html: No such file or directory"]),
    "no endpoint": (ValueError("Invalid endpoint: no url"), ["Invalid endpoint: no url; check --region and AWS_"]),
    "somebody else's answer": (ResponseParserError("<html>"), ["what answers is not AWS"]),
    "a system error without a number": (OSError("odd"), ["odd"]),
}


@pytest.mark.parametrize(("error", "named"), ERRORS.values(), ids=ERRORS)
def test_an_error_names_the_value_and_what_to_do(error, named):
    line = explain(error)
    assert [part for part in named if part not in line] == []
    assert "should not have happened" not in line


def test_an_unexpected_error_says_how_to_see_more():
    line = explain(KeyError("scope"))
    assert "should not have happened (KeyError: 'scope')" in line
    assert "TASK_REPORTER_DEBUG=1" in line
