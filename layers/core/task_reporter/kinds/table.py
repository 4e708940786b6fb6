"""The kinds of task that this version watches."""

from collections.abc import Mapping
from typing import Any

from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import Kind

KINDS: dict[str, Kind] = {kind.name: kind for kind in (BUNDLE,)}
"""Name → kind. To add a kind, see docs/adding-a-kind.md."""

FIRST_OWN_ATTRIBUTES = tuple(BUNDLE.attributes)
"""The kinds' own attributes that have a CSV column of their own."""


def kind_of(row: Mapping[str, Any]) -> Kind:
    """Return the kind of ``row``, or a general kind where it is unknown."""
    name = str(row.get("kind", "unknown"))
    return KINDS.get(name) or Kind(name=name, operation="", projection="", endings={})
