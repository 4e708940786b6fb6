"""The regions that are enabled for an account."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from task_reporter.aws.failures import EXPECTED_ERRORS, describe
from task_reporter.aws.lists import PARSE_ERRORS
from task_reporter.errors import MalformedAnswerError

REMEMBERED_FOR = timedelta(hours=1)
"""Time until EC2 is asked again; a newly enabled region is found then."""


class RegionsResult(NamedTuple):
    """Regions, and the reason why they may not be all."""

    regions: Sequence[str]
    problem: str | None = None
    is_new: bool = False
    """EC2 has listed them just now."""


def list_enabled_regions(ec2: Any) -> list[str]:
    """Return the enabled regions of the client's account, sorted and at least one.

    Raises botocore's errors, and MalformedAnswerError where an answer can't be parsed or has no region.

    Without ``AllRegions``, EC2 lists only these:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
    """
    try:
        listed = ec2.describe_regions().get("Regions", [])
    except PARSE_ERRORS:
        raise MalformedAnswerError("DescribeRegions", "it is not the XML that EC2 promises") from None
    regions = sorted(region["RegionName"] for region in listed if region.get("RegionName"))
    if not regions:
        raise MalformedAnswerError("DescribeRegions", "it lists no region")
    return regions


class EnabledRegions:
    """The enabled regions of one account, remembered for an hour."""

    def __init__(self, ec2: Any) -> None:
        self._ec2 = ec2
        self._regions: Sequence[str] = ()
        self._asked_at: datetime | None = None

    def find(self, now: datetime, otherwise: Callable[[], Sequence[str]]) -> RegionsResult:
        """Return the enabled regions.

        If EC2 does not tell them, the result has the last known ones, or else those of ``otherwise``, and the problem.
        """
        if self._asked_at and self._asked_at <= now < self._asked_at + REMEMBERED_FOR:
            return RegionsResult(self._regions)
        try:
            self._regions = list_enabled_regions(self._ec2)
        except EXPECTED_ERRORS as error:
            return RegionsResult(self._regions or otherwise(), describe(error))
        self._asked_at = now
        return RegionsResult(self._regions, is_new=True)
