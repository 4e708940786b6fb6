"""One poll: the real code between a canned EC2 and a table."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from botocore.exceptions import ClientError

from local.ec2.response import format_response
from task_reporter import times
from task_reporter.aws.request_limits import LIST_TASKS
from task_reporter.aws.subscribers import Audience
from task_reporter.errors import MalformedAnswerError, OutOfTimeError, PollError
from task_reporter.history.rows import Key, key_of
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import COMPLETE, FAILED, Kind
from task_reporter.kinds.store_image import STORE_IMAGE
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ListResult
from task_reporter.recording.poll_lists import poll_lists
from task_reporter.recording.recorder import MAX_ROUNDS
from task_reporter.recording.redrive import MAX_ROWS_PER_POLL
from task_reporter.recording.roster import ListRecord, lists_of, not_yet_logged, parse_lists, roster_key
from task_reporter.runtime.deadline import Deadline
from tests.support.canned_ec2 import Answer, canned_ec2, no_pauses, told
from tests.support.dynamodb import DynamoDb, Table
from tests.support.inline import INLINE
from tests.support.polled import poll_kind, poll_kinds, watched

SCOPE = "123456789012/us-east-2"
NOW = datetime(2026, 11, 23, 12, 40, tzinfo=UTC)
POLL = PollContext(SCOPE, NOW)
OTHER = Kind(
    name="import-image",
    operation="DescribeImportImageTasks",
    projection="ImportImageTasks[].{task_id: ImportTaskId, state: Status}",
    endings={"completed": COMPLETE, "deleted": FAILED},
)
IMPORTED = Answer(
    b"<DescribeImportImageTasksResponse><importImageTaskSet>"
    b"<item><importTaskId>import-1</importTaskId><status>completed</status></item>"
    b"</importImageTaskSet></DescribeImportImageTasksResponse>"
)


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def dynamodb(table):
    return DynamoDb(table)


@pytest.fixture
def history(dynamodb):
    return HistoryTable(dynamodb, "history", pause=lambda seconds: None)


def states(table):
    tasks = {key.task_id: row for key, row in table.rows.items() if key.scope == SCOPE}
    return {task_id: (row["state"], row.get("outcome")) for task_id, row in tasks.items()}


def writes(dynamodb):
    return [call for call in dynamodb.calls if call not in {"query", "batch_get_item"}]


def poll_all(ec2, history, *kinds, **options):
    """Return a poll's result; raises PollError as the handler does."""
    polled = poll_kinds(kinds, ec2.client(), history, POLL, INLINE, **options)
    polled.summary()
    return polled.done


# Several regions


ELSEWHERE = PollContext("123456789012/eu-west-1", NOW)


def test_regions_share_one_read_and_one_roster_row(table, dynamodb, history):
    with canned_ec2(told("bundling")) as here, canned_ec2(told("storing")) as there:
        lists = [watched(BUNDLE, here.client(), POLL), watched(BUNDLE, there.client(), ELSEWHERE)]
        assert poll_lists(lists, history, POLL, INLINE).summary().keys() == {"bundle", "eu-west-1/bundle"}
    assert dynamodb.calls == ["query", "query", "batch_get_item", "transact_write_items", "put_item"]
    assert {key.scope for key in table.rows} == {SCOPE, ELSEWHERE.scope, "roster"}
    assert parse_lists(table.rows[roster_key(SCOPE)]).keys() == {"us-east-2", "eu-west-1"}


def test_a_task_vanishes_only_from_the_list_of_its_region(table, history):
    def poll(here, there, minutes):
        now = NOW + timedelta(minutes=minutes)
        with canned_ec2(told(here)) as own, canned_ec2(told(there)) as other:
            places = [(own, replace(POLL, now=now)), (other, replace(ELSEWHERE, now=now))]
            lists = [watched(BUNDLE, ec2.client(), place) for ec2, place in places]
            poll_lists(lists, history, replace(POLL, now=now), INLINE)

    poll("bundling", "bundling", 0)
    poll("bundling", "empty", 5)
    poll("bundling", "empty", 25)
    rows = {key.scope: row for key, row in table.rows.items() if key.scope != "roster"}
    assert rows[ELSEWHERE.scope]["outcome"] == "lost"
    assert "missing_since" not in rows[SCOPE]


@pytest.mark.parametrize(("answer", "reason"), [("error-internal", "error"), ("error-throttled", "throttled")])
def test_a_region_that_does_not_answer_is_no_failed_poll(answer, reason, table, history, monkeypatch):
    no_pauses(monkeypatch)
    with canned_ec2(told("bundling")) as here, canned_ec2(told(answer)) as there:
        lists = [watched(BUNDLE, here.client(), POLL), watched(BUNDLE, there.client(), ELSEWHERE)]
        polled = poll_lists(lists, history, POLL, INLINE)
    assert (polled.is_good, polled.problems) == (True, [])
    assert polled.unreadable == {"eu-west-1/bundle": reason}
    assert parse_lists(table.rows[roster_key(SCOPE)])["eu-west-1"]["bundle"].unreadable == reason


def test_a_failing_list_of_a_region_that_answers_fails_the_poll(history, monkeypatch):
    no_pauses(monkeypatch)
    with canned_ec2(told("bundling")) as here, canned_ec2(told("bundling"), told("error-internal")) as there:
        lists = [watched(BUNDLE, here.client(), POLL), watched(BUNDLE, there.client(), ELSEWHERE)]
        lists.append(watched(OTHER, there.client(), ELSEWHERE))
        polled = poll_lists(lists, history, POLL, INLINE)
    assert (polled.is_good, len(polled.problems)) == (False, 1)


