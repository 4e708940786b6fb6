"""A deployment gets the parameters that a person gave, and says what is wrong with the others."""

import pytest

from local.deploy import given_parameters, prepare
from local.stacks import DeploymentProblem
from task_reporter_cli.aws.account import Account

GIVEN = {
    "nothing": ("", {}),
    "one": ("RetentionDays=365", {"RetentionDays": "365"}),
    "one with blanks": ('PollSchedule="rate(2 minutes)"', {"PollSchedule": "rate(2 minutes)"}),
    "one that is empty": ('KmsKeyArn=""', {"KmsKeyArn": ""}),
    "one with an equals sign": ("AlarmEmail=a=b@example.com", {"AlarmEmail": "a=b@example.com"}),
    "several": ("TaskKinds=bundle  DigestAbove='3'", {"TaskKinds": "bundle", "DigestAbove": "3"}),
}


@pytest.mark.parametrize(("text", "parameters"), GIVEN.values(), ids=GIVEN)
def test_parameters_are_words_quoted_as_for_a_shell(text: str, parameters: dict[str, str]) -> None:
    assert given_parameters(text) == parameters


def test_an_email_address_is_no_shell_word() -> None:
    assert given_parameters("", "o'brien@example.com") == {"NotificationEmail": "o'brien@example.com"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("RetentionDay=365", "the template has no parameter RetentionDay; it has NotificationEmail, .*RetentionDays"),
        ("PollSchedule=rate(2 minutes)", r"'minutes\)' is no parameter; say PARAMETERS='Name=value"),
        ("AlarmEmail='a@example.com", "PARAMETERS can't be read .No closing quotation.: AlarmEmail='a@example.com"),
    ],
)
def test_what_is_no_parameter_is_named(text: str, sentence: str) -> None:
    with pytest.raises(DeploymentProblem, match=sentence):
        given_parameters(text)


def test_a_missing_table_is_asked_for() -> None:
    with pytest.raises(DeploymentProblem, match="make takeover TABLE=name"):
        prepare(Account(region="eu-west-1"), "any", "", {})


def test_a_missing_region_is_said_before_anything_is_asked() -> None:
    with pytest.raises(DeploymentProblem, match="no AWS region; set AWS_REGION"):
        prepare(Account(), "any", None, {})
