"""EventBridge with faults, which shows each accepted event to the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from tests.campaigns.lives.faults import FaultInjector
from tests.campaigns.lives.oracle import EVENT, Oracle
from tests.support.event_bus import Entry, FakeEventBridge, about


class FaultyEventBridge(FakeEventBridge):
    """The notifier's client."""

    def __init__(self, faults: FaultInjector, oracle: Oracle) -> None:
        super().__init__()
        self._perform, self._oracle = partial(faults.perform, EVENT), oracle

    def describe_event_bus(self, Name: str) -> dict[str, str]:
        answer: dict[str, str] = self._perform(partial(super().describe_event_bus, Name), {})
        return answer

    def put_events(self, Entries: Sequence[Entry]) -> dict[str, Any]:
        refusals = {"an entry fails": "InternalFailure", "an entry is invalid": "MalformedDetail"}
        faults = {name: partial(self._send, Entries, code) for name, code in refusals.items()}
        answer: dict[str, Any] = self._perform(partial(self._send, Entries), faults)
        return answer

    def _send(self, entries: Sequence[Entry], *refusals: str) -> dict[str, Any]:
        """Send ``entries``, of which the first ones fail."""
        left, before = list(refusals), len(self.accepted)
        self.error = lambda entry: left.pop() if left else None
        answer = super().put_events(entries)
        self._oracle.accept(EVENT, str(entries), [about(entry) for entry in self.accepted[before:]])
        return answer
