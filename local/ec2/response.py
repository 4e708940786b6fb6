"""Formats responses in EC2's query protocol as XML.

All names come from botocore's model of EC2, so results have the form in which boto3 returns them.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree  # nosec B405 # it writes XML and reads none

from local.ec2.errors import Ec2Error
from local.ec2.model import API_VERSION, ec2_model

NAMESPACE = f"http://ec2.amazonaws.com/doc/{API_VERSION}/"


def format_response(action: str, result: Mapping[str, Any], request_id: str) -> bytes:
    """Format the ``result`` of ``action``, which has the form that boto3 returns.

    It is left out where the action has none.
    """
    root = ElementTree.Element(f"{action}Response", xmlns=NAMESPACE)
    ElementTree.SubElement(root, "requestId").text = request_id
    if shape := ec2_model().operation_model(action).output_shape:
        _write_structure(shape, result, root)
    return _document(root)


def format_error(error: Ec2Error, request_id: str) -> bytes:
    """Format an error.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html#api-error-response
    """
    root = ElementTree.Element("Response")
    entry = ElementTree.SubElement(ElementTree.SubElement(root, "Errors"), "Error")
    ElementTree.SubElement(entry, "Code").text = error.code
    ElementTree.SubElement(entry, "Message").text = error.message
    ElementTree.SubElement(root, "RequestID").text = request_id
    return _document(root)


def format_time(moment: datetime) -> str:
    """Format a time as EC2 does, in UTC: ``2013-09-15T17:15:20.000Z``.

    Milliseconds are rounded down, so that no time is in the future.
    """
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _write_structure(shape: Any, values: Mapping[str, Any], parent: ElementTree.Element) -> None:
    for member, value in values.items():
        inner = shape.members[member]
        _write(inner, value, ElementTree.SubElement(parent, inner.serialization.get("name", member)))


def _write(shape: Any, value: Any, element: ElementTree.Element) -> None:
    if shape.type_name == "structure":
        _write_structure(shape, value, element)
    elif shape.type_name == "list":
        for item in value:
            _write(shape.member, item, ElementTree.SubElement(element, shape.member.serialization["name"]))
    else:
        element.text = _scalar_text(value)


def _scalar_text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _document(root: ElementTree.Element) -> bytes:
    document: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document
