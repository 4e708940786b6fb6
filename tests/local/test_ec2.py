"""Tests of the local EC2 with botocore, with plain HTTP and as a program."""

import http.client
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, WaiterError

from local.ec2 import Ec2Server, actions
from tests.support.clock import Clock
from tests.support.ec2_client import client_of
from tests.support.waiting import WAIT_SECONDS

INSTANCE = "i-1234567890abcdef0"
LOCATION = "north/win.manifest.xml"


def bundle(ec2: Any, instance: str = INSTANCE, bucket: str = "north", prefix: str = "win", **more: Any) -> str:
    storage = {"S3": {"Bucket": bucket, "Prefix": prefix, **more}}
    bundle_id: str = ec2.bundle_instance(InstanceId=instance, Storage=storage)["BundleTask"]["BundleId"]
    return bundle_id


def only_task(ec2: Any, **params: Any) -> dict[str, Any]:
    (task,) = ec2.describe_bundle_tasks(**params)["BundleTasks"]
    return dict(task)


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response: Any = caught.value.response
    assert re.fullmatch(r"[0-9a-f-]{36}", response["ResponseMetadata"]["RequestId"])
    error = response["Error"]
    return error["Code"], error["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_new_task_holds_what_the_request_gave(ec2: Any, clock: Clock) -> None:
    secrets: dict[str, Any] = {
        "AWSAccessKeyId": "AKIAEXAMPLE",
        "UploadPolicy": b"\x00{}",
        "UploadPolicySignature": "s+/=",
    }
    bundle_id = bundle(ec2, **secrets)
    started = clock.now.replace(microsecond=123_000)
    assert re.fullmatch("bun-[0-9a-f]{8}", bundle_id)
    assert only_task(ec2) == {
        "BundleId": bundle_id,
        "InstanceId": INSTANCE,
        "State": "pending",
        "StartTime": started,
        "UpdateTime": started,
        "Storage": {"S3": {"Bucket": "north", "Prefix": "win", **secrets}},
    }


STATES = [
    ("north", 2, "waiting-for-shutdown", None, 1), ("north", 34, "storing", "95%", 25 + 50 / 6),
    ("north", 40, "complete", "100%", 35), ("no-such-bucket-1", 31, "failed", "80%", 30),
]  # fmt: skip


@pytest.mark.parametrize(("bucket", "minutes", "state", "progress", "updated"), STATES)
def test_a_task_goes_through_its_states(
    ec2: Any, clock: Clock, bucket: str, minutes: float, state: str, progress: str | None, updated: float
) -> None:
    bundle(ec2, bucket=bucket)
    clock.forward(minutes)
    task = only_task(ec2)
    assert (task["State"], task.get("Progress"), "BundleTaskError" in task) == (state, progress, False)
    assert (task["UpdateTime"] - task["StartTime"]) / timedelta(minutes=1) == pytest.approx(updated, abs=1e-3)


def test_a_task_is_cancelled(ec2: Any, clock: Clock) -> None:
    bundle_id = bundle(ec2)
    clock.forward(10)
    for _ in range(2):  # the second time it is already under way
        assert ec2.cancel_bundle_task(BundleId=bundle_id)["BundleTask"]["State"] == "cancelling"
    clock.forward(1)
    assert only_task(ec2)["State"] == "failed"
    clock.forward(2)
    assert only_task(ec2)["BundleTaskError"]["Code"] == "Client.Cancelled"
    assert refusal(ec2.cancel_bundle_task, BundleId=bundle_id)[::2] == ("IncorrectState", 400)


def test_a_finished_task_ages_out_but_its_bundle_stays(ec2: Any, clock: Clock) -> None:
    bundle_id = bundle(ec2)
    clock.forward(35 + 60)
    not_found = ("InvalidBundleID.NotFound", f"The bundle ID '{bundle_id}' does not exist", 400)
    assert ec2.describe_bundle_tasks()["BundleTasks"] == []
    assert refusal(ec2.describe_bundle_tasks, BundleIds=[bundle_id]) == not_found
    assert refusal(ec2.cancel_bundle_task, BundleId=bundle_id) == not_found
    assert ec2.register_image(Name="late", ImageLocation=LOCATION)["ImageId"].startswith("ami-")


def test_speed_divides_and_times_are_real() -> None:
    with Ec2Server(speed=1e9, listed_for=1e12) as server:
        ec2 = client_of(server)
        before = datetime.now(UTC)
        bundle(ec2)
        task = only_task(ec2)
        assert task["State"] == "complete"
        assert before - timedelta(seconds=1) < task["UpdateTime"] <= datetime.now(UTC)
        ec2.close()


def test_ids_and_filters_select_together(ec2: Any, clock: Clock) -> None:
    ids = [bundle(ec2, f"i-0000000{n}", "no-such-bucket" if n > 1 else f"north-{n}") for n in range(4)]
    clock.forward(33)
    by_code = {"Name": "error-code", "Values": ["client.*", "Client.S3?rror"]}
    result = ec2.describe_bundle_tasks(BundleIds=ids[:3], Filters=[by_code])["BundleTasks"]
    assert [task["BundleId"] for task in result] == [ids[2]]


SELECTING = {
    "error-code": "Client.S3Error", "error-message": "The bundle could not*", "instance-id": INSTANCE,
    "progress": "80%", "s3-bucket": "no-such-bucket", "s3-prefix": "wi?", "start-time": "2026-11-23T12:00:00.123Z",
    "state": "failed", "update-time": "2026-11-23T12:30*", "bundle-id": "bun-*",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), SELECTING.items())
