"""The SNS topic to which the notifier publishes."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from task_reporter.aws.failures import code_of, status_of
from task_reporter.notifying.notice import Notice, minimal_notice

INVALID_MESSAGE_CODES = {
    "InvalidParameter",
    "InvalidParameterException",
    "ParameterValueInvalid",
    "ValidationException",
}
"""SNS's error codes for a message that it will never accept."""


class Topic:
    """An SNS topic. Its client must send each Publish once: see ``request_limits.PUBLISH``."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, notice: Notice, before_request: Callable[[], None] = lambda: None) -> Notice:
        """Publish ``notice``, or its minimal form where SNS refuses it; return that one.

        ``before_request`` is called before each request, and may raise where the time is short. Raises botocore's
        errors where SNS accepted neither form, or where its response is missing.
        """
        before_request()
        try:
            return self._send(notice)
        except (ClientError, ParamValidationError) as error:
            if not _is_invalid(error):
                raise
        before_request()
        return self._send(minimal_notice(notice))

    def _send(self, notice: Notice) -> Notice:
        self._client.publish(
            TopicArn=self._arn,
            Subject=notice.subject,
            Message=notice.text,
            MessageAttributes=notice.message_attributes,
        )
        return notice


def _is_invalid(error: ClientError | ParamValidationError) -> bool:
    if isinstance(error, ParamValidationError):  # botocore refused the message without sending it
        return True
    return code_of(error) in INVALID_MESSAGE_CODES or status_of(error) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
