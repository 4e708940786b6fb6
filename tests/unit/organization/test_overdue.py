"""Scopes that were not read for longer than planned."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from task_reporter.history.rows import Row
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.export_image import EXPORT_IMAGE
from task_reporter.organization.members import Member
from task_reporter.organization.overdue import OverdueScope, overdue_scopes
from task_reporter.recording.roster import ListRecord
from task_reporter.times import parse, to_text

NOW = parse("2026-11-26T12:00:00Z")
ACCOUNT, REGION = "111122223333", "eu-west-1"
KINDS, QUIET = (BUNDLE, EXPORT_IMAGE), timedelta(hours=6)
QUIET_LIMIT, HOURLY_LIMIT, HOT_LIMIT = 2 * 360 + 15, 2 * 60 + 15, 2 * 5 + 15
"""Minutes after which the lists below are overdue."""


def ago(minutes: float) -> int:
    """Return the time so many ``minutes`` before now, in epoch seconds."""
    return int((NOW - timedelta(minutes=minutes)).timestamp())


def member(lists: dict[str, dict[str, ListRecord]] | None = None, **row: Any) -> Member:
    joined: Row = {"status": "ACTIVE", "joined_at": "2026-01-01T00:00:00.000Z"}
    return Member(ACCOUNT, joined | row, lists or {})


def overdue(*members: Member, **more: Any) -> list[OverdueScope]:
    return overdue_scopes(members, KINDS, QUIET, NOW, **more)


def hot(minutes: float) -> ListRecord:
    return ListRecord(at=ago(minutes), active_at=ago(minutes + 50))


LISTS = {
    "quiet": ("bundle", QUIET_LIMIT, lambda minutes: ListRecord(at=ago(minutes))),
    "quiet and hourly": ("export-image", HOURLY_LIMIT, lambda minutes: ListRecord(at=ago(minutes))),
    "hot": ("bundle", HOT_LIMIT, hot),
    "throttled": ("bundle", QUIET_LIMIT, lambda minutes: ListRecord(at=ago(minutes), unreadable="throttled")),
    "failing since the first poll": (
        "bundle", QUIET_LIMIT, lambda minutes: ListRecord(unreadable="error", unreadable_since=ago(minutes))
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "limit", "record"), LISTS.values(), ids=LISTS)
def test_a_list_is_overdue_after_its_limit(kind: str, limit: int, record: Any) -> None:
    assert overdue(member({REGION: {kind: record(limit)}})) == []
    late = record(limit + 1)
    assert overdue(member({REGION: {kind: late}})) == [OverdueScope(ACCOUNT, REGION, ago(limit + 1))]


def test_a_round_may_take_longer_than_five_minutes() -> None:
    lists = {REGION: {"bundle": hot(30)}}
    assert overdue(member(lists))
    assert overdue(member(lists), every=timedelta(minutes=10)) == []


@pytest.mark.parametrize("reason", ["denied", "denied-by-scp", "region-disabled", "malformed", "absent"])
def test_an_unreadable_list_is_not_overdue(reason: str) -> None:
    assert overdue(member({REGION: {"bundle": ListRecord(at=ago(9999), unreadable=reason)}})) == []


OLD = {REGION: {"bundle": ListRecord(at=ago(9999))}}
EXCUSED = {
    "suspended": member(OLD, status="SUSPENDED"),
    "left": member(OLD, status="LEFT"),
    "without a role": member(OLD, unreadable="no-role"),
    "back since a moment": member(OLD, joined_at=to_text(NOW)),
    "of a disabled region": member(OLD, regions="us-east-1 us-east-2"),
    "of an unknown kind": member({REGION: {"unknown": ListRecord(at=ago(9999))}}),
    "new": member(joined_at=to_text(NOW - timedelta(minutes=59))),
    "new and without a role": member(unreadable="no-role"),
}


@pytest.mark.parametrize("excused", EXCUSED.values(), ids=EXCUSED)
def test_an_account_is_not_overdue(excused: Member) -> None:
    assert overdue(excused) == []


def test_an_account_without_a_poll_is_one_scope() -> None:
    joined = NOW - timedelta(minutes=61)
    [scope] = overdue(member(joined_at=to_text(joined)))
    assert (scope.name, scope.since) == (f"{ACCOUNT}/*", int(joined.timestamp()))


@pytest.mark.parametrize(("hours", "scopes"), [(24, 0), (26, 1)])
def test_an_account_without_watched_regions_answers_daily(hours: int, scopes: int) -> None:
    assert len(overdue(member(regions_at=to_text(NOW - timedelta(hours=hours))))) == scopes


def test_scopes_are_sorted_and_have_their_oldest_list() -> None:
    newer = {"bundle": ListRecord(at=ago(800)), "export-image": ListRecord(at=ago(900))}
    first = member({"us-east-1": newer, "ap-south-1": newer, "eu-west-1": {"bundle": ListRecord(at=ago(1))}})
    before = replace(first, account="000000000000", lists={"us-west-2": newer})
    found = [(scope.name, scope.since) for scope in overdue(first, before)]
    assert found == [
        ("000000000000/us-west-2", ago(900)),
        (f"{ACCOUNT}/ap-south-1", ago(900)),
        (f"{ACCOUNT}/us-east-1", ago(900)),
    ]
