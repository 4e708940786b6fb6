"""The settings of the functions, which the template puts into their environment."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from task_reporter.errors import SettingError
from task_reporter.history.rows import ACCOUNT, REGION
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import KINDS

Setting = TypeVar("Setting")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """The settings of every function."""

    table: str
    """The name of the history table."""
    topic: str
    """The ARN of the topic to which notices are published."""
    email_subscription: bool
    """The stack made an email subscription to the topic."""
    retention_days: int
    """0 keeps rows for ever."""
    event_bus: str
    """The name of the bus to which events are sent; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSettings(FunctionSettings):
    """The settings of the recorder and the planner."""

    scope: str
    """The stack's own ``<account id>/<region>``."""
    kinds: tuple[Kind, ...]
    """The kinds to poll."""
    regions: tuple[str, ...]
    """The regions to poll: empty for the stack's own, ``ALL_REGIONS`` for the enabled ones."""
    announce_history: bool
    """Announce tasks that have ended before the first good answer of their list."""
    lost_after: timedelta
    redrive_after: timedelta
    silent_after: timedelta
    quiet: timedelta
    """Time between two answers of a quiet list of a member account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings(PollSettings):
    """The settings of the recorder."""

    member_role: str
    """The role in each member account; empty where the stack is no hub."""
    external_id: str
    """The external id that the members' roles ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerSettings(PollSettings):
    """The settings of the planner of a hub."""

    queue: str
    """The URL of the queue of assignments."""
    alarm_topic: str
    """The ARN of the topic for messages about the reporter itself."""
    units: tuple[str, ...]
    """The organizational units whose accounts are watched; empty for all accounts."""
    excluded: tuple[str, ...]
    """Accounts that are not watched."""
    accepted: tuple[str, ...]
    """Patterns of scopes whose problems are expected."""
    every: timedelta | None
    """Time between two rounds; None where the schedule is no rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierSettings(FunctionSettings):
    """The settings of the notifier."""

    scopes: str
    """The pattern of the announced scopes; ``*`` stands for any account or region."""
    digest_above: int
    """More tasks than this in one batch become a digest."""
    chat: bool
    """Events carry a message for a chat."""


def recorder_settings(environment: Mapping[str, str]) -> RecorderSettings:
    """Read the recorder's settings.

    Raises SettingError, which names each setting that is missing or wrong.
    """
    reader = _Reader(environment)
    return reader.checked(
        RecorderSettings(
            **_poll_values(reader),
            member_role=reader.text("MEMBER_ROLE", ROLE, "the name of an IAM role, or empty"),
            external_id=reader.text("EXTERNAL_ID", EXTERNAL_ID, "the external id of the members' roles, or empty"),
        )
    )


def planner_settings(environment: Mapping[str, str]) -> PlannerSettings:
    """Read the planner's settings.

    Raises SettingError, which names each setting that is missing or wrong.
    """
    reader = _Reader(environment)
    return reader.checked(
        PlannerSettings(
            **_poll_values(reader),
            queue=reader.text("ASSIGNMENT_QUEUE_URL", URL, "the URL of the queue of assignments"),
            alarm_topic=reader.topic("ALARM_TOPIC_ARN"),
            units=reader.words("ORGANIZATIONAL_UNITS", UNIT, "empty, or ids of roots and units separated by commas"),
            excluded=reader.words("EXCLUDED_ACCOUNTS", ACCOUNT, "empty, or account ids separated by commas"),
            accepted=reader.words("ACCEPTED_DENIALS", PATTERN, "empty, or patterns of <account id>/<region>"),
            every=reader.read("POLL_SCHEDULE", parse_schedule, "a schedule: rate(...) or cron(...)", None),
        )
    )


def _poll_values(reader: "_Reader") -> dict[str, Any]:
    """Read the settings of both the recorder and the planner."""
    return {
        "table": reader.table(),
        "scope": reader.scope(),
        "kinds": reader.kinds(),
        "regions": reader.regions(),
        "retention_days": reader.retention_days(),
        "event_bus": reader.event_bus(),
        "topic": reader.topic(),
        "email_subscription": reader.boolean("EMAIL_SUBSCRIPTION"),
        "announce_history": reader.read("ANNOUNCE_HISTORY", _digest_or_none, "digest or none", True),
        "lost_after": reader.minutes("LOST_AFTER_MINUTES", 0),
        "redrive_after": reader.minutes("REDRIVE_AFTER_MINUTES", 0),
        "silent_after": reader.minutes("SILENT_AFTER_MINUTES", 1),
        "quiet": reader.minutes("QUIET_MINUTES", 1),
    }


def notifier_settings(environment: Mapping[str, str]) -> NotifierSettings:
    """Read the notifier's settings.

    Raises SettingError, which names each setting that is missing or wrong.
    """
    reader = _Reader(environment)
    return reader.checked(
        NotifierSettings(
            table=reader.table(),
            scopes=reader.text("SCOPES", SCOPES, "<account id>/<region>, either of them perhaps *"),
            topic=reader.topic(),
            email_subscription=reader.boolean("EMAIL_SUBSCRIPTION"),
            chat=reader.boolean("CHAT_NOTICES"),
            digest_above=reader.read("DIGEST_ABOVE", _between(1, sys.maxsize), "a whole number of at least 1", 0),
            retention_days=reader.retention_days(),
            event_bus=reader.event_bus(),
        )
    )


TABLE = re.compile(r"[A-Za-z0-9_.:/-]{3,1024}")
SCOPE = re.compile(r"\d{12}/[a-z0-9-]+")
SCOPES = re.compile(r"(\d{12}|\*)/([a-z0-9-]+|\*)")
ALL_REGIONS = ("all",)
"""The setting for all regions that are enabled."""
ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:\S+")
ROLE = re.compile(r"[\w+=,.@-]{0,64}")
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{0,1224}")
# https://docs.aws.amazon.com/organizations/latest/APIReference/API_OrganizationalUnit.html
UNIT = re.compile(r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}")
PATTERN = re.compile(r"[0-9*?]{1,12}/[a-z0-9*?-]+")
URL = re.compile(r"https?://\S+")
SCHEDULE = re.compile(r"rate\((\d{1,4}) (minute|hour|day)s?\)|cron\(.+\)")
UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
BUS = re.compile(r"[A-Za-z0-9._/-]{0,256}")
MAX_MINUTES = 9999
MIN_RETENTION_DAYS, MAX_RETENTION_DAYS = 90, 99_999


class _Reader:
    """Reads settings, and collects all that is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def read(self, name: str, parse: Callable[[str], Setting], expected: str, default: Setting) -> Setting:
        value = self._environment.get(name, "")
        try:
            return parse(value)
        except ValueError:
            state = f"is {value[:100]!r}" if value else "is missing"
            self._problems.append(f"the environment variable {name} {state}; it should be {expected}")
            return default

    def text(self, name: str, pattern: re.Pattern[str], expected: str) -> str:
        return self.read(name, _matching(pattern), expected, "")

    def table(self) -> str:
        return self.text("HISTORY_TABLE", TABLE, "the name or ARN of the history table")

    def scope(self) -> str:
        return self.text("SCOPE", SCOPE, "<account id>/<region>, such as 123456789012/eu-west-1")

    def boolean(self, name: str) -> bool:
        return self.read(name, _boolean, "true or false", False)

    def event_bus(self) -> str:
        return self.text("EVENT_BUS", BUS, "the name of an event bus, or empty for none")

    def kinds(self) -> tuple[Kind, ...]:
        return self.read("TASK_KINDS", _kinds, f"a comma-separated list of: {', '.join(KINDS)}", ())

    def regions(self) -> tuple[str, ...]:
        return self.read("REGIONS", _regions, f"empty, {ALL_REGIONS[0]}, or regions separated by commas", ())

    def words(self, name: str, pattern: re.Pattern[str], expected: str) -> tuple[str, ...]:
        return self.read(name, _words(pattern), expected, ())

    def topic(self, name: str = "TOPIC_ARN") -> str:
        return self.text(name, ARN, "the ARN of the SNS topic, arn:aws:sns:<region>:<account id>:<name>")

    def minutes(self, name: str, minimum: int) -> timedelta:
        expected = f"whole minutes from {minimum} to {MAX_MINUTES}"
        return timedelta(minutes=self.read(name, _between(minimum, MAX_MINUTES), expected, minimum))

    def retention_days(self) -> int:
        expected = f"0 (for ever) or a number of days from {MIN_RETENTION_DAYS} to {MAX_RETENTION_DAYS}"
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