def test_each_filter_selects_tasks(ec2: Any, clock: Clock, name: str, value: str) -> None:
    bundle(ec2, bucket="no-such-bucket")
    clock.forward(40)
    assert only_task(ec2, Filters=[{"Name": name, "Values": ["x", value]}])
    assert ec2.describe_bundle_tasks(Filters=[{"Name": name, "Values": ["x"]}])["BundleTasks"] == []


def test_the_order_means_nothing_but_a_seed_repeats_it() -> None:
    def ids() -> list[list[str]]:
        with Ec2Server(seed=7) as server:
            ec2 = client_of(server)
            for n in range(8):
                bundle(ec2, f"i-0000000{n}")
            lists = [ec2.describe_bundle_tasks()["BundleTasks"] for _ in range(3)]
            ec2.close()
        return [[task["BundleId"] for task in tasks] for tasks in lists]

    first = ids()
    assert len({tuple(order) for order in first}) > 1
    assert {frozenset(order) for order in first} == {frozenset(first[0])}
    assert ids() == first


S3 = {"Bucket": "north", "Prefix": "win"}
REFUSED: list[tuple[str, dict[str, Any], str, str, int]] = [
    ("describe_bundle_tasks", {"BundleIds": ["bun-00000000"]}, "InvalidBundleID.NotFound", "bun-0000", 400),
    ("describe_bundle_tasks", {"BundleIds": ["odd"]}, "InvalidBundleID.NotFound", "'odd'", 400),
    ("describe_bundle_tasks", {"Filters": [{"Name": "x"}]}, "InvalidParameterValue", "filter 'x' is", 400),
    ("describe_bundle_tasks", {"DryRun": True}, "DryRunOperation", "Request would have succeeded", 412),
    ("describe_bundle_tasks", {"BundleIds": ["odd"], "DryRun": True}, "InvalidBundleID.NotFound", "odd", 400),
    ("bundle_instance", {"Storage": {"S3": S3}}, "MissingParameter", "InstanceId", 400),
    ("bundle_instance", {"InstanceId": INSTANCE}, "MissingParameter", "Storage", 400),
    ("bundle_instance", {"InstanceId": INSTANCE, "Storage": {"S3": {"Bucket": "b"}}},
     "MissingParameter", "Storage.S3.Prefix", 400),
    ("bundle_instance", {"InstanceId": INSTANCE, "Storage": {"S3": {"Prefix": "p"}}},
     "MissingParameter", "Storage.S3.Bucket", 400),
    ("bundle_instance", {"InstanceId": "ma1", "Storage": {"S3": S3}},
     "InvalidInstanceID.Malformed", 'Invalid id: "ma1"', 400),
    ("bundle_instance", {"InstanceId": INSTANCE, "Storage": {"S3": S3}, "DryRun": True},
     "DryRunOperation", "", 412),
    ("cancel_bundle_task", {}, "MissingParameter", "BundleId", 400),
    ("cancel_bundle_task", {"BundleId": "bun-00000000"}, "InvalidBundleID.NotFound", "bun-00000000", 400),
    ("register_image", {"ImageLocation": LOCATION}, "MissingParameter", "Name", 400),
    ("register_image", {"Name": "win"}, "MissingParameter", "ImageLocation", 400),
    ("register_image", {"Name": "wi", "ImageLocation": LOCATION}, "InvalidAMIName.Malformed", "3 to", 400),
    ("register_image", {"Name": "w" * 129, "ImageLocation": LOCATION}, "InvalidAMIName.Malformed", "", 400),
    ("register_image", {"Name": "wind√", "ImageLocation": LOCATION}, "InvalidAMIName.Malformed", "", 400),
    ("register_image", {"Name": "win", "ImageLocation": LOCATION}, "InvalidManifest", LOCATION, 400),
    ("register_image", {"Name": "win", "ImageLocation": LOCATION, "KernelId": "aki-1"},
     "UnsupportedOperation", "KernelId", 400),
    ("describe_images", {"ImageIds": ["win"]}, "InvalidAMIID.Malformed", "win", 400),
    ("describe_images", {"ImageIds": ["ami-00000000"]}, "InvalidAMIID.NotFound", "ami-00000000", 400),
    ("describe_images", {"Filters": [{"Name": "x"}]}, "InvalidParameterValue", "filter 'x' is invalid", 400),
    ("describe_images", {"DryRun": True}, "DryRunOperation", "", 412),
    ("describe_instances", {}, "InvalidAction", "DescribeInstances", 400),
]  # fmt: skip


