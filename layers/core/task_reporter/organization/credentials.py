"""Credentials of the members' roles. They stay in memory.

A client is made once per region and serves all accounts: botocore asks its credentials object before each request, and
`CurrentCredentials` answers for the account for which the thread works. So connections are made once per region, and
not once per account and region.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, TypeVar

from botocore.credentials import Credentials, ReadOnlyCredentials

from task_reporter import times
from task_reporter.aws.failures import code_of
from task_reporter.errors import NoRoleError

Result = TypeVar("Result")

SESSION_NAME = "ec2-task-reporter"
"""Name of the sessions, which the members' trails show."""
SESSION_SECONDS = 3600
"""The longest session of a role that a role assumes.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
"""
RENEW_BEFORE = timedelta(minutes=5)
EXPIRED_CODES = {"RequestExpired", "ExpiredToken", "ExpiredTokenException"}
REVOKED_CODES = {"AuthFailure", "InvalidClientTokenId"}
"""Codes for a session of a deleted role, and for a disabled region."""

_current: ContextVar[ReadOnlyCredentials] = ContextVar("credentials of the member")


class CurrentCredentials(Credentials):
    """The credentials of the member for which the thread works.

    A request outside `as_member` raises LookupError instead of being signed.
    """

    def __init__(self) -> None:
        super().__init__("none", "none")

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the credentials with which botocore signs a request."""
        return _current.get()


def as_member(credentials: ReadOnlyCredentials, work: Callable[[], Result]) -> Result:
    """Return the result of ``work``, whose requests are signed with ``credentials``."""
    token = _current.set(credentials)
    try:
        return work()
    finally:
        _current.reset(token)


@dataclass(frozen=True, slots=True)
class _Session:
    credentials: ReadOnlyCredentials = field(repr=False)
    expires: datetime


class MemberRoles:
    """Assumes the role of each member, and remembers its session.

    - ``sts``: a client of the hub's own region, because tokens of regional endpoints are valid in all regions.
    - ``role_arn``: returns the ARN of an account's role.
    - ``own``: returns the recorder's own credentials, for the account ``own_account``, which has no role to assume.
    """

    def __init__(
        self,
        sts: Any,
        role_arn: Callable[[str], str],
        external_id: str,
        own_account: str,
        own: Callable[[], ReadOnlyCredentials],
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._sts, self._role_arn, self._external_id = sts, role_arn, external_id
        self._own_account, self._own, self._now = own_account, own, now
        self._sessions: dict[str, _Session] = {}
        self._lock = Lock()

    def credentials(self, account: str) -> ReadOnlyCredentials:
        """Return credentials for ``account`` that are valid for minutes at least.

        Raises NoRoleError where the role can't be assumed, and botocore's errors.
        """
        if account == self._own_account:
            return self._own()
        session = self._sessions.get(account)
        if session is None or session.expires - self._now() < RENEW_BEFORE:
            session = self._sessions[account] = self._assume(account)
        return session.credentials

    def renewed(self, account: str, refused: ReadOnlyCredentials) -> ReadOnlyCredentials:
        """Return other credentials than those that a service ``refused`` as expired."""
        with self._lock:  # of the threads whose requests were refused, the first renews for all
            session = self._sessions.get(account)
            if session and session.credentials is refused:
                del self._sessions[account]
            return self.credentials(account)

    def _assume(self, account: str) -> _Session:
        try:
            answer = self._sts.assume_role(
                RoleArn=self._role_arn(account),
                RoleSessionName=SESSION_NAME,
                ExternalId=self._external_id,
                DurationSeconds=SESSION_SECONDS,
            )["Credentials"]
        except Exception as error:
            if code_of(error) in ("AccessDenied", "AccessDeniedException"):
                raise NoRoleError(account) from None
            raise
        keys = (answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
        return _Session(ReadOnlyCredentials(*keys), times.parse(str(answer["Expiration"])))
