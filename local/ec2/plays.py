"""Denials, faults and delays that accounts and regions play on demand."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from itertools import count
from typing import NamedTuple, Self

from local.ec2.caller import Caller
from local.ec2.errors import AUTH_FAILURE, Ec2Error


class Answer(NamedTuple):
    """An error, or with an empty ``code`` a body.

    Texts may contain ``{account}`` and ``{operation}``.
    """

    code: str
    text: str
    status: int = 400


_UNAUTHORIZED = (
    "You are not authorized to perform this operation. User: arn:aws:sts::{account}:assumed-role/reader/session is not"
    " authorized to perform: ec2:{operation} "
)
_NO_POLICY = "because no identity-based policy allows the ec2:{operation} action"
_SCP = "with an explicit deny in a service control policy"
# Error codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
# Texts of denials: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
ANSWERS: Mapping[str, Answer | None] = {
    "denied": Answer("UnauthorizedOperation", _UNAUTHORIZED + _NO_POLICY, 403),
    "denied-by-scp": Answer("UnauthorizedOperation", _UNAUTHORIZED + _SCP, 403),
    "region-disabled": Answer(*AUTH_FAILURE),
    "opt-in-required": Answer(
        "OptInRequired",
        "You are not subscribed to this service. Please go to http://aws.amazon.com to subscribe.",
        401,
    ),
    "invalid-token": Answer("InvalidClientTokenId", "The security token included in the request is invalid", 403),
    "not-here": Answer("InvalidAction", "The action {operation} is not valid for this web service."),
    "unsupported": Answer("UnsupportedOperation", "The functionality you requested is not available in this region."),
    "throttled": Answer("RequestLimitExceeded", "Request limit exceeded.", 503),
    "expired": Answer("RequestExpired", "Request has expired."),
    "broken": Answer("", "<html/>", 200),
    "slow": None,
}
"""Name → answer; None for EC2's own answer, which is only delayed."""


@dataclass(frozen=True, eq=False)
class Play:
    """One of ANSWERS for requests of matching accounts, regions and operations.

    A context manager: the play ends with its context.
    """

    name: str
    """A key of ANSWERS."""
    account: str = "*"
    """Pattern of account ids, as in `fnmatch`."""
    region: str = "*"
    """Pattern of regions."""
    operations: Sequence[str] = ("*",)
    """Patterns of operations, such as ``DescribeExport*``."""
    seconds: float = 0
    """Delay of the answer, at most until the play ends."""
    times: int = 0
    """Number of requests that get the answer; 0 for all."""
    ended: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=partial(count, 1))

    def __post_init__(self) -> None:
        if self.name not in ANSWERS:
            raise ValueError(f"{self.name!r} is none of {', '.join(ANSWERS)}")

    def end(self) -> None:
        """End the play; requests that it delays are answered now."""
        self.ended.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def matches(self, caller: Caller, operation: str) -> bool:
        """Tell whether a request gets this answer."""
        return (
            fnmatchcase(caller.account, self.account)
            and fnmatchcase(caller.region, self.region)
            and any(fnmatchcase(operation, pattern) for pattern in self.operations)
        )

    def takes(self) -> bool:
        """Count a matching request, and tell whether it gets this answer."""
        return next(self._numbers) <= self.times or not self.times


class Plays:
    """The plays of a server, which any thread may change."""

    def __init__(self) -> None:
        self._plays: tuple[Play, ...] = ()

    def add(self, play: Play) -> Play:
        """Add a play, which takes precedence over earlier ones."""
        self._plays = (play, *self._running())
        return play

    def end(self) -> None:
        """End all plays."""
        for play in self._plays:
            play.end()

    def answer(self, caller: Caller, operation: str) -> bytes | None:
        """Delay a request, and return the body that replaces EC2's own, if any.

        Raises Ec2Error where the answer is an error.
        """
        for play in self._running():
            if play.matches(caller, operation) and play.takes():
                play.ended.wait(play.seconds)
                if answer := ANSWERS[play.name]:
                    return _body(answer, caller, operation)
        return None

    def _running(self) -> Iterator[Play]:
        return (play for play in self._plays if not play.ended.is_set())


def _body(answer: Answer, caller: Caller, operation: str) -> bytes:
    text = answer.text.format(account=caller.account, operation=operation)
    if answer.code:
        raise Ec2Error(answer.code, text, answer.status)
    return text.encode()
