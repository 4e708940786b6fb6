"""Regions and lists of an account, in short."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

MAX_NAMED = 2
"""Regions of one area, and kinds, that are named; more are counted."""


def format_places(places: Iterable[str], regions: int) -> str:
    """Format places: ``eu-north-1, ap-* (3 regions)``, ``us-east-1/export-image``.

    ``places`` are ``<region>`` or ``<region>/<kind>``, and ``regions`` is the number of regions that the account has.
    """
    kinds: dict[str, list[str]] = defaultdict(list)
    for place in places:
        region, _, kind = place.partition("/")
        kinds[region] += [kind] if kind else []
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for region, named in sorted(kinds.items()):
        groups[tuple(named)].append(region)
    return "; ".join(_format_group(named, found, regions) for named, found in groups.items())


def _format_group(kinds: Sequence[str], found: Sequence[str], regions: int) -> str:
    where = format_regions(found, regions)
    if not kinds:
        return where
    if len(found) == len(kinds) == 1:
        return f"{found[0]}/{kinds[0]}"
    return f"{', '.join(kinds) if len(kinds) <= MAX_NAMED else f'{len(kinds)} lists'} in {where}"


def format_regions(found: Sequence[str], regions: int) -> str:
    """Format regions; ``regions`` is the number of those that there are."""
    if len(found) > MAX_NAMED and len(found) == regions:
        return f"all {regions} regions"
    areas: dict[str, list[str]] = defaultdict(list)
    for region in found:
        areas[region.partition("-")[0]].append(region)
    named = [region for area in areas.values() if len(area) <= MAX_NAMED for region in area]
    counted = [f"{area}-* ({len(some)} regions)" for area, some in areas.items() if len(some) > MAX_NAMED]
    return ", ".join(named + counted)
