"""One round of the planner: accounts, assignments, announcements, redriving."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from task_reporter.aws.request_limits import SEND_ASSIGNMENTS
from task_reporter.aws.subscribers import Audience
from task_reporter.errors import AssignmentsNotSentError
from task_reporter.history.rows import Key
from task_reporter.kinds.table import KINDS
from task_reporter.organization.assignment import Assignment, parse_assignment
from task_reporter.organization.members import ORGANIZATION_KEY, Account, member_key
from task_reporter.organization.metrics import round_metrics
from task_reporter.organization.overdue import OverdueScope
from task_reporter.organization.planner import MAX_FAILURES, Planner, count_states, send_assignments
from task_reporter.organization.planning import SPREAD_SECONDS
from task_reporter.organization.problems import Changes
from task_reporter.recording.context import PollContext
from task_reporter.runtime.deadline import MARGIN_SECONDS, Deadline
from task_reporter.times import parse, to_text
from tests.support.dynamodb import Table, refusal
from tests.support.organization import ACCOUNT, HUB, OTHER, QUIET, REGION
from tests.support.roster import account_row, example_rows, lists_row, members_of, refused

NOW = parse("2026-11-26T12:00:00Z")
KINDS_WATCHED = tuple(KINDS.values())


@dataclass
class Rounds:
    """A planner with fakes of all that it talks to.

    fails  the steps that fail: ``accounts``, ``send``, ``announce``
    """

    table: Table
    accounts: list = field(default_factory=lambda: [Account(ACCOUNT, "web", "ACTIVE"), Account(OTHER, "web", "ACTIVE")])
    audience: Audience = field(default_factory=lambda: Audience(1))
    accepted: tuple = ()
    setting: tuple = ("all",)
    kinds: tuple = KINDS_WATCHED
    fails: dict = field(default_factory=dict)
    calls: Counter = field(default_factory=Counter)
    sent: list = field(default_factory=list)
    announced: list = field(default_factory=list)
    now: object = NOW
    every: object = None
    selection: str = "all"

    def _call(self, name):
        self.calls[name] += 1
        if name in self.fails:
            raise self.fails[name]

    def list_accounts(self):
        self._call("accounts")
        return self.accounts

    def send(self, planned):
        self.sent = [assignment for assignment, _ in planned]
        self._call("send")
        return len(planned)

    def announce(self, changes):
        self._call("announce")
        self.announced.append(({place for _, place, _ in changes.new}, {place for _, place, _ in changes.over}))

    @property
    def poll(self):
        return PollContext(f"{HUB}/{REGION}", self.now)

    def round(self, minutes=0, **more):
        self.now += timedelta(minutes=minutes)
        planner = Planner(
            self.table, self.list_accounts, self.send, self.announce, lambda: self.audience, self.kinds, self.setting,
            REGION, QUIET, self.accepted, self.every, self.selection,
        )  # fmt: skip
        return planner.run(self.poll, **more)

    @property
    def own_row(self):
        return self.table.rows[ORGANIZATION_KEY]


def watched(account=ACCOUNT, **more):
    return account_row(account, NOW, "web", **more)


def organization_row(**more):
    return {"scope": "roster", "task_id": "organization", "round_at": to_text(NOW), "accounts_at": to_text(NOW), **more}


@pytest.fixture
def rounds():
    return Rounds(Table(watched(), watched(OTHER), organization_row()))


# The first round


def test_the_first_round_of_an_organization():
    rounds = Rounds(Table())
    result = rounds.round()
    assert [(one.account, one.due, one.find_regions) for one in rounds.sent] == [(ACCOUNT, {}, True), (OTHER, {}, True)]
    assert (result.sent, result.is_good, result.overdue, bool(result.changes)) == (2, True, [], False)
    assert {key.task_id for key in rounds.table.rows} == {ACCOUNT, OTHER, "organization", "names"}
    assert rounds.own_row == organization_row()


def test_a_quiet_round_writes_its_time_alone(rounds):
    rounds.round(5)
    assert [write.key for write in rounds.table.written] == [ORGANIZATION_KEY]
    assert (rounds.sent, rounds.calls["accounts"]) == ([], 0)
    assert rounds.own_row["round_at"] == to_text(rounds.now)


# Accounts


def test_accounts_are_listed_hourly(rounds):
    for _ in range(24):
        rounds.round(5)
    assert rounds.calls["accounts"] == 2


def test_accounts_are_listed_when_their_selection_changes(rounds):
    for rounds.selection, calls in (("a", 1), ("a", 1), ("b", 2), ("all", 3), ("all", 3)):
        rounds.round(5)
        assert rounds.calls["accounts"] == calls


@pytest.mark.parametrize("accounts_at", ["", "x", "2036-01-01T00:00:00.000Z"])
def test_accounts_are_listed_where_the_time_is_absurd(accounts_at):
    rounds = Rounds(Table(watched(), organization_row(accounts_at=accounts_at)))
    rounds.round()
    assert rounds.own_row["accounts_at"] == to_text(NOW)


def test_a_failure_of_organizations_keeps_the_roster(rounds):
    rounds.fails["accounts"] = refusal("TooManyRequestsException")
    before = {key: dict(row) for key, row in rounds.table.rows.items() if key != ORGANIZATION_KEY}
    result = rounds.round(60)
    assert [problem.partition(":")[0] for problem in result.problems] == ["accounts"]
    assert {key: row for key, row in rounds.table.rows.items() if key != ORGANIZATION_KEY} == before
    assert {one.account for one in rounds.sent} == {ACCOUNT, OTHER}
    rounds.fails.clear()
    rounds.round(5)
    assert rounds.calls["accounts"] == 2, "it is tried again in the next round"


def test_accounts_that_were_not_written_are_listed_again():
    rounds = Rounds(Table())

    def refuse(writes):
        if any(write.key == member_key(OTHER) for write in writes):
            raise refusal("AccessDeniedException")

    rounds.table.before = refuse
    assert rounds.round().problems
    rounds.table.before = lambda writes: None
    assert rounds.round(5).is_good
    assert member_key(OTHER) in rounds.table.rows
    assert {one.account for one in rounds.sent} == {ACCOUNT, OTHER}


def test_an_account_that_left_is_announced_once(rounds):
    rounds.accounts = rounds.accounts[1:]
    for minutes in (60, 5, 60, 5):
        rounds.round(minutes)
        assert ACCOUNT not in {one.account for one in rounds.sent}
    assert rounds.announced == [({"*"}, set())]
    rounds.accounts.insert(0, Account(ACCOUNT, "web", "ACTIVE"))
    rounds.round(60)
    assert ACCOUNT in {one.account for one in rounds.sent}
    assert rounds.announced[1:] == [(set(), {"*"})]


def running(account, task_id="import-ami-1", **more):
    row = {"scope": f"{account}/{REGION}", "task_id": task_id, "kind": "import-image", "state": "active"}
    return row | {"updated_at": to_text(NOW), "awaiting": "outcome"} | more


@pytest.mark.parametrize("listed", [[], [Account(ACCOUNT, "web", "SUSPENDED")]], ids=["left", "suspended"])
def test_tasks_of_an_account_that_left_are_marked_once(rounds, listed):
    task, ended = running(ACCOUNT), running(ACCOUNT, "import-ami-2", awaiting="notification", outcome="complete")
    for row in (task, ended, running(OTHER)):
        rounds.table.put(row)
    rounds.accounts = [*listed, rounds.accounts[1]]
    rounds.round(60)
    since = to_text(rounds.now)
    rounds.round(60)
    marked = {key: row for key, row in rounds.table.rows.items() if "unreachable_since" in row}
    assert marked == {Key(task["scope"], "import-ami-1"): task | {"unreachable_since": since}}


def test_marks_that_fail_are_tried_again(rounds):
    rounds.table.put(running(ACCOUNT))
    rounds.accounts = rounds.accounts[1:]

    def refuse(writes):
        if any(write.key.scope != "roster" for write in writes):
            raise refusal("AccessDeniedException")

    rounds.table.before = refuse
    assert rounds.round(60).problems
    rounds.table.before = lambda writes: None
    rounds.round(5)
    assert rounds.table.rows[Key(f"{ACCOUNT}/{REGION}", "import-ami-1")]["unreachable_since"] == to_text(rounds.now)


# Assignments


class Sqs:
    """A queue that refuses some accounts, and whose first requests fail."""

    def __init__(self, refused=(), failures=()):
        self.refused, self.failures, self.requests = set(refused), list(failures), []

    def send_message_batch(self, QueueUrl, Entries):
        assert QueueUrl == "url"
        assert 1 <= len(Entries) <= 10
        assert len({entry["Id"] for entry in Entries}) == len(Entries)
        self.requests.append(Entries)
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        failed = [{"Id": entry["Id"], "Code": "InternalError"} for entry in Entries if entry["Id"] in self.refused]
        return {"Failed": failed} if failed else {"Successful": []}


def planned(count):
    return [(Assignment(1, 2, f"{number:012d}", {REGION: ("bundle",)}), number % 60) for number in range(count)]


def test_assignments_are_sent_ten_at_a_time():
    sqs = Sqs()
    assert send_assignments(sqs, "url", planned(25)) == 25
    assert [len(entries) for entries in sqs.requests] == [10, 10, 5]
    entries = [entry for entries in sqs.requests for entry in entries]
    sent = [(parse_assignment(entry["MessageBody"]), entry["DelaySeconds"]) for entry in entries]
    assert sent == planned(25)
    assert send_assignments(sqs, "url", []) == 0
    assert len(sqs.requests) == 3


def test_an_assignment_that_sqs_refuses_costs_no_other():
    sqs = Sqs(refused=[f"{3:012d}"])
    with pytest.raises(
        AssignmentsNotSentError, match="1 assignments were not sent: 000000000003: InternalError"
    ) as caught:
        send_assignments(sqs, "url", planned(25))
    assert (caught.value.sent, len(sqs.requests)) == (24, 3)


def test_a_request_that_fails_costs_no_other():
    sqs = Sqs(failures=[None, EndpointConnectionError(endpoint_url="url"), None])
    with pytest.raises(AssignmentsNotSentError, match=r"10 assignments .* and 7 more") as caught:
        send_assignments(sqs, "url", planned(30))
    assert (caught.value.sent, len(sqs.requests)) == (20, 3)


def test_a_queue_that_does_not_answer_is_left_alone():
    """The other steps of the round need the time."""
    sqs = Sqs(failures=[EndpointConnectionError(endpoint_url="url")] * 99)
    with pytest.raises(AssignmentsNotSentError) as caught:
        send_assignments(sqs, "url", planned(1000))
    assert (caught.value.sent, len(sqs.requests)) == (0, MAX_FAILURES)


def test_no_request_is_begun_that_could_not_end():
    enough = (SEND_ASSIGNMENTS.max_seconds + MARGIN_SECONDS) * 1000
    sqs, left = Sqs(), iter([enough, *[enough - 1] * MAX_FAILURES])
    with pytest.raises(AssignmentsNotSentError, match="out of time") as caught:
        send_assignments(sqs, "url", planned(1000), Deadline(lambda: next(left)))
    assert (caught.value.sent, len(sqs.requests)) == (10, 1)


def test_what_was_sent_is_counted_also_after_a_failure(rounds):
    rounds.fails["send"] = AssignmentsNotSentError(["111111111111: InternalError"], 1)
    result = rounds.round(360)
    assert (result.sent, result.is_good, result.lists_due) == (1, False, 2 * 9 * 7)


def test_only_watched_kinds_are_due():
    rounds = Rounds(Table(watched(), organization_row()), kinds=(KINDS["bundle"],))
    assert rounds.round(360).lists_due == 7


# Announcements


SCP = refused("denied-by-scp", NOW)


def denied(account=ACCOUNT):
    return watched(account, lists=lists_row(NOW, eu_west_1=SCP))


def test_a_denial_is_announced_and_marked_once():
    rounds = Rounds(Table(denied(), organization_row()))
    result = rounds.round(5)
    assert rounds.announced == [({"eu-west-1"}, set())]
    assert rounds.table.rows[member_key(ACCOUNT)]["announced"] == '{"eu-west-1":"denied-by-scp"}'
    assert dict(metric[::2] for metric in round_metrics(result, rounds.poll, ()))["ScopesNewlyDenied"] == 1
    rounds.round(5)
    assert len(rounds.announced) == 1


def test_all_denials_of_a_round_are_one_message():
    rounds = Rounds(Table(denied(), denied(OTHER), organization_row()))
    rounds.round(5)
    assert rounds.calls["announce"] == 1


@pytest.mark.parametrize("failing", ["publishing", "marking"])
def test_announcing_is_at_least_once(failing):
    rounds = Rounds(Table(denied(), organization_row()))

    def refuse(writes):
        if any("announced" in getattr(write, "set", {}) for write in writes):
            raise refusal("AccessDeniedException")

    if failing == "publishing":
        rounds.fails["announce"] = refusal("InternalError")
    else:
        rounds.table.before = refuse
    result = rounds.round(5)
    assert [problem.partition(":")[0] for problem in result.problems] == ["problems"]
    assert "announced" not in rounds.table.rows[member_key(ACCOUNT)]
    rounds.fails.clear()
    rounds.table.before = lambda writes: None
    rounds.round(5)
    rounds.round(5)
    assert len(rounds.announced) == (1 if failing == "publishing" else 2)
    assert rounds.calls["announce"] == 2


def test_what_is_accepted_later_is_marked_without_a_message():
    rounds = Rounds(Table(denied(), organization_row()))
    rounds.round(5)
    rounds.accepted = ("*/eu-*",)
    rounds.round(5)
    assert len(rounds.announced) == 1
    assert "announced" not in rounds.table.rows[member_key(ACCOUNT)]


def test_a_region_that_is_not_watched_any_more_is_no_problem():
    late = {"at": 1}
    rounds = Rounds(Table(watched(lists=lists_row(NOW, eu_west_1=SCP, us_east_1=late)), organization_row()))
    assert {scope.name for scope in rounds.round().overdue} == {f"{ACCOUNT}/us-east-1"}
    rounds.setting = ("eu-north-1",)
    result = rounds.round(5)
    assert result.overdue == []
    assert dict(metric[::2] for metric in round_metrics(result, rounds.poll, ()))["ScopesDenied"] == 0
    assert rounds.announced == [({"eu-west-1"}, set())], "it is not over"


def test_a_kind_that_is_not_watched_any_more_is_no_problem():
    lists = lists_row(NOW, **{"eu_west_1/bundle": refused("denied", NOW)})
    rounds = Rounds(Table(watched(lists=lists), organization_row()), kinds=(KINDS["conversion"],))
    rounds.round(5)
    assert rounds.announced == []


# Overdue scopes


def test_a_list_that_is_not_read_is_overdue(rounds):
    result = rounds.round(13 * 60)
    assert len(result.overdue) == 0, "the planner itself did not run for so long"
    for _ in range(2):
        result = rounds.round(5)
    assert len(result.overdue) == 14
    assert OverdueScope(ACCOUNT, "us-east-1", int(NOW.timestamp()) - 180) in result.overdue


def test_a_round_that_is_tried_again_makes_nothing_overdue():
    """Lambda tries a failed round again after a minute, and anybody may start one."""
    rounds = Rounds(Table(watched(), organization_row()), every=timedelta(hours=12))
    rounds.round(12 * 60)
    assert rounds.round(1).overdue == []
    assert {one.until - one.round for one in rounds.sent} == {12 * 3600 + SPREAD_SECONDS}


# Waiting rows and subscribers

WAITING = {
    "scope": f"{OTHER}/eu-west-1", "task_id": "bun-1", "kind": "bundle", "state": "complete", "outcome": "complete",
    "finished_at": to_text(NOW - timedelta(hours=1)), "awaiting": "notification",
    "awaiting_since": to_text(NOW - timedelta(hours=1)),
}  # fmt: skip
WAITING_KEY = Key(WAITING["scope"], WAITING["task_id"])


def test_waiting_rows_of_all_accounts_are_redriven(rounds):
    rounds.table.put(WAITING)
    assert rounds.round(5).redriven == 1
    assert rounds.table.rows[WAITING_KEY]["redrives"] == 1
    assert rounds.round(5).redriven == 0
    assert rounds.round(5).redriven == 1


def test_rows_are_redriven_when_a_subscriber_is_there(rounds):
    rounds.table.put(WAITING)
    rounds.audience = Audience(0, must_wait=True)
    assert rounds.round(5).redriven == 0
    since = rounds.own_row["unheard_since"]
    assert rounds.round(5).redriven == 0
    assert rounds.own_row["unheard_since"] == since == to_text(rounds.now - timedelta(minutes=5))
    rounds.audience = Audience(None, problem="SNS does not answer")
    assert rounds.round(5).redriven == 0
    assert "unheard_since" in rounds.own_row
    rounds.audience = Audience(1)
    assert rounds.round(5).redriven == 1
    assert "unheard_since" not in rounds.own_row


def test_waiting_rows_and_subscribers_have_metrics(rounds):
    rounds.table.put(WAITING)
    figures = dict(metric[::2] for metric in round_metrics(rounds.round(5), rounds.poll, ()))
    assert figures == {
        "GoodPolls": 1, "AccountsWatched": 2, "ScopesReadable": 14, "ScopesDenied": 0, "ScopesOverdue": 0,
        "ScopesNewlyDenied": 0, "RowsWaiting": 1, "OldestWaiting": 3900,
        "RowsOverdue": 0, "ConfirmedSubscribers": 1,
    }  # fmt: skip


# Failures


@pytest.mark.parametrize("step", ["accounts", "send", "announce"])
@pytest.mark.parametrize(
    "failure", [refusal("InternalError"), KeyError("x"), EndpointConnectionError(endpoint_url="url")]
)
def test_a_step_that_fails_costs_no_other(step, failure):
    rounds = Rounds(Table(denied(), watched(OTHER), organization_row(), WAITING), fails={step: failure})
    result = rounds.round(360)
    assert len(result.problems) == 1
    assert rounds.calls == {"accounts": 1, "send": 1, "announce": 1}
    assert rounds.table.rows[WAITING_KEY]["redrives"] == 1
    assert rounds.own_row["round_at"] == to_text(rounds.now)
    assert dict(metric[::2] for metric in round_metrics(result, rounds.poll, ()))["GoodPolls"] == 0


def test_a_history_that_takes_no_write_still_gets_assignments():
    rounds = Rounds(Table(denied(), organization_row(), WAITING))

    def refuse(_writes):
        raise refusal("AccessDeniedException")

    rounds.table.before = refuse
    result = rounds.round(360)
    assert [problem.partition(":")[0] for problem in result.problems] == ["accounts", "problems", "redrive", "roster"]
    assert [one.account for one in rounds.sent] == [ACCOUNT]


def test_a_roster_that_cannot_be_read_fails_the_round(rounds):
    def refuse(**_request):
        raise refusal("AccessDeniedException", "Query")

    rounds.table.client.query = refuse
    with pytest.raises(ClientError):
        rounds.round(5)
    assert rounds.calls == {}


def test_there_is_no_time_for_a_round(rounds):
    """The assignments need nothing of the history after the roster."""
    times = iter([300_000])
    result = rounds.round(360, deadline=Deadline(lambda: next(times, 1000)))
    assert {one.account for one in rounds.sent} == {ACCOUNT, OTHER}
    assert any("out of time" in problem for problem in result.problems)


def test_ugly_rows_cost_no_account_its_assignment():
    huge = '{"us-east-1": {"bundle": {"at": 1' + 400 * "0" + ', "asked": 1e999, "unreadable": "denied"}}}'
    ugly = watched(lists=huge, announced="[", tries="x", regions_at="9999-12-31T23:59:59-23:59", regions="x /")
    rounds = Rounds(Table(ugly, watched(OTHER), organization_row(round_at="x", unheard_since=5)))
    assert rounds.round(360).is_good
    assert {one.account for one in rounds.sent} == {ACCOUNT, OTHER}


# Numbers


def test_states_are_counted():
    members = members_of(*example_rows(NOW))
    active, readable, problems = count_states(members, ["*/ap-*"])
    assert active == 1000
    assert readable == (994 + 1 + 1) * 7 + 3
    assert problems == len(["eu-north-1", "payments", "sandbox-7", "bundle", "old-team"])


def test_a_round_without_changes_announces_nothing():
    assert not Changes()
    assert not Changes(announced={ACCOUNT: {}})
