"""Findings of `status` in the history."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from task_reporter.history.rows import Row
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.table import KINDS
from task_reporter.times import parse, to_text
from task_reporter_cli.actions.audience import Audience
from task_reporter_cli.errors import NoStackError
from task_reporter_cli.status import history
from task_reporter_cli.status.findings import WELL, WRONG, Finding
from tests.support.dynamodb import Table

NOW = parse("2026-11-23T12:00:00Z")
SCOPE = "123456789012/us-east-2"
TOPIC = "arn:aws:sns:us-east-2:123456789012:notices"
HEARD = Audience(TOPIC, 1, 0)
MINUTES = timedelta(minutes=1)


def before(**length: float) -> str:
    return to_text(NOW - timedelta(**length))


def on(*rows: Row) -> HistoryTable:
    return Table(*({"scope": SCOPE, **row} for row in rows))


def ago(**length: float) -> int:
    return int((NOW - timedelta(**length)).timestamp())


def beat(records: Mapping[str, Mapping[str, Any]] | None = None, **changes: Any) -> Row:
    """Return the roster row of a poll 3 minutes ago, with ``records``."""
    read = {kind: {"at": ago(minutes=3), "n": 7, **record} for kind, record in (records or {"bundle": {}}).items()}
    text = json.dumps({"us-east-2": read})
    return {"scope": "roster", "task_id": "123456789012", "polled_at": before(minutes=3), "lists": text} | changes


# Polls


def check(row: Row | None, *kinds: str) -> list[Finding]:
    rows = on(*([row] if row else []))
    return list(history.check_lists(rows, SCOPE, kinds or ("bundle",), 15 * MINUTES, NOW))


NEVER = "none that went well yet"
READ = "3 minutes ago, 1 list, 7 tasks listed"
POLLS = {
    "recent": (beat({"bundle": {"gap": 660}}), WELL, f"{READ}; longest gap 11 minutes"),
    "at the limit": (beat(polled_at=before(minutes=15)), WELL, "15 minutes ago, 1 list, 7 tasks listed"),
    "beyond the limit": (beat(polled_at=before(minutes=15.1)), WRONG, "15 minutes ago, 1 list, 7 tasks listed"),
    "long ago": (beat(polled_at=before(minutes=6000)), WRONG, "4 days ago, 1 list, 7 tasks listed"),
    "in the future": (beat(polled_at=before(minutes=-2)), WELL, "in 2 minutes, 1 list, 7 tasks listed"),
    "never": (None, WRONG, NEVER),
    "at no time": (beat(polled_at="yesterday"), WRONG, NEVER),
    "without lists": (beat(lists="x"), WRONG, NEVER),
    "with text for numbers": (beat({"bundle": {"gap": "long", "blind_until": "x", "unkeepable": "many"}}), WELL, READ),
    "with an absurd time": (beat({"bundle": {"blind_until": 10**30}}), WELL, READ),
    "with unkeepable tasks": (
        beat({"bundle": {"unkeepable": 2}}), WELL, f"{READ}; 2 more can't be kept, for EC2 gave no usable id"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("row", "level", "text"), POLLS.values(), ids=POLLS)
def test_the_last_poll(row: Row | None, level: str, text: str) -> None:
    poll, gap = check(row)
    assert (poll.part, poll.level, poll.text) == ("last poll", level, text)
    silence = "nothing for more than 15 minutes: " if level == WRONG and text != NEVER else ""
    assert poll.todo == (f"{silence}see the recorder's log and the schedule" if level == WRONG else "")
    assert gap == Finding("gaps, last 24 hours", WELL, "none in which a task could have come and gone unseen")


def test_lists_that_are_well_have_one_line() -> None:
    absent = {"unreadable": "absent", "at": 0}
    row = beat({"bundle": {"gap": 660}, "store-image": {"n": 2}, "mac-modification": absent})
    poll, _ = check(row, "bundle", "store-image", "mac-modification")
    expected = "3 minutes ago, 2 lists, 9 tasks listed; longest gap 11 minutes (bundle); not in this region: "
    assert (poll.level, poll.text) == (WELL, f"{expected}mac-modification")


UNREAD = {
    "denied": (
        {"unreadable": "denied", "unreadable_since": ago(hours=2)}, "denied since 2 hours ago",
        "allow the recorder's role ec2:DescribeStoreImageTasks; see the recorder's log",
    ),
    "malformed": (
        {"unreadable": "malformed", "unreadable_since": ago(hours=2)}, "malformed answers since 2 hours ago",
        "see the recorder's log",
    ),
    "late": (
        {"at": ago(minutes=20)}, "last read 20 minutes ago",
        "nothing for more than 15 minutes: see the recorder's log and the schedule",
    ),
    "never read": ({"at": 0}, NEVER, "see the recorder's log"),
}  # fmt: skip


DENIED = {"unreadable": "denied-by-scp", "unreadable_since": ago(hours=2)}
DISABLED = {"unreadable": "region-disabled", "unreadable_since": ago(hours=2)}
RECENTLY = {"at": ago(minutes=3), "n": 7}
SEVERAL = {
    "us-east-2": {"bundle": RECENTLY, "store-image": RECENTLY},
    "eu-west-1": {"bundle": RECENTLY, "store-image": DENIED},
    "eu-west-2,eu-west-3": {"bundle,store-image": DISABLED},
}


@pytest.mark.parametrize("regions", [("us-east-2", "eu-west-1", "eu-west-2"), ("all",)])
def test_a_region_that_is_not_read_has_one_line(regions: tuple[str, ...]) -> None:
    rows = on(beat(lists=json.dumps(SEVERAL)))
    kinds = ("bundle", "store-image")
    poll, listed, region, *others, _ = history.check_lists(rows, SCOPE, kinds, 15 * MINUTES, NOW, regions)
    assert (poll.level, poll.text) == (WELL, "3 minutes ago, 3 lists, 21 tasks listed")
    assert (listed.part, listed.text) == (
        "list eu-west-1/store-image",
        "denied by a service control policy since 2 hours ago",
    )
    assert (region.part, region.text) == ("region eu-west-2", "the region is disabled since 2 hours ago")
    assert region.todo == "enable it, or remove it from the parameter Regions; see the recorder's log"
    assert [other.part for other in others] == (["region eu-west-3"] if regions == ("all",) else [])


def test_a_region_that_is_no_longer_enabled_is_not_missed() -> None:
    rows = on(beat(lists=json.dumps(SEVERAL), regions="eu-west-1 eu-west-2 us-east-2"))
    parts = [one.part for one in history.check_lists(rows, SCOPE, ("bundle",), 15 * MINUTES, NOW, ("all",))]
    assert parts == ["last poll", "list eu-west-2/bundle", "gaps, last 24 hours"]


NAMED = [("", ()), ("eu-west-1, us-east-1", ("eu-west-1", "us-east-1")), ("all", ("all",)), ("x,all", ("all",))]


@pytest.mark.parametrize(("parameter", "regions"), NAMED)
def test_watched_regions_are_those_of_the_parameter(parameter: str, regions: tuple[str, ...]) -> None:
    assert history.watched_regions({"Regions": parameter}) == regions


@pytest.mark.parametrize(("record", "text", "todo"), UNREAD.values(), ids=UNREAD)
def test_a_list_that_is_not_read_has_a_line_of_its_own(record: dict[str, Any], text: str, todo: str) -> None:
    _, unread, _ = check(beat({"bundle": {}, "store-image": record}), "bundle", "store-image")
    assert unread == Finding("list store-image", WRONG, text, todo)


def test_kinds_that_are_not_watched_are_named() -> None:
    [found] = history.check_kinds([kind for kind in KINDS if kind not in ("bundle", "conversion")])
    assert (found.level, found.text) == (WELL, "7 of 9 are watched, and not conversion, bundle")
    assert list(history.check_kinds(list(KINDS))) == []


def test_a_layer_without_bytecode_is_said_and_well() -> None:
    *_, layer = check(beat(without_bytecode="python3.13"))
    assert (layer.part, layer.level) == ("layer", WELL)
    assert layer.text == "no bytecode for python3.13, so a cold start takes about twice as long"
    assert "make deploy" in layer.todo


def test_a_gap_that_may_hide_a_task_is_named() -> None:
    *_, gap = check(beat({"bundle": {"blind_from": ago(hours=6), "blind_until": ago(hours=2.5)}}))
    assert (gap.part, gap.level) == ("gaps, last 24 hours (bundle)", WRONG)
    assert gap.text == (
        "between 2026-11-23 06:00:00 and 2026-11-23 09:30:00 UTC EC2 went unasked for longer than it was seen to list:"
        " a task may have come and gone unseen"
    )
    assert gap.todo


@pytest.mark.parametrize(("hours", "level"), [(23.9, WRONG), (24.1, WELL)])
def test_a_gap_is_wrong_for_a_day(hours: float, level: str) -> None:
    *_, gap = check(beat({"bundle": {"blind_from": ago(hours=30), "blind_until": ago(hours=hours)}}))
    assert gap.level == level


@pytest.mark.parametrize(("text", "kinds"), [("bundle", ["bundle"]), (" a, b ,", ["a", "b"]), (None, [*KINDS])])
def test_the_kinds_that_are_watched(text: str | None, kinds: list[str]) -> None:
    assert history.watched_kinds({"TaskKinds": text} if text else {}) == kinds


# Tasks


def test_running_tasks_are_counted() -> None:
    rows = on({"task_id": "a", "awaiting": "outcome"}, {"task_id": "b", "awaiting": "notification"})
    assert history.check_running(rows) == Finding("running tasks", WELL, "1")
    left = {"task_id": "c", "awaiting": "outcome", "unreachable_since": "2026-11-23T12:00:00.000Z"}
    text = "1, 1 of them in accounts that are not watched any more"
    assert history.check_running(on(left)) == Finding("running tasks", WELL, text)


def lost(hours: int, outcome: str = "lost") -> Row:
    return {"task_id": f"bun-{hours}", "kind": "bundle", "outcome": outcome, "finished_at": before(hours=hours)}


LOST = {
    "two": ([lost(2), lost(1), lost(30), lost(3, "complete")], WRONG, "2: bun-1, bun-2"),
    "many": ([lost(hours) for hours in range(1, 8)], WRONG, "7: bun-1, bun-2, bun-3 and 4 more"),
    "none lately": ([lost(25)], WELL, "none"),
}


@pytest.mark.parametrize(("rows", "level", "text"), LOST.values(), ids=LOST)
def test_lost_tasks_are_wrong_and_named(rows: list[Row], level: str, text: str) -> None:
    todo = "task-reporter list --outcome lost --stack x" if level == WRONG else ""
    assert history.check_lost(on(*rows), NOW, " --stack x") == Finding("lost, last 24 hours", level, text, todo)


def unannounced(*rows: Row, audience: Audience | Exception = HEARD) -> Finding:
    def listeners() -> Audience:
        if isinstance(audience, Exception):
            raise audience
        return audience

    return history.check_unannounced(on(*rows), 20 * MINUTES, NOW, " --stack x", listeners, SCOPE)


def waiting(minutes: int, **changes: str) -> Row:
    row = {"task_id": str(minutes), "awaiting": "notification", "awaiting_since": before(minutes=minutes)}
    return row | changes


def test_nothing_that_waits_is_well_and_costs_no_request() -> None:
    assert unannounced(audience=AssertionError("SNS was asked")) == Finding("not announced", WELL, "none")


UNHEARD = beat(unheard_since=before(hours=3))
HELD = "2 wait until a subscription is confirmed (see subscribers); the oldest has waited for 1 hour"
SENT_SOON = (
    "2 go out with the next poll, for a subscription is confirmed now, or with task-reporter redrive --stack x; the"
    " oldest has waited for 1 hour"
)
LATE = "2, the oldest has waited for 1 hour"
WAITING = {
    "not for long": (19, HEARD, beat(), WELL, "2, the oldest has waited for 19 minutes"),
    "for too long": (21, HEARD, beat(), WRONG, "2, the oldest has waited for 21 minutes"),
    "nobody has confirmed": (61, Audience(TOPIC, 0, 1), beat(), WELL, HELD),
    "the stack's address is gone": (61, Audience(TOPIC, 0, 0, "ops@example.com"), beat(), WELL, HELD),
    "no address, nobody subscribed": (61, Audience(TOPIC, 0, 0), UNHEARD, WRONG, LATE),
    "confirmed since the last poll": (61, HEARD, UNHEARD, WELL, SENT_SOON),
    "confirmed for long": (61, HEARD, beat(), WRONG, LATE),
    "SNS can't be asked, nobody before": (61, ClientError({"Error": {"Code": "x"}}, "x"), UNHEARD, WELL, HELD),
    "SNS can't be asked": (61, EndpointConnectionError(endpoint_url="x"), beat(), WRONG, LATE),
    "the stack names no topic": (61, NoStackError("no output"), beat(), WRONG, LATE),
}


@pytest.mark.parametrize(("minutes", "audience", "row", "level", "text"), WAITING.values(), ids=WAITING)
def test_a_long_wait_is_wrong_unless_nobody_subscribed(
    minutes: int, audience: Audience | Exception, row: Row, level: str, text: str
) -> None:
    found = unannounced(waiting(minutes), waiting(2), row, audience=audience)
    assert (found.level, found.text) == (level, text)
    assert found.todo == ("task-reporter redrive --stack x" if level == WRONG else "")


def test_a_wait_since_an_unknown_time_is_wrong() -> None:
    for row in (waiting(1, awaiting_since="always"), {"task_id": "a", "awaiting": "notification"}):
        found = unannounced(row)
        assert (found.level, found.text) == (WRONG, "1, the oldest has waited for an unknown time")
