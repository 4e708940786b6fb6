"""The project's CloudFormation templates as plain data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.environments import ROOT

TEMPLATE = ROOT / "template.yaml"
MEMBER_TEMPLATE = ROOT / "member.yaml"
_NO_VALUE = object()


def load_template(path: Path = TEMPLATE) -> dict[str, Any]:
    """Load a template with its short tags in long form.

    For example, ``!Ref x`` becomes ``{"Ref": "x"}``.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """
    template = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # nosec B506 # its loader is a SafeLoader
    assert isinstance(template, dict)  # nosec B101 # for the type checker
    return template


def resolve(node: Any, template: Mapping[str, Any], parameters: Mapping[str, str]) -> Any:
    """Return a part of ``template`` with its parameters and conditions resolved.

    A parameter that is not in ``parameters`` has its default value. Raises ValueError for any other reference.
    """

    def resolve_part(part: Any) -> Any:
        return resolve(part, template, parameters)

    match node:
        case {"Ref": "AWS::NoValue"}:
            return _NO_VALUE
        case {"Ref": name} if name in template["Parameters"]:
            return parameters.get(name, str(template["Parameters"][name]["Default"]))
        case {"Fn::If": [condition, if_true, if_false]}:
            return resolve_part(if_true if resolve_part(template["Conditions"][condition]) else if_false)
        case {"Fn::Not": [condition]}:
            return not resolve_part(condition)
        case {"Fn::Equals": [left, right]}:
            return resolve_part(left) == resolve_part(right)
        case {"Ref": _} | {"Fn::GetAtt": _}:
            raise ValueError(f"{node} has no value before the stack is deployed")
        case dict():
            values = {key: resolve_part(part) for key, part in node.items()}
            return {key: value for key, value in values.items() if value is not _NO_VALUE}
        case list():
            return [value for value in map(resolve_part, node) if value is not _NO_VALUE]
    return node


class _Loader(yaml.SafeLoader):
    """YAML's safe loader with CloudFormation's tags."""


def _expand_tag(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    value = _construct(loader, node)
    return {name: value.split(".", 1) if tag == "GetAtt" and isinstance(value, str) else value}


def _construct(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)  # nosec B101 # for the type checker
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _expand_tag)
