"""Waits for conditions, with limits that a busy machine does not reach."""

import time
from collections.abc import Callable
from typing import Any

from task_reporter.aws.request_limits import RequestLimits

WAIT_SECONDS = 300
"""Seconds for one condition.

A condition that takes longer than ten seconds on an idle machine needs a test of its own.
"""

TEST_SECONDS = 1800
"""Seconds for one test with its fixtures, which may install, build and deploy."""


def eventually(condition: Callable[[], Any]) -> Any:
    """Return the first true value of ``condition``. Raises TimeoutError with the last value."""
    end = time.monotonic() + WAIT_SECONDS
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"still {found!r} after {WAIT_SECONDS} seconds")
        time.sleep(0.05)
    return found


def unhurried(patience: RequestLimits) -> RequestLimits:
    """Return ``patience`` with long time-outs but the same number of attempts."""
    return patience._replace(connect=WAIT_SECONDS, read=WAIT_SECONDS)
