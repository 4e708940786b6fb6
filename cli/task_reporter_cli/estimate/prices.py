"""AWS's list prices in US dollars, for region us-east-1, above all free tiers."""

from dataclasses import dataclass

REGION, AS_OF = "us-east-1", "August 2025"
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """A price: so many dollars for so many units."""

    dollars: float
    units: float
    unit: str
    source: str
    """The page on which AWS publishes it."""

    @property
    def each(self) -> float:
        """Dollars for one unit."""
        return self.dollars / self.units


GUARDDUTY = Price(4.00, MILLION, "CloudTrail events in GuardDuty", "https://aws.amazon.com/guardduty/pricing/")
"""The first price; it falls for an account with more than 500 million events."""
TRAIL = Price(2.00, 100_000, "events in a second trail", "https://aws.amazon.com/cloudtrail/pricing/")
"""The first trail of an account is free."""
GB_SECOND = Price(0.0000133334, 1, "GB-seconds of Lambda on arm64", "https://aws.amazon.com/lambda/pricing/")
"""Initialisation is charged as well."""
INVOCATION = Price(0.20, MILLION, "invocations of Lambda", "https://aws.amazon.com/lambda/pricing/")
SCHEDULED = Price(1.00, MILLION, "invocations by Scheduler", "https://aws.amazon.com/eventbridge/pricing/")
EVENT = Price(1.00, MILLION, "custom events of EventBridge", "https://aws.amazon.com/eventbridge/pricing/")
QUEUE_REQUEST = Price(0.40, MILLION, "requests to SQS", "https://aws.amazon.com/sqs/pricing/")
WRITE_UNIT = Price(0.625, MILLION, "write units of DynamoDB", "https://aws.amazon.com/dynamodb/pricing/on-demand/")
READ_UNIT = Price(0.125, MILLION, "read units of DynamoDB", "https://aws.amazon.com/dynamodb/pricing/on-demand/")
LOGGED_BYTE = Price(0.50, 1e9, "bytes of logs", "https://aws.amazon.com/cloudwatch/pricing/")
METRIC = Price(0.30, 1, "metrics a month", "https://aws.amazon.com/cloudwatch/pricing/")
ALARM = Price(0.10, 1, "alarms a month", "https://aws.amazon.com/cloudwatch/pricing/")
DASHBOARD = Price(3.00, 1, "dashboards a month", "https://aws.amazon.com/cloudwatch/pricing/")
PUBLISHED = Price(0.50, MILLION, "messages of SNS", "https://aws.amazon.com/sns/pricing/")
EMAIL = Price(2.00, 100_000, "emails of SNS", "https://aws.amazon.com/sns/pricing/")

OF_HUB = (
    GUARDDUTY, TRAIL, GB_SECOND, INVOCATION, SCHEDULED, QUEUE_REQUEST, WRITE_UNIT, READ_UNIT, LOGGED_BYTE, METRIC,
    ALARM, DASHBOARD,
)  # fmt: skip
"""The prices of the estimate."""
LAMBDA_LOG_BYTES = 350
"""Bytes that Lambda logs of each invocation: START, END and REPORT."""