@pytest.mark.parametrize(("method", "params", "code", "message", "status"), REFUSED)
def test_an_invalid_request_is_refused(
    server: Ec2Server, method: str, params: dict[str, Any], code: str, message: str, status: int
) -> None:
    unchecked = client_of(server, parameter_validation=False)
    result = refusal(getattr(unchecked, method), **params)
    unchecked.close()
    assert result[::2] == (code, status)
    assert message in result[1]


def test_a_dry_run_changes_nothing(ec2: Any, clock: Clock) -> None:
    bundle_id = bundle(ec2)
    assert refusal(ec2.cancel_bundle_task, BundleId=bundle_id, DryRun=True)[0] == "DryRunOperation"
    assert only_task(ec2)["State"] == "pending"
    clock.forward(40)
    name = {"Name": "win", "ImageLocation": LOCATION}
    assert refusal(ec2.register_image, **name, DryRun=True)[0] == "DryRunOperation"
    assert ec2.describe_images()["Images"] == []


def test_an_instance_bundles_once_at_a_time(ec2: Any, clock: Clock) -> None:
    bundle(ec2)
    again = {"InstanceId": INSTANCE, "Storage": {"S3": S3}}
    assert refusal(ec2.bundle_instance, **again)[0] == "BundlingInProgress"
    clock.forward(35)
    assert ec2.bundle_instance(**again)["BundleTask"]["State"] == "pending"


@pytest.mark.parametrize(("bucket", "minutes"), [("north", 34), ("no-such-bucket", 60)])
def test_only_a_completed_bundle_has_a_manifest(ec2: Any, clock: Clock, bucket: str, minutes: float) -> None:
    bundle(ec2, bucket=bucket)
    clock.forward(minutes)
    params = {"Name": "win", "ImageLocation": f"{bucket}/win.manifest.xml"}
    assert refusal(ec2.register_image, **params)[0] == "InvalidManifest"


