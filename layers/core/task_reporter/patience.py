"""Time limits of each kind of request, so that no function starts what it cannot finish."""

from typing import NamedTuple


class Patience(NamedTuple):
    """Time limits of one kind of request, in seconds, and how often botocore sends it.

    ``connect`` and ``read`` limit one attempt; ``attempts`` counts the first one too.
    """

    connect: int
    read: int
    attempts: int

    @property
    def longest(self) -> int:
        """Seconds that a request takes at most, with the pauses between its attempts.

        Standard mode pauses at most 1, 2, 4, … seconds:
        https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
        """
        pauses = sum(1 << retry for retry in range(self.attempts - 1))
        return self.attempts * (self.connect + self.read) + pauses


LIST_TASKS = Patience(connect=2, read=10, attempts=5)
"""EC2 may have thousands of tasks to list."""

USE_TABLE = Patience(connect=2, read=5, attempts=3)
"""One request to DynamoDB."""

COUNT_SUBSCRIBERS = Patience(connect=2, read=5, attempts=3)
"""SNS's GetTopicAttributes."""

PUBLISH = Patience(connect=2, read=25, attempts=1)
"""SNS's Publish, which is sent once.

SNS may have accepted a message whose answer is late, and sending it again would repeat it. So botocore waits long and
does not retry: the row, the stream and redriving do.
"""
