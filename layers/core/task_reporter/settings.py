"""What the template tells the functions, through their environment."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from task_reporter.errors import SettingError
from task_reporter.kinds import KINDS, Kind

Setting = TypeVar("Setting")


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """The recorder's: the table's name, ``<account id>/<region>``, the kinds to poll, days to keep rows (0: ever).

    And the topic whose subscribers it counts, whether the stack made an email subscription, and its patience: how long
    a task may be missing, a row untold, EC2 unasked.
    """

    table: str
    scope: str
    kinds: tuple[Kind, ...]
    retention_days: int
    topic: str
    email_subscription: bool
    lost_after: timedelta
    redrive_after: timedelta
    silent_after: timedelta


@dataclass(frozen=True, slots=True)
class NotifierSettings:
    """The notifier's: the table's name, ``<account id>/<region>``, the topic's ARN, above how many tasks a digest.

    And whether the stack made an email subscription, and days to keep rows.
    """

    table: str
    scope: str
    topic: str
    email_subscription: bool
    digest_above: int
    retention_days: int


def recorder_settings(environment: Mapping[str, str]) -> RecorderSettings:
    """The recorder's settings. Raises SettingError, which names every one that is missing or wrong."""
    reader = _Reader(environment)
    return reader.checked(
        RecorderSettings(
            table=reader.table(),
            scope=reader.scope(),
            kinds=reader.read("TASK_KINDS", _kinds, f"a comma-separated list of: {', '.join(KINDS)}", ()),
            retention_days=reader.retention_days(),
            topic=reader.topic(),
            email_subscription=reader.email_subscription(),
            lost_after=reader.minutes("LOST_AFTER_MINUTES", 0),
            redrive_after=reader.minutes("REDRIVE_AFTER_MINUTES", 0),
            silent_after=reader.minutes("SILENT_AFTER_MINUTES", 1),
        )
    )


def notifier_settings(environment: Mapping[str, str]) -> NotifierSettings:
    """The notifier's settings. Raises SettingError, which names every one that is missing or wrong."""
    reader = _Reader(environment)
    return reader.checked(
        NotifierSettings(
            table=reader.table(),
            scope=reader.scope(),
            topic=reader.topic(),
            email_subscription=reader.email_subscription(),
            digest_above=reader.read("DIGEST_ABOVE", _between(1, sys.maxsize), "a whole number of at least 1", 0),
            retention_days=reader.retention_days(),
        )
    )


TABLE = re.compile(r"[A-Za-z0-9_.:/-]{3,1024}")
SCOPE = re.compile(r"\d{12}/[a-z0-9-]+")
ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:\S+")
LONGEST_PATIENCE = 9999
SHORTEST_RETENTION, LONGEST_RETENTION = 90, 99_999


class _Reader:
    """Reads settings one by one and remembers what was wrong, so that all of it is said at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def read(self, name: str, parse: Callable[[str], Setting], expected: str, instead: Setting) -> Setting:
        value = self._environment.get(name, "")
        try:
            return parse(value)
        except ValueError:
            said = f"is {value[:100]!r}" if value else "is missing"
            self._problems.append(f"the environment variable {name} {said}; it should be {expected}")
            return instead

    def text(self, name: str, pattern: re.Pattern[str], expected: str) -> str:
        return self.read(name, _matching(pattern), expected, "")

    def table(self) -> str:
        return self.text("HISTORY_TABLE", TABLE, "the name or ARN of the history table")

    def scope(self) -> str:
        return self.text("SCOPE", SCOPE, "<account id>/<region>, such as 123456789012/eu-west-1")

    def email_subscription(self) -> bool:
        return self.read("EMAIL_SUBSCRIPTION", _truth, "true or false", False)

    def topic(self) -> str:
        return self.text("TOPIC_ARN", ARN, "the ARN of the SNS topic, arn:aws:sns:<region>:<account id>:<name>")

    def minutes(self, name: str, least: int) -> timedelta:
        expected = f"whole minutes from {least} to {LONGEST_PATIENCE}"
        return timedelta(minutes=self.read(name, _between(least, LONGEST_PATIENCE), expected, least))

    def retention_days(self) -> int:
        expected = f"0 (for ever) or a number of days from {SHORTEST_RETENTION} to {LONGEST_RETENTION}"
        return self.read("RETENTION_DAYS", _retention_days, expected, 0)

    def checked(self, settings: Setting) -> Setting:
        if self._problems:
            raise SettingError(self._problems)
        return settings


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(value)
        return value

    return parse


def _truth(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError(value)
    return value == "true"


def _kinds(value: str) -> tuple[Kind, ...]:
    names = dict.fromkeys(name.strip() for name in value.split(","))
    if unknown := [name for name in names if name not in KINDS]:
        raise ValueError(unknown)
    return tuple(KINDS[name] for name in names)


def _between(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not least <= int(value) <= most:
            raise ValueError(value)
        return int(value)

    return parse


def _retention_days(value: str) -> int:
    days = int(value)
    if days != 0 and not SHORTEST_RETENTION <= days <= LONGEST_RETENTION:
        raise ValueError(value)
    return days
