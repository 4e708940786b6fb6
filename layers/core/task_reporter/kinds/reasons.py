"""The reason that EC2 gives as text for the end of a task.

Such a text begins with a code (``ClientError: Disk validation failed``), says that somebody cancelled the task, or says
something else. While the task runs, the same field holds the phase, so projections take the text of ended tasks only.
"""

import re

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST

# Newer back ends put another form of the code before it: ``CLIENT_ERROR : ClientError: …``.
CODE = re.compile(r"\s*(?:[A-Z_]+ : )?([A-Za-z]*(?:Error|Failure)): ")
CANCELLED_BY_SOMEBODY = re.compile(r"\bcancell?ed\b|\bcancellation\b", re.IGNORECASE)
EXPIRED = re.compile(r"\bexpired?\b", re.IGNORECASE)
"""A task that took too long: "Task expired and automatically canceled"."""


def error_code_in(text: str) -> str | None:
    """Return the code with which ``text`` begins, or None."""
    found = CODE.match(text)
    return found[1] if found else None


def failure_by_text(row: Row) -> str | None:
    """Return ``failed`` or ``cancelled`` by a task's error text, None without text.

    A text that names neither an error nor a cancellation counts as a failure, and people read it.
    """
    text = str(row.get("error_message", ""))
    if not text:
        return None
    is_cancelled = CANCELLED_BY_SOMEBODY.search(text) and not EXPIRED.search(text)
    return CANCELLED if is_cancelled and not error_code_in(text) else FAILED


def examples_by_text(place: Row, failed_state: str, result: Row | None = None) -> dict[str, Row]:
    """Return the examples of a kind whose tasks fail, or are cancelled, in ``failed_state``.

    ``place`` is in each of them, ``result`` in that of a complete task.
    """
    error: Row = {"error_code": "ClientError", "error_message": "ClientError: This is what EC2 says of a failure."}
    cancellation: Row = {"error_message": "This is what EC2 says: the task was cancelled."}
    return {
        COMPLETE: {"state": "completed", **(result or {}), **place},
        FAILED: {"state": failed_state, **error, **place},
        CANCELLED: {"state": failed_state, **cancellation, **place},
        LOST: {"state": "active", **place},
    }
