"""A botocore client with scripted answers, which refuses every other call.

Each call and each answer is checked against botocore's model of the service.
"""

from types import TracebackType
from typing import Any

from botocore.session import Session
from botocore.stub import Stubber

SESSION = Session()
"""The session of all scripts, which loads each service's model once."""


class Script:
    """Answers of one service; the context fails if an answer was not requested."""

    def __init__(self, service: str) -> None:
        self.client: Any = SESSION.create_client(
            service, region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        self._stubber = Stubber(self.client)

    def answers(self, method: str, answer: dict[str, Any] | None = None, **asked: Any) -> "Script":
        """Answer the next call, which must be ``method``, with the parameters ``asked`` if given."""
        self._stubber.add_response(method, answer or {}, asked or None)
        return self

    def refuses(self, method: str, code: str, message: str = "") -> "Script":
        self._stubber.add_client_error(method, code, message)
        return self

    def __enter__(self) -> Any:
        self._stubber.activate()
        return self.client

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stubber.deactivate()
        if error is None:
            self._stubber.assert_no_pending_responses()


ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/heir/1"
NO_STACK = ("describe_stacks", "ValidationError", "Stack with id heir does not exist")


def stack(status: str) -> dict[str, Any]:
    """Return the answer of DescribeStacks for the stack ``heir``."""
    return {"Stacks": [{"StackName": "heir", "StackId": ID, "StackStatus": status, "CreationTime": 0}]}


def resources(**statuses: str) -> dict[str, Any]:
    """Return the answer of DescribeStackResources.

    ``statuses`` are ``STATUS`` or ``STATUS physical-id``, by logical id.
    """
    common = {"ResourceType": "AWS::Any::Thing", "Timestamp": 0}
    parts = {logical_id: text.partition(" ") for logical_id, text in statuses.items()}
    return {
        "StackResources": [
            {"LogicalResourceId": name, "ResourceStatus": status, "PhysicalResourceId": physical, **common}
            for name, (status, _, physical) in parts.items()
        ]
    }


def event(logical_id: str, status: str, physical_id: str = "", reason: str = "") -> dict[str, Any]:
    named = {"LogicalResourceId": logical_id, "PhysicalResourceId": physical_id}
    state = {"ResourceStatus": status, "ResourceStatusReason": reason}
    return {"StackId": ID, "EventId": "1", "StackName": "heir", "Timestamp": 0, **named, **state}
