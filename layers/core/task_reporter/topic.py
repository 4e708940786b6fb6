"""The SNS topic that people subscribe to."""

from typing import Any

from botocore.exceptions import ClientError

from task_reporter.message import Notice, plain

REFUSED_AS_INVALID = {"InvalidParameter", "InvalidParameterException", "ParameterValueInvalid", "ValidationException"}
"""SNS's codes for a message that it will never take, however often it is sent."""


class Topic:
    """One topic, through an SNS client of botocore's."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, notice: Notice) -> None:
        """Publish ``notice``; where SNS refuses it as invalid, the same news in its plainest form.

        Raises botocore's errors where SNS takes neither.
        """
        try:
            self._send(notice)
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSED_AS_INVALID:
                raise
            self._send(plain(notice))

    def _send(self, notice: Notice) -> None:
        self._client.publish(
            TopicArn=self._arn,
            Subject=notice.subject,
            Message=notice.message,
            MessageStructure="json",
            MessageAttributes=notice.attributes,
        )
