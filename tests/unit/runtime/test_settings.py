"""The settings of the functions: every variable missing, wrong and right, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from task_reporter.errors import SettingError
from task_reporter.kinds.table import KINDS
from task_reporter.runtime.settings import (
    NotifierSettings,
    RecorderSettings,
    notifier_settings,
    planner_settings,
    recorder_settings,
)

ARN = "arn:aws:sns:eu-west-1:123456789012:notices"
RECORDER = {
    "HISTORY_TABLE": "history",
    "SCOPE": "123456789012/eu-west-1",
    "TASK_KINDS": "bundle",
    "ANNOUNCE_HISTORY": "digest",
    "RETENTION_DAYS": "0",
    "TOPIC_ARN": ARN,
    "EMAIL_SUBSCRIPTION": "true",
    "LOST_AFTER_MINUTES": "15",
    "REDRIVE_AFTER_MINUTES": "10",
    "SILENT_AFTER_MINUTES": "20",
    "QUIET_MINUTES": "360",
}
OPTIONAL = {"EVENT_BUS": "tasks", "REGIONS": "eu-west-1,us-east-1", "MEMBER_ROLE": "reader", "EXTERNAL_ID": "hub:1"}
"""Variables that may be empty."""
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/assignments"
PLANNER = RECORDER | {
    "ASSIGNMENT_QUEUE_URL": QUEUE, "ALARM_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:alarms",
    "POLL_SCHEDULE": "rate(5 minutes)",
}  # fmt: skip
OF_PLANNER = {
    "ORGANIZATIONAL_UNITS": "ou-ab12-cdef3456, r-ab12",
    "EXCLUDED_ACCOUNTS": "111122223333",
    "ACCEPTED_DENIALS": "*/ap-*,111122223333/*",
}
"""Variables of the planner that may be empty."""
NOTIFIER = {
    "HISTORY_TABLE": "history",
    "SCOPES": "123456789012/*",
    "TOPIC_ARN": ARN,
    "EMAIL_SUBSCRIPTION": "false",
    "DIGEST_ABOVE": "5",
    "CHAT_NOTICES": "true",
    "RETENTION_DAYS": "0",
}

Read = Callable[[Mapping[str, str]], Any]
BOTH: list[tuple[Read, dict[str, str]]] = [
    (recorder_settings, RECORDER), (notifier_settings, NOTIFIER), (planner_settings, PLANNER)
]  # fmt: skip
WITH_OPTIONAL: list[tuple[Read, dict[str, str], str]] = [
    *((recorder_settings, RECORDER, name) for name in OPTIONAL),
    *((planner_settings, PLANNER, name) for name in OF_PLANNER),
]
EVERY = [(read, right, name) for read, right in BOTH for name in right]


def test_right_settings_are_read() -> None:
    assert recorder_settings(RECORDER | OPTIONAL) == RecorderSettings(
        table="history",
        scope=RECORDER["SCOPE"],
        kinds=(KINDS["bundle"],),
        regions=("eu-west-1", "us-east-1"),
        announce_history=True,
        retention_days=0,
        topic=ARN,
        email_subscription=True,
        event_bus="tasks",
        lost_after=timedelta(minutes=15),
        redrive_after=timedelta(minutes=10),
        silent_after=timedelta(minutes=20),
        member_role="reader",
        external_id="hub:1",
        quiet=timedelta(hours=6),
    )
    planner = planner_settings(PLANNER | OPTIONAL | OF_PLANNER)
    assert (planner.queue, planner.alarm_topic) == (QUEUE, "arn:aws:sns:eu-west-1:123456789012:alarms")
    assert planner.units == ("ou-ab12-cdef3456", "r-ab12")
    assert (planner.excluded, planner.accepted) == (("111122223333",), ("*/ap-*", "111122223333/*"))
    assert notifier_settings(NOTIFIER | OPTIONAL) == NotifierSettings(
        table="history",
        scopes="123456789012/*",
        topic=ARN,
        email_subscription=False,
        event_bus="tasks",
        chat=True,
        digest_above=5,
        retention_days=0,
    )


def test_other_variables_are_ignored() -> None:
    assert notifier_settings(NOTIFIER | {"PATH": "", "AWS_REGION": "eu-west-1"}) == notifier_settings(NOTIFIER)


RIGHT: list[tuple[Read, dict[str, str], str, str, str, Any]] = [
    (recorder_settings, RECORDER, "HISTORY_TABLE", "a.b_c-D9", "table", "a.b_c-D9"),
    (recorder_settings, RECORDER, "HISTORY_TABLE", "arn:aws:dynamodb:eu-west-1:123456789012:table/h", "table", None),
    (recorder_settings, RECORDER, "REGIONS", "", "regions", ()),
    (recorder_settings, RECORDER, "REGIONS", "all", "regions", ("all",)),
    (recorder_settings, RECORDER, "REGIONS", " ,", "regions", ()),
    (recorder_settings, RECORDER, "REGIONS", "eu-west-1, all", "regions", ("all",)),
    (recorder_settings, RECORDER, "REGIONS", "us-east-1, eu-west-1,us-east-1", "regions", ("us-east-1", "eu-west-1")),
    (notifier_settings, NOTIFIER, "SCOPES", "*/*", "scopes", "*/*"),
    (recorder_settings, RECORDER, "SCOPE", "123456789012/us-gov-west-1", "scope", "123456789012/us-gov-west-1"),
    (recorder_settings, RECORDER, "ANNOUNCE_HISTORY", "none", "announce_history", False),
    (recorder_settings, RECORDER, "TASK_KINDS", " bundle , bundle", "kinds", (KINDS["bundle"],)),
    (recorder_settings, RECORDER, "EVENT_BUS", "", "event_bus", ""),
    (recorder_settings, RECORDER, "RETENTION_DAYS", "90", "retention_days", 90),
    (recorder_settings, RECORDER, "LOST_AFTER_MINUTES", "0", "lost_after", timedelta()),
    (recorder_settings, RECORDER, "REDRIVE_AFTER_MINUTES", "0", "redrive_after", timedelta()),
    (recorder_settings, RECORDER, "SILENT_AFTER_MINUTES", "9999", "silent_after", timedelta(minutes=9999)),
    (planner_settings, PLANNER, "POLL_SCHEDULE", "rate(1 minute)", "every", timedelta(minutes=1)),
    (planner_settings, PLANNER, "POLL_SCHEDULE", "rate(12 hours)", "every", timedelta(hours=12)),
    (notifier_settings, NOTIFIER, "EMAIL_SUBSCRIPTION", "true", "email_subscription", True),
    (notifier_settings, NOTIFIER, "RETENTION_DAYS", "99999", "retention_days", 99_999),
    (notifier_settings, NOTIFIER, "TOPIC_ARN", "arn:aws-cn:sns:cn-north-1:123456789012:t", "topic", None),
    (notifier_settings, NOTIFIER, "TOPIC_ARN", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:t", "topic", None),
    (notifier_settings, NOTIFIER, "DIGEST_ABOVE", "1", "digest_above", 1),
]


@pytest.mark.parametrize(("read", "others", "name", "value", "field", "expected"), RIGHT)
def test_right_value_is_read(
    read: Read, others: dict[str, str], name: str, value: str, field: str, expected: Any
) -> None:
    assert getattr(read(others | {name: value}), field) == (value if expected is None else expected)


EXPECTED = {
    "HISTORY_TABLE": "the name or ARN of the history table",
    "SCOPE": "<account id>/<region>, such as 123456789012/eu-west-1",
    "SCOPES": "<account id>/<region>, either of them perhaps *",
    "REGIONS": "empty, all, or regions separated by commas",
    "ANNOUNCE_HISTORY": "digest or none",
    "TASK_KINDS": f"a comma-separated list of: {', '.join(KINDS)}",
    "RETENTION_DAYS": "0 (for ever) or a number of days from 90 to 99999",
    "TOPIC_ARN": "the ARN of the SNS topic, arn:aws:sns:<region>:<account id>:<name>",
    "EMAIL_SUBSCRIPTION": "true or false",
    "CHAT_NOTICES": "true or false",
    "EVENT_BUS": "the name of an event bus, or empty for none",
    "DIGEST_ABOVE": "a whole number of at least 1",
    "LOST_AFTER_MINUTES": "whole minutes from 0 to 9999",
    "REDRIVE_AFTER_MINUTES": "whole minutes from 0 to 9999",
    "SILENT_AFTER_MINUTES": "whole minutes from 1 to 9999",
    "QUIET_MINUTES": "whole minutes from 1 to 9999",
    "MEMBER_ROLE": "the name of an IAM role, or empty",
    "EXTERNAL_ID": "the external id of the members' roles, or empty",
    "ASSIGNMENT_QUEUE_URL": "the URL of the queue of assignments",
    "ALARM_TOPIC_ARN": "the ARN of the SNS topic, arn:aws:sns:<region>:<account id>:<name>",
    "ORGANIZATIONAL_UNITS": "empty, or ids of roots and units separated by commas",
    "EXCLUDED_ACCOUNTS": "empty, or account ids separated by commas",
    "ACCEPTED_DENIALS": "empty, or patterns of <account id>/<region>",
    "POLL_SCHEDULE": "a schedule: rate(...) or cron(...)",
}
WRONG = {
    "HISTORY_TABLE": ["ab", "my table", "x" * 1025, "history\n", "${HistoryTable}"],
    "SCOPE": ["123456789012", "/eu-west-1", "123456789012/", "12345678901/eu-west-1", "123456789012/EU", "x/eu-west-1"],
    "SCOPES": ["*", "123456789012", "x/*", "123456789012/**", "123456789012/EU"],
    "REGIONS": ["eu-west", "ALL", "eu-west-1 us-east-1", "*", "eu-west-1;eu-west-2"],
    "ANNOUNCE_HISTORY": ["all", "Digest", "true"],
    "TASK_KINDS": ["bundles", "bundle,", ",", "bundle,export", "Bundle", "bundle;bundle"],
    "RETENTION_DAYS": ["-1", "1", "89", "100000", "9" * 30, "90.5", "for ever", "0x5a", " "],
    "TOPIC_ARN": ["notices", "arn:aws:sqs:eu-west-1:123456789012:q", "arn:aws:sns:eu-west-1::t", f"{ARN} ", f"{ARN}\n"],
    "EMAIL_SUBSCRIPTION": ["yes", "True", "1", "true "],
    "CHAT_NOTICES": ["yes", "True", "1"],
    "EVENT_BUS": ["my bus", "arn:aws:events", "b" * 257],
    "DIGEST_ABOVE": ["0", "-5", "five", "1.5", " "],
    "LOST_AFTER_MINUTES": ["-1", "10000", "9" * 30, "1.5", "15m"],
    "REDRIVE_AFTER_MINUTES": ["-1", "10000", "ten"],
    "SILENT_AFTER_MINUTES": ["0", "-1", "10000"],
    "QUIET_MINUTES": ["0", "10000", "six"],
    "MEMBER_ROLE": ["a/b", "x" * 65, "two words"],
    "EXTERNAL_ID": ["two words", "e" * 1225, "a;b"],
    "ASSIGNMENT_QUEUE_URL": ["queue", "sqs://x", "https://a b"],
    "ALARM_TOPIC_ARN": ["alarms", "arn:aws:sqs:eu-west-1:123456789012:q"],
    "ORGANIZATIONAL_UNITS": ["ou-ab12", "all", "ou-ab12-cdef3456;r-ab12"],
    "EXCLUDED_ACCOUNTS": ["12345", "x", "111122223333 444455556666"],
    "ACCEPTED_DENIALS": ["*", "x/*", "*/AP-*"],
    "POLL_SCHEDULE": ["5 minutes", "rate(5)", "rate(5 weeks)", "cron()", "at(2026-11-26T12:00:00)"],
}


@pytest.mark.parametrize(("read", "right", "name"), EVERY)
@pytest.mark.parametrize("absence", ["missing", "empty"])
def test_missing_variable_is_named(read: Read, right: dict[str, str], name: str, absence: str) -> None:
    without = {other: value for other, value in right.items() if other != name}
    with pytest.raises(SettingError) as raised:
        read(without if absence == "missing" else without | {name: ""})
    assert raised.value.problems == (f"the environment variable {name} is missing; it should be {EXPECTED[name]}",)


@pytest.mark.parametrize(
    ("read", "right", "name", "value"),
    [(read, right, name, value) for read, right, name in [*EVERY, *WITH_OPTIONAL] for value in WRONG[name]],
)
def test_wrong_value_is_named(read: Read, right: dict[str, str], name: str, value: str) -> None:
    with pytest.raises(SettingError) as raised:
        read(right | {name: value})
    problem = f"the environment variable {name} is {value[:100]!r}; it should be {EXPECTED[name]}"
    assert raised.value.problems == (problem,)


@pytest.mark.parametrize(("read", "right"), BOTH)
def test_all_problems_are_reported_at_once(read: Read, right: dict[str, str]) -> None:
    with pytest.raises(SettingError) as raised:
        read({name: WRONG[name][0] for name in right})
    assert len(raised.value.problems) == len(right)
    assert all(name in str(raised.value) and EXPECTED[name] in str(raised.value) for name in right)
    with pytest.raises(SettingError) as raised:
        read({})
    assert str(raised.value).count("is missing") == len(right)


def test_a_cron_expression_is_no_rate() -> None:
    assert planner_settings(PLANNER | {"POLL_SCHEDULE": "cron(0 */6 * * ? *)"}).every is None
