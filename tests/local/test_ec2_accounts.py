"""Tests of a local EC2 with many accounts and regions."""

import http.client
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from local.ec2 import Ec2Error, Ec2Server, StsAccounts
from local.ec2.plays import ANSWERS
from local.ec2.regions import DEFAULT_REGIONS
from tests.support.canned_ec2 import Answer, canned_ec2
from tests.support.clock import Clock
from tests.support.ec2_client import client_of
from tests.support.waiting import WAIT_SECONDS, eventually

ACCOUNTS = {"AKIANORTH": "111111111111", "AKIASOUTH": "222222222222"}
NORTH, SOUTH = ACCOUNTS.values()
SNAPSHOT = {"DiskContainer": {"UserBucket": {"S3Bucket": "exports", "S3Key": "wiki.vmdk"}}}
ClientOf = Callable[..., Any]


@pytest.fixture
def server(clock: Clock) -> Iterator[Ec2Server]:
    with Ec2Server(clock=clock, seed=1, account_of=ACCOUNTS.__getitem__) as server:
        yield server


@pytest.fixture
def client(server: Ec2Server) -> Iterator[ClientOf]:
    """Yield a function that makes a client for a region and an access key."""
    clients = []

    def make(region: str = "eu-west-1", key: str = "AKIANORTH") -> Any:
        clients.append(client_of(server, region, key))
        return clients[-1]

    yield make
    for each in clients:
        each.close()


def snapshots(ec2: Any) -> list[str]:
    return [task["ImportTaskId"] for task in ec2.describe_import_snapshot_tasks()["ImportSnapshotTasks"]]


