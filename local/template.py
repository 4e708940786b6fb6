"""The project's CloudFormation template as plain data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.environments import ROOT

TEMPLATE = ROOT / "template.yaml"
_NO_VALUE = object()


def load(path: Path = TEMPLATE) -> dict[str, Any]:
    """Load the template at ``path``, its short tags written out: ``!Ref x`` is ``{"Ref": "x"}``.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """
    loaded = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # nosec B506 # its loader is a SafeLoader
    assert isinstance(loaded, dict)  # nosec B101 # for the type checker
    return loaded


def resolve(node: Any, template: Mapping[str, Any], parameters: Mapping[str, str]) -> Any:
    """Return ``node`` of ``template`` with its parameters and conditions resolved.

    A parameter that ``parameters`` does not hold has its default. Raises ValueError where ``node`` uses anything else.
    """

    def value_of(part: Any) -> Any:
        return resolve(part, template, parameters)

    match node:
        case {"Ref": "AWS::NoValue"}:
            return _NO_VALUE
        case {"Ref": name} if name in template["Parameters"]:
            return parameters.get(name, str(template["Parameters"][name]["Default"]))
        case {"Fn::If": [condition, yes, no]}:
            return value_of(yes if value_of(template["Conditions"][condition]) else no)
        case {"Fn::Not": [condition]}:
            return not value_of(condition)
        case {"Fn::Equals": [one, other]}:
            return value_of(one) == value_of(other)
        case {"Ref": _} | {"Fn::GetAtt": _}:
            raise ValueError(f"{node} is known only once the stack is deployed")
        case dict():
            values = {key: value_of(part) for key, part in node.items()}
            return {key: value for key, value in values.items() if value is not _NO_VALUE}
        case list():
            return [value for value in map(value_of, node) if value is not _NO_VALUE]
    return node


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, and CloudFormation's tags."""


def _written_out(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    value = _value(loader, node)
    return {name: value.split(".", 1) if tag == "GetAtt" and isinstance(value, str) else value}


def _value(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)  # nosec B101 # for the type checker
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _written_out)
