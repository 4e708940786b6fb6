"""The deployed template, with CloudFormation's short tags written out.

``!Ref X`` is ``{"Ref": "X"}``, ``!GetAtt X.Y`` is ``{"Fn::GetAtt": ["X", "Y"]}``.
"""

from functools import cache
from typing import Any

from local.template import MEMBER_TEMPLATE, load_template


@cache
def template() -> dict[str, Any]:
    return load_template()


@cache
def member_template() -> dict[str, Any]:
    return load_template(MEMBER_TEMPLATE)


def properties(resource: str) -> dict[str, Any]:
    found: dict[str, Any] = template()["Resources"][resource]["Properties"]
    return found


def event_properties(function: str, event: str) -> dict[str, Any]:
    """Return the properties of one of a function's events, such as a stream mapping."""
    found: dict[str, Any] = properties(function)["Events"][event]["Properties"]
    return found


def default(parameter: str) -> Any:
    return template()["Parameters"][parameter]["Default"]


def table_properties() -> dict[str, Any]:
    """Return the parameters of ``create_table`` for the history, as deployed."""
    asked = properties("HistoryTable")
    taken = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    stream = {"StreamEnabled": True, **asked["StreamSpecification"]}
    return {name: asked[name] for name in taken} | {"StreamSpecification": stream}
