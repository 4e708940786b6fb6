"""Repeatable hostile examples, and proof that defects are found.

``make fuzz`` runs more.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from task_reporter import times
from task_reporter.aws import clients, lists
from task_reporter.aws.lists import list_pages
from task_reporter.errors import MalformedAnswerError
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.recording import poll_lists as recorder
from task_reporter.recording import projection
from task_reporter.recording.projection import project
from tests.campaigns import runner
from tests.campaigns.hostile import ec2_answers
from tests.campaigns.hostile.answers import SECRETS
from tests.campaigns.hostile.campaign import CAMPAIGN
from tests.campaigns.runner import Portion, run_portion
from tests.support.canned_ec2 import Answer, canned_ec2, no_pauses

ANSWERS, BATCHES, ROWS = CAMPAIGN.shares
EXAMPLES = {ANSWERS: 1500, BATCHES: 200, ROWS: 200}
MAX_PORTIONS = 20
"""Portions in which a defect must be found.

One is too few: some defects need rare input, and Hypothesis's draws depend on the imported modules besides the seed.
"""
EXPECTED = {
    ANSWERS: ("answers refused", "rows recorded", "rows missing", "tasks that can't be recorded", "writes"),
    BATCHES: ("batches to come again", "tasks announced"),
    ROWS: ("rows shown", "tasks announced", "rows without an outcome"),
}
"""Counts that must not be zero, or the examples would be worth little."""


@pytest.mark.parametrize("family", EXAMPLES)
def test_hostile_input_harms_nothing_else(family: str) -> None:
    done = run_portion(CAMPAIGN, Portion(family, 2026, EXAMPLES[family]))
    assert not done.failure, done.failure.text
    assert all(done.counts[name] for name in EXPECTED[family]), done.counts


def test_answers_over_http_are_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample over HTTP shows that the client with injected answers behaves alike."""
    no_pauses(monkeypatch)
    counts: Counter[str] = Counter()
    with canned_ec2(Answer(b"")) as server:
        client = server.client()
        for number in range(120):
            answer, body = ec2_answers.build(Random(number))
            if answer.status != 200:
                continue
            server.answers[:] = [Answer(body)]
            try:
                text = str(project(BUNDLE, list_pages(client, BUNDLE)))
                counts["read"] += 1
            except MalformedAnswerError as error:
                text = "".join(traceback.format_exception(error))
                counts["refused"] += 1
            assert not any(secret in text for secret in SECRETS.values())
    assert min(counts["read"], counts["refused"]) > 10


def replace_by(owner: Any, name: str, value: object) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda monkeypatch: monkeypatch.setattr(owner, name, value)


def clear_caches() -> None:
    clients._session.cache_clear()
    ec2_answers._client.cache_clear()
    ec2_answers._alone.cache_clear()


def accept_missing_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "reject_malformed_lists", lambda **_: None)
    clear_caches()


def exact_length(start: str, end: str) -> str:
    return str(times.parse(end) - times.parse(start))


def first_only(projected: projection.ProjectedTasks) -> projection.ProjectedTasks:
    return replace(projected, tasks=projected.tasks[:1])


DEFECTS: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "a missing list counts as an empty list": (ANSWERS, accept_missing_lists),
    "a doubled element spoils the answer": (ANSWERS, replace_by(projection, "_plain", lambda value: value)),
    "a refusal without a code crashes": (ANSWERS, replace_by(lists, "PARSE_ERRORS", (ValueError,))),
    "the length of ids is not checked": (ANSWERS, replace_by(projection, "MAX_ID_BYTES", 9999)),
    "an unusual time spoils the batch": (ROWS, replace_by(times, "format_duration", exact_length)),
    "a running task without an id is ignored": (
        ANSWERS,
        replace_by(recorder, "project", lambda *each: replace(project(*each), resources_without_id=set())),
    ),
    "only the first task is recorded": (
        ANSWERS, replace_by(recorder, "project", lambda *each: first_only(project(*each))),
    ),
}  # fmt: skip


@pytest.fixture
def fresh_clients() -> Iterator[None]:
    yield
    clear_caches()


@pytest.mark.usefixtures("fresh_clients")
@pytest.mark.parametrize("defect", DEFECTS)
def test_defects_are_found(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family, inject = DEFECTS[defect]
    inject(monkeypatch)
    portions = (run_portion(CAMPAIGN, Portion(family, seed, EXAMPLES[family])) for seed in range(MAX_PORTIONS))
    failure = next((done.failure for done in portions if done.failure), None)
    assert failure
    assert "Traceback" in failure.text


def test_the_program_reports_counts(capfd: pytest.CaptureFixture[str]) -> None:
    options = runner.make_parser(CAMPAIGN).parse_args(["--cases", "40", "--seed", "7"])
    assert runner.main(CAMPAIGN, options) == 0
    output = capfd.readouterr().out
    assert "40 cases, seed 7" in output
    assert "No violation." in output


def test_the_program_repeats_a_failed_portion(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    failed = Portion(ROWS, 7, 100, failure=runner.Failure("an invariant", "Traceback"))
    monkeypatch.setattr(runner, "run", lambda *_: iter([failed]))
    assert runner.main(CAMPAIGN, runner.make_parser(CAMPAIGN).parse_args(["--seed", "7"])) == 1
    assert f"--family {ROWS} --cases 100 --seed 7" in "".join(capfd.readouterr())
