"""The SNS topic that people subscribe to."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from task_reporter.failures import code_of, status_of
from task_reporter.message import Notice, plain

REFUSED_AS_INVALID = {"InvalidParameter", "InvalidParameterException", "ParameterValueInvalid", "ValidationException"}
"""SNS's codes for a message that it will never take, however often it is sent."""


class Topic:
    """One topic, through an SNS client of botocore's that sends a Publish once (``patience.PUBLISH``)."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, notice: Notice, before_each: Callable[[], None] = lambda: None) -> Notice:
        """Publish ``notice``; where SNS refuses it as invalid, the same news in its plainest form.

        ``before_each`` is called before each request, and may raise where the time is short. Returns what SNS took.
        Raises botocore's errors where it took neither, or may have taken one.
        """
        before_each()
        try:
            return self._send(notice)
        except (ClientError, ParamValidationError) as error:
            if not _is_invalid(error):
                raise
        before_each()
        return self._send(plain(notice))

    def _send(self, notice: Notice) -> Notice:
        self._client.publish(
            TopicArn=self._arn,
            Subject=notice.subject,
            Message=notice.text,
            MessageAttributes=notice.message_attributes,
        )
        return notice


def _is_invalid(error: ClientError | ParamValidationError) -> bool:
    if isinstance(error, ParamValidationError):  # botocore refused it and sent nothing
        return True
    return code_of(error) in REFUSED_AS_INVALID or status_of(error) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