def test_an_image_is_registered_and_found(ec2: Any, clock: Clock) -> None:
    bundle(ec2)
    clock.forward(35)
    image_id = ec2.register_image(Name="win (1)", Description="d", ImageLocation=LOCATION)["ImageId"]
    assert refusal(ec2.register_image, Name="win (1)", ImageLocation="x")[0] == "InvalidAMIName.Duplicate"
    (image,) = ec2.describe_images(ImageIds=[image_id], Owners=["self"])["Images"]
    expected = {"ImageId": image_id, "State": "pending", "Name": "win (1)", "Description": "d"}
    assert image.items() >= (expected | {"ImageLocation": LOCATION, "Public": False}).items()
    assert ec2.describe_images(Owners=["amazon"])["Images"] == []
    clock.forward(1)
    values = {"manifest-location": LOCATION, "name": "win*", "image-id": image_id, "state": "available"}
    filters = [{"Name": name, "Values": [value]} for name, value in values.items()]
    assert len(ec2.describe_images(Filters=filters)["Images"]) == 1
    ec2.get_waiter("image_available").wait(ImageIds=[image_id])


@pytest.mark.parametrize("bucket", ["north", "no-such-bucket"])
def test_botocores_waiter_sees_the_end(ec2: Any, clock: Clock, bucket: str) -> None:
    bundle_id = bundle(ec2, bucket=bucket)
    clock.pace = timedelta(minutes=5)
    waiter = ec2.get_waiter("bundle_task_complete")
    wait = {"BundleIds": [bundle_id], "WaiterConfig": {"Delay": 0}}
    if bucket == "north":
        waiter.wait(**wait)
    else:
        with pytest.raises(WaiterError, match="terminal failure"):
            waiter.wait(**wait)


def test_planned_failures_come_in_order(server: Ec2Server, ec2: Any) -> None:
    server.fail_next(2)
    server.fail_next(1, 403, "UnauthorizedOperation", "You are not authorized")
    throttled = ("RequestLimitExceeded", "Request limit exceeded.", 503)
    assert refusal(ec2.describe_bundle_tasks) == throttled
    assert refusal(ec2.describe_images) == throttled
    assert refusal(ec2.describe_bundle_tasks) == ("UnauthorizedOperation", "You are not authorized", 403)
    assert ec2.describe_bundle_tasks()["BundleTasks"] == []


def test_a_failure_with_status_200_is_an_answer_without_tasks(server: Ec2Server, ec2: Any) -> None:
    server.fail_next(status=200)
    assert "BundleTasks" not in ec2.describe_bundle_tasks()


def test_an_internal_error_is_logged_without_its_text(
    server: Ec2Server, ec2: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("AKIAEXAMPLE")

    monkeypatch.setitem(actions.ACTIONS, "DescribeImages", actions.Action(broken, set()))
    assert refusal(ec2.describe_images)[::2] == ("InternalError", 500)
    assert ec2.describe_bundle_tasks()["BundleTasks"] == []
    (line,) = caplog.messages
    assert "KeyError" in line
    assert "AKIAEXAMPLE" not in line


def test_parallel_requests_are_all_answered(ec2: Any) -> None:
    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(lambda n: bundle(ec2, f"i-{n:08x}"), range(64)))) == 64
    assert len(ec2.describe_bundle_tasks()["BundleTasks"]) == 64


def test_stopping_cuts_connections_and_keeps_the_tasks(server: Ec2Server) -> None:
    ec2 = client_of(server)
    bundle_id = bundle(ec2)
    server.stop()
    with pytest.raises(EndpointConnectionError):
        ec2.describe_bundle_tasks()
    with pytest.raises(RuntimeError):
        _ = server.url
    server.start()
    again = client_of(server)
    assert only_task(again)["BundleId"] == bundle_id
    again.close()
    ec2.close()


@pytest.mark.parametrize("wrong", [{"speed": 0}, {"speed": -1}, {"speed": float("nan")}, {"listed_for": -1}])
def test_an_impossible_speed_or_time_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Ec2Server(**wrong)  # type: ignore[arg-type]


Reply = tuple[int, str]


