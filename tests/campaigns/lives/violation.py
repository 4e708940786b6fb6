"""The invariants of a history."""

from tests.campaigns.runner import ViolationError

KEPT = "1 kept: what was seen finished has its row and the right outcome"
TOLD = "2 told: every outcome has its notice"
ONCE = "3 once: a notice comes twice only where its mark could not follow"
SETTLED = "4 settled: nothing waits for ever, and nothing is lost too soon"
SECRET = "5 secret: nothing that opens a bucket gets anywhere"
QUIET = "6 quiet: no news, no write"
HEARTBEAT = "7 heartbeat: good polls alone move it"


def hold(invariant: str, holds: bool, what: object) -> None:
    """Raise ViolationError where it does not hold; ``what`` is said of it."""
    if not holds:
        raise ViolationError(invariant, str(what))
