"""Places in JSON, and what may stand there instead."""

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.campaigns.hostile import ugly

Place = tuple[Any, Any]
"""The container of a value, and its name or position there."""


def some_place(data: Any, rng: Random) -> Place | None:
    """Any place in ``data``; None where it has none."""
    places = list(_places(data))
    return rng.choice(places) if places else None


def replaced(value: Any, rng: Random) -> Any:
    """Something in the place of ``value``, most often of another type."""
    others = (
        None,
        True,
        0,
        -1,
        1.5,
        10**40,
        "",
        " ",
        [],
        {},
        [value],
        {"S": value},
        {"N": "NaN"},
        {"S": ""},
        str(value),
    )
    return rng.choice((*others, ugly.text(rng)))


def _places(data: Any) -> Iterator[Place]:
    inside = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    for name, value in inside:
        yield data, name
        yield from _places(value)
