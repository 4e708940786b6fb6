"""The properties of an event source mapping, as far as the template uses them.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.filter_patterns import Pattern, parse_pattern

RANGES = {
    "BatchSize": (1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "MaximumRetryAttempts": (0, 10_000),
    "MaximumRecordAgeInSeconds": (60, 86_400),
}
"""Limits of numbers.

Lambda also knows -1 for the last two, without end, with which one bad record blocks a shard for a day.
"""
REQUIRED = {
    "StartingPosition": "TRIM_HORIZON",
    "BisectBatchOnFunctionError": True,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}
"""Properties that the model knows with one value only."""
ABOUT_OTHERS = {"Stream", "DestinationConfig"}


@dataclass(frozen=True)
class Settings:
    """The properties that the model follows."""

    batch_size: int
    window: int
    retries: int
    max_age: int
    patterns: tuple[Pattern, ...]

    @classmethod
    def read(cls, properties: Mapping[str, Any]) -> Settings:
        """Read the properties.

        Raises ValueError for what Lambda refuses, and for what is not modelled.
        """
        if unknown := sorted(properties.keys() - RANGES.keys() - REQUIRED.keys() - ABOUT_OTHERS - {"FilterCriteria"}):
            raise ValueError(f"not modelled: {', '.join(unknown)}")
        for name, value in REQUIRED.items():
            if properties.get(name) != value:
                raise ValueError(f"not modelled: {name} = {properties.get(name)!r}")
        numbers = [_number(properties, name) for name in RANGES]
        patterns = [parse_pattern(each["Pattern"]) for each in properties["FilterCriteria"]["Filters"]]
        return cls(*numbers, tuple(patterns))


def _number(properties: Mapping[str, Any], name: str) -> int:
    low, high = RANGES[name]
    value = properties.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name}: {value!r} is not a whole number from {low} to {high}")
    return value
