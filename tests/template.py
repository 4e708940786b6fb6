"""The template as plain values: CloudFormation's short tags in their long form, ``!Ref X`` as ``{"Ref": "X"}``."""

from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).resolve().parent.parent / "template.yaml"


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags; a key that stands twice is an error, where YAML would take the last."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value = _plain(loader, node)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


def _plain(loader: _Loader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    pairs = [(loader.construct_object(key, deep=True), value) for key, value in node.value]
    names = [name for name, _ in pairs]
    if twice := {name for name in names if names.count(name) > 1}:
        raise yaml.YAMLError(f"stands twice in one mapping: {', '.join(map(str, twice))}{node.start_mark}")
    return {name: loader.construct_object(value, deep=True) for name, value in pairs}


_Loader.add_multi_constructor("!", _tagged)
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(text: str) -> dict[str, Any]:
    """A template's text as plain values. Raises yaml.YAMLError."""
    loader = _Loader(text)
    try:
        loaded: dict[str, Any] = loader.get_single_data()
        return loaded
    finally:
        loader.dispose()


def template() -> dict[str, Any]:
    """The template that is deployed."""
    return load(PATH.read_text())


def table_properties() -> dict[str, Any]:
    """The history's table as ``create_table`` takes it: keys, indexes and stream are the deployed ones."""
    properties = template()["Resources"]["HistoryTable"]["Properties"]
    taken = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    stream = {"StreamEnabled": True, **properties["StreamSpecification"]}
    return {name: properties[name] for name in taken} | {"StreamSpecification": stream}
