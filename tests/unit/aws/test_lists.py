"""EC2's lists through botocore's real client, with canned answers."""

import socket
import traceback
from contextlib import closing
from types import SimpleNamespace

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from task_reporter.aws import clients
from task_reporter.aws.lists import list_pages
from task_reporter.errors import MalformedAnswerError, OutOfTimeError
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import COMPLETE, FAILED, Kind
from task_reporter.runtime.deadline import Deadline
from tests.support.canned_ec2 import Answer, canned_ec2, no_pauses, told

PAGED = Kind(
    name="import-image",
    operation="DescribeImportImageTasks",
    projection="ImportImageTasks[].{task_id: ImportTaskId, state: Status}",
    endings={"completed": COMPLETE, "deleted": FAILED},
)
PAGE = """<DescribeImportImageTasksResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<importImageTaskSet><item><importTaskId>{task_id}</importTaskId><status>active</status></item></importImageTaskSet>
{more}</DescribeImportImageTasksResponse>"""
THROTTLED, INTERNAL, EMPTY, RUNNING = (
    told(name) for name in ("error-throttled", "error-internal", "empty", "bundling")
)


@pytest.fixture
def pauses(monkeypatch):
    return no_pauses(monkeypatch)


def page(task_id, token=None):
    return Answer(PAGE.format(task_id=task_id, more=f"<nextToken>{token}</nextToken>" if token else "").encode())


def ids(answers, items="BundleTasks", task_id="BundleId"):
    return [task[task_id] for answer in answers for task in answer[items]]


def test_the_list_is_asked_for_as_a_whole():
    with canned_ec2(RUNNING) as ec2:
        assert ids(list_pages(ec2.client(), BUNDLE)) == ["bun-2a4e041c"]
    assert ec2.requests == [{"Action": "DescribeBundleTasks", "Version": "2016-11-15"}]


def test_an_empty_list_is_a_list():
    with canned_ec2(EMPTY) as ec2:
        [answer] = list_pages(ec2.client(), BUNDLE)
    assert answer["BundleTasks"] == []


@pytest.mark.parametrize(
    "trouble",
    [[THROTTLED], [INTERNAL, THROTTLED], [THROTTLED] * 4, [Answer(b"", 502)], [Answer(b"<html>SECRET</html>", 504)]],
    ids=lambda answers: " ".join(str(answer.status) for answer in answers),
)
def test_the_client_rides_out_passing_trouble(trouble, pauses):
    with canned_ec2(*trouble, RUNNING) as ec2:
        assert ids(list_pages(ec2.client(), BUNDLE)) == ["bun-2a4e041c"]
    assert len(ec2.requests) == len(trouble) + 1
    assert len(pauses) == len(trouble)


@pytest.mark.parametrize(("answer", "code"), [(THROTTLED, "RequestLimitExceeded"), (INTERNAL, "InternalError")])
def test_trouble_that_goes_on_is_raised(answer, code, pauses):
    with canned_ec2(answer) as ec2, pytest.raises(ClientError) as caught:
        list(list_pages(ec2.client(), BUNDLE))
    assert caught.value.response["Error"]["Code"] == code
    assert len(ec2.requests) == 5
    assert sum(pauses) < 60


def test_a_refusal_is_raised_at_once(pauses):
    with canned_ec2(told("error-unauthorized")) as ec2, pytest.raises(ClientError, match="UnauthorizedOperation"):
        list(list_pages(ec2.client(), BUNDLE))
    assert len(ec2.requests) == 1
    assert pauses == []


def test_an_ec2_that_is_not_there_is_raised(pauses):
    with closing(socket.socket()) as silent:
        # Bound, so that nobody else gets the port, and not listening.
        silent.bind(("127.0.0.1", 0))
        client = clients.client("ec2", endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}", **NOWHERE)
        with pytest.raises(BotoCoreError, match="Could not connect"):
            list(list_pages(client, BUNDLE))
    assert len(pauses) == 4


NOWHERE = {"region_name": "us-east-2", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
TRUNCATED = told("with-secrets").body[:900]


@pytest.mark.parametrize(
    "answer",
    [
        told("no-xml"),
        told("nothing"),
        Answer(TRUNCATED),
        Answer(b"SECRET", 500),
        Answer(b"SECRET", 403),
        Answer(b"\xff\xfeSECRET"),
    ],
    ids=["text", "nothing", "truncated", "text with status 500", "text with status 403", "binary"],
)
def test_what_is_no_xml_is_malformed_and_not_quoted(answer, pauses):
    with canned_ec2(answer) as ec2, pytest.raises(MalformedAnswerError) as caught:
        list(list_pages(ec2.client(), BUNDLE))
    assert caught.value.operation == "DescribeBundleTasks"
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_what_can_not_be_decoded_is_malformed_and_not_quoted():
    """An example is an upload policy that is not base64."""

    def describe_bundle_tasks():
        raise ValueError("SECRET is no base64")

    client = SimpleNamespace(can_paginate=lambda _operation: False, describe_bundle_tasks=describe_bundle_tasks)
    with pytest.raises(MalformedAnswerError) as caught:
        list(list_pages(client, BUNDLE))
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_of_a_paged_operation_every_page_is_read():
    with canned_ec2(page("import-1", "one"), page("import-2", "two"), page("import-3")) as ec2:
        assert ids(list_pages(ec2.client(), PAGED), "ImportImageTasks", "ImportTaskId") == [
            "import-1",
            "import-2",
            "import-3",
        ]
    assert [request.get("NextToken") for request in ec2.requests] == [None, "one", "two"]


def test_a_page_that_fails_is_raised(pauses):
    with (
        canned_ec2(page("import-1", "one"), THROTTLED) as ec2,
        pytest.raises(ClientError, match="RequestLimitExceeded"),
    ):
        list(list_pages(ec2.client(), PAGED))


def test_a_malformed_page_is_raised():
    with canned_ec2(page("import-1", "one"), told("no-xml")) as ec2, pytest.raises(MalformedAnswerError):
        list(list_pages(ec2.client(), PAGED))


def test_without_time_ec2_is_not_asked():
    with canned_ec2(RUNNING) as ec2, pytest.raises(OutOfTimeError, match="while listing bundle tasks"):
        list(list_pages(ec2.client(), BUNDLE, Deadline(lambda: 2000)))
    assert ec2.requests == []


def test_without_time_no_further_page_is_asked_for():
    remaining = iter([300_000, 300_000, 2000])
    deadline = Deadline(lambda: next(remaining))
    with canned_ec2(page("import-1", "one"), page("import-2", "two")) as ec2, pytest.raises(OutOfTimeError):
        list(list_pages(ec2.client(), PAGED, deadline))
    assert len(ec2.requests) == 2