def parse_schedule(value: str) -> timedelta | None:
    """Return the time between two runs of a schedule, None for a cron expression.

    Raises ValueError where it is no schedule.
    """
    if not (schedule := SCHEDULE.fullmatch(value)):
        raise ValueError(value)
    return int(schedule[1]) * UNITS[schedule[2]] if schedule[1] else None


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError(value)
    return value == "true"


def _digest_or_none(value: str) -> bool:
    if value not in ("digest", "none"):
        raise ValueError(value)
    return value == "digest"


def _kinds(value: str) -> tuple[Kind, ...]:
    names = dict.fromkeys(name.strip() for name in value.split(","))
    if unknown := [name for name in names if name not in KINDS]:
        raise ValueError(unknown)
    return tuple(KINDS[name] for name in names)


def _words(pattern: re.Pattern[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(value: str) -> tuple[str, ...]:
        words = tuple(dict.fromkeys(word.strip() for word in value.split(",") if word.strip()))
        if not all(map(pattern.fullmatch, words)):
            raise ValueError(value)
        return words

    return parse


def _regions(value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not all(name in ALL_REGIONS or REGION.fullmatch(name) for name in names):
        raise ValueError(value)
    return ALL_REGIONS if set(ALL_REGIONS) <= set(names) else names


def _between(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not minimum <= int(value) <= maximum:
            raise ValueError(value)
        return int(value)

    return parse


def _retention_days(value: str) -> int:
    days = int(value)
    if days != 0 and not MIN_RETENTION_DAYS <= days <= MAX_RETENTION_DAYS:
        raise ValueError(value)
    return days