def test_rows_of_all_regions_are_redriven(table, history):
    with canned_ec2(told("complete")) as ec2:
        poll_kind(BUNDLE, ec2.client(), history, ELSEWHERE)
        later = NOW + timedelta(minutes=30)
        lists = [
            watched(BUNDLE, ec2.client(), replace(POLL, now=later, scope=f"123456789012/{region}"))
            for region in ("us-east-2", "us-west-2")
        ]
        assert poll_lists(lists, history, replace(POLL, now=later), INLINE).redriven == 1


# A poll that goes well


def test_what_ec2_lists_is_recorded(table, history):
    with canned_ec2(told("duplicated")) as ec2:
        recorded = poll_kind(BUNDLE, ec2.client(), history, POLL)
    assert states(table) == {"bun-2a4e041c": ("complete", "complete"), "bun-3b5f152d": ("storing", None)}
    assert {row["scope"] for row in table.rows.values()} == {SCOPE}
    assert {row["kind"] for row in table.rows.values()} == {"bundle"}
    assert recorded.ended == {"bun-2a4e041c": "complete"}
    assert recorded.summary() == {"listed": 2, "written": 2, "ended": {"complete": 1}}
    assert recorded.problems == recorded.overtaken == []


def test_a_life_in_polls(table, dynamodb, history):
    lives = ["pending", "waiting-for-shutdown", "bundling", "storing", "complete", "complete"]
    polls = []
    with canned_ec2(*(told(name) for name in lives)) as ec2:
        for minute, _ in enumerate(lives):
            polls.append(
                poll_kind(BUNDLE, ec2.client(), history, PollContext(SCOPE, NOW + timedelta(minutes=5 * minute)))
            )
    assert [len(poll.written) for poll in polls] == [1, 1, 1, 1, 1, 0]
    assert [poll.ended for poll in polls] == [{}, {}, {}, {}, {"bun-2a4e041c": "complete"}, {}]
    [row] = table.rows.values()
    assert row == {
        "scope": SCOPE,
        "task_id": "bun-2a4e041c",
        "kind": "bundle",
        "state": "complete",
        "outcome": "complete",
        "resource_id": "i-1234567890abcdef0",
        "progress": 100,
        "started_at": "2026-11-23T12:00:00.000Z",
        "updated_at": "2026-11-23T12:34:10.000Z",
        "first_seen_at": "2026-11-23T12:40:00.000Z",
        "finished_at": "2026-11-23T12:34:10.000Z",
        "bucket": "amzn-s3-demo-bucket",
        "prefix": "winami",
        "image_location": "amzn-s3-demo-bucket/winami.manifest.xml",
        "awaiting": "notification",
        "awaiting_since": "2026-11-23T13:00:00.000Z",
    }
    assert writes(dynamodb) == ["put_item"] + ["update_item"] * 4, "no transaction, which costs double"


def test_a_poll_that_finds_nothing_new_only_reads(dynamodb, history):
    with canned_ec2(told("bundling")) as ec2:
        poll_kind(BUNDLE, ec2.client(), history, POLL)
        dynamodb.calls.clear()
        recorded = poll_kind(BUNDLE, ec2.client(), history, POLL)
    assert dynamodb.calls == ["batch_get_item"]
    assert recorded.summary() == {"listed": 1, "written": 0, "ended": {}}


def test_an_empty_list_asks_only_for_the_roster(dynamodb, history):
    with canned_ec2(told("empty")) as ec2:
        assert poll_kind(BUNDLE, ec2.client(), history, POLL) == ListResult("bundle")
    assert dynamodb.calls == ["batch_get_item"]


def test_a_poll_reads_the_backlog_once_for_all_kinds(dynamodb, history):
    with canned_ec2(told("empty"), Answer(IMPORTED.body.replace(b"completed", b"active"))) as ec2:
        poll_all(ec2, history, BUNDLE, OTHER)
    before, after = dynamodb.calls[:2], dynamodb.calls[2:]
    assert before == ["query", "query"]
    assert after == ["batch_get_item", "put_item", "put_item"]


def test_listed_tasks_are_recorded_without_the_backlog(table):
    class Throttled(DynamoDb):
        def query(self, **asked):
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "query")

    history = HistoryTable(Throttled(table), "history", pause=lambda seconds: None)
    with canned_ec2(told("bundling")) as ec2, pytest.raises(PollError, match=r"^history: .*Throttling"):
        poll_all(ec2, history, BUNDLE)
    assert states(table) == {"bun-2a4e041c": ("bundling", None)}


# The roster


ROSTER = roster_key(SCOPE)


def records(table):
    return lists_of(table.rows.get(ROSTER), SCOPE)


def test_a_good_poll_is_in_the_roster(table, history):
    with canned_ec2(told("bundling")) as ec2:
        poll_all(ec2, history, BUNDLE)
    assert table.rows[ROSTER]["polled_at"] == "2026-11-23T12:40:00.000Z"
    assert records(table) == {"bundle": ListRecord(at=int(NOW.timestamp()), n=1)}


