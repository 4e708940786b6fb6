"""The assignments of one round."""

from datetime import UTC, datetime, timedelta

import pytest

from task_reporter.kinds.table import KINDS
from task_reporter.organization.members import Member
from task_reporter.organization.planning import MAX_SLOW, SPREAD_SECONDS, plan, round_length, watched_lists
from task_reporter.recording.roster import ListRecord, parse_lists
from task_reporter.times import to_text
from tests.support.organization import QUIET, REGION, REGIONS
from tests.support.roster import members_of, unpolled_row

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
ALL = tuple(KINDS.values())
ACCOUNT = "111111111111"
QUIET_LIST, HOT = ListRecord(at=EPOCH - 300), ListRecord(at=EPOCH - 300, active_at=EPOCH - 300)


def member(account=ACCOUNT, lists=None, **row):
    times = {"status": "ACTIVE", "regions": " ".join(REGIONS), "regions_at": to_text(NOW - timedelta(hours=1))}
    every = {region: dict.fromkeys(KINDS, QUIET_LIST) for region in REGIONS}
    return Member(account, {**times, **row}, every if lists is None else lists)


def assignments(*members, setting=("all",), kinds=ALL, length=timedelta(minutes=5)):
    return [each for each, _ in plan(members, kinds, setting, REGION, QUIET, NOW, length)]


def with_hot(places, **more):
    lists = {region: dict.fromkeys(KINDS, QUIET_LIST) for region in REGIONS}
    for place in places:
        region, kind = place.split("/")
        lists[region] = lists[region] | {kind: HOT}
    return member(lists=lists, **more)


def test_nothing_is_sent_for_a_quiet_account():
    assert assignments(member()) == []


def test_only_due_lists_are_named():
    [one] = assignments(with_hot(["us-east-1/bundle", "us-east-1/export-image", "eu-west-1/bundle"]))
    assert one.due == {"eu-west-1": ("bundle",), "us-east-1": ("export-image", "bundle")}
    assert (one.account, one.round, one.find_regions, one.slow) == (ACCOUNT, EPOCH, False, False)


@pytest.mark.parametrize(
    "row", [{"status": "SUSPENDED"}, {"status": "LEFT"}, {"status": ""}, {"status": "PENDING_CLOSURE"}]
)
def test_only_active_accounts_are_asked(row):
    assert assignments(with_hot(["us-east-1/bundle"], **row)) == []


def test_regions_of_a_new_account_are_found_by_the_recorder():
    [one] = assignments(*members_of(unpolled_row(ACCOUNT, NOW)))
    assert (one.due, one.find_regions) == ({}, True)


def test_regions_are_found_daily_with_all_known_ones():
    [one] = assignments(member(regions_at=to_text(NOW - timedelta(hours=24))))
    assert (one.due, one.find_regions) == (dict.fromkeys(sorted(REGIONS), ()), True)
    [one] = assignments(member(regions_at=to_text(NOW + timedelta(days=400))))
    assert one.find_regions, "a wrong clock"


@pytest.mark.parametrize(
    ("setting", "regions", "asked"),
    [
        (("all",), "", [REGION]),
        (("all",), "eu-west-1 us-east-1", ["eu-west-1", "us-east-1"]),
        ((), "eu-west-1 us-east-1", [REGION]),
        (("eu-west-1", "ap-south-2"), "eu-west-1 us-east-1", ["eu-west-1"]),
        (("eu-west-1", "ap-south-2"), "", ["ap-south-2", "eu-west-1"]),
        (("all",), "eu-west-1 ../x US-EAST-1 x", ["eu-west-1"]),
    ],
)
def test_setting_and_enabled_regions_decide(setting, regions, asked):
    [one] = assignments(member(lists={}, regions=regions), setting=setting)
    assert (sorted(one.due), one.find_regions) == (asked, False)


def test_lists_that_are_not_watched_any_more_are_left_out():
    lists = {region: dict.fromkeys(KINDS, HOT) for region in ("us-east-1", "eu-west-1", "ap-south-1")}
    one = member(lists=lists, regions="us-east-1 eu-west-1")
    kept = watched_lists(one, (KINDS["bundle"],), ("us-east-1", "ap-south-1"), REGION)
    assert kept == {"us-east-1": {"bundle": HOT}}


