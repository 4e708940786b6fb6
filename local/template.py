"""The project's CloudFormation template as plain data."""

from pathlib import Path
from typing import Any

import yaml

from local.environments import ROOT

TEMPLATE = ROOT / "template.yaml"


def load(path: Path = TEMPLATE) -> dict[str, Any]:
    """The template at ``path``, its short tags written out: ``!Ref x`` is ``{"Ref": "x"}``.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """
    loaded = yaml.load(path.read_text(), _Loader)  # nosec B506 # its loader is a SafeLoader
    assert isinstance(loaded, dict)  # nosec B101 # for the type checker
    return loaded


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
