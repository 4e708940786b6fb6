"""Finds a request's account and region by its signature, without checking it."""

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.ec2.account import ACCOUNT_ID, REGION
from local.ec2.errors import AUTH_FAILURE, Ec2Error

AccountOf = Callable[[str], str]
"""Access key → account id.

Raises Ec2Error for a key that belongs to no account.
"""

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
_CREDENTIAL = re.compile(r"\bCredential=([^,\s]+)")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_MIN_KEY_LENGTH = 16
"""https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html"""


class Caller(NamedTuple):
    """The account and the region of a request."""

    account: str
    region: str


def identify_caller(authorization: str, query: Mapping[str, str], account_of: AccountOf) -> Caller:
    """Return the caller of a request, by its header ``Authorization`` or its parameter ``X-Amz-Credential``.

    A request without a signature of version 4 belongs to the default account and region.
    """
    header = _CREDENTIAL.search(authorization)
    key, *scope = (header[1] if header else query.get("X-Amz-Credential", "")).split("/")
    # The scope is date/region/service/aws4_request.
    return Caller(account_of(key), scope[1]) if len(scope) == 4 else Caller(ACCOUNT_ID, REGION)


def one_account(_key: str) -> str:
    """Return the default account for every access key."""
    return ACCOUNT_ID


class StsAccounts:
    """Asks the STS at ``endpoint`` once for the account of each access key.

    As in the local AWS, a key of twelve digits is the root of that account. Shorter keys, which STS refuses, belong to
    the default account.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._sts: Any = None
        self._accounts: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, key: str) -> str:
        """Return the account of an access key. Raises Ec2Error (AuthFailure) for an unknown key."""
        if _ACCOUNT_ID.fullmatch(key):
            return key
        if len(key) < _MIN_KEY_LENGTH:
            return ACCOUNT_ID
        with self._lock:
            if key not in self._accounts:
                self._accounts[key] = self._ask(key)
            return self._accounts[key]

    def _ask(self, key: str) -> str:
        self._sts = self._sts or botocore.session.Session().create_client(
            "sts",
            region_name=REGION,
            endpoint_url=self._endpoint,
            aws_access_key_id=ACCOUNT_ID,
            aws_secret_access_key="test",  # nosec B106 # the local AWS accepts any
            config=Config(proxies={}),
        )
        try:
            return str(self._sts.get_access_key_info(AccessKeyId=key)["Account"])
        except (BotoCoreError, ClientError):
            raise Ec2Error(*AUTH_FAILURE) from None
