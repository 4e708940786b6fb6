"""A hub of 1,000 accounts: first sweep, bad accounts, steady state, price.

The planner's and the recorder's own code run against a stub of EC2 and STS that answers in 50 ms (``fleet_stub.py``),
and against a DynamoDB engine through a meter. Five processes of the recorder share this machine.
"""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.request import ProxyHandler, build_opener

from botocore.session import get_session

from benchmarks import prices
from benchmarks.bench import Bench
from benchmarks.engine import surroundings
from benchmarks.figures import Figure, alone, figure
from benchmarks.meter import Meter, meter
from benchmarks.place import Place, variables
from local.environments import ROOT
from local.process_environment import isolated_environment
from task_reporter.aws.subscribers import Audience
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Insert
from task_reporter.kinds.table import ALL, KINDS
from task_reporter.organization.assignment import Assignment
from task_reporter.organization.members import ACTIVE, Account, Member, read_roster
from task_reporter.organization.planner import Planner
from task_reporter.organization.planning import plan
from task_reporter.recording.context import PollContext
from task_reporter.recording.roster import ListRecord, Lists, roster_write
from task_reporter.runtime.settings import ALL_REGIONS
from task_reporter.times import to_text
from task_reporter_cli.estimate.costs import ALARMS, METRICS
from tests.integration.engines import make_table

ACCOUNTS, WORKERS, BATCH = 1000, 5, 10
REGIONS = (
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1",
    "us-east-2", "us-west-1", "us-west-2",
)  # fmt: skip
OWN_REGION, HUB = "eu-west-1", "999999999999"
QUIET, ROUND = timedelta(minutes=360), timedelta(minutes=5)
HOT = 0.001
"""Share of (account, region) pairs in which something happens."""
DAYS = 30.4
"""Days of a month."""
PLAYS = ("denied", "throttled", "slow")
"""The ways in which a third of the accounts is bad, in turn."""
MEMORY = 512
"""Megabytes of the planner and of the recorder."""
BATCHES = 5
"""Assignments that come together."""