@pytest.mark.parametrize("name", ["html-page", "no-xml", "error-unauthorized"])
def test_a_poll_without_any_list_leaves_the_roster(name, table, history):
    with canned_ec2(told("bundling"), told(name)) as ec2:
        poll_all(ec2, history, BUNDLE)
        before = dict(table.rows[ROSTER])
        polled = poll_kinds([BUNDLE], ec2.client(), history, PollContext(SCOPE, NOW + timedelta(minutes=5)), INLINE)
    assert table.rows[ROSTER] == before
    assert (polled.good, len(polled.problems)) == ([], 1)


def test_an_overtaken_poll_does_not_turn_the_roster_back(table, history):
    with canned_ec2(told("bundling")) as ec2:
        poll_all(ec2, history, BUNDLE)

        class Overtaken(DynamoDb):
            def batch_get_item(self, RequestItems):
                answer = super().batch_get_item(RequestItems)
                table.rows[ROSTER]["polled_at"] = "2026-11-23T12:59:00.000Z"
                return answer

        overtaken = HistoryTable(Overtaken(table), "history", pause=lambda seconds: None)
        polled = poll_kinds([BUNDLE], ec2.client(), overtaken, PollContext(SCOPE, NOW + timedelta(minutes=5)), INLINE)
    assert table.rows[ROSTER]["polled_at"] == "2026-11-23T12:59:00.000Z"
    assert polled.problems == []


@pytest.mark.parametrize(("minutes", "outcome"), [(2, None), (3, "failed")])
def test_a_vanished_failure_without_a_code_is_settled(table, history, minutes, outcome):
    failed = told("failed-without-error-yet")
    with canned_ec2(failed, told("empty")) as ec2:
        poll_kind(BUNDLE, ec2.client(), history, PollContext(SCOPE, datetime(2026, 11, 23, 12, 22, tzinfo=UTC)))
        [row] = table.rows.values()
        assert (row["state"], row.get("outcome")) == ("failed", None)
        later = times.parse(row["updated_at"]) + timedelta(minutes=minutes)
        poll_kind(BUNDLE, ec2.client(), history, PollContext(SCOPE, later), [dict(row)])
    [row] = table.rows.values()
    assert row.get("outcome") == outcome
    assert row["awaiting"] == ("notification" if outcome else "outcome")


def test_an_unlisted_running_task_is_only_marked_missing(table, history):
    with canned_ec2(told("bundling"), told("complete"), told("empty")) as ec2:
        for _ in range(2):
            poll_kind(BUNDLE, ec2.client(), history, POLL)
        table.rows[Key(SCOPE, "bun-other")] = {**next(iter(table.rows.values())), "task_id": "bun-other"}
        table.rows[Key(SCOPE, "bun-other")] |= {"state": "storing", "awaiting": "outcome"}
        table.rows[Key(SCOPE, "bun-other")].pop("outcome", None)
        table.rows[Key(SCOPE, "bun-foreign")] = {
            "scope": SCOPE, "task_id": "bun-foreign", "kind": "bundle", "awaiting": "outcome"
        }  # fmt: skip
        before = {key: dict(row) for key, row in table.rows.items()}
        running = [row for row in before.values() if row["awaiting"] == "outcome"]
        written = poll_kind(BUNDLE, ec2.client(), history, POLL, running).written
    assert [write.key.task_id for write in written] == ["bun-other"]
    table.rows[Key(SCOPE, "bun-other")].pop("missing_since")
    assert table.rows == before


def test_retention_reaches_the_rows(table, history):
    with canned_ec2(told("complete"), told("bundling")) as ec2:
        later = PollContext(SCOPE, NOW + timedelta(days=91), retention_days=90)
        assert poll_kind(BUNDLE, ec2.client(), history, later).summary() == {"listed": 1, "written": 0, "ended": {}}
        poll_kind(BUNDLE, ec2.client(), history, later)
    assert states(table) == {"bun-2a4e041c": ("bundling", None)}


def test_an_overtaken_poll_changes_nothing_and_succeeds(table, history):
    class Slow(DynamoDb):
        """Answers reads as if they were asked before all writes."""

        def batch_get_item(self, RequestItems):
            return {"Responses": {}, "UnprocessedKeys": {}}

    with canned_ec2(told("complete"), told("bundling")) as ec2:
        poll_kind(BUNDLE, ec2.client(), history, POLL)
        row = dict(*table.rows.values())
        recorded = poll_kind(
            BUNDLE, ec2.client(), HistoryTable(Slow(table), "history", pause=lambda seconds: None), POLL
        )
    assert [dict(row) for row in table.rows.values()] == [row]
    assert recorded.written == []
    assert [write.key.task_id for write in recorded.overtaken] == ["bun-2a4e041c"]
    assert recorded.summary()["written"] == 0


class Quicker(DynamoDb):
    """Before each write of a poll, ``somebody`` else writes."""

    def __init__(self, table, somebody):
        super().__init__(table)
        self._somebody = somebody

    def put_item(self, **request):
        self._somebody(self.table)
        return super().put_item(**request)

    def update_item(self, **request):
        self._somebody(self.table)
        return super().update_item(**request)


def test_a_poll_overtaken_by_older_data_still_records(table):
    """The other poll saw it running; EC2 may have forgotten it soon after."""

    def from_behind(table):
        with canned_ec2(told("bundling")) as ec2:
            poll_kind(BUNDLE, ec2.client(), HistoryTable(DynamoDb(table), "history"), POLL)

    quicker = HistoryTable(Quicker(table, from_behind), "history", pause=lambda seconds: None)
    with canned_ec2(told("complete")) as ec2:
        recorded = poll_kind(BUNDLE, ec2.client(), quicker, POLL)
    assert states(table) == {"bun-2a4e041c": ("complete", "complete")}
    assert (len(recorded.written), len(recorded.overtaken)) == (1, 1)
    assert recorded.ended == {"bun-2a4e041c": "complete"}


