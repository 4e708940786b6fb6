"""Requests repeated through transient faults, and commands that repeat them."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, current_thread
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.process_environment import NO_ACCOUNT
from task_reporter.errors import HistoryError
from task_reporter.history.rows import Key
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.bundle import BUNDLE
from task_reporter_cli.actions.redrive import watch_waiting
from task_reporter_cli.actions.retrier import OutOfTimeError, Retrier
from task_reporter_cli.actions.wait import poll_task
from tests.support.canned_ec2 import Answer, canned_ec2, no_pauses
from tests.support.cli import Said, in_environment, run, run_program, somewhere
from tests.support.servers import answers, closes, server, silent

UNREACHABLE = EndpointConnectionError(endpoint_url="https://dynamodb.test")
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "GetItem")
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetItem")


class Time:
    """A clock that advances only in pauses."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.result: list[str] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def watch(self, seconds: float | None = None) -> Retrier:
        return Retrier(seconds, self.result.append, self.pause, lambda: self.now)


def script(*events: Any) -> Callable[[], Any]:
    """Return a function that gives or raises ``events`` in turn, the last repeatedly."""
    left = list(events)

    def question() -> Any:
        event = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(event, Exception):
            raise event
        return event

    return question


def test_an_answer_is_given_at_once() -> None:
    time = Time()
    assert time.watch().call(script("answer")) == "answer"
    assert (time.pauses, time.result) == ([], [])


def test_a_fault_is_told_when_it_begins_and_when_it_is_over() -> None:
    time = Time()
    assert time.watch().call(script(UNREACHABLE, THROTTLED, UNREACHABLE, "answer")) == "answer"
    assert time.result == [
        'AWS can\'t be reached (Could not connect to the endpoint URL: "https://dynamodb.test"); check --region and the'
        " network. It is tried again until this is over.",
        "That is over, after 35 seconds.",
    ]


def test_each_fault_is_told_anew() -> None:
    time = Time()
    watch = time.watch()
    for _ in range(2):
        watch.call(script(UNREACHABLE, "answer"))
    assert [result[:4] for result in time.result] == ["AWS ", "That", "AWS ", "That"]


def test_pauses_grow_to_a_minute() -> None:
    time = Time()
    time.watch().call(script(*[UNREACHABLE] * 7, "answer"))
    assert time.pauses == [5, 10, 20, 40, 60, 60, 60]


@pytest.mark.parametrize("before", [(), (UNREACHABLE,)], ids=["at once", "after one that passes"])
def test_a_fault_that_stays_ends_the_waiting(before: tuple[Exception, ...]) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        Time().watch(3600).call(script(*before, DENIED))


def test_rows_that_were_throttled_are_asked_for_again() -> None:
    throttled = HistoryError({Key("a/b", "bun-1"): "UnprocessedKeys"})
    assert Time().watch().call(script(throttled, {})) == {}


@pytest.mark.parametrize("seconds", [0, 1, 5, 7, 60, 3600])
def test_a_fault_lasts_no_longer_than_the_time(seconds: float) -> None:
    time = Time()
    with pytest.raises(OutOfTimeError, match="can't be reached") as raised:
        time.watch(seconds).call(script(UNREACHABLE))
    assert raised.value.fault is UNREACHABLE
    assert sum(time.pauses) == seconds


def test_a_fault_that_passes_leaves_the_rest_of_the_time() -> None:
    time = Time()
    watch = time.watch(100)
    watch.call(script(UNREACHABLE, "answer"))
    watch.pause(1000)
    assert (time.pauses, watch.remaining) == ([5, 95], 0)


def test_without_a_limit_the_time_has_no_end() -> None:
    time = Time()
    watch = time.watch()
    watch.pause(1e9)
    assert watch.remaining == float("inf")


def test_a_question_that_nobody_answers_ends_with_the_time() -> None:
    never = Event()
    try:
        with pytest.raises(OutOfTimeError, match="did not answer in time"):
            Retrier(0.01, print).call(never.wait)
    finally:
        never.set()


