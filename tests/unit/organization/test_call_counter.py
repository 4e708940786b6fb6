"""The number of requests that clients send."""

from http import HTTPStatus

from botocore.config import Config
from botocore.session import Session

from task_reporter.organization.call_counter import CallCounter
from tests.support.http_server import http_server

NO_REGIONS = b"<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>"


def client_at(url, attempts):
    config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, proxies={})
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return Session().create_client("ec2", "eu-west-1", endpoint_url=url, config=config, **keys)


def test_each_attempt_is_counted_once():
    statuses = iter([HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.OK])
    counter = CallCounter()
    with http_server(lambda headers, body: (next(statuses), {}, NO_REGIONS)) as url:
        client = counter.watch(client_at(url, attempts=2))
        client.describe_regions()
        assert counter.take() == 1
        client.describe_regions()
        assert counter.take() == 2
    assert counter.take() == 0


def test_a_call_leaves_the_request_to_botocore():
    assert CallCounter().add(request=object()) is None
