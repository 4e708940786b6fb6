"""A kind of this test alone, from EC2's answer to email and ``show``."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from task_reporter.history.rows import Row
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.kind import COMPLETE, FAILED, LOST, Kind, NextStep
from task_reporter.kinds.table import KINDS
from task_reporter.notifying.compose import compose_notices
from task_reporter.recording.context import PollContext
from task_reporter_cli.output.facts import format_facts, next_steps
from task_reporter_cli.report.tasks import parse_task
from tests.support.canned_ec2 import Answer, canned_ec2
from tests.support.dynamodb import DynamoDb, Table
from tests.support.inline import INLINE
from tests.support.polled import poll_kinds

SCOPE = "123456789012/eu-west-1"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def inspect(row: Row) -> Iterator[NextStep]:
    arguments = ("ec2", "describe-image-usage-report-entries", "--report-ids", str(row["task_id"]))
    yield NextStep("inspect", "The report says who uses the image", "with the command that shows the report", arguments)


# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ImageUsageReport.html
USAGE_REPORT = Kind(
    name="usage-report",
    operation="DescribeImageUsageReports",
    projection="""
        ImageUsageReports[].{
            task_id: ReportId, state: State, resource_id: ImageId, error_message: StateReason,
            started_at: CreationTime, valid_until: ExpirationTime
        }""",
    endings={"available": COMPLETE, "error": FAILED},
    attributes={"valid_until": "Valid until"},
    result="valid_until",
    next_steps=inspect,
)
ANSWER = """<DescribeImageUsageReportsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<imageUsageReportSet>{}</imageUsageReportSet></DescribeImageUsageReportsResponse>"""
ITEM = """<item><reportId>report-1</reportId><imageId>ami-1</imageId><state>{}</state>
<creationTime>2026-11-23T11:00:00Z</creationTime><expirationTime>2026-12-23</expirationTime></item>"""


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, USAGE_REPORT.name, USAGE_REPORT)


def row_after(*states: str | None) -> Row:
    """Return the row after polls that list the task in these states.

    The polls are five minutes apart; None lists no task.
    """
    table = Table()
    answers = [Answer(ANSWER.format("" if state is None else ITEM.format(state)).encode()) for state in states]
    with canned_ec2(*answers) as ec2:
        client = ec2.client()
        for number in range(len(states)):
            poll = PollContext(SCOPE, NOON + timedelta(minutes=5 * number))
            poll_kinds([USAGE_REPORT], client, HistoryTable(DynamoDb(table), "history"), poll, INLINE).summary()
    [row] = [row for row in table.rows.values() if "state" in row]
    return row


def test_from_ec2_to_an_email() -> None:
    [notice] = compose_notices([row_after("pending", "available")], digest_above=5)
    assert notice.subject == "EC2 usage-report task report-1 complete (123456789012/eu-west-1)"
    assert "Valid until   2026-12-23\n" in notice.text
    command = "aws ec2 describe-image-usage-report-entries --region eu-west-1 --report-ids report-1"
    assert f"The report says who uses the image:\n\n  {command}\n" in notice.text
    assert notice.data["valid_until"] == "2026-12-23"
    assert notice.data["inspect_command"] == command


def test_a_lost_task_gets_its_own_advice_too() -> None:
    [notice] = compose_notices([row := row_after("pending", None, None, None, None)], digest_above=5)
    assert row["outcome"] == LOST
    assert "The report says who uses the image" in notice.text


def test_a_digest_says_what_the_commands_are_for() -> None:
    row = row_after("available")
    [notice] = compose_notices([row, row | {"task_id": "report-2"}], digest_above=1)
    assert "COMPLETE (2), with the command that shows the report\n" in notice.text


def test_show_and_the_page_know_its_own_attributes() -> None:
    row = row_after("available")
    assert ("Valid until", "2026-12-23") in format_facts(row, NOON)
    assert [text for text, _ in next_steps(row | {"awaiting": ""}, "report-1", "")] == [
        "The report says who uses the image"
    ]
    assert parse_task(row, "2027").detail == "2026-12-23"


def test_a_row_of_an_unknown_kind_is_described_in_general_words(monkeypatch: pytest.MonkeyPatch) -> None:
    row = row_after("available")
    monkeypatch.delitem(KINDS, USAGE_REPORT.name)
    [notice] = compose_notices([row], digest_above=5)
    assert notice.text.startswith("EC2 usage-report task report-1 is complete.\n")
    assert "aws " not in notice.text
    assert "valid_until" not in notice.data
    assert ("valid_until", "2026-12-23") in format_facts(row, NOON)
    assert list(next_steps(row | {"awaiting": ""}, "report-1", "")) == []