def test_a_poll_that_is_overtaken_for_ever_gives_up(table):
    states = count()

    def busy(table):
        for row in table.rows.values():
            row["state"] = f"state {next(states)}"

    with canned_ec2(told("bundling"), told("complete")) as ec2:
        poll_kind(BUNDLE, ec2.client(), HistoryTable(DynamoDb(table), "history"), POLL)
        busier = Quicker(table, busy)
        recorded = poll_kind(BUNDLE, ec2.client(), HistoryTable(busier, "history", pause=lambda seconds: None), POLL)
    assert (recorded.written, len(recorded.overtaken), recorded.incomplete) == ([], 1 + MAX_ROUNDS, True)
    assert recorded.problems == ["bundle: 1 rows are not as they were read: bun-2a4e041c"]
    assert writes(busier) == ["update_item"] * (1 + MAX_ROUNDS)


def test_an_overtaken_poll_does_not_overwrite_newer_data(table):
    def newer(table):
        with canned_ec2(told("storing")) as ec2:
            poll_kind(BUNDLE, ec2.client(), HistoryTable(DynamoDb(table), "history"), POLL)

    with canned_ec2(told("pending"), told("bundling")) as ec2:
        poll_kind(BUNDLE, ec2.client(), HistoryTable(DynamoDb(table), "history"), POLL)
        slow = HistoryTable(Quicker(table, newer), "history", pause=lambda seconds: None)
        recorded = poll_kind(BUNDLE, ec2.client(), slow, POLL)
    assert states(table) == {"bun-2a4e041c": ("storing", None)}
    assert (recorded.written, recorded.incomplete) == ([], False)


def test_an_ended_task_whose_row_was_deleted_is_recorded(table):
    with canned_ec2(told("bundling"), told("complete")) as ec2:
        poll_kind(BUNDLE, ec2.client(), HistoryTable(DynamoDb(table), "history"), POLL)
        cleared = HistoryTable(Quicker(table, lambda table: table.rows.clear()), "history", pause=lambda seconds: None)
        recorded = poll_kind(BUNDLE, ec2.client(), cleared, POLL)
    assert states(table) == {"bun-2a4e041c": ("complete", "complete")}
    assert recorded.ended == {"bun-2a4e041c": "complete"}


def test_a_row_that_refuses_every_write_fails_the_poll(table):
    """Somebody else wrote a type there that is not read."""

    class Odd(DynamoDb):
        def update_item(self, **request):
            self.calls.append("update_item")
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")

    with canned_ec2(told("bundling"), told("complete")) as ec2:
        poll_kind(BUNDLE, ec2.client(), HistoryTable(DynamoDb(table), "history"), POLL)
        odd = Odd(table)
        recorded = poll_kind(BUNDLE, ec2.client(), HistoryTable(odd, "history", pause=lambda seconds: None), POLL)
    assert (recorded.incomplete, writes(odd)) == (True, ["update_item"])


def test_what_was_written_is_told_though_the_second_look_fails(table):
    class Throttled(Quicker):
        def batch_get_item(self, RequestItems):
            if "batch_get_item" in self.calls:
                raise ClientError({"Error": {"Code": "ThrottlingException"}}, "BatchGetItem")
            return super().batch_get_item(RequestItems)

        def transact_write_items(self, TransactItems):
            self._somebody(self.table)
            return super().transact_write_items(TransactItems)

    def other(table):
        if not table.rows:
            with canned_ec2(told("bundling")) as ec2:
                poll_kind(BUNDLE, ec2.client(), HistoryTable(DynamoDb(table), "history"), POLL)

    throttled = HistoryTable(Throttled(table, other), "history", pause=lambda seconds: None)
    with canned_ec2(told("duplicated")) as ec2:
        recorded = poll_kind(BUNDLE, ec2.client(), throttled, POLL)
    assert [write.key.task_id for write in recorded.written] == ["bun-3b5f152d"]
    assert recorded.incomplete
    assert "Throttling" in recorded.problems[0]


def test_every_kind_is_recorded_in_turn(table, history):
    with canned_ec2(told("bundling"), IMPORTED) as ec2:
        done = poll_all(ec2, history, BUNDLE, OTHER)
    assert states(table) == {"bun-2a4e041c": ("bundling", None), "import-1": ("completed", "complete")}
    assert [recorded.kind for recorded in done] == ["bundle", "import-image"]
    assert table.rows[SCOPE, "import-1"]["updated_at"] == "2026-11-23T12:40:00.000Z"


# A poll that does not


@pytest.mark.parametrize("name", ["html-page", "no-xml", "nothing"])
def test_a_malformed_answer_is_an_error_and_changes_nothing(name, table, dynamodb, history):
    with canned_ec2(told("bundling"), told(name)) as ec2:
        poll_kind(BUNDLE, ec2.client(), history, POLL)
        before, calls = states(table), list(dynamodb.calls)
        with pytest.raises(MalformedAnswerError):
            poll_kind(BUNDLE, ec2.client(), history, POLL)
    assert (states(table), dynamodb.calls) == (before, calls)


@pytest.mark.parametrize("name", ["error-throttled", "error-unauthorized", "error-internal"])
def test_an_error_of_ec2_changes_nothing(name, dynamodb, history, monkeypatch):
    no_pauses(monkeypatch)
    with canned_ec2(told(name)) as ec2, pytest.raises(ClientError):
        poll_kind(BUNDLE, ec2.client(), history, POLL)
    assert dynamodb.calls == []


