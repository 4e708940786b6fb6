"""Common parts of all families of hostile input."""

from tests.campaigns.runner import ViolationError

STEPS = (0, 1, 1, 1, 2, 2, 3, 4, 6, 10)
"""Numbers of steps that spoil an example, equally likely."""


def hold(holds: bool, text: str) -> None:
    """Raise ViolationError with ``text`` where an invariant does not hold."""
    if not holds:
        raise ViolationError("hostile input costs nobody anything", text)
