"""The template as the tests read it: what it asks of AWS is tested as it stands there.

CloudFormation's short tags are written out: ``!Ref X`` is ``{"Ref": "X"}``, ``!GetAtt X.Y`` is
``{"Fn::GetAtt": ["X", "Y"]}``.
"""

from functools import cache
from typing import Any

from local.template import load_template


@cache
def template() -> dict[str, Any]:
    """The whole template."""
    return load_template()


def properties(resource: str) -> dict[str, Any]:
    """The properties of ``resource``."""
    found: dict[str, Any] = template()["Resources"][resource]["Properties"]
    return found


def event_properties(function: str, event: str) -> dict[str, Any]:
    """The properties of one of a function's events, such as a stream mapping."""
    found: dict[str, Any] = properties(function)["Events"][event]["Properties"]
    return found


def default(parameter: str) -> Any:
    """The default of a parameter of the stack."""
    return template()["Parameters"][parameter]["Default"]


def table_properties() -> dict[str, Any]:
    """The history's table as ``create_table`` takes it: keys, indexes and stream are the deployed ones."""
    asked = properties("HistoryTable")
    taken = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    stream = {"StreamEnabled": True, **asked["StreamSpecification"]}
    return {name: asked[name] for name in taken} | {"StreamSpecification": stream}
