"""IAM's decisions by policy statements.

Pages of https://docs.aws.amazon.com/IAM/latest/UserGuide/:
  reference_policies_evaluation-logic                     an explicit deny wins; without an allow it is denied
  reference_policies_elements_condition_operators         operators, and Null
  reference_policies_condition-single-vs-multi-valued     ForAllValues holds for a key that is absent
An operator or element that the template does not use is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

Statement = Mapping[str, Any]
ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Principal", "Condition"}


@dataclass(frozen=True)
class Request:
    """One request to AWS.

    action      such as ``sqs:SendMessage``
    resource    its ARN
    context     condition keys and their values; a list if a key has several
    principal   an ARN of IAM, or the name of a service; only resource policies look at it
    """

    action: str
    resource: str
    context: Mapping[str, str | list[str]] = field(default_factory=dict)
    principal: str = ""


def allowed(statements: Iterable[Statement], request: Request) -> bool:
    """Tell whether ``statements`` alone allow ``request``."""
    effects = {statement["Effect"] for statement in statements if applies(statement, request)}
    return effects == {"Allow"}


def applies(statement: Statement, request: Request) -> bool:
    """Tell whether every element of ``statement`` matches ``request``."""
    if unknown := statement.keys() - ELEMENTS:
        raise ValueError(f"not modelled: {unknown}")
    holding = [  # all of them, whatever else matches, so that an unknown operator is always refused
        _holds(operator, _given(request).get(key), as_list(values))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    return (
        any(fnmatchcase(request.action.lower(), pattern.lower()) for pattern in as_list(statement["Action"]))
        and any(fnmatchcase(request.resource, pattern) for pattern in as_list(statement["Resource"]))
        and ("Principal" not in statement or _is_principal(statement["Principal"], request.principal))
        and all(holding)
    )


def _given(request: Request) -> Mapping[str, str | list[str]]:
    """Return what a policy may look at: EventBridge tells a topic no rule.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    if request.principal == "events.amazonaws.com" and request.action.startswith("sns:"):
        return {key: value for key, value in request.context.items() if not key.startswith("aws:Source")}
    return request.context


def _is_principal(named: Any, principal: str) -> bool:
    """Tell whether ``named`` is ``principal``; an account's root is every identity in it."""
    if named == "*":
        return True
    ((kind, value),) = named.items()
    if kind == "Service":
        return principal in as_list(value)
    if kind == "AWS" and value.endswith(":root"):
        return principal.startswith(value.removesuffix("root"))
    raise ValueError(f"not modelled: {named}")


def _holds(operator: str, found: str | list[str] | None, wanted: list[str]) -> bool:
    if operator == "Null":
        return [str(found is None).lower()] == wanted
    if operator == "ForAllValues:StringEquals":
        return all(value in wanted for value in as_list(found or []))
    if operator == "ForAllValues:StringLike":
        return all(any(fnmatchcase(value, pattern) for pattern in wanted) for value in as_list(found or []))
    if operator in {"StringEquals", "ArnEquals", "Bool"}:
        return isinstance(found, str) and found in wanted
    if operator == "StringEqualsIfExists":
        return found is None or found in wanted
    if operator == "ArnLike":
        return isinstance(found, str) and any(_is_like(found, pattern) for pattern in wanted)
    raise ValueError(f"not modelled: {operator}")


def _is_like(arn: str, pattern: str) -> bool:
    """Compare the six parts of an ARN one by one.

    A ``*`` matches a colon only in the last part.
    """
    parts, patterns = arn.split(":", 5), pattern.split(":", 5)
    return len(parts) == len(patterns) == 6 and all(map(fnmatchcase, parts, patterns))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
