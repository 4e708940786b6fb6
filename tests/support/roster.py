"""A hub's roster: rows of accounts as recorder and planner write them."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from task_reporter.history.rows import Row
from task_reporter.kinds.table import KINDS
from task_reporter.organization.members import Member
from task_reporter.recording.roster import parse_lists
from task_reporter.times import to_text

REGIONS = ("ap-northeast-1", "ap-south-1", "ap-southeast-2", "eu-north-1", "eu-west-1", "us-east-1", "us-east-2")


def seconds(time: datetime) -> int:
    return int(time.timestamp())


def lists_row(now: datetime, **changes: Mapping[str, object]) -> str:
    """Return the lists of an account that was just read.

    ``changes`` are changes of records by place: a region, or ``<region>/<kind>``, with underscores for hyphens.
    """
    places = {place.replace("_", "-"): change for place, change in changes.items()}
    read = {"at": seconds(now - timedelta(minutes=3))}
    return json.dumps(
        {
            region: {kind: read | dict(places.get(f"{region}/{kind}", places.get(region, {}))) for kind in KINDS}
            for region in REGIONS
        }
    )


def account_row(account: str, now: datetime, name: str = "", **more: str | int) -> Row:
    """Return the row of an account that is watched completely."""
    return {
        "scope": "roster", "task_id": account, "name": name,
        "status": "ACTIVE", "joined_at": "2026-01-05T10:00:00.000Z", "polled_at": to_text(now - timedelta(minutes=3)),
        "lists": lists_row(now), "regions": " ".join(REGIONS),
        "regions_at": to_text(now), **more,
    }  # fmt: skip


def unpolled_row(account: str, joined: datetime, name: str = "", **more: str | int) -> Row:
    """Return the row of an account that no poll could read."""
    row: Row = {"scope": "roster", "task_id": account, "name": name, "status": "ACTIVE", "joined_at": to_text(joined)}
    return row | more


def refused(reason: str, since: datetime) -> dict[str, object]:
    """Return the record's fields for a list that is refused."""
    return {"unreadable": reason, "unreadable_since": seconds(since), "asked": seconds(since), "tries": 3, "at": 0}


def members_of(*rows: Row) -> list[Member]:
    return [Member(str(row["task_id"]), row, parse_lists(row)) for row in rows]


def example_rows(now: datetime) -> list[Row]:
    """Return the roster of 1,000 accounts, of which some are not watched completely."""
    scp, denied = (refused(reason, now - timedelta(days=2)) for reason in ("denied-by-scp", "denied"))
    asian = {region.replace("-", "_"): scp for region in REGIONS if region.startswith("ap")}
    late = {"at": seconds(now - timedelta(hours=13))}
    special = [
        account_row("100000000011", now, "analytics", lists=lists_row(now, **asian, eu_north_1=scp)),
        unpolled_row(
            "100000000021", now - timedelta(days=9), "payments", unreadable="no-role", tries=9,
            unreadable_since=to_text(now - timedelta(days=9)),
        ),
        account_row(
            "100000000022", now, "sandbox-7", polled_at=to_text(now - timedelta(hours=4)), unreadable="no-role",
            tries=4, unreadable_since=to_text(now - timedelta(hours=4)),
        ),
        account_row("100000000031", now, "web", lists=lists_row(now, **{"us_east_1/bundle": denied})),
        account_row("100000000041", now, "backup", lists=lists_row(now, eu_west_1=late)),
        unpolled_row("100000000051", now - timedelta(minutes=4), "new-team"),
        unpolled_row("100000000061", now - timedelta(days=80), "old-team", status="LEFT", left_at=to_text(now)),
    ]  # fmt: skip
    watched = [account_row(f"2{number:011d}", now, f"team-{number}") for number in range(1001 - len(special))]
    return special + watched
