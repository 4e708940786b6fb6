"""Lambda's filter patterns: which are valid, and what they let through.

Pages invocation-eventfiltering and with-ddb-filtering of https://docs.aws.amazon.com/lambda/latest/dg/; "Silent:" marks
a choice made here because they say nothing.
"""

import json
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Pattern = dict[str, Any]

PATTERN_LIMIT = 4096

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}


def _same(value: Any, wanted: Any) -> bool:
    """Strings match character by character and numbers by representation: 300 is not 300.0.

    Page invocation-eventfiltering. In JSON true is not 1 either, which Python would call equal.
    """
    return json.dumps(value) == json.dumps(wanted)


def _numeric(value: Any, terms: Sequence[Any]) -> bool:
    """Never matches an attribute: the record carries `N` as text (page with-ddb-filtering)."""
    if not _is_number(value):
        return False
    return all(_COMPARE[terms[i]](value, terms[i + 1]) for i in range(0, len(terms), 2))


def _anything_but(value: Any, unwanted: Any) -> bool:
    return not any(_same(value, each) for each in _listed(unwanted))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


def _are_terms(value: Any) -> bool:
    if not isinstance(value, list) or not value or len(value) % 2:
        return False
    return all(sign in _COMPARE for sign in value[::2]) and all(map(_is_number, value[1::2]))


@dataclass(frozen=True)
class _Operator:
    accepts: Callable[[Any], bool]
    matches: Callable[[Any, Any], bool]


_OPERATORS: dict[str, _Operator] = {
    "prefix": _Operator(_is_text, lambda value, text: _is_text(value) and value.startswith(text)),
    "suffix": _Operator(_is_text, lambda value, text: _is_text(value) and value.endswith(text)),
    "equals-ignore-case": _Operator(
        _is_text, lambda value, text: _is_text(value) and value.casefold() == text.casefold()
    ),
    "anything-but": _Operator(
        lambda value: bool(_listed(value)) and all(map(_is_scalar, _listed(value))), _anything_but
    ),
    "numeric": _Operator(_are_terms, _numeric),
}


def parse_pattern(text: str) -> Pattern:
    """A pattern that is not valid is refused when the mapping is made (page with-ddb-filtering)."""
    if len(text) > PATTERN_LIMIT:
        raise ValueError(f"filter pattern longer than {PATTERN_LIMIT} characters")
    pattern: Pattern = json.loads(text, object_pairs_hook=_merged)
    _check_node(pattern)
    _check_roots(pattern)
    return pattern


def _merged(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The page's own AND example writes "dynamodb" twice, so objects under one name are merged.

    Silent: on anything else written twice; refused, because one of the two would vanish.
    """
    merged: dict[str, Any] = {}
    for name, value in pairs:
        if name not in merged:
            merged[name] = value
        elif isinstance(merged[name], dict) and isinstance(value, dict):
            merged[name] = _merged([*merged[name].items(), *value.items()])
        else:
            raise ValueError(f"filter pattern names {name!r} twice")
    return merged


def _check_roots(pattern: Pattern) -> None:
    """Page with-ddb-filtering: only the `dynamodb` key can be filtered on. Seen: `eventName` too."""
    for name, rules in pattern.items():
        if name == "$or":
            for alternative in rules:
                _check_roots(alternative)
        elif name not in ("dynamodb", "eventName"):
            raise ValueError(f"a DynamoDB mapping can't filter on {name!r}")


def _check_node(node: Any) -> None:
    if not isinstance(node, dict) or not node:
        raise ValueError(f"filter pattern: expected an object with names, got {node!r}")
    for name, rules in node.items():
        if isinstance(rules, dict) and name != "$or":
            _check_node(rules)
        elif isinstance(rules, list) and rules:
            check = _check_node if name == "$or" else _check_rule
            for rule in rules:
                check(rule)
        else:
            raise ValueError(f"filter pattern: {name!r} needs a list of rules, got {rules!r}")


def _check_rule(rule: Any) -> None:
    if _is_scalar(rule):
        return
    if not isinstance(rule, dict) or len(rule) != 1:
        raise ValueError(f"filter rule: expected a value or one operator, got {rule!r}")
    ((name, argument),) = rule.items()
    accepts = _is_truth if name == "exists" else _OPERATORS[name].accepts if name in _OPERATORS else None
    if accepts is None or not accepts(argument):
        raise ValueError(f"filter rule not known to Lambda: {rule!r}")


def matches(pattern: Pattern, node: Any) -> bool:
    """Every name in the pattern must match, names that it doesn't mention are ignored.

    Page invocation-eventfiltering. Under a list any element may match, as in the `Organizations` example of
    page with-ddb-filtering.
    """
    if isinstance(node, list):
        return any(matches(pattern, element) for element in node)
    return all(_matches_name(name, rules, node) for name, rules in pattern.items())


def _matches_name(name: str, rules: Any, node: Any) -> bool:
    if name == "$or":
        return any(matches(alternative, node) for alternative in rules)
    value = node.get(name, {}) if isinstance(node, dict) else {}
    if isinstance(rules, dict):
        return matches(rules, value)
    return any(_matches_rule(rule, _leaves(value)) for rule in rules)


def _matches_rule(rule: Any, leaves: list[Any]) -> bool:
    """Exists only sees leaves; an intermediate node counts as absent (page with-ddb-filtering).

    Seen: so `exists: false` on an attribute that is there, but without its type, matches every record.
    """
    if not isinstance(rule, dict):
        return any(_same(leaf, rule) for leaf in leaves)
    ((name, argument),) = rule.items()
    if name == "exists":
        return bool(leaves) is argument
    return any(_OPERATORS[name].matches(leaf, argument) for leaf in leaves)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return []
    if isinstance(value, list):
        return [leaf for element in value for leaf in _leaves(element)]
    return [value]