UNREADABLE = {
    "denied": (told("error-unauthorized"), "denied"),
    "malformed": (told("html-page"), "malformed"),
    "absent": (
        Answer(b"<Response><Errors><Error><Code>InvalidAction</Code><Message/></Error></Errors></Response>", 400),
        "absent",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "reason"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("first", [True, False])
def test_an_unreadable_list_costs_the_others_nothing(answer, reason, first, table, history):
    kinds, answers = ([BUNDLE, OTHER], [answer, IMPORTED]) if first else ([OTHER, BUNDLE], [IMPORTED, answer])
    with canned_ec2(*answers) as ec2:
        polled = poll_kinds(kinds, ec2.client(), history, POLL, INLINE)
    assert states(table) == {"import-1": ("completed", "complete")}
    assert (polled.problems, polled.good, polled.unreadable) == ([], ["import-image"], {"bundle": reason})
    assert polled.is_good
    assert polled.summary()["bundle"] == {"unreadable": reason}
    record = records(table)["bundle"]
    assert (record.at, record.unreadable, record.unreadable_since) == (0, reason, int(NOW.timestamp()))


def test_a_list_that_can_be_read_again_is_said_to_be_so(table, history):
    with canned_ec2(told("error-unauthorized"), IMPORTED, told("bundling"), IMPORTED) as ec2:
        poll_all(ec2, history, BUNDLE, OTHER)
        [again, _] = poll_all(ec2, history, BUNDLE, OTHER)
    assert (again.before.unreadable, again.unreadable) == ("denied", "")
    assert records(table)["bundle"] == ListRecord(at=int(NOW.timestamp()), n=1)


def test_a_transient_error_fails_the_poll_and_leaves_the_record(table, history, monkeypatch):
    no_pauses(monkeypatch)
    throttled = [told("error-throttled")] * LIST_TASKS.attempts
    with canned_ec2(told("bundling"), IMPORTED, *throttled, IMPORTED) as ec2:
        poll_all(ec2, history, BUNDLE, OTHER)
        before = records(table)["bundle"]
        later = PollContext(SCOPE, NOW + timedelta(minutes=5))
        polled = poll_kinds([BUNDLE, OTHER], ec2.client(), history, later, INLINE)
    assert (polled.good, polled.unreadable, polled.is_good) == (["import-image"], {}, False)
    assert [problem.partition(":")[0] for problem in polled.problems] == ["bundle"]
    ended = int(later.now.timestamp())
    assert records(table) == {"bundle": before, "import-image": ListRecord(at=ended, n=1, gap=300, gap_at=ended)}


def test_a_poll_without_a_readable_list_names_every_reason(dynamodb, history):
    with canned_ec2(told("html-page"), told("error-unauthorized")) as ec2, pytest.raises(PollError) as caught:
        poll_all(ec2, history, BUNDLE, OTHER)
    malformed, denied = caught.value.problems
    assert "bundle: DescribeBundleTasks: malformed answer" in malformed
    assert "import-image: An error occurred (Unauth" in denied
    assert set(dynamodb.calls) == {"query"}


def test_a_list_s_past_is_recorded_without_notices_on_request(table, history):
    quiet = PollContext(SCOPE, NOW, announce_history=False)
    with canned_ec2(told("complete"), told("duplicated")) as ec2:
        for _ in range(2):
            poll_kinds([BUNDLE], ec2.client(), history, quiet, INLINE)
    assert [row.get("awaiting") for key, row in sorted(table.rows.items()) if key.scope == SCOPE] == [None, "outcome"]
    with canned_ec2(told("complete"), IMPORTED) as ec2:
        poll_kinds([BUNDLE, OTHER], ec2.client(), history, quiet, INLINE)
    assert table.rows[SCOPE, "import-1"].get("awaiting") is None, "its list is read for the first time"


STORED = "ami-1/2026-11-23T12:00:00.000Z"


@pytest.mark.parametrize(
    ("ami", "started", "is_missing"),
    [("ami-1", "12:30", False), ("ami-1", "11:00", True), ("ami-2", "12:30", True)],
)
def test_a_superseded_store_task_is_not_missing(ami, started, is_missing, table, history):
    row = supersede("InProgress", ami, started, table, history)
    assert ("missing_since" in row) == is_missing


def test_a_superseded_failed_task_waits_no_longer_for_its_reason(table, history):
    row = supersede("Failed", "ami-1", "12:30", table, history)
    assert (row["outcome"], row["awaiting"]) == ("failed", "notification")


def supersede(state, ami, started, table, history):
    """Poll a list with another store task than a row's; return the row."""
    row = {"scope": SCOPE, "task_id": STORED, "kind": "store-image", "state": state, "resource_id": "ami-1"}
    times = dict.fromkeys(("started_at", "updated_at", "first_seen_at"), "2026-11-23T12:00:00.000Z")
    table.rows[Key(SCOPE, STORED)] = {**row, **times, "awaiting": "outcome"}
    listed = {"AmiId": ami, "TaskStartTime": f"2026-11-23T{started}:00.000Z", "StoreTaskState": "InProgress"}
    body = format_response("DescribeStoreImageTasks", {"StoreImageTaskResults": [listed]}, "x")
    with canned_ec2(Answer(body)) as ec2:
        poll_all(ec2, history, STORE_IMAGE)
    return table.rows[Key(SCOPE, STORED)]


def test_an_id_in_two_lists_belongs_to_the_first_or_to_its_row(table, history):
    double = Answer(IMPORTED.body.replace(b"import-1", b"bun-2a4e041c"))
    with canned_ec2(told("bundling"), double, double, told("storing")) as ec2:
        [_, second] = poll_all(ec2, history, BUNDLE, OTHER)
        [first, _] = poll_all(ec2, history, OTHER, BUNDLE)
    assert states(table) == {"bun-2a4e041c": ("storing", None)}
    assert second.unkeepable == first.unkeepable == [
        "DescribeImportImageTasks listed the id bun-2a4e041c, which a task of another kind has"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["without-id", "absurd-id"])
def test_a_task_that_can_not_be_kept_is_counted_only(name, table, history):
    """It would fail every poll while EC2 lists it, and hide other faults."""
    with canned_ec2(told(name)) as ec2:
        [recorded] = poll_all(ec2, history, BUNDLE)
    assert states(table) == {"bun-3b5f152d": ("bundling", None)}
    assert (recorded.problems, recorded.incomplete) == ([], False)
    assert all(sentence.startswith("DescribeBundleTasks listed") for sentence in recorded.unkeepable)
    assert records(table)["bundle"].unkeepable == len(recorded.unkeepable) > 0


def test_each_task_that_can_not_be_kept_is_new_once(table, history):
    """Also over cold starts: what was logged is in the roster."""
    new = []
    answers = ["without-id", "without-id", "absurd-id", "bundling", "without-id"]
    with canned_ec2(*map(told, answers)) as ec2:
        for minutes, _ in enumerate(answers):
            later = PollContext(SCOPE, NOW + timedelta(minutes=5 * minutes))
            [recorded] = poll_kinds([BUNDLE], ec2.client(), history, later, INLINE).done
            new.append(len(not_yet_logged(recorded.unkeepable, recorded.before)))
            assert (records(table)["bundle"].unkeepable > 0) == bool(recorded.unkeepable)
    assert new == [2, 0, 1, 0, 2]


# Rows that somebody else wrote

ODD = {"scope": SCOPE, "kind": "bundle", "state": "complete", "awaiting": "outcome"}


def test_an_odd_row_of_a_task_without_times_is_settled(table, history):
    """It has no time, and EC2 tells none."""
    body = re.sub(rb"<(startTime|updateTime)>[^<]*</\1>", b"", told("complete").body)
    table.rows[Key(SCOPE, "bun-2a4e041c")] = {**ODD, "task_id": "bun-2a4e041c"}
    with canned_ec2(Answer(body)) as ec2:
        poll_all(ec2, history, BUNDLE)
    row = table.rows[Key(SCOPE, "bun-2a4e041c")]
    assert (row["outcome"], row["awaiting"]) == ("complete", "notification")
    assert row["finished_at"] == row["updated_at"] == "2026-11-23T12:40:00.000Z"


class Odder(dict):
    """A row that no decision can deal with."""

    def get(self, name, otherwise=None):
        if name == "outcome":
            raise ZeroDivisionError("a payload")
        return super().get(name, otherwise)


@pytest.mark.parametrize("vanished", [False, True])
def test_a_decision_that_fails_is_a_problem_of_its_row_alone(vanished, table):
    odd = Odder({**ODD, "task_id": "bun-odd" if vanished else "bun-2a4e041c", "updated_at": "x", "first_seen_at": "x"})
    if vanished:
        odd["state"] = "storing"
    fine = {**ODD, "task_id": "bun-fine", "state": "storing", "updated_at": "x", "first_seen_at": "x"}

    class Odds(HistoryTable):
        def read(self, keys, deadline):
            return {} if vanished else {key_of(odd): odd}

    with canned_ec2(told("duplicated")) as ec2:
        history = Odds(DynamoDb(table), "history")
        table.rows[key_of(fine)] = dict(fine)
        recorded = poll_kind(BUNDLE, ec2.client(), history, POLL, [odd, fine] if vanished else [fine])
    [problem] = recorded.problems
    assert problem.startswith(f"bundle: {odd['task_id']}: unexpected ZeroDivisionError at test_poll.py")
    assert "payload" not in problem
    assert recorded.incomplete
    written = {write.key.task_id for write in recorded.written}
    assert written == {"bun-3b5f152d", "bun-fine"} | ({"bun-2a4e041c"} if vanished else set())


def test_a_row_that_dynamodb_refuses_is_an_error_of_its_kind(table, history):
    class Refusing(DynamoDb):
        def put_item(self, **request):
            if "bun-" in str(request):
                raise ClientError({"Error": {"Code": "ValidationException", "Message": "SECRET"}}, "PutItem")
            return super().put_item(**request)

        def transact_write_items(self, TransactItems):
            if "bun-" in str(TransactItems):
                raise ClientError({"Error": {"Code": "ValidationException", "Message": "SECRET"}}, "TransactWriteItems")
            return super().transact_write_items(TransactItems)

    refusing = HistoryTable(Refusing(table), "history", pause=lambda seconds: None)
    with canned_ec2(told("bundling"), IMPORTED) as ec2, pytest.raises(PollError) as caught:
        poll_all(ec2, refusing, BUNDLE, OTHER)
    assert str(caught.value) == "bundle: 1 rows could not be written or read: bun-2a4e041c: ValidationError"
    assert states(table).keys() == {"import-1"}


def test_no_secret_and_no_body_stands_in_an_error(history):
    answers = [told("no-xml"), told("html-page"), told("with-secrets"), Answer(told("with-secrets").body[:900])]
    for answer in answers:
        with canned_ec2(answer) as ec2:
            polled = poll_kinds([BUNDLE], ec2.client(), history, POLL, INLINE)
        assert "SECRET" not in f"{polled.problems} {polled.done}"
        assert bool(polled.problems) == (answer.body != told("with-secrets").body)


# What is written is told, whatever comes after it


def running(number):
    row = {"scope": SCOPE, "task_id": f"bun-{number:08x}", "kind": "bundle", "state": "storing", "awaiting": "outcome"}
    times = dict.fromkeys(("updated_at", "first_seen_at", "missing_since"), "2026-11-23T11:00:00.000Z")
    return row | times


class ThrottledOnce(DynamoDb):
    """From the second transaction on, whole requests are refused, ``times`` in all."""

    def __init__(self, table, code, times):
        super().__init__(table)
        self._code, self._left = code, times

    def transact_write_items(self, TransactItems):
        if "transact_write_items" in self.calls and self._left:
            self._left -= 1
            raise ClientError({"Error": {"Code": self._code}}, "TransactWriteItems")
        return super().transact_write_items(TransactItems)


REFUSALS = ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"]


@pytest.mark.parametrize("code", REFUSALS)
def test_a_throttled_batch_is_retried_like_a_single_write(code):
    table = Table(*map(running, range(150)))
    history = HistoryTable(ThrottledOnce(table, code, times=3), "history", pause=lambda seconds: None)
    with canned_ec2(told("empty")) as ec2:
        recorded = poll_kind(BUNDLE, ec2.client(), history, POLL, [running(number) for number in range(150)])
    assert recorded.summary()["ended"] == {"lost": 150}
    assert (recorded.problems, len(states(table))) == ([], 150)


@pytest.mark.parametrize("code", [*REFUSALS, "InternalServerError", "AccessDeniedException"])
def test_writes_before_a_permanent_failure_are_reported(code):
    """Otherwise 100 lost rows would appear in no log, metric or alarm."""
    table, counted = Table(*map(running, range(150))), []
    history = HistoryTable(ThrottledOnce(table, code, times=99), "history", pause=lambda seconds: None)
    with canned_ec2(told("empty")) as ec2:
        listed = [running(number) for number in range(150)]
        recorded = poll_kind(BUNDLE, ec2.client(), history, POLL, listed, on_written=counted.extend)
    lost = sum(outcome == "lost" for _, outcome in states(table).values())
    assert lost in (50, 100)
    assert recorded.summary()["ended"] == {"lost": lost}
    assert [len(recorded.written), len(counted)] == [lost, lost]
    assert (recorded.incomplete, len(recorded.problems)) == (True, 1)
    assert f"bundle: {150 - lost} rows could not be written" in recorded.problems[0]


# Who listens

NOBODY, SOMEBODY = Audience(0, must_wait=True), Audience(1)
WAITS = {"scope": SCOPE, "task_id": "bun-waits", "kind": "bundle", "state": "complete", "outcome": "complete"}
WAITS |= {"awaiting": "notification", "awaiting_since": "2026-11-23T12:39:00.000Z"}


def poll_heard_by(history, audience, minutes, **context):
    with canned_ec2(told("empty")) as ec2:
        later = PollContext(SCOPE, NOW + timedelta(minutes=minutes), **context)
        return poll_kinds([BUNDLE], ec2.client(), history, later, INLINE, audience=lambda: audience)


def test_redrives_wait_for_the_first_subscriber(table, history):
    table.rows[key_of(WAITS)] = dict(WAITS)
    for minutes in (0, 5, 30):
        assert poll_heard_by(history, NOBODY, minutes).redriven == 0
        assert table.rows[ROSTER]["unheard_since"] == "2026-11-23T12:40:00.000Z"
    assert table.rows[key_of(WAITS)] == WAITS
    table.rows[key_of(WAITS)]["awaiting_since"] = "2026-11-23T13:14:00.000Z"
    assert poll_heard_by(history, SOMEBODY, 35).redriven == 1
    assert "unheard_since" not in table.rows[ROSTER]
    assert table.rows[key_of(WAITS)]["redrives"] == 1
    assert poll_heard_by(history, SOMEBODY, 36).redriven == 0


@pytest.mark.parametrize(
    ("marks", "sends_events", "redriven"),
    [({}, True, 1), ({"event_sent_at": "2026-11-23T12:39:05.000Z"}, True, 0), ({}, False, 0)],
    ids=["no event yet", "the event is sent", "no bus"],
)
def test_events_are_redriven_without_a_subscriber(marks, sends_events, redriven, table, history):
    table.rows[key_of(WAITS)] = WAITS | marks
    assert poll_heard_by(history, NOBODY, 30, sends_events=sends_events).redriven == redriven


def test_where_sns_is_silent_rows_wait_on_if_they_did_before(table, history):
    table.rows[key_of(WAITS)] = dict(WAITS)
    poll_heard_by(history, NOBODY, 0)
    assert poll_heard_by(history, Audience(), 30).redriven == 0
    assert table.rows[ROSTER]["unheard_since"] == "2026-11-23T12:40:00.000Z"
    assert poll_heard_by(history, SOMEBODY, 31).redriven == 1
    assert "unheard_since" not in table.rows[ROSTER]


def test_more_waiting_rows_than_one_poll_sends_are_all_sent(table, history):
    """RedriveAfterMinutes may be a week."""
    rows = [{**WAITS, "task_id": f"bun-{number}"} for number in range(MAX_ROWS_PER_POLL + 1)]
    table.rows |= {key_of(row): row for row in rows}
    poll_heard_by(history, NOBODY, 0)
    sent = []
    for minutes in (1, 2, 3):
        with canned_ec2(told("empty")) as ec2:
            later = PollContext(SCOPE, NOW + timedelta(minutes=minutes), redrive_after=timedelta(days=6))
            sent.append(poll_kinds([BUNDLE], ec2.client(), history, later, INLINE, audience=lambda: SOMEBODY).redriven)
    assert sent == [MAX_ROWS_PER_POLL, 1, 0]
    assert "unheard_since" not in table.rows[ROSTER]


# Time


def test_out_of_time_nothing_is_asked_and_every_kind_is_named(dynamodb, history):
    with canned_ec2(told("bundling")) as ec2, pytest.raises(PollError) as caught:
        poll_all(ec2, history, BUNDLE, OTHER, deadline=Deadline(lambda: 2999))
    assert (ec2.requests, dynamodb.calls) == ([], [])
    assert sorted(problem.split(":")[0] for problem in caught.value.problems) == ["bundle", "history", "import-image"]
    assert "out of time while listing bundle tasks" in str(caught.value)


def test_without_time_to_read_nothing_is_read(dynamodb, history):
    remaining = iter([300_000] + [0] * 9)
    with canned_ec2(told("bundling")) as ec2, pytest.raises(OutOfTimeError, match="while reading the history"):
        poll_kind(BUNDLE, ec2.client(), history, POLL, deadline=Deadline(lambda: next(remaining)))
    assert dynamodb.calls == []


def test_a_poll_without_time_to_write_fails_unwritten(dynamodb, table, history):
    remaining = iter([300_000] * 2 + [0] * 9)
    with canned_ec2(told("bundling")) as ec2:
        recorded = poll_kind(BUNDLE, ec2.client(), history, POLL, deadline=Deadline(lambda: next(remaining)))
    assert (table.rows, dynamodb.calls, recorded.incomplete) == ({}, ["batch_get_item"], True)
    assert "bun-2a4e041c: OutOfTimeError; out of time while writing the history" in recorded.problems[0]


def test_the_next_poll_goes_on_where_time_ran_out(table, history):
    remaining = iter([300_000] * 5 + [0] * 9)
    with canned_ec2(told("bundling"), IMPORTED) as ec2:
        with pytest.raises(PollError, match="out of time"):
            poll_all(ec2, history, BUNDLE, OTHER, deadline=Deadline(lambda: next(remaining)))
        assert states(table) == {}
    with canned_ec2(told("bundling"), IMPORTED) as ec2:
        poll_all(ec2, history, BUNDLE, OTHER)
    assert states(table).keys() == {"bun-2a4e041c", "import-1"}


@pytest.mark.parametrize("left", range(10))
def test_a_poll_out_of_time_has_no_list_in_the_roster_too_soon(left, table, history):
    """The order: the tasks of all kinds, the roster, then redriving."""
    waits = {"scope": SCOPE, "task_id": "bun-waits", "kind": "bundle", "state": "complete", "outcome": "complete"}
    waits |= {"awaiting": "notification", "awaiting_since": "2026-11-23T11:00:00.000Z"}
    table.rows[Key(SCOPE, "bun-waits")] = dict(waits)
    remaining = iter([300_000] * left + [0] * 30)
    with canned_ec2(told("bundling"), IMPORTED) as ec2:
        polled = poll_kinds([BUNDLE, OTHER], ec2.client(), history, POLL, INLINE, Deadline(lambda: next(remaining)))
    written = [write.key.task_id for write in table.written]
    whole = ["bun-2a4e041c", "import-1", "123456789012", "bun-waits"]
    assert written == whole[: len(written)]
    assert bool(polled.problems) == (written != whole)
    assert all("out of time" in problem for problem in polled.problems)
    assert polled.good == (["bundle", "import-image"] if written else [])
    assert polled.redriven == ("bun-waits" in written)


def test_the_times_above_reach_from_too_short_to_enough(table, history):
    """Or the test above would tell nothing."""
    checks = []
    with canned_ec2(told("bundling"), IMPORTED) as ec2:
        poll_kinds([BUNDLE, OTHER], ec2.client(), history, POLL, INLINE, Deadline(lambda: checks.append(1) or 300_000))
    assert len(checks) in range(5, 9)


def test_a_list_that_the_history_refused_is_not_in_the_roster(table):
    """Half recorded is not well polled."""

    class Refusing(DynamoDb):
        def put_item(self, **request):
            if "bun-" in str(request):
                raise ClientError({"Error": {"Code": "ValidationException"}}, "PutItem")
            return super().put_item(**request)

        def transact_write_items(self, TransactItems):
            raise ClientError({"Error": {"Code": "ValidationException"}}, "TransactWriteItems")

    refusing = HistoryTable(Refusing(table), "history", pause=lambda seconds: None)
    with canned_ec2(told("bundling"), IMPORTED) as ec2:
        polled = poll_kinds([BUNDLE, OTHER], ec2.client(), refusing, POLL, INLINE)
    assert {kind: record.n for kind, record in records(table).items()} == {"import-image": 1}
    assert (polled.good, [recorded.incomplete for recorded in polled.done]) == (["import-image"], [True, False])