def error_of(call: Callable[..., Any], **params: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response: Any = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def test_accounts_and_regions_have_tasks_of_their_own(server: Ec2Server, client: ClientOf) -> None:
    places = [(region, key) for region in ("eu-west-1", "us-east-1") for key in ACCOUNTS]
    ids = [client(*place).import_snapshot(**SNAPSHOT)["ImportTaskId"] for place in places]
    assert len(set(ids)) == 4
    assert [snapshots(client(*place)) for place in places] == [[task_id] for task_id in ids]
    assert snapshots(client("eu-north-1")) == []
    assert server.calls[SOUTH, "us-east-1", "DescribeImportSnapshotTasks"] == 1


def test_images_belong_to_the_account_of_the_key(client: ClientOf, clock: Clock) -> None:
    ec2 = client()
    ec2.bundle_instance(InstanceId="i-00000001", Storage={"S3": {"Bucket": "b", "Prefix": "p"}})
    clock.forward(60)
    ec2.register_image(Name="win", ImageLocation="b/p.manifest.xml")
    [image] = ec2.describe_images(Owners=[NORTH])["Images"]
    assert image["OwnerId"] == NORTH
    assert client(key="AKIASOUTH").describe_images()["Images"] == []


def test_one_account_has_every_key_by_default(clock: Clock) -> None:
    with Ec2Server(clock=clock) as server:
        north, south = client_of(server, key="AKIANORTH"), client_of(server, key="AKIASOUTH")
        task_id = north.import_snapshot(**SNAPSHOT)["ImportTaskId"]
        assert snapshots(south) == [task_id]
        north.close()
        south.close()


LIST = "Action=DescribeImportSnapshotTasks"
CREDENTIAL = "AKIASOUTH%2F20261123%2Fus-east-1%2Fec2%2Faws4_request"
PLACES = {
    f"/?{LIST}&X-Amz-Credential={CREDENTIAL}": (SOUTH, "us-east-1"),
    f"/?{LIST}": ("000000000000", "eu-west-1"),
    f"/?{LIST}&X-Amz-Credential=AKIASOUTH": ("000000000000", "eu-west-1"),
}


@pytest.mark.parametrize("path", PLACES)
def test_a_query_may_name_its_caller(server: Ec2Server, path: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=WAIT_SECONDS)
    connection.request("GET", path)
    assert connection.getresponse().status == 200
    connection.close()
    assert list(server.calls) == [(*PLACES[path], "DescribeImportSnapshotTasks")]


def test_regions_have_an_opt_in_status(server: Ec2Server, client: ClientOf) -> None:
    ec2 = client()
    first = ec2.describe_regions()["Regions"]
    assert len(first) == 17
    assert {"RegionName": "eu-west-1", "OptInStatus": "opt-in-not-required"}.items() <= first[8].items()
    everything = ec2.describe_regions(AllRegions=True)["Regions"]
    assert {region["RegionName"]: region["OptInStatus"] for region in everything} == DEFAULT_REGIONS
    statuses = {"eu-west-1": "opt-in-not-required", "me-south-1": "opted-in", "af-south-1": "not-opted-in"}
    server.set_regions(NORTH, statuses)
    assert [region["RegionName"] for region in ec2.describe_regions()["Regions"]] == ["eu-west-1", "me-south-1"]
    assert len(client(key="AKIASOUTH").describe_regions()["Regions"]) == 17


SELECTED: list[tuple[dict[str, Any], set[str]]] = [
    ({"RegionNames": ["ap-east-1", "eu-west-1"]}, {"ap-east-1", "eu-west-1"}),
    ({"Filters": [{"Name": "region-name", "Values": ["eu-west-*"]}]}, {"eu-west-1", "eu-west-2", "eu-west-3"}),
    ({"Filters": [{"Name": "endpoint", "Values": ["ec2.sa-*"]}]}, {"sa-east-1"}),
    ({"Filters": [{"Name": "opt-in-status", "Values": ["not-opted-in"]}]}, set()),
    ({"AllRegions": True, "Filters": [{"Name": "opt-in-status", "Values": ["not-opted-in"]}]},
     {"af-south-1", "ap-east-1", "eu-south-1", "il-central-1", "me-south-1"}),
]  # fmt: skip


@pytest.mark.parametrize(("params", "names"), SELECTED)
def test_names_and_filters_select_regions(client: ClientOf, params: dict[str, Any], names: set[str]) -> None:
    assert {region["RegionName"] for region in client().describe_regions(**params)["Regions"]} == names


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"RegionNames": ["eu-west-9"]}, "InvalidParameterValue"),
        ({"Filters": [{"Name": "x", "Values": []}]}, "InvalidParameterValue"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
def test_an_invalid_request_for_regions_is_refused(client: ClientOf, params: dict[str, Any], code: str) -> None:
    assert error_of(client().describe_regions, **params)[0] == code


def test_a_region_refuses_accounts_that_lack_it(server: Ec2Server, client: ClientOf) -> None:
    ec2 = client("ap-east-1")
    assert error_of(ec2.describe_export_tasks)[:2] == ("AuthFailure", 401)
    server.set_regions(NORTH, {"ap-east-1": "opted-in"})
    assert ec2.describe_export_tasks()["ExportTasks"] == []


PLAYED = {
    "denied": ("UnauthorizedOperation", 403, "assumed-role/reader/session is not authorized"),
    "denied-by-scp": ("UnauthorizedOperation", 403, "with an explicit deny in a service control policy"),
    "region-disabled": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
    "opt-in-required": ("OptInRequired", 401, "not subscribed"),
    "invalid-token": ("InvalidClientTokenId", 403, "security token"),
    "not-here": ("InvalidAction", 400, "The action DescribeExportTasks is not valid"),
    "unsupported": ("UnsupportedOperation", 400, "not available in this region"),
    "throttled": ("RequestLimitExceeded", 503, "Request limit exceeded."),
    "expired": ("RequestExpired", 400, "Request has expired."),
}


@pytest.mark.parametrize("name", PLAYED)
def test_a_play_answers_until_it_ends(server: Ec2Server, client: ClientOf, name: str) -> None:
    ec2, (code, status, text) = client(), PLAYED[name]
    with server.play(name):
        assert error_of(ec2.describe_export_tasks)[:2] == (code, status)
        assert text in error_of(ec2.describe_export_tasks)[2]
    assert ec2.describe_export_tasks()["ExportTasks"] == []


def test_every_play_is_tested_and_others_are_refused(server: Ec2Server) -> None:
    assert ANSWERS.keys() == PLAYED.keys() | {"broken", "slow"}
    with pytest.raises(ValueError, match="'bored' is none of denied, "):
        server.play("bored")


def test_a_broken_answer_holds_no_list(server: Ec2Server, client: ClientOf) -> None:
    server.play("broken")
    assert "ExportTasks" not in client().describe_export_tasks()


def test_a_play_meets_only_what_its_patterns_name(server: Ec2Server, client: ClientOf) -> None:
    server.play("denied", account="1*", region="ap-*", operations=("DescribeExport*", "DescribeRegions"))
    asian = client("ap-south-1")
    assert error_of(asian.describe_export_tasks)[0] == error_of(asian.describe_regions)[0] == "UnauthorizedOperation"
    for other in (client("eu-west-1"), client("ap-south-1", "AKIASOUTH")):
        assert other.describe_export_tasks()["ExportTasks"] == []
    assert snapshots(asian) == []


def test_the_latest_play_takes_precedence(server: Ec2Server, client: ClientOf) -> None:
    server.play("throttled")
    latest = server.play("denied", region="eu-*")
    ec2 = client()
    assert error_of(ec2.describe_regions)[0] == "UnauthorizedOperation"
    latest.end()
    assert error_of(ec2.describe_regions)[0] == "RequestLimitExceeded"
    server.end_plays()
    assert ec2.describe_regions()["Regions"]


def test_a_play_answers_so_many_requests(server: Ec2Server, client: ClientOf) -> None:
    server.play("expired", region="eu-*", times=2)
    ec2, other = client(), client("us-east-1")
    assert other.describe_regions()["Regions"]
    assert [error_of(ec2.describe_regions)[0] for _ in range(2)] == ["RequestExpired"] * 2
    assert ec2.describe_regions()["Regions"]


def test_a_slow_answer_holds_up_no_other_request(server: Ec2Server, client: ClientOf) -> None:
    server.play("denied", region="us-east-1")
    slow = server.play("slow", region="us-*", seconds=WAIT_SECONDS)
    waiting = [client(region).describe_export_tasks for region in ("us-east-2", "us-west-1", "us-east-1")]
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(call) for call in waiting]
        eventually(lambda: sum(count for (_, region, _), count in server.calls.items() if region[:2] == "us") == 3)
        assert snapshots(client()) == []
        assert not any(answer.done() for answer in answers)
        slow.end()
        assert [answer.result()["ExportTasks"] for answer in answers[:2]] == [[], []]
        assert error_of(answers[2].result)[0] == "UnauthorizedOperation"


def account_answer(account: str) -> Answer:
    result = f"<GetAccessKeyInfoResult><Account>{account}</Account></GetAccessKeyInfoResult>"
    return Answer(f"<GetAccessKeyInfoResponse>{result}</GetAccessKeyInfoResponse>".encode())


def test_sts_is_asked_once_for_the_account_of_a_key() -> None:
    with canned_ec2(account_answer(NORTH)) as sts:
        accounts = StsAccounts(sts.url)
        assert [accounts("ASIA0123456789ABCDEF") for _ in range(3)] == [NORTH] * 3
        assert (accounts(SOUTH), accounts("test")) == (SOUTH, "000000000000")
        assert len(sts.requests) == 1


def test_a_key_that_sts_does_not_know_is_refused() -> None:
    with canned_ec2(Answer(b"<ErrorResponse/>", 400)) as sts, pytest.raises(Ec2Error, match="AuthFailure"):
        StsAccounts(sts.url)("ASIA0123456789ABCDEF")
