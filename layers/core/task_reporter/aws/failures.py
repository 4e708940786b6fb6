"""The errors of AWS's clients, and what a log says of an error."""

import traceback
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from task_reporter.errors import TaskReporterError

REQUEST_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""Errors of a client: refused, not answered, or not parsed."""

EXPECTED_ERRORS = (TaskReporterError, *REQUEST_ERRORS)
"""Errors whose text says what went wrong.

Any other error is a defect of this package.
"""


def describe(error: Exception) -> str:
    """Describe ``error`` for a log.

    The text of an unexpected error may quote a payload, so only its type and place are given.
    """
    if isinstance(error, EXPECTED_ERRORS):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"unexpected {type(error).__name__}{where}; please report it"


def answer_is_missing(error: Exception) -> bool:
    """Tell whether a service may have carried out a request despite this error.

    The request was sent, and no complete response came.
    """
    return isinstance(error, HTTPClientError | ResponseParserError)


def code_of(error: Exception) -> str:
    """Return the error code of a service, or the type of any other error."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def status_of(error: Exception) -> int:
    """Return the HTTP status of a service's error, 0 for any other error."""
    response: Any = error.response if isinstance(error, ClientError) else {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