@dataclass(slots=True)
class Sweep:
    """A first round of all accounts."""

    seconds: float
    cpu: float
    peak: float
    calls: Mapping[str, int]
    """Play → calls to EC2; the empty text stands for good accounts."""
    last: Mapping[str, float]
    """Account → seconds from the beginning to its last call."""
    failed: int
    write_units: float
    planner_cpu: float
    largest_row: int
    """Bytes."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the figures; raises StepError."""
    accounts = [f"{100_000_000_000 + number}" for number in range(ACCOUNTS)]
    bad = {account: PLAYS[number // 3 % 3] for number, account in enumerate(accounts) if number % 3 == 0}
    good = [account for account in accounts if account not in bad]
    with bench.screen.step("organization", f"first sweep of {ACCOUNTS:,} accounts"):
        swept = sweep(bench.place, accounts, {})
    with bench.screen.step("organization", "the same with a third of the accounts denied, throttled or slow"):
        troubled = sweep(bench.place, accounts, bad)
    lists = ACCOUNTS * len(REGIONS) * len(ALL)
    yield alone(f"first sweep of {lists:,} lists", "s", [swept.seconds], limit=300)
    yield alone("calls that it missed", "lists", [lists - (swept.calls[""] - ACCOUNTS) + swept.failed], limit=0)
    cpu = 1000 * swept.cpu / sum(swept.calls.values())
    yield alone("recorder's processor time per call", "ms", [cpu], limit=1.2)
    yield alone("recorder's memory", "MB", [swept.peak / 1e6], limit=512)
    yield alone("a roster row", "bytes", [swept.largest_row], limit=8192)
    yield alone("planner's processor time, first round", "ms", [1000 * swept.planner_cpu])
    yield alone("first sweep: charged for writes", "write units", [swept.write_units])
    ends = [(max(one.last[account] for account in good)) for one in (troubled, swept)]
    yield figure("end of the good accounts' round, a third bad", "s", [(ends[0], ends[1])], float, "none bad", 1.1)
    with bench.screen.step("organization", "a day of rounds, without EC2"):
        steady = simulate(accounts)
    yield alone(f"steady state, {HOT:.1%} of scopes hot", "million calls a month", [steady.calls / 1e6], limit=55)
    yield alone("steady state: a task that ends is seen within", "rounds", [steady.longest_hot / ROUND], limit=2)
    yield alone("steady state: a quiet list is asked every", "minutes", [steady.longest_quiet.total_seconds() / 60],
                limit=QUIET.total_seconds() / 60 + 5)  # fmt: skip
    yield alone("steady state: planner's processor time of a round", "ms", [1000 * steady.planner_seconds])
    yield alone("steady state: roster writes", "million write units a month", [steady.writes / 1e6], limit=10)
    cents = 100 * price(steady, swept, cpu / 1000)
    yield alone("the hub, with its alarms and metrics", "US cents a month", [cents], limit=1500)


def sweep(here: Place, accounts: Sequence[str], plays: Mapping[str, str]) -> Sweep:
    """Plan a first round, and let the recorder's processes carry it out."""
    table = make_table(here.engine.client(), StreamSpecification={"StreamEnabled": False}).name
    with running_stub(plays) as (url, numbers), meter(here.engine.endpoint) as between:
        planned, planner_cpu = first_round(HistoryTable(here.engine.client(), table), accounts)
        environment = _environment(here, table, url, between)
        with workers(environment) as processes:
            begun = time.time()
            results = _run(processes, [assignment.to_message() for assignment, _ in planned])
            seconds = time.time() - begun
        counted = numbers()
        members, _ = read_roster(HistoryTable(here.engine.client(), table))
    return Sweep(
        seconds,
        sum(one["cpu"] for one in results),
        max(one["peak"] for one in results),
        {play: count for play, count in counted["calls"].items() if play != "AssumeRole"},
        {account: at - begun for account, at in counted["last"].items()},
        sum(one["failed"] for one in results),
        between.reading.write_units,
        planner_cpu,
        max(len(json.dumps(member.row)) for member in members.values()),
    )


def first_round(history: HistoryTable, accounts: Sequence[str]) -> tuple[list[tuple[Assignment, int]], float]:
    """Return the assignments of the planner's first round, and its processor time in seconds."""
    planned: list[tuple[Assignment, int]] = []

    def send(assignments: Sequence[tuple[Assignment, int]]) -> int:
        planned.extend(assignments)
        return len(assignments)

    listed = [Account(account, f"account {account}", ACTIVE) for account in accounts]
    planner = Planner(
        history, lambda: listed, send, lambda changes: None, Audience, ALL, ALL_REGIONS, OWN_REGION, QUIET, ()
    )
    begun = time.process_time()
    planner.run(PollContext(f"{HUB}/{OWN_REGION}", datetime.now(UTC)))
    long = int(time.time()) + 3600  # how long a sweep takes is what is measured
    return [(replace(assignment, until=long), delay) for assignment, delay in planned], time.process_time() - begun


@contextmanager
def running_stub(plays: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Yield the URL of a stub, and a function that returns its numbers."""
    setup = {"plays": plays, "regions": REGIONS, "lists": dict(_list_names())}
    command = [sys.executable, "-m", "benchmarks.fleet_stub"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps(setup) + "\n")
            process.stdin.flush()
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            yield url, lambda: json.loads(build_opener(ProxyHandler({})).open(f"{url}/").read())
        finally:
            process.kill()


def _list_names() -> Iterator[tuple[str, str]]:
    """Yield each operation and the XML name of its list."""
    model = get_session().get_service_model("ec2")
    for kind in ALL:
        for name, shape in model.operation_model(kind.operation).output_shape.members.items():
            if shape.type_name == "list":
                yield kind.operation, shape.serialization.get("name", name)


def _environment(here: Place, table: str, url: str, between: Meter) -> dict[str, str]:
    return {
        **isolated_environment(),
        **surroundings(here.engine),
        **variables(table, here.topic, ALL),
        "AWS_ENDPOINT_URL_EC2": url,
        "AWS_ENDPOINT_URL_STS": url,
        "AWS_ENDPOINT_URL_DYNAMODB": between.endpoint,
        "MEMBER_ROLE": "ec2-task-reporter-member",
        "EXTERNAL_ID": "an-external-id",
        "QUIET_MINUTES": "360",
        "REGIONS": "all",
        "SCOPE": f"{HUB}/{OWN_REGION}",
        "ANNOUNCE_HISTORY": "none",
        "EVENT_BUS": "",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'core'}",
    }


@contextmanager
def workers(environment: Mapping[str, str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Yield processes of the recorder."""
    command = [sys.executable, "-m", "benchmarks.fleet_worker"]
    start = partial(
        subprocess.Popen, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=environment, cwd=ROOT,
    )  # fmt: skip
    processes = [start() for _ in range(WORKERS)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _run(processes: Sequence[subprocess.Popen[str]], messages: Sequence[str]) -> list[dict[str, Any]]:
    """Hand out batches as Lambda does, and return the processes' measurements."""
    batches: queue.Queue[Sequence[str]] = queue.Queue()
    for start in range(0, len(messages), BATCH):
        batches.put(messages[start : start + BATCH])
    results: list[dict[str, Any]] = []

    def work(process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        while True:
            try:
                batch = batches.get_nowait()
            except queue.Empty:
                return
            process.stdin.write(json.dumps(batch) + "\n")
            process.stdin.flush()
            results.append(json.loads(process.stdout.readline()))

    threads = [threading.Thread(target=work, args=(process,)) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@dataclass(slots=True)
class Steady:
    """A simulated day of rounds, as numbers of a month."""

    calls: float
    writes: float
    assignments: float
    longest_hot: timedelta
    longest_quiet: timedelta
    planner_seconds: float = field(default=0.0)
    """Processor time of one round's decisions."""


def simulate(accounts: Sequence[str]) -> Steady:
    """Plan a day of rounds, and answer each list at once.

    Every list is asked once before. Then one region in a thousand has a running task in one of its lists.
    """
    start = datetime(2026, 11, 26, tzinfo=UTC)
    hot = {(account, REGIONS[0]) for account in accounts[: round(len(accounts) * len(REGIONS) * HOT)]}
    members = {account: _member(account, start) for account in accounts}
    calls = writes = assignments = 0
    longest_hot = longest_quiet = timedelta(0)
    rounds, cpu = timedelta(days=1) // ROUND, time.process_time()
    for number in range(1, rounds + 1):
        now = start + number * ROUND
        for assignment, _ in plan(members.values(), ALL, ALL_REGIONS, OWN_REGION, QUIET, now):
            member = members[assignment.account]
            assignments += 1
            calls += sum(map(len, assignment.due.values())) + assignment.find_regions
            if assignment.find_regions:
                member.row["regions_at"] = to_text(now)
            for region, kinds in assignment.due.items():
                for kind in kinds:
                    before = member.lists[region][kind]
                    is_hot = (member.account, region) in hot and kind == ALL[0].name
                    since = now - datetime.fromtimestamp(before.at, UTC)
                    longest_hot = max(longest_hot, since if before.active_at else timedelta(0))
                    longest_quiet = max(longest_quiet, since)
                    at = int(now.timestamp())
                    member.lists[region][kind] = ListRecord(at=at, gap=21_600, active_at=at if is_hot else 0)
            writes += -(-_size(member.lists, now) // 1024)
    cpu = (time.process_time() - cpu) / rounds
    return Steady(calls * DAYS, writes * DAYS, assignments * DAYS, longest_hot, longest_quiet, cpu)


def _member(account: str, at: datetime) -> Member:
    record = ListRecord(at=int(at.timestamp()))
    row = {"status": ACTIVE, "regions": " ".join(REGIONS), "regions_at": to_text(at)}
    return Member(account, {"scope": "roster", "task_id": account, **row}, {
        region: dict.fromkeys(KINDS, record) for region in REGIONS
    })  # fmt: skip


def _size(lists: Lists, now: datetime) -> int:
    """Return the bytes of a roster row, with the planner's attributes."""
    write = roster_write(None, lists, PollContext(f"{HUB}/{OWN_REGION}", now))
    assert isinstance(write, Insert)
    return 400 + sum(len(name) + len(str(value)) for name, value in write.row.items())


def price(steady: Steady, swept: Sweep, cpu: float) -> float:
    """Return the dollars for a month of the hub, without the trail.

    A function with 512 MB has a share of a processor. Where it waits for EC2 rather than for its processor, its time is
    that of the answers, many of which come side by side.
    """
    share = MEMORY / prices.WHOLE_PROCESSOR
    rounds = DAYS * timedelta(days=1) / ROUND
    planner = prices.SCHEDULED + prices.computing((steady.planner_seconds + swept.planner_cpu) / share, MEMORY)
    recorder = steady.calls * cpu / share * MEMORY / 1024 * prices.GB_SECOND
    batches = steady.assignments / BATCHES
    invocations = batches * (prices.computing(0.3, MEMORY) + 3 * prices.QUEUED)
    roster = ACCOUNTS * swept.largest_row / 4096 / 2 * prices.READ_UNIT
    table = steady.writes * prices.WRITE_UNIT + steady.assignments * 2 * prices.READ_UNIT
    watching = ALARMS * prices.ALARM + METRICS * prices.METRIC + prices.DASHBOARD
    return rounds * (planner + roster + prices.WRITE_UNIT) + recorder + invocations + table + watching
