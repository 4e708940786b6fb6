"""Organizations, STS and SQS with faults."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from botocore.credentials import ReadOnlyCredentials

from task_reporter.aws.failures import EXPECTED_ERRORS, code_of
from task_reporter.organization.members import ACTIVE
from tests.campaigns.lives.faults import FaultInjector
from tests.support.dynamodb import refusal
from tests.support.organization import SECRET, FakeSts

QUEUE = "https://sqs.example.com/assignments"
BATCH = 10
"""Messages in one request and in one run of the recorder."""
MAX_RECEIVES = 2
VISIBILITY_SECONDS, RETENTION_SECONDS = 330, 3600
"""The properties of the queue in the template."""
SILENT, EMPTY, NO_LIST = "silent", "empty", "no list"
"""States of Organizations in which it does not tell the accounts."""


class FaultyOrganizations:
    """The planner's client.

    states  account → its state; accounts that left are not in it
    outage  a state in which it does not tell the accounts, or ''
    """

    def __init__(self, accounts: Collection[str], faults: FaultInjector) -> None:
        self.states = dict.fromkeys(accounts, ACTIVE)
        self.outage = ""
        self._perform = partial(faults.perform, "Organizations")

    def get_paginator(self, operation: str) -> FaultyOrganizations:
        assert operation == "list_accounts"
        return self

    def paginate(self) -> Iterator[dict[str, Any]]:
        outages: dict[str, Callable[[], Any]] = {EMPTY: lambda: {"Accounts": []}, NO_LIST: dict, SILENT: _throttle}
        if self.outage:
            yield outages[self.outage]()
            return
        accounts = list(self.states.items())
        for page in (accounts[:2], accounts[2:]):
            # An empty page beside others is no fault that could be noticed.
            yield self._perform(partial(_page, page), {NO_LIST: dict})


def _page(accounts: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {"Accounts": [{"Id": id, "Name": f"name of {id}", "State": state} for id, state in accounts]}


def _throttle() -> Any:
    raise refusal("TooManyRequestsException")


class FaultySts(FakeSts):
    """The recorder's client.

    A session is refused when it has expired, or when its role was removed after it.

    closed  the accounts whose role can't be assumed now
    """

    def __init__(self, faults: FaultInjector, clock: Callable[[], float]) -> None:
        super().__init__(lambda: datetime.fromtimestamp(clock(), UTC))
        self.closed: set[str] = set()
        self._faults = faults
        self._sessions: dict[str, datetime] = {}
        self._removed: set[str] = set()

    def assume_role(self, **request: Any) -> dict[str, Any]:  # type: ignore[override]
        try:
            return self._faults.perform("STS", partial(self._assume, **request), {})  # type: ignore[no-any-return]
        except EXPECTED_ERRORS as error:
            self._faults.process.poll.role_denied |= code_of(error) in ("AccessDenied", "AccessDeniedException")
            raise

    def _assume(self, **request: Any) -> dict[str, Any]:
        answer = super().assume_role(**request)
        if self.assumed[-1] in self.closed:
            raise refusal("AccessDenied", status=403)
        self._sessions[answer["Credentials"]["AccessKeyId"]] = datetime.fromisoformat(
            answer["Credentials"]["Expiration"]
        )
        return answer

    def close_role(self, account: str) -> None:
        """Remove the role of ``account``; its sessions may do nothing any more."""
        self.closed.add(account)
        self._removed |= {key for key in self._sessions if f"-{account}-" in key}

    def check(self, credentials: ReadOnlyCredentials) -> None:
        """Raise EC2's refusal of ``credentials`` that are not valid."""
        key = credentials.access_key
        if key in self._removed:
            raise refusal("UnauthorizedOperation", status=403)
        if key in self._sessions and self._sessions[key] <= self._now():
            raise refusal("RequestExpired")


def account_in(credentials: ReadOnlyCredentials) -> str:
    """Return the account that ``credentials`` are of."""
    return str(credentials.access_key).split("-")[1]


def own_credentials(account: str) -> ReadOnlyCredentials:
    """Return the recorder's own credentials, which do not expire."""
    return ReadOnlyCredentials(f"key-{account}-0", SECRET, SECRET)


@dataclass
class Message:
    """A message in the queue."""

    body: str
    account: str
    sent: float
    visible_at: float
    receives: int = 0


@dataclass
class FaultyQueue:
    """The planner's client, and the messages that wait."""

    faults: FaultInjector
    clock: Callable[[], float]
    messages: list[Message] = field(default_factory=list)

    def send_message_batch(self, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        assert QueueUrl == QUEUE
        assert len(Entries) <= BATCH
        refuse_first = {"an entry fails": lambda: self._send(Entries, failed=1)}
        answer: dict[str, Any] = self.faults.perform("SQS", lambda: self._send(Entries), refuse_first)
        return answer

    def _send(self, entries: Sequence[Mapping[str, Any]], failed: int = 0) -> dict[str, Any]:
        for entry in entries[failed:]:
            visible_at = self.clock() + entry["DelaySeconds"]
            self.messages.append(Message(entry["MessageBody"], entry["Id"], self.clock(), visible_at))
        return {"Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in entries[:failed]]}

    def receive(self, held: Collection[str] = (), order: int = 0) -> list[Message]:
        """Receive a batch, in an order of SQS's choice.

        The messages of ``held`` accounts are late.
        """
        now = self.clock()
        self.messages = [
            each
            for each in self.messages
            if now - each.sent < RETENTION_SECONDS and (each.receives < MAX_RECEIVES or each.visible_at > now)
        ]
        visible = [each for each in self.messages if each.visible_at <= now and each.account not in held]
        start = order % len(visible) if visible else 0
        batch = [*visible[start:], *visible[:start]][:: -1 if order % 2 else 1][:BATCH]
        for each in batch:
            each.receives += 1
            each.visible_at = now + VISIBILITY_SECONDS
        return batch

    def delete(self, message: Message) -> None:
        self.messages = [each for each in self.messages if each is not message]
