"""The properties of an event source mapping (page services-ddb-params of the Lambda guide)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.filter_patterns import Pattern, parse_pattern

RETENTION = 24 * 60 * 60
FILTERS_LIMIT = 5

_RANGES = {
    "BatchSize": (100, 1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 0, 300),
    "MaximumRetryAttempts": (-1, -1, 10_000),
    "MaximumRecordAgeInSeconds": (-1, -1, 604_800),
}
_FIXED = {"ParallelizationFactor": 1, "TumblingWindowInSeconds": 0, "Enabled": True}
_READ = {"BisectBatchOnFunctionError", "FunctionResponseTypes", "FilterCriteria", "StartingPosition"}
_ABOUT_OTHERS = {"EventSourceArn", "Stream", "FunctionName", "DestinationConfig"}
_ABOUT_OTHERS |= {"KmsKeyArn", "MetricsConfig", "Tags"}


@dataclass(frozen=True)
class Settings:
    """The properties with the defaults of page services-ddb-params."""

    batch_size: int
    window: int
    retries: int
    oldest: float
    bisect: bool
    partial: bool
    patterns: tuple[Pattern, ...]
    from_latest: bool

    @classmethod
    def read(cls, properties: Mapping[str, Any]) -> Settings:
        _check_names(properties)
        age = _number(properties, "MaximumRecordAgeInSeconds")
        if 0 <= age < 60:
            # CloudFormation's page on the property: inside the range, yet not allowed.
            raise ValueError(f"MaximumRecordAgeInSeconds: {age} is below 60")
        return cls(
            batch_size=_number(properties, "BatchSize"),
            window=_number(properties, "MaximumBatchingWindowInSeconds"),
            retries=_number(properties, "MaximumRetryAttempts"),
            # -1 means until the record expires, and a stream keeps its records for 24 hours.
            oldest=RETENTION if age < 0 else min(age, RETENTION),
            bisect=_choice(properties, "BisectBatchOnFunctionError", [False, True], False),
            partial=_choice(properties, "FunctionResponseTypes", [[], ["ReportBatchItemFailures"]], []) != [],
            patterns=_patterns(properties.get("FilterCriteria") or {}),
            from_latest=_choice(properties, "StartingPosition", ["TRIM_HORIZON", "LATEST"], None) == "LATEST",
        )


def _check_names(properties: Mapping[str, Any]) -> None:
    """A misspelt property would silently be its default, so it is refused; so is what isn't modelled."""
    unknown = sorted(properties.keys() - _RANGES.keys() - _FIXED.keys() - _READ - _ABOUT_OTHERS)
    if unknown:
        raise ValueError(f"not a property of a DynamoDB stream mapping: {', '.join(unknown)}")
    for name, value in _FIXED.items():
        if properties.get(name, value) != value:
            raise ValueError(f"not modelled: {name} = {properties[name]!r}")


def _number(properties: Mapping[str, Any], name: str) -> int:
    default, low, high = _RANGES[name]
    value = properties.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name}: {value!r} is not a whole number from {low} to {high}")
    return value


def _choice(properties: Mapping[str, Any], name: str, allowed: list[Any], default: Any) -> Any:
    value = properties.get(name, default)
    if value not in allowed:
        raise ValueError(f"{name}: {value!r} is none of {allowed}")
    return value


def _patterns(criteria: Mapping[str, Any]) -> tuple[Pattern, ...]:
    """At most five filters (page invocation-eventfiltering)."""
    filters = criteria.get("Filters", [])
    if len(filters) > FILTERS_LIMIT:
        raise ValueError(f"{len(filters)} filters, at most {FILTERS_LIMIT} are allowed")
    return tuple(parse_pattern(each["Pattern"]) for each in filters)
