"""What botocore's parser lets pass: an answer of EC2's whose list is no list.

It takes text for an empty list, and two lists for two tasks without an id. Either would say that nothing runs, and
what runs and is not listed is lost before long. So the body is looked at before it is parsed.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from xml.etree import ElementTree  # nosec B405 # expat stops entity expansion; answers come from AWS over TLS
from xml.etree.ElementTree import Element  # nosec B405 # the type only

from botocore.parsers import ResponseParserError

EVENT = "before-parse.ec2"
"""botocore's event for which ``check_lists`` is made; it comes with every answer of EC2's."""
ITEM = "item"


def check_lists(**told: Any) -> None:
    """Raise ResponseParserError where a list of the operation's stands in the body twice, or is none.

    One that is not there at all is missing from what botocore makes of the body, which is seen there.
    """
    response = told["response_dict"]
    root = _root(response["body"])
    if response["status_code"] >= HTTPStatus.MULTIPLE_CHOICES or root is None:
        return
    for name in _lists(told["operation_model"]):
        found = [child for child in root if _name(child) == name]
        if len(found) > 1 or not all(map(_is_list, found)):
            raise ResponseParserError(f"{name} is no list")


def _root(body: bytes) -> Element | None:
    """The body's root as botocore reads it; of what is no XML botocore itself says so."""
    try:
        return ElementTree.fromstring(body, ElementTree.XMLParser(encoding="utf-8"))  # nosec B314 # see the import
    except ElementTree.ParseError:
        return None


def _lists(operation_model: Any) -> Iterator[str]:
    """The names that the operation's lists have in XML."""
    for name, shape in operation_model.output_shape.members.items():
        if shape.type_name == "list":
            yield shape.serialization.get("name", name)


def _is_list(element: Element) -> bool:
    """Whether ``element`` holds items and nothing else; it may hold none."""
    between = [element.text, *(child.tail for child in element)]
    return all(_name(child) == ITEM for child in element) and not any(text and text.strip() for text in between)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]
