"""The recorder's work in one account: what it asks, records and leaves alone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from task_reporter.aws.request_limits import LIST_MEMBER_TASKS
from task_reporter.errors import HistoryError, NoRoleError
from task_reporter.history.rows import Key
from task_reporter.kinds.table import KINDS
from task_reporter.organization.members import member_key
from task_reporter.organization.worker import PROBED_LISTS, RECORDING_SECONDS, SLOW_SECONDS
from task_reporter.recording.poll_lists import PollResult
from task_reporter.recording.roster import ListRecord
from task_reporter.runtime.deadline import MARGIN_SECONDS, Deadline
from task_reporter.times import to_text
from tests.support.dynamodb import refusal
from tests.support.organization import (
    ACCOUNT,
    DENIAL,
    HUB,
    OTHER,
    REGION,
    REGIONS,
    SCP_DENIAL,
    Hub,
    Request,
    error,
)

EVERYTHING = dict.fromkeys(REGIONS, tuple(KINDS))
BUNDLE = Request(ACCOUNT, REGION, "bundle")
RUNNING = {"BundleId": "bun-1", "State": "bundling"}
FAILED_JUST_NOW = {"BundleId": "bun-1", "State": "failed"}


@pytest.fixture
def hub():
    hub = Hub()
    hub.join(ACCOUNT)
    return hub


def task(account=ACCOUNT, region=REGION, task_id="bun-1"):
    return Key(f"{account}/{region}", task_id)


def record(hub, kind="bundle", region=REGION, account=ACCOUNT):
    return hub.members[account].lists.get(region, {}).get(kind, ListRecord())


def at(hub):
    return int(hub.clock.now.timestamp())


# What is asked


def test_only_due_lists_are_asked(hub):
    hub.work({"us-east-1": ("bundle", "conversion"), "eu-west-1": ("bundle",), "eu-west-2": ()})
    assert sorted(hub.ec2.requests) == sorted(
        [BUNDLE, Request(ACCOUNT, REGION, "conversion"), Request(ACCOUNT, "eu-west-1", "bundle")]
    )
    assert hub.sts.assumed == [ACCOUNT]


def test_a_kind_that_this_version_does_not_watch_is_left_out(hub):
    del hub.worker.kinds["bundle"]
    hub.work({"us-east-1": ("bundle", "conversion")})
    assert hub.ec2.requests == [Request(ACCOUNT, REGION, "conversion")]


# What rows of tasks say


def test_rows_have_the_name_of_their_account(hub):
    hub.ec2.lists[BUNDLE] = [RUNNING]
    hub.work({REGION: ("bundle",)}, name="payments")
    assert hub.table.rows[task()]["account_name"] == "payments"


def test_running_row_gets_the_new_name_of_its_account(hub):
    hub.ec2.lists[BUNDLE] = [RUNNING]
    for name in ("", "payments", "payments", "billing", ""):
        hub.work({REGION: ("bundle",)}, name=name)
    assert hub.table.rows[task()]["account_name"] == "billing"


def test_what_ended_before_the_first_poll_waits_for_a_digest(hub):
    ended = {"BundleId": "bun-2", "State": "complete"}
    hub.ec2.lists[BUNDLE] = [RUNNING, ended]
    hub.work({REGION: ("bundle",)})
    hub.ec2.lists[BUNDLE] = [RUNNING | {"State": "complete"}, ended, ended | {"BundleId": "bun-3"}]
    hub.work({REGION: ("bundle",)})
    rows = {key.task_id: row for key, row in hub.table.rows.items()}
    assert {name: rows[name]["awaiting"] for name in ("bun-1", "bun-2", "bun-3")} == dict.fromkeys(
        ("bun-1", "bun-2", "bun-3"), "notification"
    )
    assert [name for name in ("bun-1", "bun-2", "bun-3") if "held_for" in rows[name]] == ["bun-2"]


def test_the_first_poll_of_an_account_asks_for_its_digest_once(hub):
    hub.ec2.lists[BUNDLE] = [{"BundleId": "bun-2", "State": "complete"}]
    hub.work({REGION: ("bundle",)})
    assert (hub.row()["digest"], hub.row()["digest_at"]) == ("due", to_text(hub.clock.now))
    hub.clock.forward(5)
    hub.work({REGION: ("bundle",)})
    assert not {"digest", "digest_at"} & hub.row().keys()


def test_a_first_poll_without_ended_tasks_asks_for_no_digest(hub):
    hub.ec2.lists[BUNDLE] = [RUNNING]
    hub.work({REGION: ("bundle",)})
    assert "digest" not in hub.row()


def test_the_assignment_of_a_past_round_is_dropped(hub):
    now = at(hub)
    assert hub.work({"us-east-1": ("bundle",)}, until=now - 1).dropped
    assert (hub.ec2.requests, hub.sts.assumed) == ([], [])
    assert not hub.work({"us-east-1": ("bundle",)}, until=now).dropped


def test_the_hubs_own_account_needs_no_role(hub):
    hub.join(HUB)
    assert hub.work({"us-east-1": ("bundle",)}, HUB).polled.good == ["bundle"]
    assert (hub.sts.assumed, hub.ec2.requests) == ([], [Request(HUB, REGION, "bundle")])


def test_a_quiet_organization_takes_the_calls_that_are_planned():
    """Count the requests of the first round, and of a day."""
    hub = Hub()
    hub.join(ACCOUNT, HUB)
    hub.round()
    assert hub.ec2.take_requests() == {"": 2, **dict.fromkeys(REGIONS, 18)}
    for _ in range(24 * 12):
        hub.round(5)
    taken = hub.ec2.take_requests()
    assert taken.pop("") == 2
    assert set(taken.values()) == {2 * (3 * 24 + 6 * 4)}


# Regions


def test_a_new_account_is_asked_for_all_lists_of_all_regions(hub):
    hub.work(find_regions=True)
    assert len(hub.ec2.requests) == 1 + 9 * 17
    assert hub.row()["regions"].split() == list(REGIONS)
    assert hub.row()["regions_at"] == hub.row()["polled_at"] == to_text(hub.clock.now)
    assert {len(kinds) for kinds in hub.members[ACCOUNT].lists.values()} == {9}


def test_new_regions_are_asked_completely_and_known_ones_as_due(hub):
    hub.ec2.regions[ACCOUNT] = ["eu-west-1", "us-east-1"]
    hub.work({"us-east-1": ("bundle",)}, find_regions=True)
    assert hub.ec2.take_requests() == {"": 1, "us-east-1": 1, "eu-west-1": 9}


def test_regions_that_are_disabled_now_are_asked_no_more(hub):
    hub.round()
    hub.ec2.regions[ACCOUNT] = ["us-east-1", "eu-west-1"]
    hub.ec2.take_requests()
    hub.round(24 * 60)
    assert hub.ec2.take_requests().keys() == {"", "us-east-1", "eu-west-1"}
    hub.round(360)
    assert hub.ec2.take_requests() == {"us-east-1": 9, "eu-west-1": 9}
    assert hub.members[ACCOUNT].lists.keys() == {"us-east-1", "eu-west-1"}


@pytest.mark.parametrize(
    ("setting", "asked"),
    [(("all",), {"us-east-1"}), ((), {"us-east-1"}), (("eu-west-1", "eu-west-2"), {"eu-west-1", "eu-west-2"})],
)
def test_the_setting_decides_where_regions_are_denied(setting, asked):
    hub = Hub(setting=setting)
    hub.join(ACCOUNT)
    hub.ec2.regions[ACCOUNT] = DENIAL
    hub.round()
    assert hub.ec2.take_requests() == {"": 1} | dict.fromkeys(asked, 9)
    for _ in range(11):
        hub.round(5)
    assert hub.ec2.take_requests() == {}, "a denial is an event in the account's trail"
    hub.round(23 * 60 + 5)
    assert hub.ec2.take_requests()[""] == 1, "a day later"


def test_regions_are_asked_again_after_an_error(hub):
    hub.ec2.regions[ACCOUNT] = error("InternalError")
    hub.round()
    assert hub.ec2.take_requests() == {"": 1, "us-east-1": 9}
    hub.ec2.regions.clear()
    hub.round(5)
    assert hub.ec2.take_requests() == {"": 1} | {region: 9 for region in REGIONS if region != REGION}


def test_known_regions_stay_where_ec2_does_not_tell_them(hub):
    hub.round()
    hub.ec2.regions[ACCOUNT] = error("InternalError")
    hub.ec2.take_requests()
    hub.round(24 * 60)
    assert hub.ec2.take_requests() == {"": 1} | dict.fromkeys(REGIONS, 9)
    assert hub.row()["regions"].split() == list(REGIONS)


@pytest.mark.parametrize("names", [["../evil", "us-east-1", "US-EAST-2", "us-east-1/x", "eu west 1", ""], []])
def test_names_that_are_no_region_are_left_out(hub, names):
    hub.ec2.regions[ACCOUNT] = names
    hub.round()
    assert hub.ec2.take_requests() == {"": 1, "us-east-1": 9}


def test_an_assignment_may_find_regions_and_no_due_list(hub):
    hub.round()
    hub.ec2.take_requests()
    before = hub.row()["lists"]
    hub.clock.forward(5)
    hub.work(dict.fromkeys(REGIONS, ()), find_regions=True)
    assert hub.ec2.take_requests() == {"": 1}
    assert (hub.row()["lists"], hub.row()["regions_at"]) == (before, to_text(hub.clock.now))


# Accounts that can't be read


def test_an_account_without_a_role_is_noted_and_noted_again(hub):
    hub.sts.refused[ACCOUNT] = error("AccessDenied")
    since = to_text(hub.clock.now)
    for tries, minutes in enumerate((0, 5, 60, 120), start=1):
        results = hub.round(minutes)
        assert (results[ACCOUNT].unreadable, results[ACCOUNT].polled) == ("no-role", None)
        row = hub.row()
        assert (row["unreadable"], row["tries"], row["unreadable_since"]) == ("no-role", tries, since)
        assert row["asked_at"] == to_text(hub.clock.now)
    assert hub.ec2.requests == []


def test_an_account_gets_its_role_back(hub):
    hub.round()
    hub.sts.refused[ACCOUNT] = error("AccessDenied")
    hub.clock.forward(60)
    hub.round()
    hub.sts.refused.clear()
    hub.round(5)
    assert not {"unreadable", "unreadable_since", "tries", "asked_at"} & hub.row().keys()


@pytest.mark.parametrize("code", ["Throttling", "InternalFailure"])
def test_an_error_of_sts_is_no_state_of_the_account(hub, code):
    hub.sts.refused[ACCOUNT] = error(code)
    before = dict(hub.row())
    with pytest.raises(type(error(code)), match=code):
        hub.work({"us-east-1": ("bundle",)})
    assert hub.row() == before


def test_nothing_of_an_unreadable_account_is_lost(hub):
    hub.ec2.lists[BUNDLE] = [RUNNING]
    hub.round()
    hub.sts.refused[ACCOUNT] = error("AccessDenied")
    before = dict(hub.table.rows[task()])
    for _ in range(60):
        hub.round(60)
    assert hub.table.rows[task()] == before
    hub.sts.refused.clear()
    hub.round(24 * 60)
    assert hub.table.rows[task()]["state"] == "bundling"


@pytest.mark.parametrize(
    "refusal", [DENIAL, SCP_DENIAL, error("AuthFailure"), error("RequestLimitExceeded"), KeyError("x")]
)
def test_nothing_of_a_list_that_fails_is_lost(hub, refusal):
    hub.ec2.lists[BUNDLE] = [RUNNING]
    hub.round()
    hub.ec2.refuse(ACCOUNT, REGION, refusal)
    for _ in range(48):
        hub.round(60)
    assert hub.table.rows[task()]["state"] == "bundling"
    assert "missing_since" not in hub.table.rows[task()]


def test_a_task_of_a_region_that_is_not_due_is_not_lost(hub):
    hub.ec2.lists[BUNDLE] = [RUNNING]
    hub.work({"us-east-1": ("bundle",)})
    hub.ec2.lists.clear()
    for _ in range(10):
        hub.clock.forward(20)
        hub.work({"eu-west-1": ("bundle",), "us-east-1": ("conversion",)})
    assert "missing_since" not in hub.table.rows[task()]
    assert "outcome" not in hub.table.rows[task()]


REASONS = {
    "denied": DENIAL, "denied-by-scp": SCP_DENIAL, "region-disabled": error("AuthFailure"),
    "absent": error("InvalidAction"), "throttled": error("RequestLimitExceeded"), "error": error("InternalError"),
}  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_a_refused_list_affects_no_other(hub, reason):
    hub.ec2.lists[BUNDLE] = REASONS[reason]
    result = hub.work({"us-east-1": ("bundle", "conversion")}).polled
    assert (result.good, result.unreadable, result.problems) == (["conversion"], {"bundle": reason}, [])
    assert record(hub) == ListRecord(unreadable=reason, unreadable_since=at(hub), asked=at(hub), tries=1)
    assert record(hub, "conversion").at == at(hub)


def test_an_account_denied_everywhere_keeps_its_last_poll(hub):
    hub.round()
    polled_at = hub.row()["polled_at"]
    for region in REGIONS:
        hub.ec2.refuse(ACCOUNT, region, SCP_DENIAL)
    hub.round(360)
    assert hub.row()["polled_at"] == polled_at
    assert record(hub).unreadable == "denied-by-scp"


def test_a_denied_region_is_asked_less_and_less(hub):
    hub.ec2.refuse(ACCOUNT, "ap-south-1", SCP_DENIAL)
    asked = []
    for number in range(80 * 12):
        hub.round(5)
        if hub.ec2.take_requests()["ap-south-1"]:
            asked.append(number * 5 // 60)
    assert asked == [0, 0, 1, 3, 7, 15, 31, 55, 79]


def test_what_there_was_no_time_for_is_asked_in_the_next_round(hub):
    seconds = RECORDING_SECONDS + LIST_MEMBER_TASKS.max_seconds + MARGIN_SECONDS
    result = hub.work({"us-east-1": ("bundle",)}, deadline=Deadline(lambda: 1000 * seconds - 1))
    assert [problem.partition(":")[0] for problem in result.polled.problems] == ["bundle"]
    assert record(hub) == ListRecord(), "it was not asked"
    assert hub.ec2.requests == []
    result = hub.work({"us-east-1": ("bundle",)}, deadline=Deadline(lambda: 1000 * seconds))
    assert result.polled.good == ["bundle"]


def test_a_history_that_fails_is_a_problem(hub):
    def refuse(_writes):
        raise refusal("AccessDeniedException")

    hub.table.before = refuse
    hub.ec2.lists[BUNDLE] = [RUNNING]
    assert hub.work({"us-east-1": ("bundle",)}).polled.problems
    hub.sts.refused[OTHER] = error("AccessDenied")
    with pytest.raises(HistoryError):
        hub.work({"us-east-1": ("bundle",)}, OTHER)


# Hot lists


def test_a_list_with_a_running_task_is_asked_every_round(hub):
    hub.round()
    hub.ec2.lists[BUNDLE] = [RUNNING]
    hub.round(360)
    hub.ec2.take_requests()
    for _ in range(5):
        hub.round(5)
    assert hub.ec2.take_requests() == {"us-east-1": 5}


def test_a_missing_task_of_an_hourly_list_is_lost_soon(hub):
    """The first answer without the task makes the list hot."""
    export = Request(ACCOUNT, REGION, "export-image")
    hub.round()
    hub.ec2.lists[export] = [{"ExportImageTaskId": "export-1", "Status": "active"}]
    hub.round(60)
    hub.ec2.lists.clear()
    hub.clock.forward(180)  # nobody asked for hours
    for minutes in (0, 5, 5, 5):
        hub.round(minutes)
    assert hub.table.rows[task(task_id="export-1")]["outcome"] == "lost"


def test_a_failure_that_awaits_its_code_makes_its_list_hot(hub):
    hub.round()
    started = to_text(hub.clock.now + timedelta(minutes=359))
    hub.ec2.lists[BUNDLE] = [FAILED_JUST_NOW | {"StartTime": started, "UpdateTime": started}]
    hub.round(360)
    assert hub.table.rows[task()]["awaiting"] == "outcome"
    hub.round(5)
    assert hub.table.rows[task()]["outcome"] == "failed"


def test_an_ended_task_keeps_its_list_hot_for_an_hour(hub):
    hub.round()
    hub.ec2.lists[BUNDLE] = [{"BundleId": "bun-1", "State": "complete"}]
    hub.round(360)
    hub.ec2.take_requests()
    asked = 0
    for _ in range(30):
        hub.round(5)
        asked += Request(ACCOUNT, REGION, "bundle") in hub.ec2.requests
        hub.ec2.requests.clear()
    assert asked == 12


def test_a_hot_list_is_asked_at_once_when_the_account_is_back(hub):
    hub.ec2.lists[BUNDLE] = [RUNNING]
    hub.round()
    hub.sts.refused[ACCOUNT] = error("AccessDenied")
    hub.round(5)
    hub.sts.refused.clear()
    hub.ec2.take_requests()
    hub.round(5)
    assert hub.ec2.take_requests() == {"us-east-1": 1}


# Gaps


def test_lists_that_are_asked_on_schedule_have_no_gap(hub):
    results = [result for _ in range(24 * 12) for result in hub.round(5).values()]
    assert len(results) == 24
    assert {result.polled.blind_seconds for result in results} == {0}


@pytest.mark.parametrize(
    ("hours", "kinds"), [(3, {"export-image", "export-instance", "replace-root-volume"}), (13, set(KINDS))]
)
def test_lists_that_were_not_asked_for_two_intervals_have_a_gap(hub, hours, kinds):
    hub.round()
    result = hub.round(hours * 60)[ACCOUNT].polled
    assert result.blind_seconds == hours * 3600
    undocumented = {name for name in kinds if not KINDS[name].listed_for}
    assert {kind for kind in KINDS if record(hub, kind).blind_from} == undocumented


# Slow accounts


class Stopwatch:
    """A clock by which each answer of an account takes so many ``seconds``."""

    def __init__(self):
        self.time, self.seconds = 0.0, 0.0

    def __call__(self):
        return self.time

    def answer(self, _request):
        self.time += self.seconds


@pytest.fixture
def stopwatch():
    return Stopwatch()


@pytest.fixture
def timed(stopwatch):
    hub = Hub(seconds=stopwatch)
    hub.join(ACCOUNT)
    hub.ec2.before = stopwatch.answer
    return hub


def test_a_slow_account_waits_for_the_slow_lane(timed, stopwatch):
    stopwatch.seconds = 2 * SLOW_SECONDS
    timed.round()
    assert timed.ec2.take_requests() == {"": 1, "us-east-1": 2}, "the first answer may be late by its connection"
    since = timed.row()["slow_since"]
    [assignment] = timed.plan()
    assert assignment.slow
    timed.round(5)
    assert timed.ec2.take_requests().total() == 17 * 9 - 2
    assert timed.row()["slow_since"] == since
    stopwatch.seconds = 0.1
    timed.round(360)
    assert timed.ec2.take_requests().total() == 17 * 9
    assert "slow_since" not in timed.row()


@pytest.mark.parametrize("regions", [[REGION], [REGION, "eu-west-1"]])
def test_a_slow_account_gets_its_digest_when_all_is_read(timed, stopwatch, regions):
    stopwatch.seconds = 2 * SLOW_SECONDS
    for region in regions:
        timed.ec2.lists[Request(ACCOUNT, region, "import-image")] = [{"ImportTaskId": region, "Status": "completed"}]
    timed.round()
    assert timed.row()["digest"] == "later"
    timed.round(5)
    assert timed.row()["digest"] == "due"
    held = [key.task_id for key, row in timed.table.rows.items() if row.get("held_for") == "digest"]
    assert sorted(held) == sorted(regions)
    timed.round(10)
    assert "digest" not in timed.row()


def test_a_fast_account_is_asked_at_once(timed, stopwatch):
    stopwatch.seconds = SLOW_SECONDS / 2
    timed.round()
    assert timed.ec2.take_requests().total() == 1 + 17 * 9
    assert "slow_since" not in timed.row()


def test_the_nearest_region_shows_if_an_account_is_slow(timed):
    timed.round()
    assert timed.ec2.requests[1].region == REGION
    timed.ec2.take_requests()
    timed.work(EVERYTHING)
    assert timed.ec2.requests[0].region == REGION


def test_an_answer_that_is_late_by_its_connection_is_no_sign(timed, stopwatch):
    def answer(request):
        stopwatch.time += 2 * SLOW_SECONDS if len(timed.ec2.requests) == 1 else 0.01

    timed.ec2.before = answer
    timed.work(EVERYTHING)
    assert [request.region for request in timed.ec2.requests[:2]] == [REGION] * 2
    assert (timed.ec2.take_requests().total(), "slow_since" in timed.row()) == (17 * 9, False)


def test_few_lists_are_asked_without_a_probe(timed, stopwatch):
    stopwatch.seconds = 2 * SLOW_SECONDS
    due = {"us-east-1": tuple(KINDS), "eu-west-1": tuple(KINDS)[: PROBED_LISTS - 9]}
    timed.work(due)
    assert timed.ec2.take_requests().total() == PROBED_LISTS
    assert "slow_since" not in timed.row()


def test_a_throttled_account_is_slow(timed):
    for region in EVERYTHING:
        timed.ec2.refuse(ACCOUNT, region, error("RequestLimitExceeded"))
    timed.round()
    assert timed.ec2.take_requests() == {"": 1, "us-east-1": 2}
    assert "slow_since" in timed.row()


@pytest.mark.parametrize("refusal", [DENIAL, error("InternalError"), KeyError("x")])
def test_a_refused_probe_is_the_answer_of_its_list(timed, refusal):
    timed.ec2.refuse(ACCOUNT, REGION, refusal, list(KINDS)[:1])
    timed.round()
    assert timed.ec2.take_requests().total() == 1 + 17 * 9
    assert record(timed, next(iter(KINDS))).tries == 1
    assert "slow_since" not in timed.row()


# Two workers on one account


def test_overlapping_rounds_lose_no_outcome(hub):
    """The worker of the earlier round still has old answers at its end."""
    hub.ec2.lists[BUNDLE] = [RUNNING]
    hub.round()
    later = []

    def overtake(request):
        if request == BUNDLE and not later:
            later.append(request)
            hub.clock.forward(5)
            hub.ec2.lists[BUNDLE] = [{"BundleId": "bun-1", "State": "complete"}]
            hub.work({"us-east-1": ("bundle",)})
            hub.ec2.lists[BUNDLE] = [RUNNING]
            hub.clock.forward(-5)

    hub.clock.forward(5)
    hub.ec2.before = overtake
    hub.work({"us-east-1": ("bundle",)})
    assert hub.table.rows[task()]["outcome"] == "complete"
    assert hub.row()["polled_at"] == to_text(hub.clock.now + timedelta(minutes=5))
    assert record(hub).at == at(hub) + 300


def test_a_worker_that_was_overtaken_leaves_its_lists_due(hub):
    hub.round()
    done = []

    def overtake(request):
        if not done:
            done.append(request)
            hub.work({"us-east-1": ("conversion",)})

    hub.clock.forward(5)
    hub.table.rows[member_key(ACCOUNT)]["lists"] = "{}"
    hub.ec2.before = overtake
    hub.work({"us-east-1": ("bundle",), "eu-west-1": ("bundle",)})
    planned = hub.plan()[0].due
    asked = {region for region in ("us-east-1", "eu-west-1") if "bundle" in planned[region]}
    assert asked in ({"us-east-1", "eu-west-1"}, set()), "both or none are recorded"


def test_many_threads_record_what_one_does(hub):
    hub.ec2.lists |= {Request(ACCOUNT, region, "bundle"): [RUNNING] for region in REGIONS}
    hub.round()
    with ThreadPoolExecutor(16) as pool:
        threaded = Hub(pool=pool)
        threaded.ec2.lists = hub.ec2.lists
        threaded.join(ACCOUNT)
        threaded.round()
    assert threaded.table.rows == hub.table.rows


# Size


def size(row):
    return sum(len(str(name)) + len(str(value)) for name, value in row.items())


def test_the_row_of_a_quiet_account_takes_few_write_units(hub):
    sizes = set()
    for _ in range(24 * 12):
        hub.round(5)
        sizes.add(size(hub.row()))
    assert max(sizes) < 1024


def test_the_row_of_a_busy_account_stays_below_8_kb(hub):
    """Hot lists in five regions, and all lists of eight denied."""
    hub.ec2.lists |= {
        Request(ACCOUNT, region, kind): [RUNNING | {"BundleId": f"bun-{region}"}]
        for region in REGIONS[:5]
        for kind in ("bundle",)
    }
    for region in REGIONS[5:13]:
        hub.ec2.refuse(ACCOUNT, region, SCP_DENIAL)
    hub.ec2.lists[Request(ACCOUNT, "us-east-2", "store-image")] = error("InternalError")
    sizes = set()
    for number in range(24 * 12):
        if number % 7 == 0:
            hub.ec2.lists.pop(Request(ACCOUNT, REGIONS[number % 5], "bundle"), None)
        hub.round(5 + (number % 3) / 10)
        sizes.add(size(hub.row()))
    assert max(sizes) < 8 * 1024


def test_no_role_names_only_the_account():
    assert str(NoRoleError(ACCOUNT)) == f"the role of the account {ACCOUNT} can't be assumed"


def test_the_result_of_nothing_due_is_empty(hub):
    assert hub.work({}).polled == PollResult(0)
