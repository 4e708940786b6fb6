"""EC2's bundle tasks and their states: the truth behind the history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED

STATES = ("pending", "waiting-for-shutdown", "bundling", "storing")
SECRET = "SOAKSECRET"
"""Part of every value that must get nowhere."""
SECRETS = {
    "AWSAccessKeyId": f"AKIA{SECRET}",
    "UploadPolicy": f"policy-{SECRET}",
    "UploadPolicySignature": f"signature-{SECRET}",
}
MOVES = (
    "step", "step", "complete", "complete", "fail", "fail late", "fail without code", "cancel", "cancelled late",
    "cancelled late", "cancel", "fail without code", "forget", "hide", "show",
)  # fmt: skip
SEEN_ENDINGS = ("complete", "fail", "fail late", "cancelled late")
ENDINGS = (*SEEN_ENDINGS, "forget")
LATEST_CODE = 120
"""Seconds after its end within which EC2 fills a task's error code in."""


@dataclass
class BundleTask:
    """One task, as EC2 knows it.

    ``outcome`` is how it ended, ``code`` is told from ``code_at`` on. ``forgotten`` tasks are listed no more,
    ``hidden`` ones are left out by a replica that lags.
    """

    task_id: str
    started: float
    updated: float
    timed: bool = True
    state: str = STATES[0]
    outcome: str | None = None
    code: str | None = None
    code_at: float = 0.0
    forgotten: bool = False
    hidden: bool = False

    def move(self, move: str, now: float, late: int) -> None:
        """Apply the next event to the task, unless it is impossible."""
        if move in ("hide", "show"):
            self.hidden = move == "hide"
        elif move == "forget":
            self.forgotten = True
        elif self.outcome is None:
            self._run(move, now, late)

    def _run(self, move: str, now: float, late: int) -> None:
        self.updated = now
        if move == "complete":
            self.state, self.outcome = "complete", COMPLETE
        elif move == "cancel":
            self.state = "cancelling"
        elif move == "step":
            if self.state in STATES:
                self.state = STATES[min(STATES.index(self.state) + 1, len(STATES) - 1)]
        else:
            self._fail(move, now, late)

    def _fail(self, move: str, now: float, late: int) -> None:
        cancelled = self.state == "cancelling" or move == "cancelled late"
        self.state, self.outcome = "failed", CANCELLED if cancelled else FAILED
        if move != "fail without code":
            self.code = "Client.Cancelled" if cancelled else "Client.S3Error"
            self.code_at = now + (0 if move == "fail" else late)

    def listed(self, now: float) -> dict[str, Any]:
        """Return the task as botocore's parser returns it."""
        told: dict[str, Any] = {"BundleId": self.task_id, "InstanceId": f"i-{self.task_id[4:]}", "State": self.state}
        told["Storage"] = {"S3": {"Bucket": "north", "Prefix": self.task_id, **SECRETS}}
        if self.timed:
            told |= {"StartTime": _text(self.started), "UpdateTime": _text(self.updated)}
        if self.outcome is None and self.state == "storing":
            told["Progress"] = f"{int(self.updated) % 100}%"
        if self.code and now >= self.code_at:
            told["BundleTaskError"] = {"Code": self.code, "Message": "it ended so"}
        return told


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
