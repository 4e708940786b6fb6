"""Credentials of every source, and the explanation where a source gives none."""

import json
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from pathlib import Path

import pytest

from local.process_environment import NO_ACCOUNT
from task_reporter_cli.aws.account import Account
from task_reporter_cli.aws.credentials import (
    CredentialsError,
    MissingMfaCodeError,
    SessionCache,
    find_root_profile,
    make_mfa_prompter,
)
from task_reporter_cli.aws.explanations import explain
from task_reporter_cli.aws.faults.credentials import describe_ignored_sources
from task_reporter_cli.aws.faults.transient import is_transient
from tests.support.canned_ec2 import Answer, CannedEc2, canned_ec2, no_pauses
from tests.support.cli import REGION, Said, environment, in_environment, run, run_program
from tests.support.terminal import typed

SECRET = "S3CRET"
KEYS = f"aws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = {SECRET}\n"
ROLE, DEVICE = "arn:aws:iam::123456789012:role/reader", "arn:aws:iam::123456789012:mfa/ann"
EMPTY = Answer(b'{"Items": [], "Count": 0, "ScannedCount": 0}')
LIST = ("list", "--table", "t", "--output", "json")
ErrorWith = Callable[..., str]
NOT_MINE = "should not have happened"


of_profile = "[profile {}]\n{}".format


# Each source that gives none

PROCESS = "credential_process = sh -c {}\n".format
SSO = (
    of_profile("x", "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = reader\n")
    + "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.example/start\n"
)
LOGIN = of_profile("x", "login_session = arn:aws:sts::123456789012:assumed-role/reader/ann\n")
WEB = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token"}
LONG_AGO = "2020-01-01T00:00:00Z"
GONE = json.dumps(
    {"Version": 1, "AccessKeyId": "A", "SecretAccessKey": SECRET, "SessionToken": "t", "Expiration": LONG_AGO}
)
BOTH_KEYS = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": SECRET}
SOMEWHERE = {"AWS_REGION": REGION, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}

FROM_PROFILE = {
    "half of the keys": ("aws_access_key_id = AKIAEXAMPLE\n", ["profile 'x'", "aws_secret_access_key", "mend it in "]),
    "the other half": (f"aws_secret_access_key = {SECRET}\n", ["no AWS credentials in profile 'x'", "aws configure"]),
    "nothing": ("region = eu-west-1\n", ["no AWS credentials in profile 'x'", "--profile", "aws login"]),
    "a role without a source": (f"role_arn = {ROLE}\n", ["'x'", "source_profile or credential_source", "mend it in "]),
    "a role with two": (
        f"role_arn = {ROLE}\nsource_profile = y\ncredential_source = Environment\n", ["both source_profile and", "mend"]
    ),
    "a source that is not there": (f"role_arn = {ROLE}\nsource_profile = gone\n", ['"gone"', "does not exist", "mend"]),
    "a source that is itself": (f"role_arn = {ROLE}\nsource_profile = x\n", ["Infinite loop", "['x']", "mend"]),
    "a source without keys": (
        f"role_arn = {ROLE}\nsource_profile = y\n[profile y]\nregion = eu-west-1\n", ['"y" must have credentials']
    ),
    "sources in a circle": (
        f"role_arn = {ROLE}\nsource_profile = y\n[profile y]\nrole_arn = {ROLE}\nsource_profile = x\n",
        ["Infinite loop", "['x', 'y']"],
    ),
    "an unknown kind of source": (f"role_arn = {ROLE}\ncredential_source = Cloud\n", ['"Cloud"', "not valid", "mend"]),
    "an empty environment": (
        f"role_arn = {ROLE}\ncredential_source = Environment\n", ["credential_source", "profile x", "check role_arn"]
    ),
    "a role that is none": (f"role_arn = r\nsource_profile = y\n[profile y]\n{KEYS}", ["RoleArn", "check role_arn"]),
    "a program that is not there": (
        f"credential_process = /nowhere/program --token {SECRET}\n", ["/nowhere/program: No such file", "profile 'x'"]
    ),
    "a program that may not run": ("credential_process = /etc/passwd\n", ["/etc/passwd: Permission denied"]),
    "a program that fails": (PROCESS("'echo sign in first >&2; exit 3'"), ["sign in first", "run it by hand"]),
    "a program that fails in silence": ("credential_process = false\n", ["said nothing", "run it by hand"]),
    "a program that prints something else": (PROCESS(f"'echo {SECRET}'"), ["can't be read (JSONDecodeError", "JSON"]),
    "a program that prints no text": (PROCESS("\"printf '\\377'\""), ["can't be read (UnicodeDecodeError", "JSON"]),
    "a program that prints a list": (PROCESS("'echo []'"), ["can't be read (AttributeError", "JSON"]),
    "a program of another version": (PROCESS("'echo {}'"), ["Unsupported version", "JSON"]),
    "a program that prints half": (
        PROCESS(shlex.quote("echo '{\"Version\": 1, \"AccessKeyId\": \"A\"}'")), ["'SecretAccessKey'", "JSON"]
    ),
    "a program that prints old ones": (PROCESS(shlex.quote(f"echo '{GONE}'")), ["still expired", "run it by hand"]),
    "a program without an end": ("credential_process = sh 'x\n", ["No closing quotation", "run it by hand"]),
    "no program": ("credential_process =\n", ["can't be read (IndexError", "run it by hand"]),
    "half of SSO": ("sso_account_id = 1\n", ["sso_role_name, sso_start_url, sso_region", "mend it in "]),
    "a session that is not there": ("sso_account_id = 1\nsso_session = z\n", ['does not exist: "z"', "mend it in "]),
}  # fmt: skip


