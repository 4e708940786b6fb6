"""What EC2 lists now."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore import xform_name
from botocore.parsers import ResponseParserError

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.errors import MalformedAnswerError
from task_reporter.kinds import Kind
from task_reporter.patience import LIST_TASKS

UNREADABLE = (ResponseParserError, ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What botocore raises of a body: an error of its own, or whatever it stumbles over where that is not as it should be,
such as a refusal without a code. Of a field that can't be decoded it says ValueError."""


def listed(client: Any, kind: Kind, deadline: Deadline = NO_DEADLINE) -> Iterator[Mapping[str, Any]]:
    """EC2's answers to the operation that lists ``kind``: every page.

    Throttling and server errors are retried by the client itself. Raises botocore's errors where that does not
    help, OutOfTimeError, and MalformedAnswerError where the answer can't be parsed: botocore's own error quotes
    the body, and a body can hold upload policies.
    """
    doing = f"listing {kind.name} tasks"
    deadline.check(doing, LIST_TASKS.longest)
    try:
        for answer in _pages(client, xform_name(kind.operation)):
            yield answer
            if answer.get("NextToken"):
                deadline.check(doing, LIST_TASKS.longest)
    except UNREADABLE:
        raise MalformedAnswerError(kind.operation, "it is not the XML that EC2 promises") from None


def _pages(client: Any, operation: str) -> Iterator[Mapping[str, Any]]:
    if client.can_paginate(operation):
        yield from client.get_paginator(operation).paginate()
    else:
        yield getattr(client, operation)()
