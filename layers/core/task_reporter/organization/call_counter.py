"""The number of requests that clients send."""

from threading import Lock
from typing import Any

BEFORE_SEND = "before-send"
"""botocore's event for each attempt of a request."""


class CallCounter:
    """Counts the requests of some clients, each attempt included."""

    def __init__(self) -> None:
        self._lock, self._count = Lock(), 0

    def watch(self, client: Any) -> Any:
        """Count the requests of ``client`` from now on, and return it."""
        client.meta.events.register(BEFORE_SEND, self.add)
        return client

    def add(self, **_event: Any) -> None:
        """Count one request, and return None, so that botocore sends it.

        Several threads may call it.
        """
        with self._lock:
            self._count += 1

    def take(self) -> int:
        """Return the number of requests since the last call."""
        with self._lock:
            count, self._count = self._count, 0
            return count
