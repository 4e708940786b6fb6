"""The errors that a step may end with, and what a log says of them."""

import traceback
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from task_reporter.errors import TaskReporterError

REQUEST_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""The errors of a botocore client: a service refuses, does not answer, or answers what can't be parsed."""

FORESEEN = (TaskReporterError, *REQUEST_ERRORS)
"""These say themselves what went wrong. Any other error is a defect of this package."""


def describe(error: Exception) -> str:
    """Describe ``error`` for a log; of an unforeseen error, whose text may quote a payload, only type and place."""
    if isinstance(error, FORESEEN):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"unexpected {type(error).__name__}{where}; please report it"


def answer_is_missing(error: Exception) -> bool:
    """Tell whether a request was sent and its answer never came whole, so that the service may have done it."""
    return isinstance(error, HTTPClientError | ResponseParserError)


def code_of(error: Exception) -> str:
    """Give the service's code of a refusal, or the type of any other error."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def status_of(error: Exception) -> int:
    """Give the HTTP status of a refusal, 0 where there was none."""
    response: Any = error.response if isinstance(error, ClientError) else {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
