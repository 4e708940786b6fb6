"""EC2's task lists: all pages, and no answer that only looks like a list.

botocore's parser takes text for an empty list, and two lists for two tasks without an id. Either would say that no task
runs, and a running task that is not listed is soon declared lost. So `reject_malformed_lists` looks at the body before
botocore parses it.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from xml.etree import ElementTree  # nosec B405 # expat stops entity expansion; answers come from AWS over TLS
from xml.etree.ElementTree import Element  # nosec B405 # the type only

from botocore import xform_name
from botocore.parsers import ResponseParserError

from task_reporter.aws.request_limits import LIST_TASKS, RequestLimits
from task_reporter.errors import MalformedAnswerError
from task_reporter.kinds.kind import Kind
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline

PARSE_ERRORS = (ResponseParserError, ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""Errors that botocore raises for a body that it can't parse.

Some are its own, others come from whatever its code runs into.

For a field that can't be decoded it raises ValueError, for an error response without a code AttributeError.
"""

BEFORE_PARSE = "before-parse.ec2"
"""botocore's event for each answer of EC2's, to which ``reject_malformed_lists`` is registered."""
ITEM = "item"
"""The XML element of one item of a list."""


def list_pages(
    client: Any, kind: Kind, deadline: Deadline = NO_DEADLINE, limits: RequestLimits = LIST_TASKS
) -> Iterator[Mapping[str, Any]]:
    """Yield EC2's answers to the operation that lists ``kind``: every page.

    The client itself retries throttling and server errors; ``limits`` are those of its requests. Raises botocore's
    errors where that does not help, OutOfTimeError, and MalformedAnswerError where an answer can't be parsed.
    botocore's own error would quote the body, and a body can hold upload policies.
    """
    doing = f"listing {kind.name} tasks"
    deadline.check(doing, limits.max_seconds)
    try:
        for answer in _pages(client, xform_name(kind.operation)):
            yield answer
            if answer.get("NextToken"):
                deadline.check(doing, limits.max_seconds)
    except PARSE_ERRORS:
        raise MalformedAnswerError(kind.operation, "it is not the XML that EC2 promises") from None


def _pages(client: Any, operation: str) -> Iterator[Mapping[str, Any]]:
    if client.can_paginate(operation):
        yield from client.get_paginator(operation).paginate()
    else:
        yield getattr(client, operation)()


def reject_malformed_lists(**event: Any) -> None:
    """Raise ResponseParserError for a list that occurs twice, or is no list.

    A list that is not there at all is absent from botocore's result too, and is noticed there.
    """
    response = event["response_dict"]
    root = _parsed(response["body"])
    if response["status_code"] >= HTTPStatus.MULTIPLE_CHOICES or root is None:
        return
    for name in _list_names(event["operation_model"]):
        lists = [child for child in root if _name(child) == name]
        if len(lists) > 1 or not all(map(_is_list, lists)):
            raise ResponseParserError(f"{name} is no list")


def _parsed(body: bytes) -> Element | None:
    """Parse the body as botocore does.

    None where the body is not XML; botocore raises its own error for that.
    """
    try:
        return ElementTree.fromstring(body, ElementTree.XMLParser(encoding="utf-8"))  # nosec B314 # see the import
    except ElementTree.ParseError:
        return None


def _list_names(operation_model: Any) -> Iterator[str]:
    """Yield the names that the lists of the operation have in XML."""
    for name, shape in operation_model.output_shape.members.items():
        if shape.type_name == "list":
            yield shape.serialization.get("name", name)


def _is_list(element: Element) -> bool:
    """Tell whether ``element`` holds items and nothing else; it may be empty."""
    texts = [element.text, *(child.tail for child in element)]
    return all(_name(child) == ITEM for child in element) and not any(text and text.strip() for text in texts)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]
