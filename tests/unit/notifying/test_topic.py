"""Messages to SNS, and SNS's refusals."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.session import get_session
from botocore.stub import Stubber

from task_reporter.notifying.compose import compose_notices
from task_reporter.notifying.notice import Notice, minimal_notice
from task_reporter.notifying.task_notice import task_notice
from task_reporter.notifying.topic import INVALID_MESSAGE_CODES, Topic
from tests.support.finished import row
from tests.support.sns import TOPIC, FakeSns, is_plain, told_in

TOLD = [task_notice(row(1)), *compose_notices([row(1), row(2, "failed", resource_id=None)], 1)]


def request_for(told: Notice) -> dict[str, Any]:
    return {
        "TopicArn": TOPIC,
        "Subject": told.subject,
        "Message": told.text,
        "MessageAttributes": told.message_attributes,
    }


@pytest.fixture(scope="module")
def client() -> Any:
    credentials = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    return get_session().create_client("sns", region_name="us-east-2", **credentials)


@pytest.mark.parametrize("told", TOLD)
def test_what_is_sent(told: Notice, client: Any) -> None:
    with Stubber(client) as sns:
        sns.add_response("publish", {"MessageId": "1"}, request_for(told))
        Topic(client, TOPIC).publish(told)
        sns.assert_no_pending_responses()


@pytest.mark.parametrize("code", sorted(INVALID_MESSAGE_CODES))
@pytest.mark.parametrize("told", TOLD)
def test_what_sns_refuses_as_invalid_is_told_plainly(told: Notice, code: str, client: Any) -> None:
    with Stubber(client) as sns:
        sns.add_client_error("publish", code, expected_params=request_for(told))
        sns.add_response("publish", {"MessageId": "1"}, request_for(minimal_notice(told)))
        Topic(client, TOPIC).publish(told)
        sns.assert_no_pending_responses()


def test_codes_are_those_that_sns_has(client: Any) -> None:
    shapes = client.meta.service_model.operation_model("Publish").error_shapes
    invalid = [shape for shape in shapes if shape.name.startswith(("InvalidParameter", "Validation"))]
    codes = {shape.error_code for shape in invalid}
    assert codes <= INVALID_MESSAGE_CODES <= codes | {shape.name for shape in invalid}


@pytest.mark.parametrize(
    "code", ["AuthorizationError", "InternalError", "KMSAccessDenied", "KMSThrottling", "NotFound", "Throttled"]
)
def test_any_other_refusal_rises_at_once(code: str) -> None:
    sns = FakeSns()
    sns.error = lambda request: code
    with pytest.raises(ClientError, match=code):
        Topic(sns, TOPIC).publish(TOLD[0])
    assert len(sns.requests) == 1


def test_a_broken_connection_rises_at_once() -> None:
    sns = FakeSns()
    sns.error = lambda request: EndpointConnectionError(endpoint_url="https://sns.us-east-2.amazonaws.com")
    with pytest.raises(EndpointConnectionError):
        Topic(sns, TOPIC).publish(TOLD[0])
    assert len(sns.requests) == 1


@pytest.mark.parametrize("second", ["InvalidParameter", "InternalError"])
def test_both_refused(second: str) -> None:
    sns = FakeSns()
    sns.error = lambda request: second if is_plain(request) else "InvalidParameter"
    with pytest.raises(ClientError, match=second):
        Topic(sns, TOPIC).publish(TOLD[0])
    assert [is_plain(request) for request in sns.requests] == [False, True]
    assert sns.accepted == []


def test_a_refused_digest_still_names_every_task() -> None:
    sns = FakeSns()
    sns.error = lambda request: None if is_plain(request) else "InvalidParameter"
    Topic(sns, TOPIC).publish(TOLD[1])
    assert told_in(sns.accepted[0]) == [("bun-00000002", "failed"), ("bun-00000001", "complete")]
