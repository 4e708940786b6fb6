"""The deployed template, as tests read it.

CloudFormation's short tags are written out: ``!Ref X`` is ``{"Ref": "X"}``, ``!GetAtt X.Y`` is
``{"Fn::GetAtt": ["X", "Y"]}``.
"""

from functools import cache
from typing import Any

from local.template import load_template


@cache
def template() -> dict[str, Any]:
    """Return the whole template."""
    return load_template()


def properties(resource: str) -> dict[str, Any]:
    """Return the properties of ``resource``."""
    found: dict[str, Any] = template()["Resources"][resource]["Properties"]
    return found


def event_properties(function: str, event: str) -> dict[str, Any]:
    """Return the properties of one of a function's events, such as a stream mapping."""
    found: dict[str, Any] = properties(function)["Events"][event]["Properties"]
    return found


def default(parameter: str) -> Any:
    """Return the default of a parameter of the stack."""
    return template()["Parameters"][parameter]["Default"]


def table_properties() -> dict[str, Any]:
    """Return the history's table as ``create_table`` takes it.

    Keys, indexes and stream are the deployed ones.
    """
    asked = properties("HistoryTable")
    taken = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    stream = {"StreamEnabled": True, **asked["StreamSpecification"]}
    return {name: asked[name] for name in taken} | {"StreamSpecification": stream}