def test_a_question_to_a_person_is_not_broken_off() -> None:
    assert Retrier(60, print).call(current_thread, may_prompt=True) is current_thread()
    assert Retrier(60, print).call(current_thread) is not current_thread()


def test_what_is_raised_in_time_is_raised() -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        Retrier(60, print).call(script(DENIED))


def test_looks_end_with_an_outcome_or_with_the_time() -> None:
    time, runs, ended = Time(), {"state": "storing"}, {"state": "complete", "outcome": "complete"}
    assert list(poll_task(script(None, runs, UNREACHABLE, ended, runs), time.watch())) == [None, runs, ended]
    assert list(poll_task(script(runs), time.watch(7))) == [runs, runs, runs]
    assert list(poll_task(script(runs), time.watch(0))) == [runs]


def test_rows_settle_through_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Key("a/b", "bun-1")
    reading = script(UNREACHABLE, {key: {"awaiting": "notification"}}, UNREACHABLE, {})

    class Reading(HistoryTable):
        def read(self, *_: Any) -> Any:
            return reading()

    time = Time()
    assert list(watch_waiting([key], Reading(None, "t"), time.watch(60))) == [[key], []]
    assert len(time.result) == 4


# The commands

BEGUN = {"scope": {"S": "1/eu-west-1"}, "task_id": {"S": "bun-1"}, "kind": {"S": "bundle"}, "state": {"S": "storing"}}
ENDED = BEGUN | {"outcome": {"S": "complete"}}


def both(item: dict[str, Any]) -> bytes:
    """DynamoDB's answer to a query and to a read alike."""
    return json.dumps({"Items": [item], "Count": 1, "ScannedCount": 1, "Item": item}).encode()