@pytest.fixture
def error_with(tmp_path: Path) -> ErrorWith:
    """Return a function that runs a list with a configuration and returns its error."""

    def list_with(config: str = "", credentials: str = "", profile: str | None = "x", **more: str) -> str:
        given = {"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": credentials}
        for name, text in given.items():
            (tmp_path / name).write_text(text)
        files = {name: str(tmp_path / name) for name in given}
        flags = ("--profile", profile) if profile else ()
        with in_environment(NO_ACCOUNT | SOMEWHERE | files | more):
            line = run(*LIST, *flags)
        return one_line(line)

    return list_with


def one_line(line: Said) -> str:
    assert line.status == 1
    assert SECRET not in line.out + line.err
    assert NOT_MINE not in line.error
    return line.error


@pytest.mark.parametrize(("text", "named"), FROM_PROFILE.values(), ids=FROM_PROFILE)
def test_a_profile_without_credentials_says_why(error_with: ErrorWith, text: str, named: list[str]) -> None:
    line = error_with(of_profile("x", text))
    assert [part for part in named if part not in line] == []
    assert "profile 'x'" in line


FROM_ENVIRONMENT = {
    "half of the keys": ({"AWS_ACCESS_KEY_ID": "A"}, ["the environment", "AWS_SECRET_ACCESS_KEY"]),
    "the other half": ({"AWS_SECRET_ACCESS_KEY": SECRET}, ["AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not"]),
    "keys that are over": (
        BOTH_KEYS | {"AWS_CREDENTIAL_EXPIRATION": LONG_AGO}, ["the environment", "still expired"]
    ),
    "an end that is no time": (
        BOTH_KEYS | {"AWS_CREDENTIAL_EXPIRATION": "soon"}, ["the environment", "soon"]
    ),
    "no file of a web identity": (WEB, ["web identity", "/nowhere/token: No such file", "AWS_WEB_IDENTITY_TOKEN_FILE"]),
    "an empty web identity": (WEB | {"AWS_WEB_IDENTITY_TOKEN_FILE": os.devnull}, ["WebIdentityToken", "AWS_ROLE_ARN"]),
    "a web identity without a role": ({"AWS_WEB_IDENTITY_TOKEN_FILE": os.devnull}, ["AWS_ROLE_ARN"]),
    "a token with a line end of Windows": (
        BOTH_KEYS | {"AWS_SESSION_TOKEN": f"{SECRET}\r"}, ["the environment", "session token holds '\\r'", "as you got"]
    ),
    "a key id with a space": (
        BOTH_KEYS | {"AWS_ACCESS_KEY_ID": "A "}, ["the environment", "access key id holds ' '", "AWS_ACCESS_KEY_ID"]
    ),
    "a container elsewhere": (
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/x"},
        ["the container's role", "'example.com'", "AWS_CONTAINER_CREDENTIALS_FULL_URI"],
    ),
    "a container without its token": (
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/no/t"},
        ["the container's role", "/no/t: No such file"],
    ),
    "a metadata endpoint that is none": (
        {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "no url"}, ["no url"]
    ),
    "no instance": (
        {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"},
        ["no AWS credentials", "--profile", "aws sso login"],
    ),
    "a profile that is not there": ({"AWS_PROFILE": "nobody"}, ["no profile 'nobody', which AWS_PROFILE names"]),
    "a number that is none": ({"AWS_METADATA_SERVICE_TIMEOUT": "long"}, ["'long'"]),
    "no endpoint": ({"AWS_ENDPOINT_URL": "no url"}, ["Invalid endpoint: no url", "AWS_ENDPOINT_URL"]),
    "a config file that is not there": (
        {"AWS_CONFIG_FILE": "/no/config"}, ["AWS_CONFIG_FILE names /no/config, which does not exist"]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "named"), FROM_ENVIRONMENT.values(), ids=FROM_ENVIRONMENT)
def test_an_environment_without_credentials_says_why(
    error_with: ErrorWith, given: Mapping[str, str], named: list[str]
) -> None:
    line = error_with(profile=None, **given)
    assert [part for part in named if part not in line] == []


MALFORMED = {
    "no section": (f"aws_secret_access_key = {SECRET}\n", 1),
    "no setting": (f"[x]\naws_access_key_id = A\n{SECRET}\n", 3),
    "a section twice": ("[x]\nregion = a\n[x]\nregion = b\n", 3),
}


@pytest.mark.parametrize("file", ["config", "credentials"])
@pytest.mark.parametrize(("text", "line"), MALFORMED.values(), ids=MALFORMED)
def test_a_file_that_is_malformed_is_named(error_with: ErrorWith, text: str, line: int, file: str) -> None:
    variable = {"config": "AWS_CONFIG_FILE", "credentials": "AWS_SHARED_CREDENTIALS_FILE"}[file]
    assert error_with(**{file: text}).endswith(f"/{variable} can't be read as AWS configuration (see line {line})")


def test_files_that_botocore_passes_over_are_named(tmp_path: Path) -> None:
    mine, folder = tmp_path / "config", tmp_path / "folder"
    mine.touch()
    folder.mkdir()
    with in_environment({"AWS_CONFIG_FILE": str(mine), "AWS_SHARED_CREDENTIALS_FILE": str(folder)}):
        assert describe_ignored_sources() == f" ({folder} can't be read)"
        assert (
            describe_ignored_sources(may_read=lambda path: False)
            == f" ({mine} can't be read, and {folder} can't be read)"
        )
    with in_environment({"AWS_CONFIG_FILE": str(mine), "AWS_SHARED_CREDENTIALS_FILE": str(mine)}):
        assert describe_ignored_sources() == ""


# Signing in

TOKEN = {"accessToken": SECRET, "startUrl": "https://corp.example/start", "region": "eu-west-1"}
SSO_TOKENS = {
    "never": (None, "Token for corp does not exist"),
    "over": (json.dumps(TOKEN | {"expiresAt": LONG_AGO}), "Token has expired"),
    "without an end": (json.dumps(TOKEN), "is invalid"),
    "with an odd end": (json.dumps(TOKEN | {"expiresAt": "soon"}), "soon"),
    "broken": ("{", "can't be read"),
}


@pytest.mark.parametrize(("token", "why"), SSO_TOKENS.values(), ids=SSO_TOKENS)
def test_an_sso_session_says_how_to_sign_in(tmp_path: Path, token: str | None, why: str) -> None:
    if token:
        write(tmp_path / ".aws/sso/cache" / f"{sha1(b'corp').hexdigest()}.json", token)
    line = one_line(run_program(*LIST, "--profile", "x", **at_home(tmp_path, SSO)))
    assert line.startswith("no credentials from profile 'x': ")
    assert why in line
    assert line.endswith("; sign in with `aws sso login --profile x`")


def test_the_profile_at_the_beginning_of_a_chain_signs_in(error_with: ErrorWith) -> None:
    role = of_profile("ops", f"role_arn = {ROLE}\nsource_profile = x\n")
    line = error_with(SSO.replace("corp", "nobody") + role, profile="ops")
    assert line.startswith("no credentials from profile 'ops': ")
    assert line.endswith("; sign in with `aws sso login --profile x`")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def at_home(target: Path, config: str) -> dict[str, str]:
    """Return the environment of a person with ``config`` where AWS tools look for it."""
    write(target / ".aws/config", config)
    return SOMEWHERE | {"HOME": str(target), "AWS_CONFIG_FILE": str(target / ".aws/config")}


LOGIN_FILE = f"{sha256(LOGIN.partition('= ')[2].strip().encode()).hexdigest()}.json"
ACCESS = {"accessKeyId": "A", "secretAccessKey": SECRET, "sessionToken": SECRET, "accountId": "1"}
LOGINS = {
    "never": (None, "Unable to load a existing login session"),
    "broken": ("{", "can't be read"),
    "without anything": ("{}", "missing required fields"),
    "of another form": (
        json.dumps({"accessToken": SECRET, "refreshToken": SECRET, "dpopKey": SECRET, "clientId": "c"}), "can't be read"
    ),
    "over, with a broken key": (
        json.dumps({"accessToken": ACCESS | {"expiresAt": LONG_AGO}, "refreshToken": SECRET,
                    "dpopKey": SECRET, "clientId": "c"}),
        "no credentials from profile 'x'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("token", "why"), LOGINS.values(), ids=LOGINS)
def test_a_login_says_how_to_sign_in(error_with: ErrorWith, tmp_path: Path, token: str | None, why: str) -> None:
    if token:
        write(tmp_path / LOGIN_FILE, token)
    line = error_with(LOGIN, AWS_LOGIN_CACHE_DIRECTORY=str(tmp_path))
    assert why in line
    assert line.endswith("; sign in with `aws login --profile x`")


def test_a_login_that_lasts_is_taken(tmp_path: Path) -> None:
    token = {"accessToken": ACCESS | {"expiresAt": "2999-01-01T00:00:00Z"}, "refreshToken": "r", "dpopKey": "k"}
    write(tmp_path / LOGIN_FILE, json.dumps(token | {"clientId": "c"}))
    with canned_ec2(EMPTY) as dynamodb:
        there = at_home(tmp_path, LOGIN) | {"AWS_LOGIN_CACHE_DIRECTORY": str(tmp_path)}
        line = run_program(*LIST, "--profile", "x", **there | {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url})
    assert line == Said(0, "[]\n", "")


WATCHED = """
import atexit, sys
from task_reporter_cli.main import main
atexit.register(lambda: print(sys.modules.get("awscrt"), file=sys.stderr))
main(sys.argv[1:])
"""


def watched(code: str, target: Path, config: str) -> str:
    """Return the standard error of a list with ``config``, which ``code`` runs."""
    command = [sys.executable, "-c", code, *LIST, "--profile", "x"]
    there = environment(**at_home(target, config))
    return subprocess.run(command, env=there, capture_output=True, text=True, check=False).stderr


def test_awscrt_is_imported_only_for_a_login(tmp_path: Path) -> None:
    """It takes a fifth of the time of a list."""
    assert watched(WATCHED, tmp_path, of_profile("x", KEYS)).endswith("\nNone\n")
    assert "<module 'awscrt'" in watched(WATCHED, tmp_path, LOGIN)


def test_a_login_without_awscrt_says_what_to_install(tmp_path: Path) -> None:
    line = watched(f"import sys; sys.modules['awscrt'] = None\n{WATCHED}", tmp_path, LOGIN)
    assert "pip install 'botocore[crt]'" in line
    assert NOT_MINE not in line


# MFA

OPS = of_profile("ops", f"role_arn = {ROLE}\nsource_profile = me\nmfa_serial = {DEVICE}\n") + of_profile("me", KEYS)
OF_OPS = (*LIST, "--profile", "ops")


def assumed() -> Answer:
    """STS's answer to AssumeRole. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""
    end = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Answer(
        "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/reader/s</Arn>"
        "<AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIA</AccessKeyId>"
        f"<SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{end}</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>".encode()
    )


@pytest.fixture
def sts() -> Iterator[CannedEc2]:
    with canned_ec2(assumed()) as running:
        yield running


@pytest.fixture
def there(tmp_path: Path, sts: CannedEc2) -> Iterator[dict[str, str]]:
    """Yield the environment of a person whose role needs an MFA code."""
    with canned_ec2(EMPTY) as dynamodb:
        yield at_home(tmp_path, OPS) | {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url, "AWS_ENDPOINT_URL_STS": sts.url}


ARGUMENTS = json.dumps({"RoleArn": ROLE, "SerialNumber": DEVICE}, sort_keys=True)
CACHED = f".aws/cli/cache/{sha1(ARGUMENTS.encode()).hexdigest()}.json"
"""Name and form are botocore's, whose cache the aws CLI uses."""


def test_an_mfa_code_is_asked_for_once(there: dict[str, str], sts: CannedEc2, tmp_path: Path) -> None:
    assert typed("123 456\n", *OF_OPS, **there) == (Said(0, "[]\n", ""), f"Enter MFA code for {DEVICE}: ")
    assert run_program(*OF_OPS, **there) == Said(0, "[]\n", "")
    assert [(asked["Action"], asked["TokenCode"]) for asked in sts.requests] == [("AssumeRole", "123456")]
    assert stat.S_IMODE((tmp_path / CACHED).stat().st_mode) == 0o600
    assert json.loads((tmp_path / CACHED).read_text())["Credentials"]["AccessKeyId"] == "ASIA"


ENDS = {"version 2": "%Y-%m-%dT%H:%M:%S+00:00", "version 1": "%Y-%m-%dT%H:%M:%SUTC"}


@pytest.mark.parametrize("form", ENDS.values(), ids=ENDS)
def test_a_session_of_the_aws_cli_is_used(there: dict[str, str], sts: CannedEc2, tmp_path: Path, form: str) -> None:
    end = (datetime.now(UTC) + timedelta(hours=1)).strftime(form)
    held = {"AccessKeyId": "ASIA", "SecretAccessKey": SECRET, "SessionToken": "t", "Expiration": end}
    write(tmp_path / CACHED, json.dumps({"Credentials": held}))
    assert run_program(*OF_OPS, **there) == Said(0, "[]\n", "")
    assert sts.requests == []


def test_without_a_terminal_no_code_is_asked_for(there: dict[str, str], sts: CannedEc2) -> None:
    line = one_line(run_program(*OF_OPS, **there))
    assert sts.requests == []
    assert line.startswith(f"no credentials from profile 'ops': it needs an MFA code of {DEVICE}, and there is no term")
    assert "run `aws sts get-caller-identity --profile ops` on a terminal first" in line


WRONG = "MultiFactorAuthentication failed with invalid MFA one time pass code."
NOT_MINE_DEVICE = "MultiFactorAuthentication failed, unable to validate MFA code."
NOT_ALLOWED = f"User: arn:aws:iam::1:user/ann is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
REFUSED = {
    "a code that is wrong or used": (WRONG, ["wrong or was used before", "works once", "wait for the next"]),
    "a code of another device": (NOT_MINE_DEVICE, ["mfa_serial", "unable to validate MFA code"]),
    "a role that is not allowed": (NOT_ALLOWED, ["no permission to assume the role", ROLE, "trust policy"]),
}


@pytest.mark.parametrize(("message", "named"), REFUSED.values(), ids=REFUSED)
def test_a_refused_role_is_no_missing_permission(
    there: dict[str, str], sts: CannedEc2, message: str, named: list[str]
) -> None:
    body = f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>"
    sts.answers[:] = [Answer(body.encode(), 403)]
    line = one_line(typed("123456\n", *OF_OPS, **there)[0])
    assert line.startswith("no credentials from profile 'ops': ")
    assert [part for part in named if part not in line] == []
    assert "docs/command-line.md" not in line


@pytest.mark.parametrize("keys", ["\n", "12345\n", "abcdef\n", "\x04"], ids=["empty", "short", "letters", "Ctrl-D"])
def test_what_is_no_code_is_not_sent(there: dict[str, str], sts: CannedEc2, keys: str) -> None:
    assert "an MFA code has six digits" in one_line(typed(keys, *OF_OPS, **there)[0])
    assert sts.requests == []


def test_a_question_can_be_interrupted(there: dict[str, str]) -> None:
    assert typed("\x03", *OF_OPS, **there)[0].status == 130


def test_a_code_is_asked_for_though_input_is_a_pipe(there: dict[str, str]) -> None:
    assert typed("123456\n", *OF_OPS, piped=True, **there)[0] == Said(0, "[]\n", "")


def test_a_code_may_be_written_in_groups_of_digits() -> None:
    assert make_mfa_prompter("ops", is_terminal=lambda: True, ask=lambda text: " 123 456 ")("code: ") == "123456"


def test_without_a_terminal_no_code_is_read() -> None:
    with pytest.raises(MissingMfaCodeError, match="no terminal"):
        make_mfa_prompter("ops", is_terminal=lambda: False, ask=lambda text: "123456")("code: ")


# The cache

ODD = {"no JSON": "{", "nothing": "null", "no credentials": "{}", "half": '{"Credentials": {"AccessKeyId": "A"}}'}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_a_broken_file_is_not_in_the_cache(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.json").write_text(text)
    assert "key" not in SessionCache(str(tmp_path))


def test_an_unwritable_cache_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "cli").touch()
    SessionCache(str(tmp_path / "cli"))["key"] = {"Credentials": {}}
    assert "key" not in SessionCache(str(tmp_path / "cli"))


@pytest.mark.parametrize(("name", "first"), [("ops", "me"), ("me", "me"), ("none", "none"), ("a", "b")])
def test_the_root_profile_begins_the_chain(name: str, first: str) -> None:
    sources = {"ops": "dev", "dev": "me", "me": "gone", "a": "b", "b": "a"}
    profiles = {profile: {"source_profile": source} for profile, source in sources.items()}
    assert find_root_profile(profiles, name) == first


# Later


def test_a_refusal_names_whose_credentials_were_refused(error_with: ErrorWith) -> None:
    body = b'{"__type": "com.amazonaws.dynamodb.v20120810#ExpiredTokenException", "message": "expired"}'
    with canned_ec2(Answer(body, 400)) as dynamodb:
        line = error_with(of_profile("x", KEYS), AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url)
    assert line.startswith("the AWS credentials have expired (profile 'x'); ")


def test_credentials_that_can_not_be_renewed_are_explained(tmp_path: Path) -> None:
    """As in a command that runs for longer than they last."""
    gone, program = tmp_path / "gone", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntest -e {gone} && echo {SECRET} || echo '{short_lived()}'\n")
    program.chmod(0o700)
    config = tmp_path / "config"
    config.write_text(of_profile("x", f"credential_process = {program}\n"))
    with in_environment(NO_ACCOUNT | SOMEWHERE | {"AWS_CONFIG_FILE": str(config)}):
        client = Account("x", REGION).client("dynamodb")
        gone.touch()
        with pytest.raises(CredentialsError) as raised:
            client.list_tables()
    line = explain(raised.value)
    assert line.startswith("no credentials from the credential_process of profile 'x': they can't be read (")
    assert SECRET not in line


def short_lived() -> str:
    """Credentials so near to their end that each request renews them."""
    end = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    given = {"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": end}
    return json.dumps(given)


def test_sts_out_of_reach_can_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_pauses(monkeypatch)
    config = tmp_path / "config"
    config.write_text(of_profile("x", f"role_arn = {ROLE}\nsource_profile = me\n") + of_profile("me", KEYS))
    given = {"AWS_CONFIG_FILE": str(config), "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9", "HOME": str(tmp_path)}
    with in_environment(NO_ACCOUNT | given), pytest.raises(CredentialsError) as raised:
        Account("x", REGION).client("dynamodb")
    assert is_transient(raised.value)
    assert explain(raised.value).startswith("no credentials from profile 'x': AWS can't be reached")
