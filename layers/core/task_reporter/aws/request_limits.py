"""Time limits of each kind of request.

A function checks them, so that it never starts what it cannot finish.
"""

from typing import NamedTuple


class RequestLimits(NamedTuple):
    """The limits of one kind of request."""

    connect: int
    """Seconds for the connection, for each attempt."""
    read: int
    """Seconds for the response, for each attempt."""
    attempts: int
    """Attempts of botocore, the first included."""

    @property
    def max_seconds(self) -> int:
        """The seconds that the request can take, with the pauses between its attempts.

        The standard retry mode pauses at most 1, 2, 4, … seconds:
        https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
        """
        pauses = sum(1 << retry for retry in range(self.attempts - 1))
        return self.attempts * (self.connect + self.read) + pauses


LIST_TASKS = RequestLimits(connect=2, read=10, attempts=5)
"""A Describe operation of EC2, which may list thousands of tasks."""

LIST_MEMBER_TASKS = RequestLimits(connect=2, read=8, attempts=2)
"""The same in a member account; the next round asks again."""

ASSUME_ROLE = RequestLimits(connect=2, read=5, attempts=3)
"""STS's AssumeRole."""

SEND_ASSIGNMENTS = RequestLimits(connect=2, read=5, attempts=3)
"""SQS's SendMessageBatch."""

LIST_ACCOUNTS = RequestLimits(connect=2, read=5, attempts=5)
"""One page of Organizations, which allows few requests."""

USE_TABLE = RequestLimits(connect=2, read=5, attempts=3)
"""One request to DynamoDB."""

COUNT_SUBSCRIBERS = RequestLimits(connect=2, read=5, attempts=3)
"""SNS's GetTopicAttributes."""

PUBLISH = RequestLimits(connect=2, read=25, attempts=1)
"""SNS's Publish, and the requests to EventBridge.

The service may have accepted a message although its response is late, and a second attempt would repeat the message. So
botocore waits long and does not retry; the row, the stream and redriving are the retry.
"""