def fault(code: str, status: int = 400) -> Answer:
    return Answer(json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"}).encode(), status)


BUSY, INTERNAL = fault("ThrottlingException"), fault("InternalServerError", 500)
REFUSED, EXPIRED = fault("AccessDeniedException"), fault("ExpiredTokenException")
NO_TABLE = fault("ResourceNotFoundException")
RUNS, ENDS = Answer(both(BEGUN)), Answer(both(ENDED))
ATTEMPTS = 3


Run = Callable[..., Said]


@pytest.fixture
def run_with(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command while DynamoDB gives ``answers``; pauses are short."""
    no_pauses(monkeypatch)
    monkeypatch.setattr("task_reporter_cli.actions.wait.INTERVAL", 0.01)
    monkeypatch.setattr("task_reporter_cli.actions.retrier.PAUSES", (0.01,))
    monkeypatch.setattr("task_reporter_cli.actions.retrier.MAX_PAUSE", 0.01)
    monkeypatch.setattr("task_reporter_cli.history.reader.KINDS", {BUNDLE.name: BUNDLE})  # one query reads the newest

    def run_command(answers: Sequence[Answer], *arguments: str) -> Said:
        with canned_ec2(*answers) as aws, in_environment(somewhere(dynamodb=aws.url)):
            return run(*arguments, "--table", "t")

    return run_command


PASSING = {"throttled": BUSY, "broken": INTERNAL, "a page": Answer(b"<html>")}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("before", [(RUNS, RUNS, RUNS), ()], ids=["after hours", "at first"])
def test_wait_goes_on_through_a_passing_fault(run_with: Run, fault: Answer, before: tuple[Answer, ...]) -> None:
    result = run_with([*before, *[fault] * 2 * ATTEMPTS, RUNS, ENDS], "wait", "bun-1")
    assert (result.status, result.out) == (0, "complete\n")
    begins, over = result.err.splitlines()
    assert begins.endswith("It is tried again until this is over.")
    assert over.startswith("That is over, after ")


@pytest.mark.usefixtures("run_with")
def test_wait_goes_on_through_broken_connections() -> None:
    runs, ends = answers("200 OK", both(BEGUN)), answers("200 OK", both(ENDED))
    behaviours = (runs, runs, *[closes] * ATTEMPTS, ends)
    with server(*behaviours) as port, in_environment(somewhere(dynamodb=f"http://127.0.0.1:{port}")):
        result = run("wait", "bun-1", "--table", "t")
    assert (result.status, result.out, len(result.err.splitlines())) == (0, "complete\n", 2)


STAYING = {
    "denied": (REFUSED, "no permission for GetItem"),
    "expired": (EXPIRED, "the AWS credentials have expired (the environment)"),
    "no table": (NO_TABLE, "no table 't' in eu-west-1"),
}


@pytest.mark.parametrize(("fault", "expected"), STAYING.values(), ids=STAYING)
def test_wait_ends_with_a_permanent_fault(run_with: Run, fault: Answer, expected: str) -> None:
    result = run_with([RUNS, RUNS, RUNS, fault], "wait", "bun-1")
    assert (result.status, result.out) == (1, "")
    assert result.error.startswith(expected)


LIMITED = ("wait", "bun-1", "--table", "t", "--timeout", "0.01")
LATE = "bun-1 has not ended within 0.01 minutes, as far as is known: AWS "


@pytest.mark.usefixtures("run_with")
def test_wait_names_the_fault_that_outlasts_its_time() -> None:
    with in_environment(somewhere()):
        result = run(*LIMITED)
    assert (result.status, result.out) == (124, "")
    assert result.err.splitlines()[-1].startswith(f"{LATE}can't be reached (")


def test_wait_ends_in_time_without_an_answer() -> None:
    # A program of its own: its question is left behind with it, and not in the midst of other tests.
    with server(silent) as port:
        result = run_program(*LIMITED, **somewhere(dynamodb=f"http://127.0.0.1:{port}"))
    assert result == Said(124, "", f"{LATE}did not answer in time.\n")


def test_wait_ends_in_time_without_credentials(tmp_path: Path) -> None:
    config, pipe = tmp_path / "config", tmp_path / "pipe"
    os.mkfifo(pipe)
    config.write_text(f"[default]\ncredential_process = cat {pipe}\n")
    result = run_program(*LIMITED, **NO_ACCOUNT | {"AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": str(config)})
    os.close(os.open(pipe, os.O_RDWR))  # which ends the source
    assert (result.status, result.err.endswith("AWS did not answer in time.\n")) == (124, True)


AWAITS = Answer(both(ENDED | {"awaiting": {"S": "notification"}}))
WRITTEN, NONE = Answer(b"{}"), Answer(b'{"Items": [], "Count": 0, "ScannedCount": 0}')


def test_redrive_names_the_fault_that_hides_the_result(run_with: Run) -> None:
    result = run_with([AWAITS, WRITTEN, BUSY], "redrive", "--timeout", "0")
    assert (result.status, result.out) == (1, "Announced 0 of 1.\n")
    assert "1 still await their notification as far as is known (AWS refused BatchGetItem: Throttling" in result.err


def test_redrive_goes_on_through_a_passing_fault(run_with: Run) -> None:
    announced = Answer(json.dumps({"Responses": {"t": [ENDED]}}).encode())
    result = run_with([AWAITS, WRITTEN, *[BUSY] * ATTEMPTS, announced], "redrive")
    assert (result.status, result.out, len(result.err.splitlines())) == (0, "Announced 1 of 1.\n", 2)


def test_a_test_is_withdrawn_after_a_fault(run_with: Run) -> None:
    result = run_with([RUNS, NONE, WRITTEN, *[BUSY] * ATTEMPTS, WRITTEN], "test", "--timeout", "0")
    assert (result.status, result.out) == (1, "")
    assert "nobody was told within 0 seconds as far as is known (AWS refused BatchGetItem: Throttling" in result.err
    assert "the test is withdrawn" in result.err
