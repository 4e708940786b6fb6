"""The regions of an account, and their opt-in status.

https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.ec2 import filters
from local.ec2.errors import AUTH_FAILURE, Ec2Error

Values = Mapping[str, Any]

ALWAYS, ENABLED, DISABLED = "opt-in-not-required", "opted-in", "not-opted-in"

DEFAULT_REGIONS: Mapping[str, str] = dict.fromkeys(
    (
        "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1",
        "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
        "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    ),
    ALWAYS,
) | dict.fromkeys(("af-south-1", "ap-east-1", "eu-south-1", "il-central-1", "me-south-1"), DISABLED)  # fmt: skip
"""Region → status in a new account; 17 are enabled."""

_FIELDS: filters.Fields = {
    "endpoint": ("Endpoint",),
    "opt-in-status": ("OptInStatus",),
    "region-name": ("RegionName",),
}


def describe(regions: Mapping[str, str], params: Values) -> Values:
    """Return the result of DescribeRegions: enabled regions, the named ones, or all.

    Raises Ec2Error for an unknown region or filter.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
    """
    names = params.get("RegionNames", [])
    if unknown := [name for name in names if name not in regions]:
        raise Ec2Error("InvalidParameterValue", f"Invalid region: [{', '.join(unknown)}]")
    rows = _rows(regions, names or (regions if params.get("AllRegions") else _enabled(regions)))
    return {"Regions": filters.select(rows, params.get("Filters", []), _FIELDS)}


def check_enabled(regions: Mapping[str, str], region: str) -> None:
    """Raise Ec2Error (AuthFailure) for a region that the account has not enabled.

    A region that is not in ``regions`` at all is served.
    """
    if regions.get(region) == DISABLED:
        raise Ec2Error(*AUTH_FAILURE)


def _enabled(regions: Mapping[str, str]) -> list[str]:
    return [region for region, status in regions.items() if status != DISABLED]


def _rows(regions: Mapping[str, str], names: Iterable[str]) -> Iterator[Values]:
    for name in names:
        yield {"Endpoint": f"ec2.{name}.amazonaws.com", "RegionName": name, "OptInStatus": regions[name]}
