"""One round: many tasks end, and the functions that process them are killed."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from local.deployment import Deployment
from task_reporter.history.rows import Key, Row
from task_reporter.history.table import HistoryTable
from tests.campaigns.kills import workers
from tests.campaigns.kills.judging import NOTIFIER, Notices, Round, judge
from tests.support.waiting import WAIT_SECONDS

SCOPE = "000000000000/eu-west-1"
TASKS = 400
PAUSE = (0.05, 1.5)
"""Seconds before a function is killed; a poll or a batch takes about half."""
RECORDER = "Recorder"
MARKING = 0.15
"""Seconds after a notice in which its tasks are most likely being marked."""
ENDINGS: dict[str, dict[str, Any]] = {
    "complete": {"State": "complete"},
    "failed": {"State": "failed", "BundleTaskError": {"Code": "Client.S3Error", "Message": "The bucket is gone."}},
    "cancelled": {"State": "failed", "BundleTaskError": {"Code": "Client.Cancelled", "Message": "Stopped."}},
}


def outcomes(number: int) -> dict[str, str]:
    """Return the tasks of a round: id → outcome."""
    kinds = list(ENDINGS)
    return {f"bun-killed-{number:03}-{task:03}": kinds[task % len(kinds)] for task in range(TASKS)}


def listed(ended: dict[str, str]) -> list[dict[str, Any]]:
    times = {"StartTime": "2026-11-20T08:00:00.000Z", "UpdateTime": "2026-11-20T08:35:10.000Z"}
    return [
        {"BundleId": task, "InstanceId": f"i-{task}", **times, **ENDINGS[outcome]} for task, outcome in ended.items()
    ]


def play(
    deployment: Deployment, number: int, rng: Random, kills: int, received: Callable[[], tuple[Notices, list[str]]]
) -> Round:
    """Record and announce the tasks of a round while functions are killed; then heal.

    EC2 must list ``listed(outcomes(number))``. ``received`` returns new notices, and the tasks of new events.
    """
    done, began = Round(number), time.monotonic()
    ended = outcomes(number)
    with _killing(deployment, rng, kills, done.killed):
        while not _is_settled(rows := _rows(deployment, ended), ended) and time.monotonic() < began + WAIT_SECONDS:
            _poll(deployment, done)
    judge(done, rows, ended, *received())
    done.seconds = time.monotonic() - began
    return done


@contextmanager
def _killing(deployment: Deployment, rng: Random, kills: int, killed: Counter[str]) -> Iterator[None]:
    """Kill a function at random moments, half of the notifiers right after a notice."""
    stop = threading.Event()

    def work() -> None:
        for _ in range(kills):
            target = rng.choice((RECORDER, NOTIFIER, NOTIFIER))
            if target == NOTIFIER and rng.random() < 0.5:
                _until_mail(deployment, stop)
                stop.wait(rng.uniform(0, MARKING))
            else:
                stop.wait(rng.uniform(*PAUSE))
            if stop.is_set():
                return
            killed[target] += workers.kill(deployment.cloud, target)

    killer = threading.Thread(target=work)
    killer.start()
    try:
        yield
    finally:
        stop.set()
        killer.join()


def _until_mail(deployment: Deployment, stop: threading.Event) -> None:
    """Wait until SNS has accepted a notice, which is not marked yet.

    A sender that is killed now repeats the notice.
    """
    folder = deployment.cloud.inbox.folder / "new"
    before = len(os.listdir(folder))
    while len(os.listdir(folder)) == before and not stop.wait(0.005):
        pass


def _poll(deployment: Deployment, done: Round) -> None:
    """Poll once; a poll may fail because its function is killed."""
    done.polls += 1
    done.broken_polls += deployment.poll()["error"] is not None


def _rows(deployment: Deployment, ended: dict[str, str]) -> dict[str, Row]:
    history = HistoryTable(deployment.cloud.client("dynamodb"), deployment.outputs["HistoryTableName"])
    return {key.task_id: row for key, row in history.read(Key(SCOPE, task) for task in ended).items()}


def _is_settled(rows: dict[str, Row], ended: dict[str, str]) -> bool:
    return len(rows) == len(ended) and not any("awaiting" in row for row in rows.values())
