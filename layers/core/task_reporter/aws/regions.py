"""The regions that are enabled for an account."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from task_reporter.aws.failures import EXPECTED_ERRORS, describe

REMEMBERED_FOR = timedelta(hours=1)
"""Time until EC2 is asked again; a newly enabled region is found then."""


class RegionsResult(NamedTuple):
    """Regions, and the reason why they may not be all."""

    regions: Sequence[str]
    problem: str | None = None


def list_enabled_regions(ec2: Any) -> list[str]:
    """Return the enabled regions of the client's account, sorted. Raises botocore's errors.

    Without ``AllRegions``, EC2 lists only these:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
    """
    regions = ec2.describe_regions().get("Regions", [])
    return sorted(region["RegionName"] for region in regions if region.get("RegionName"))


class EnabledRegions:
    """The enabled regions of one account, remembered for an hour."""

    def __init__(self, ec2: Any) -> None:
        self._ec2 = ec2
        self._regions: Sequence[str] = ()
        self._asked_at: datetime | None = None

    def find(self, now: datetime, otherwise: Sequence[str]) -> RegionsResult:
        """Return the enabled regions.

        If EC2 does not tell them, the result has the last known ones, or else ``otherwise``, and the problem.
        """
        if self._asked_at and self._asked_at <= now < self._asked_at + REMEMBERED_FOR:
            return RegionsResult(self._regions)
        try:
            self._regions = list_enabled_regions(self._ec2)
        except EXPECTED_ERRORS as error:
            return RegionsResult(self._regions or otherwise, describe(error))
        if not self._regions:
            return RegionsResult(otherwise, "DescribeRegions: EC2 listed no region")
        self._asked_at = now
        return RegionsResult(self._regions)
