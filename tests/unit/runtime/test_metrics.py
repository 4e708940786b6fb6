"""The figures by which the reporter is watched, and how they reach CloudWatch."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from task_reporter.aws.subscribers import Audience
from task_reporter.history.backlog import Backlog
from task_reporter.history.rows import Key
from task_reporter.history.writes import Insert, Update
from task_reporter.notifying.announce_result import AnnounceResult, Delivery
from task_reporter.notifying.notice import Notice
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ListResult
from task_reporter.recording.poll_lists import PollResult
from task_reporter.runtime.metrics import _log, emit
from tests.support.polled import figures_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POLL = PollContext("123456789012/us-east-2", NOW)
ENDED = {"outcome": "complete", "finished_at": "2026-11-23T11:58:30.000Z"}


def of_poll(polled, confirmed=None, poll=POLL):
    told = {}
    for figure in figures_of(polled, poll, confirmed):
        told.setdefault(figure.name, []).append(figure.value)
    return {name: values if name == "CaptureDelay" else values[0] for name, values in told.items()}


def recorded(*writes, tasks=0):
    return ListResult("bundle", [{"task_id": str(number)} for number in range(tasks)], list(writes))


def insert(number, **row):
    return Insert({"scope": "s", "task_id": f"bun-{number}", **row})


def test_a_poll_in_figures():
    update = Update(Key("s", "bun-3"), {**ENDED, "outcome": "failed", "finished_at": "2026-11-23T11:59:00.000Z"}, {})
    writes = [insert(1, **ENDED), insert(2, state="bundling"), update]
    waiting = [{"awaiting_since": "2026-11-23T11:30:00.000Z"}, {"awaiting_since": "2026-11-23T11:59:59.000Z"}, {}]
    waiting = [row | {"redrives": 2} for row in waiting]
    polled = PollResult(1, Backlog([], waiting), [recorded(*writes, tasks=7)])
    assert of_poll(polled) == {
        "GoodPolls": 1,
        "ListsUnreadable": 0,
        "TasksListed": 7,
        "TasksComplete": 1,
        "TasksFailed": 1,
        "CaptureDelay": [90, 60],
        "RowsWaiting": 3,
        "OldestWaiting": 1800,
        "RowsOverdue": 2,
    }


def test_what_is_out_of_order_has_figures_of_its_own():
    told = of_poll(PollResult(1, blind_seconds=7200), confirmed=0)
    assert (told["CoverageGap"], told["ConfirmedSubscribers"]) == (7200, 0)
    assert not {"CoverageGap", "ConfirmedSubscribers"} & of_poll(PollResult(1)).keys()


READ, DENIED, ABSENT = (
    ListResult(name, unreadable=name if name != "read" else "") for name in ("read", "denied", "absent")
)
DENIED.error = ABSENT.error = PermissionError()


@pytest.mark.parametrize(
    ("done", "is_good", "unreadable"),
    [
        ([], 0, 0),
        ([READ], 0, 0),
        ([READ, READ], 1, 0),
        ([READ, ListResult("incomplete", incomplete=True)], 0, 0),
        ([READ, DENIED], 1, 1),
        ([READ, ABSENT], 1, 0),
        ([DENIED, DENIED], 0, 1),
    ],
)
def test_a_poll_is_good_where_every_list_was_or_is_unreadable(done, is_good, unreadable):
    told = of_poll(PollResult(2, done=done))
    assert (told["GoodPolls"], told["ListsUnreadable"]) == (is_good, unreadable)


LONG_AGO = {"awaiting_since": "2026-11-23T08:00:00.000Z"}


@pytest.mark.parametrize("redrives", [0, 1, 2, 9])
@pytest.mark.parametrize(
    ("confirmed", "must_wait", "waited", "counts"),
    [
        (1, False, False, True),
        (1, False, True, True),
        (0, True, False, False),
        (None, False, True, False),
        (None, False, False, True),
    ],
    ids=["somebody listens", "somebody came", "nobody listens", "nobody did, SNS is silent", "SNS is silent"],
)
def test_a_row_is_overdue_after_two_redrives_with_a_subscriber(confirmed, must_wait, waited, counts, redrives):
    polled = PollResult(1, Backlog([], [LONG_AGO | {"redrives": redrives}]))
    polled.waited, polled.audience = waited, Audience(confirmed, must_wait)
    told = of_poll(polled, confirmed)
    assert (told["RowsOverdue"], told["OldestWaiting"]) == (int(counts and redrives >= 2), 4 * 3600)


@pytest.mark.parametrize("must_wait", [False, True])
@pytest.mark.parametrize(
    ("marks", "notices", "events"),
    [({}, 1, 1), ({"notified_at": "x"}, 0, 1), ({"event_sent_at": "x"}, 1, 0)],
    ids=["neither", "the notice is sent", "the event is sent"],
)
def test_overdue_rows_are_counted_by_mark(marks, notices, events, must_wait):
    polled = PollResult(1, Backlog([], [LONG_AGO | {"redrives": 2} | marks]))
    polled.audience = Audience(int(not must_wait), must_wait)
    told = of_poll(polled, poll=replace(POLL, sends_events=True))
    assert (told["RowsOverdue"], told["EventsOverdue"]) == (0 if must_wait else notices, events)
    assert "EventsOverdue" not in of_poll(polled)


def test_tasks_that_can_not_be_kept_are_counted():
    polled = PollResult(1, done=[ListResult("bundle", unkeepable=["one", "another"])])
    assert of_poll(polled)["TasksUnkeepable"] == 2
    assert "TasksUnkeepable" not in of_poll(PollResult(1))


def test_clocks_that_disagree_make_no_negative_age():
    polled = PollResult(1, done=[recorded(insert(1, **ENDED | {"finished_at": "2026-11-23T12:00:05.000Z"}))])
    assert of_poll(polled)["CaptureDelay"] == [0]


def test_a_batch_in_figures():
    notices = [Notice(({}, {}), "", "", {}, {}), Notice(({},), "", "", {}, {})]
    failed, unmarked = {Key("s", "bun-9"): ValueError()}, {Key("s", "bun-8"): ValueError()}
    result = AnnounceResult(notices, by_notice=Delivery(failed, unmarked), waiting=[Key("s", "bun-7")])
    figures = {"NoticesPublished": 2, "TasksAnnounced": 3, "TasksNotAnnounced": 2}
    assert {figure.name: figure.value for figure in result.metrics()} == figures
    result.by_event = Delivery(failed)
    figures |= {"EventsSent": 0, "EventsNotSent": 1}
    assert {figure.name: figure.value for figure in result.metrics()} == figures


def test_they_are_written_in_the_embedded_metric_format(monkeypatch, capsys):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "my-stack")
    polled = PollResult(1, done=[recorded(*(insert(number, **ENDED) for number in range(250)))])
    _log.cache_clear()
    emit(figures_of(polled, POLL, 1))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["service"] for line in lines} == {"my-stack"}
    [described] = lines[0]["_aws"]["CloudWatchMetrics"]
    assert (described["Namespace"], described["Dimensions"]) == ("ec2-task-reporter", [["service"]])
    assert {"Name": "CaptureDelay", "Unit": "Seconds"} in described["Metrics"]
    # CloudWatch takes at most 100 values of a metric at once.
    assert all(len(line.get("CaptureDelay", [])) <= 100 for line in lines)
    assert sum(len(line.get("CaptureDelay", [])) for line in lines) == 250
    assert sum(sum(line.get("TasksComplete", [])) for line in lines) == 250
