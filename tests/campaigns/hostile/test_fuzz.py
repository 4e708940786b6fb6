"""A few thousand hostile cases, the same in each run, and proof that a defect would be found. `make fuzz` does more."""

from __future__ import annotations

import re
import traceback
from collections import Counter
from dataclasses import replace

import pytest

from task_reporter import times
from task_reporter.aws import clients, lists
from task_reporter.aws.lists import list_pages
from task_reporter.errors import MalformedAnswerError
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.recording import poll_kind as recorder
from task_reporter.recording import projection
from task_reporter.recording.projection import project
from tests.campaigns.hostile import __main__ as program
from tests.campaigns.hostile import ec2_answers, running
from tests.campaigns.hostile.answers import SECRETS
from tests.campaigns.hostile.case import Case, named, numbered, smallest
from tests.campaigns.hostile.running import Chunk, Done, failure, family, reproduction, run
from tests.support.canned_ec2 import Answer, canned_ec2, no_pauses

SEED = 2026
CASES = {"ec2_answers": 1200, "stream_events": 400, "history_rows": 60}


@pytest.mark.parametrize("name", CASES)
def test_hostile_input_costs_nobody_anything(name: str) -> None:
    done = run(Chunk(name, SEED, range(CASES[name])))
    assert done.broken is None, reproduction(done.broken)
    assert done.cases == CASES[name]
    assert all(done.counts[what] for what in EXPECTED[name]), done.counts


EXPECTED = {
    "ec2_answers": ("answers refused", "rows kept", "rows missing", "tasks that can't be kept", "writes"),
    "stream_events": ("batches to come again", "tasks told"),
    "history_rows": ("rows shown", "tasks told", "rows without an outcome"),
}
"""What the cases must lead to, or they would not be worth much."""


def test_over_http_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample goes the whole way, so that nothing hangs on how the others are put into the client."""
    no_pauses(monkeypatch)
    met: Counter[str] = Counter()
    with canned_ec2(Answer(b"")) as server:
        client = server.client()
        for number in range(120):
            answer, body = ec2_answers.build(numbered("ec2_answers", SEED, number))
            if answer.status != 200:
                continue
            server.answers[:] = [Answer(body)]
            try:
                said = str(project(BUNDLE, list_pages(client, BUNDLE)))
                met["read"] += 1
            except MalformedAnswerError as error:
                said = "".join(traceback.format_exception(error))
                met["refused"] += 1
            assert not any(secret in said for secret in SECRETS.values())
    assert min(met["read"], met["refused"]) > 10


def without_a_look_at_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "reject_malformed_lists", lambda **_: None)
    clients._session.cache_clear()
    ec2_answers._client.cache_clear()


DEFECTS = {
    "a list that is none is an empty one": ("ec2_answers", without_a_look_at_lists),
    "a doubled element costs the answer": (
        "ec2_answers",
        lambda patch: patch.setattr(projection, "_plain", lambda value: value),
    ),
    "a refusal without a code is a crash": (
        "ec2_answers",
        lambda patch: patch.setattr(lists, "PARSE_ERRORS", (ValueError,)),
    ),
    "nobody looks how long an id is": ("ec2_answers", lambda patch: patch.setattr(projection, "MAX_ID_BYTES", 9999)),
    "an ugly time costs the batch": (
        "history_rows",
        lambda patch: patch.setattr(times, "format_duration", exact_length),
    ),
    "a task without an id is none that runs": (
        "ec2_answers",
        lambda patch: patch.setattr(recorder, "project", lambda kind, answers: all_named(project(kind, answers))),
    ),
    "only one task is kept": (
        "ec2_answers",
        lambda patch: patch.setattr(recorder, "project", lambda kind, answers: first_only(project(kind, answers))),
    ),
}


def exact_length(start: str, end: str) -> str:
    return str(times.parse(end) - times.parse(start))


def first_only(projected: projection.ProjectedTasks) -> projection.ProjectedTasks:
    return replace(projected, tasks=projected.tasks[:1])


def all_named(projected: projection.ProjectedTasks) -> projection.ProjectedTasks:
    return replace(projected, resources_without_id=set())


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_would_be_found(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, make = DEFECTS[defect]
    make(monkeypatch)
    try:
        done = run(Chunk(name, SEED, range(CASES[name])))
        assert done.broken
        command, _, told = reproduction(done.broken).partition("\n")
        small = named(command.removeprefix("python -m tests.campaigns.hostile --case "))
        assert failure(small)
        assert len(small.steps) <= len(done.broken.steps)
        assert "Traceback" in told
    finally:
        clients._session.cache_clear()
        ec2_answers._client.cache_clear()
        ec2_answers._alone.cache_clear()


def test_a_case_is_made_small() -> None:
    case = Case("ec2_answers", 1, (11, 12, 13, 14))
    assert smallest(case, lambda less: {12, 14} <= set(less.steps)).steps == (12, 14)
    assert named(str(case)) == case


def test_cases_are_the_same_each_time() -> None:
    for name in CASES:
        case = numbered(name, SEED, 3)
        assert family(name).show(family(name).build(case)) == family(name).show(family(name).build(case))


def test_the_program_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--cases", "40", "--seed", "7", "--cores", "1"]) == 0
    said = capsys.readouterr().out
    assert re.search(r" 28 EC2's answers: .*\d+ rows kept", said)
    assert re.search(r"Seed 7, \d+ s on 1 cores\.", said)


def test_the_program_fails_where_a_case_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = numbered("history_rows", SEED, 0)
    monkeypatch.setattr(program, "run_all", lambda *_: iter([Done("history_rows", 1, broken=case)]))
    monkeypatch.setattr(running, "failure", lambda case: "Traceback\nViolation: a row is gone")
    assert program.main(["--seed", "7"]) == 1
    said = capsys.readouterr().out
    assert "A case failed with seed 7." in said
    assert f"python -m tests.campaigns.hostile --case history_rows:{case.base}:\n" in said
