"""What EC2 lists now."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore import xform_name
from botocore.parsers import ResponseParserError

from task_reporter.errors import MalformedAnswerError
from task_reporter.kinds import Kind


def listed(client: Any, kind: Kind) -> Iterator[Mapping[str, Any]]:
    """EC2's answers to the operation that lists ``kind``: every page.

    Throttling and server errors are retried by the client itself. Raises botocore's errors where that does not
    help, and MalformedAnswerError where the answer can't be parsed: botocore's own error quotes the body, and
    a body can hold upload policies.
    """
    operation = xform_name(kind.operation)
    try:
        if client.can_paginate(operation):
            yield from client.get_paginator(operation).paginate()
        else:
            yield getattr(client, operation)()
    except ResponseParserError:
        raise MalformedAnswerError(kind.operation, "it is not the XML that EC2 promises") from None
