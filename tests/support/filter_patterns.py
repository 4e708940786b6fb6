"""Lambda's filter patterns with names and exact values, as in the template.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
"""

import json
from typing import Any

Pattern = dict[str, Any]


def parse_pattern(text: str) -> Pattern:
    """Parse a pattern. Raises ValueError for patterns that are not modelled."""
    pattern: Pattern = json.loads(text)
    _check(pattern)
    if pattern.keys() - {"dynamodb"}:
        raise ValueError(f"a DynamoDB mapping can't filter on {sorted(pattern)}")
    return pattern


def _check(node: Any) -> None:
    if not isinstance(node, dict) or not node:
        raise ValueError(f"filter pattern: expected an object with names, got {node!r}")
    for name, rules in node.items():
        if isinstance(rules, dict):
            _check(rules)
        elif not (isinstance(rules, list) and rules and all(isinstance(rule, str) for rule in rules)):
            raise ValueError(f"not modelled: {name!r} has the rules {rules!r}, and not a list of texts")


def matches(pattern: Pattern, node: Any) -> bool:
    """Tell whether every name of the pattern matches; other names are ignored."""
    return all(
        matches(rules, _member(node, name)) if isinstance(rules, dict) else _member(node, name) in rules
        for name, rules in pattern.items()
    )


def _member(node: Any, name: str) -> Any:
    return node.get(name) if isinstance(node, dict) else None