@pytest.fixture
def plain(server: Ec2Server) -> Iterator[Callable[..., Reply]]:
    """Yield a function that sends a request over one kept-alive connection."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=WAIT_SECONDS)

    def send(method: str, path: str, body: str = "", **headers: str) -> Reply:
        connection.request(method, path, body.encode(), headers)
        response = connection.getresponse()
        return response.status, response.read().decode()

    yield send
    connection.close()


START = f"Action=BundleInstance&InstanceId={INSTANCE}&Storage.S3.Bucket=north&Storage.S3.Prefix=%3Cwin%26"


@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", f"/?{START}", ""), ("POST", "/", START), ("POST", f"/?{START}", "")]
)
def test_get_and_post_are_both_answered(plain: Callable[..., Reply], method: str, path: str, body: str) -> None:
    status, xml = plain(method, path, body)
    assert status == 200
    assert '<BundleInstanceResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>' in xml
    assert "<storage><S3><bucket>north</bucket><prefix>&lt;win&amp;</prefix></S3></storage>" in xml


LIST = "Action=DescribeBundleTasks&Version=2016-11-15"


UNKNOWN = ("Filters.1.Name", "Filter.1.name", "Filter.x.Name", "Filter.1", "DryRun.1")
MALFORMED = {
    "": "MissingAction",
    "Action=": "MissingAction",
    "Action=Nonsense": "InvalidAction",
    **{f"{LIST}&{name}=state": "UnknownParameter" for name in UNKNOWN},
    f"{LIST}&Filter=a&Filter.1.Name=b": "MalformedQueryString",
    f"{LIST}&Filter.1.Value.1=b": "InvalidParameterValue",
    f"{LIST}&DryRun=yes": "InvalidParameterValue",
    f"{LIST}&DryRun=TRUE": "DryRunOperation",
    f"{START}&Storage.S3.UploadPolicy=%25": "InvalidParameterValue",
    f"{LIST}&BundleId.1=%01": "InvalidCharacter",
    f"{LIST}&BundleId.1=%ff": "InvalidBundleID.NotFound",
}


@pytest.mark.parametrize(("query", "code"), MALFORMED.items())
def test_a_malformed_request_gets_an_error_code(plain: Callable[..., Reply], query: str, code: str) -> None:
    status, xml = plain("POST", "/", query)
    assert status in (400, 412)
    assert re.search(r"<Response><Errors><Error><Code>(.*?)</Code>.*<RequestID>", xml)
    assert f"<Code>{code}</Code>" in xml


def test_lists_are_read_in_order_of_their_numbers(plain: Callable[..., Reply]) -> None:
    _, xml = plain("GET", f"/?{LIST}&BundleId.10=ten&BundleId.9=nine&X-Amz-Signature=s&SignatureVersion=2")
    assert "nine" in xml


INVALID_HTTP = [
    ("POST", {"Content-Length": "many"}, 400), ("POST", {"Content-Length": "-1"}, 400),
    ("POST", {"Transfer-Encoding": "chunked"}, 400), ("PUT", {}, 501),
]  # fmt: skip


@pytest.mark.parametrize(("method", "headers", "status"), INVALID_HTTP)
def test_invalid_http_gets_ec2s_error(
    plain: Callable[..., Reply], method: str, headers: dict[str, str], status: int
) -> None:
    code, xml = plain(method, "/", "", **headers)
    assert code == status
    assert "<Code>InvalidRequest</Code>" in xml
    assert plain("POST", "/", LIST)[0] == 200


def run(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local.ec2", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_serves_until_a_signal(number: int) -> None:
    with run("--port", "0", "--speed", "60", "--listed-for", "60") as program:
        assert program.stdout
        line = program.stdout.readline()
        address = re.fullmatch(r"local EC2 on http://(127\.0\.0\.1:\d+)\n", line)
        assert address, line
        connection = http.client.HTTPConnection(address[1], timeout=WAIT_SECONDS)
        connection.request("GET", f"/?{LIST}")
        assert connection.getresponse().status == 200
        program.send_signal(number)
        assert program.communicate() == ("", "")
        connection.close()
    assert program.returncode == 0


@pytest.mark.parametrize(
    ("options", "message"), [(["--speed", "0"], "speed must be"), (["--port", "99999"], "port must be")]
)
def test_the_program_says_why_it_cannot_start(options: list[str], message: str) -> None:
    with run(*options) as program:
        out, err = program.communicate()
    assert (program.returncode, out) == (1, "")
    assert message in err
    assert len(err.splitlines()) == 1
