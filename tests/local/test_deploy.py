"""Tests of the parameters of a deployment and of its first checks."""

import pytest

from local.deploy import parse_parameters, prepare_deployment
from local.stacks import DeploymentError
from task_reporter_cli.aws.account import Account

PARAMETERS = {
    "nothing": ("", {}),
    "one": ("RetentionDays=365", {"RetentionDays": "365"}),
    "one with blanks": ('PollSchedule="rate(2 minutes)"', {"PollSchedule": "rate(2 minutes)"}),
    "one that is empty": ('KmsKeyArn=""', {"KmsKeyArn": ""}),
    "one with an equals sign": ("AlarmEmail=a=b@example.com", {"AlarmEmail": "a=b@example.com"}),
    "several": ("TaskKinds=bundle  DigestAbove='3'", {"TaskKinds": "bundle", "DigestAbove": "3"}),
}


@pytest.mark.parametrize(("text", "parameters"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters_are_words_quoted_as_for_a_shell(text: str, parameters: dict[str, str]) -> None:
    assert parse_parameters(text) == parameters


def test_an_email_address_is_not_parsed_as_a_shell_word() -> None:
    assert parse_parameters("", "o'brien@example.com") == {"NotificationEmail": "o'brien@example.com"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("RetentionDay=365", "the template has no parameter RetentionDay; it has NotificationEmail, .*RetentionDays"),
        ("PollSchedule=rate(2 minutes)", r"'minutes\)' is not Name=value; use PARAMETERS='Name=value"),
        ("AlarmEmail='a@example.com", "PARAMETERS cannot be parsed .No closing quotation.: AlarmEmail='a@example.com"),
    ],
)
def test_an_invalid_parameter_is_named(text: str, sentence: str) -> None:
    with pytest.raises(DeploymentError, match=sentence):
        parse_parameters(text)


def test_a_missing_table_or_region_is_refused_before_any_request() -> None:
    with pytest.raises(DeploymentError, match="make takeover TABLE=name"):
        prepare_deployment(Account(region="eu-west-1"), "any", "", {})
    with pytest.raises(DeploymentError, match="no AWS region; set AWS_REGION"):
        prepare_deployment(Account(), "any", None, {})
