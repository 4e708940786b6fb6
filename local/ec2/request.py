"""Parses requests in EC2's query protocol.

All names come from botocore's model of EC2, so parameters have the form in which a caller of boto3 passes them.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html
"""

import base64
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from local.ec2.errors import Ec2Error
from local.ec2.model import ec2_model

# Names that belong to the protocol or to a signature, not to the action.
_ENVELOPE = re.compile(
    r"Action|Version|X-Amz-[\w-]+"
    r"|AWSAccessKeyId|SecurityToken|Expires|Timestamp|Signature(Method|Version)?"
)
# Characters that XML 1.0 cannot represent.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Tree = dict[str, Any]  # nested: {"Filter": {"1": {"Name": "state", "Value": {"1": "failed"}}}}


def parse_query(text: str) -> dict[str, str]:
    """Parse a query string or a form body into names and values.

    Raises Ec2Error (InvalidCharacter) for characters that an XML response cannot contain.
    """
    query = dict(parse_qsl(text, keep_blank_values=True))
    for name, value in query.items():
        if _UNWRITABLE.search(name + value):
            raise Ec2Error("InvalidCharacter", "The request contains a character that XML does not allow.")
    return query


def parse_parameters(action: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the action's parameters as a caller of boto3 passes them.

    Raises Ec2Error: MissingParameter, UnknownParameter, InvalidParameterValue, MalformedQueryString.
    """
    shape = ec2_model().operation_model(action).input_shape
    tree = _build_tree({name: value for name, value in query.items() if not _ENVELOPE.fullmatch(name)})
    params = _read_structure(shape, tree, "")
    for member in shape.required_members:
        require(params, member)
    return params


def require(params: Mapping[str, Any], *path: str) -> Any:
    """Return the parameter at ``path``. Raises Ec2Error (MissingParameter) if it is absent or empty."""
    value: Any = params
    for name in path:
        value = value.get(name)
        if not value:
            raise Ec2Error("MissingParameter", f"The request must contain the parameter {'.'.join(path)}")
    return value


def _build_tree(query: Mapping[str, str]) -> Tree:
    root: Tree = {}
    # Sorted, so that Filter comes before Filter.1 if a request contains both.
    for name in sorted(query):
        *path, leaf = name.split(".")
        branch = root
        for part in path:
            branch = branch.setdefault(part, {})
            if not isinstance(branch, dict):
                raise Ec2Error("MalformedQueryString", f"The parameter {name} conflicts with another parameter")
        branch[leaf] = query[name]
    return root


def _read(shape: Any, value: Any, name: str) -> Any:
    read_tree = _TREES.get(shape.type_name)
    if (read_tree is not None) != isinstance(value, dict):
        raise _unknown(name)
    if read_tree is not None:
        return read_tree(shape, value, name)
    try:
        scalar = _SCALARS.get(shape.type_name, str)(value)
    except (KeyError, ValueError):
        # The message does not contain the value, which could be an upload policy.
        message = f"The value of {name} is not of the type {shape.type_name}"
        raise Ec2Error("InvalidParameterValue", message) from None
    if shape.type_name == "integer":
        _check_range(shape.metadata, scalar, name)
    return scalar


def _check_range(limits: Mapping[str, int], number: int, name: str) -> None:
    if not limits.get("min", number) <= number <= limits.get("max", number):
        raise Ec2Error("InvalidParameterValue", f"Value ( {number} ) for parameter {name} is invalid")


def _read_structure(shape: Any, tree: Tree, name: str) -> dict[str, Any]:
    members = {_query_name(member, inner): (member, inner) for member, inner in shape.members.items()}
    values = {}
    for key, value in tree.items():
        full_name = f"{name}.{key}" if name else key
        if key not in members:
            raise _unknown(full_name)
        member, inner = members[key]
        values[member] = _read(inner, value, full_name)
    return values


def _read_list(shape: Any, tree: Tree, name: str) -> list[Any]:
    for index in tree:
        if not re.fullmatch("[0-9]{1,9}", index):
            raise _unknown(f"{name}.{index}")
    return [_read(shape.member, tree[index], f"{name}.{index}") for index in sorted(tree, key=int)]


def _query_name(member: str, shape: Any) -> str:
    # https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html#query-key-resolution
    names = shape.serialization
    name: str = names.get("queryName") or names.get("name") or member
    return name if "queryName" in names else name[:1].upper() + name[1:]


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_TREES: dict[str, Callable[[Any, Tree, str], Any]] = {"structure": _read_structure, "list": _read_list}
_SCALARS: dict[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "blob": partial(base64.b64decode, validate=True),
}


def _unknown(name: str) -> Ec2Error:
    return Ec2Error("UnknownParameter", f"The parameter {name} is not recognized")
