"""Limits that `status` reads from the stack's parameters."""

from datetime import timedelta

import pytest

from task_reporter_cli.status.limits import max_announcement_delay, max_silence, retention_days

MINUTES = timedelta(minutes=1)


SILENCES = [
    ({}, 15), ({"SilentAfterMinutes": "40"}, 40), ({"SilentAfterMinutes": "soon"}, 15),
    ({"SilentAfterMinutes": "15", "PollSchedule": "rate(1 minute)"}, 15),
    ({"SilentAfterMinutes": "15", "PollSchedule": "rate(10 minutes)"}, 20), ({"PollSchedule": "rate(1 hour)"}, 120),
    ({"PollSchedule": "rate(1 day)"}, 2880), ({"PollSchedule": "cron(0/5 * * * ? *)"}, 15),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "minutes"), SILENCES)
def test_silence_lasts_at_least_two_rounds(parameters: dict[str, str], minutes: int) -> None:
    assert max_silence(parameters) == minutes * MINUTES


@pytest.mark.parametrize(("text", "minutes"), [(None, 20), ("10", 20), ("45", 90), ("0", 2), ("", 20)])
def test_an_announcement_takes_two_rounds_of_redriving(text: str | None, minutes: int) -> None:
    assert max_announcement_delay({"RedriveAfterMinutes": text} if text is not None else {}) == minutes * MINUTES


@pytest.mark.parametrize(("text", "days"), [(None, 0), ("0", 0), ("365", 365)])
def test_rows_are_kept_for_the_days_of_the_parameter(text: str | None, days: int) -> None:
    assert retention_days({"RetentionDays": text} if text else {}) == days
