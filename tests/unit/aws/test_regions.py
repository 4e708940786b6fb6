"""The enabled regions of an account, and what is remembered of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from traceback import format_exception

import pytest

from task_reporter.aws.regions import REMEMBERED_FOR, EnabledRegions, RegionsResult, list_enabled_regions
from task_reporter.errors import MalformedAnswerError
from tests.support.canned_ec2 import Answer, CannedEc2, canned_ec2, told

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + REMEMBERED_FOR
OWN = ("us-east-2",)


def own() -> tuple[str, ...]:
    return OWN


MALFORMED = {
    "a page": told("html-page"),
    "no XML": told("no-xml"),
    "nothing": told("nothing"),
    "no region": Answer(b"<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>"),
    "text for a list": Answer(b"<DescribeRegionsResponse><regionInfo>all</regionInfo></DescribeRegionsResponse>"),
    "a region without a name": Answer(
        b"<DescribeRegionsResponse><regionInfo><item/></regionInfo></DescribeRegionsResponse>"
    ),
    "an error without a code": Answer(b"<Response><Errors><Error/></Errors></Response>", 400),
}
FAILURES = {**MALFORMED, "denied": told("error-unauthorized")}


def regions(*names: str) -> Answer:
    items = "".join(f"<item><regionName>{name}</regionName></item>" for name in names)
    return Answer(f"<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>".encode())


@pytest.fixture
def ec2() -> Iterator[CannedEc2]:
    with canned_ec2(regions("us-west-1", "eu-west-1")) as ec2:
        yield ec2


@pytest.fixture
def enabled(ec2: CannedEc2) -> EnabledRegions:
    return EnabledRegions(ec2.client())


def test_enabled_regions_are_sorted(ec2: CannedEc2) -> None:
    assert list_enabled_regions(ec2.client()) == ["eu-west-1", "us-west-1"]
    assert "AllRegions" not in ec2.requests[0]


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_answer_is_named_and_not_quoted(name: str, ec2: CannedEc2) -> None:
    ec2.answers[:] = [MALFORMED[name]]
    with pytest.raises(MalformedAnswerError, match="DescribeRegions: malformed answer") as caught:
        list_enabled_regions(ec2.client())
    assert "SECRET" not in "".join(format_exception(caught.value))


@pytest.mark.parametrize(("after", "asked"), [(timedelta(), 1), (LATER - NOW, 2), (timedelta(days=-1), 2)])
def test_regions_are_remembered_for_an_hour(
    after: timedelta, asked: int, ec2: CannedEc2, enabled: EnabledRegions
) -> None:
    enabled.find(NOW, own)
    ec2.answers[:] = [regions("eu-north-1")]
    just_before = enabled.find(LATER - timedelta(seconds=1), own)
    assert just_before == RegionsResult(["eu-west-1", "us-west-1"])
    found = enabled.find(NOW + after, own)
    assert found == (just_before if asked == 1 else RegionsResult(["eu-north-1"], is_new=True))
    assert len(ec2.requests) == asked


@pytest.mark.parametrize("name", FAILURES)
def test_failure_keeps_the_last_known_regions(name: str, ec2: CannedEc2, enabled: EnabledRegions) -> None:
    known = enabled.find(NOW, own).regions
    ec2.answers[:] = [FAILURES[name], FAILURES[name], regions("eu-north-1")]
    for _ in range(2):
        found = enabled.find(LATER, own)
        assert (found.regions, bool(found.problem)) == (known, True), "and EC2 is asked again"
    assert enabled.find(LATER, own) == RegionsResult(["eu-north-1"], is_new=True)


@pytest.mark.parametrize("name", FAILURES)
def test_failure_at_first_leaves_the_callers_regions(name: str, ec2: CannedEc2, enabled: EnabledRegions) -> None:
    ec2.answers[:] = [FAILURES[name]]
    found = enabled.find(NOW, own)
    assert (found.regions, bool(found.problem)) == (OWN, True)