def test_lists_answered_before_the_account_joined_are_due():
    """The hub's own account was watched alone before, or an account has come back."""
    joined_at = to_text(NOW - timedelta(minutes=4))
    lists = {REGION: dict.fromkeys(KINDS, QUIET_LIST) | {"bundle": ListRecord(at=EPOCH - 200)}}
    lists[REGION]["conversion"] = ListRecord(unreadable="denied", asked=EPOCH - 500, tries=9)
    [one] = assignments(member(lists=lists, joined_at=joined_at, regions=REGION))
    assert set(one.due[REGION]) == KINDS.keys() - {"bundle"}
    assert assignments(member(joined_at="2036-01-01T00:00:00.000Z")) == [], "a wrong clock"


# Accounts that can't be read


@pytest.mark.parametrize(
    ("tries", "minutes", "is_asked"),
    [(1, 0, True), (2, 55, False), (2, 58, True), (99, 55, False), (99, 60, True)],
)
def test_an_account_without_a_role_waits(tries, minutes, is_asked):
    asked_at = to_text(NOW - timedelta(minutes=minutes))
    one = with_hot(["us-east-1/bundle"], unreadable="no-role", tries=tries, asked_at=asked_at)
    assert bool(assignments(one)) == is_asked


@pytest.mark.parametrize("asked_at", ["", "ugly", "2036-01-01T00:00:00.000Z"])
def test_an_absurd_time_makes_no_account_wait(asked_at):
    assert assignments(with_hot(["us-east-1/bundle"], unreadable="no-role", tries=9, asked_at=asked_at))


# Order and time


def test_accounts_with_few_lists_come_first():
    few, many = (
        with_hot(["us-east-1/bundle"], account="2" * 12),
        with_hot(["us-east-1/bundle", "us-east-1/export-image"]),
    )
    new = Member("0" * 12, {"status": "ACTIVE"})
    assert [each.account for each in assignments(new, many, few)] == ["2" * 12, ACCOUNT, "0" * 12]


def test_slow_accounts_come_last_and_take_turns():
    def slow(number):
        polled_at = to_text(NOW - timedelta(minutes=number))
        return with_hot(
            ["us-east-1/bundle"], account=f"{number:012d}", slow_since="2026-11-23T00:00:00.000Z", polled_at=polled_at
        )

    fast = with_hot(["us-east-1/bundle"], account="9" * 12)
    planned = assignments(*map(slow, range(1, 2 * MAX_SLOW)), fast)
    assert [each.slow for each in planned] == [False] + [True] * MAX_SLOW
    assert [int(each.account) for each in planned[1:]] == list(range(2 * MAX_SLOW - 1, MAX_SLOW - 1, -1))


@pytest.mark.parametrize(("accounts", "is_spread"), [(50, False), (51, True)])
def test_many_accounts_are_spread_over_a_minute(accounts, is_spread):
    slow = with_hot(["us-east-1/bundle"], slow_since="x")
    members = [Member(f"{number:012d}", {"status": "ACTIVE"}) for number in range(accounts)]
    planned = plan([*members, slow], ALL, ("all",), REGION, QUIET, NOW)
    delays = [delay for _, delay in planned]
    assert (len(set(delays)) > 20) == is_spread
    assert 0 <= min(delays) <= max(delays) == delays[-1] == (SPREAD_SECONDS if is_spread else 0)
    assert plan([*members, slow], ALL, ("all",), REGION, QUIET, NOW) == planned, "the same in each round"


@pytest.mark.parametrize(("minutes", "length"), [(5, 5), (10, 10), (0.1, 1), (-5, 1), (60, 60), (9999, 720)])
def test_a_round_lasts_as_long_as_the_one_before(minutes, length):
    since = round_length(int((NOW - timedelta(minutes=minutes)).timestamp()), NOW)
    assert since == timedelta(minutes=length)
    [one] = assignments(with_hot(["us-east-1/bundle"]), length=since)
    assert one.until == EPOCH + 60 * length + SPREAD_SECONDS


def test_the_first_round_has_the_default_length():
    assert round_length(0, NOW) == timedelta(minutes=5)


def test_rows_of_other_programs_are_planned_too():
    huge = '{"us-east-1": {"bundle": {"at": 1' + 400 * "0" + ', "tries": -1, "active_at": -1}}}'
    ugly = {"lists": "[", "tries": "many", "asked_at": 5, "regions": 7, "regions_at": "", "unreadable": 1}
    for row in ({"lists": huge, "regions_at": to_text(NOW)}, ugly):
        assert assignments(Member(ACCOUNT, {"status": "ACTIVE", **row}, parse_lists(row))), row
