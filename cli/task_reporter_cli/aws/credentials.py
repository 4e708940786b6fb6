"""Credentials from the sources and the session cache of the aws CLI."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from getpass import getpass
from os.path import expanduser
from shlex import quote
from typing import Any

from botocore.credentials import (
    CredentialResolver,
    ReadOnlyCredentials,
    RefreshableCredentials,
    create_credential_resolver,
)
from botocore.exceptions import BotoCoreError, ConfigParseError, InvalidConfigError, ProfileNotFound
from botocore.session import Session
from botocore.utils import JSONFileCache

CACHE_FOLDER = "~/.aws/cli/cache"
"""The folder where the aws CLI keeps sessions of roles, also after MFA.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html#cli-configure-role-cache
"""
CACHED_MEMBERS = {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
MFA_CODE = re.compile(r"[0-9]{6}")
"""https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""
VALUE_NAMES = ("access key id", "secret access key", "session token")
"""The members of botocore's ReadOnlyCredentials, in their order."""
UNUSABLE_CHARACTER = re.compile(r"[^!-~]")
"""Everything but ASCII that can be seen."""
SOURCE_MEMBER = "CredentialsOf"
"""Attribute of a refusal that names the source of the rejected credentials."""
SOURCE_NAMES = {
    "assume-role-with-web-identity": "the web identity token",
    "container-role": "the container's role",
    "custom-process": "the credential_process of profile {profile!r}",
    "env": "the environment",
    "iam-role": "this machine's role",
}
"""botocore's names of the sources that are more, or other, than a profile."""


class CredentialsError(BotoCoreError):
    """A source gave no credentials; the cause says why."""

    fmt = "no credentials from {profile} ({method})"

    def __init__(self, method: str, profile: str, first: str) -> None:
        super().__init__(method=method, profile=profile)
        self.method = method
        """botocore's name of the source, empty where there is none."""
        self.profile = profile
        self.root_profile = first
        """The first profile in the chain of source profiles, whose user signs in."""


class MissingMfaCodeError(BotoCoreError):
    """Nobody typed an MFA code. The text says what to do."""

    fmt = "{text}"

    def __init__(self, text: str) -> None:
        super().__init__(text=text)


class SessionCache(JSONFileCache):
    """The aws CLI's cache of sessions, in files that only their owner can read.

    What can't be read is not there, and what can't be written is not kept: neither costs a command.
    """

    def __contains__(self, key: str) -> bool:
        try:
            return bool(self[key]["Credentials"].keys() >= CACHED_MEMBERS)
        except (AttributeError, KeyError, TypeError):
            return False

    def __setitem__(self, key: str, value: Any) -> None:
        with suppress(OSError):
            super().__setitem__(key, value)


class CredentialChain(CredentialResolver):
    """botocore's chain of sources.

    A quiet one asks nobody. Raises CredentialsError for whatever goes wrong in one source, also when renewing.
    """

    def __init__(self, session: Session, region: str | None, is_quiet: bool = False) -> None:
        self._profile = session.profile or "default"
        self._root_profile = find_root_profile(session.full_config["profiles"], self._profile)
        cache: Any = SessionCache(expanduser(CACHE_FOLDER))
        chain: Any = create_credential_resolver(session, cache=cache, region_name=region)
        may_ask = (lambda: False) if is_quiet else has_terminal
        chain.get_provider("assume-role")._prompter = make_mfa_prompter(self._profile, may_ask)
        super().__init__(chain.providers)

    def load_credentials(self) -> Any:
        """Return the credentials of the first source that has any, else None."""
        for provider in self.providers:
            with self._translate_errors(provider.METHOD or ""):
                found = provider.load()
            if found is not None:
                return self._wrap_renewal(found)
        return None

    def missing_error(self) -> CredentialsError:
        """Return the error that says that no source has credentials."""
        return CredentialsError("", self._profile, self._root_profile)

    def check_values(self, method: str, frozen: ReadOnlyCredentials) -> None:
        """Raise CredentialsError for a value with characters that AWS never uses.

        An example is the line end of a Windows file.

        No HTTP header can hold that, so the request would fail, as if a URL was wrong.
        """
        with self._translate_errors(method):
            for name, value in zip(VALUE_NAMES, frozen, strict=False):
                if odd := UNUSABLE_CHARACTER.search(value or ""):
                    raise InvalidConfigError(error_msg=f"the {name} holds {odd[0]!a}, which none of AWS's does")

    def name_source(self, credentials: Any) -> str:
        """Name the source of ``credentials`` for a person."""
        return name_source(credentials.method, self._profile)

    def _wrap_renewal(self, credentials: Any) -> Any:
        """Let the renewal of ``credentials`` raise CredentialsError too."""
        if isinstance(credentials, RefreshableCredentials):
            renewable: Any = credentials
            renewable._refresh = self._translate_errors(credentials.method)(renewable._refresh)
        return credentials

    @contextmanager
    def _translate_errors(self, method: str) -> Iterator[None]:
        try:
            yield
        except (ConfigParseError, ProfileNotFound):
            raise
        except Exception as error:  # botocore lets pass what its parsers of files, dates and programs' output raise
            raise CredentialsError(method, self._profile, self._root_profile) from error


def name_source(method: str, profile: str) -> str:
    """Name a source for a person: a profile, or what stands in its place."""
    return SOURCE_NAMES.get(method, "profile {profile!r}").format(profile=profile)


def find_root_profile(profiles: Mapping[str, Any], name: str) -> str:
    """Return the first profile in the chain of source profiles of ``name``."""
    seen = {name}
    while (source := profiles.get(name, {}).get("source_profile")) in profiles.keys() - seen:
        name = source
        seen.add(name)
    return name


def has_terminal() -> bool:
    """Tell whether a person can be asked for a code.

    getpass opens the terminal itself, whatever standard input is.

    A stream that was closed before the program began is None.
    """
    with suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        return True
    return sys.stdin is not None and sys.stdin.isatty()


def make_mfa_prompter(
    profile: str, is_terminal: Callable[[], bool] = has_terminal, ask: Callable[[str], str] = getpass
) -> Callable[[str], str]:
    """Return a function that asks for an MFA code on the terminal.

    It raises NoCodeError where it gets none.
    """

    def prompt(text: str) -> str:
        if not is_terminal():
            device = text.removeprefix("Enter MFA code for ").rstrip(": ")
            raise MissingMfaCodeError(
                f"it needs an MFA code of {device}, and there is no terminal to type one on; run `aws sts"
                f" get-caller-identity --profile {quote(profile)}` on a terminal first: its session is shared while it"
                " lasts, an hour unless duration_seconds of the profile says otherwise"
            )
        try:
            code = "".join(ask(text).split())
        except EOFError:
            code = ""
        if not MFA_CODE.fullmatch(code):
            raise MissingMfaCodeError("an MFA code has six digits, so nothing was sent; try again")
        return code

    return prompt
