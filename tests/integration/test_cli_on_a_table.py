"""The command line against engines that nobody here wrote, and the local EC2."""

import csv
import io
import json
import random
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from local.ec2 import Ec2Server
from task_reporter.history.rows import Key, Row, key_of, to_key
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Insert, Update
from task_reporter.kinds.kind import OUTCOMES
from task_reporter.kinds.table import KINDS
from task_reporter.times import now
from task_reporter_cli.actions.redrive import redrive, select_keys, watch_waiting
from task_reporter_cli.actions.retrier import Retrier
from task_reporter_cli.actions.test_row import build_test_row, temporary_row
from task_reporter_cli.aws.account import Account
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.reader import MIN_FILTERED_PAGE
from task_reporter_cli.history.target import Target
from tests.integration.engines import LOCAL_AWS, Table, make_table
from tests.integration.faults import refused
from tests.support.canned_ec2 import Answer, canned_ec2
from tests.support.cli import (
    REGION,
    Said,
    environment,
    in_environment,
    on_terminal,
    program,
    run,
    run_program,
    session,
    shared_session,
    somewhere,
)
from tests.support.sts import sts_server

SCOPE = "000000000000/eu-west-1"
OTHER = "123456789012/us-east-2"
NOON = "2026-11-23T12:00:00.000Z"
KB = 1024

Handler = Callable[..., Any]


def at(minute: int) -> str:
    return f"2026-11-{1 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:00.000Z"


def row(task_id: str, outcome: str | None = "complete", **more: Any) -> Row:
    """Return a task; None leaves an attribute out."""
    ended = {"outcome": outcome, "finished_at": NOON} if outcome else {}
    always = {"scope": SCOPE, "task_id": task_id, "kind": "bundle", "state": "complete" if outcome else "storing"}
    made = always | {"updated_at": NOON, "first_seen_at": NOON} | ended | more
    return {name: value for name, value in made.items() if value is not None}


on_one = pytest.mark.parametrize("engine", [LOCAL_AWS], indirect=True)
"""For what does not depend on the engine."""


class Run:
    """The command line on one table.

    ``hooks`` are called on events of its clients: event → handler.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.hooks: dict[str, Handler] = {}

    def __call__(self, *arguments: str) -> Said:
        return run(*arguments, "--table", self.table.name)

    def session(self, **options: Any) -> Any:
        if not self.hooks:
            return shared_session(**options)
        made = session(**options)
        for event, handler in self.hooks.items():
            made.register(event, handler)
        return made

    def ids(self, *arguments: str) -> list[str]:
        """Return the ids that ``list`` prints."""
        said = self("list", "--output", "json", *arguments)
        assert said.status == 0, said.err
        return [row["task_id"] for row in json.loads(said.out)]

    def scanned(self) -> list[int]:
        """Return a list that receives the number of rows of each query of tasks."""
        counts: list[int] = []

        def count_rows(parsed: Any, **_: Any) -> None:
            if not any(item["scope"]["S"] == "roster" for item in parsed.get("Items", [])):
                counts.append(parsed["ScannedCount"])

        self.hooks["after-call.dynamodb.Query"] = count_rows
        return counts


def run_on(table: Table, monkeypatch: pytest.MonkeyPatch, **endpoints: str) -> Iterator[Run]:
    with in_environment(somewhere(dynamodb=table.client.meta.endpoint_url, **endpoints)):
        there = Run(table)
        monkeypatch.setattr("task_reporter_cli.aws.account.Session", there.session)
        yield there


@pytest.fixture
def cli(table: Table, ec2: Ec2Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return the command line on a fresh table, beside a fast local EC2.

    Its bundles end and are forgotten at once.
    """
    with sts_server() as sts:
        yield from run_on(table, monkeypatch, ec2=ec2.url, sts=sts)


@pytest.fixture
def ec2() -> Iterator[Ec2Server]:
    with Ec2Server(speed=1e7, seed=1) as server:
        yield server


MADE: dict[str, Table] = {}
"""Tables that tests only read, by the endpoint of their engine."""


@pytest.fixture
def stocked(engine: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Yield the command line on a table of a few hundred constant rows."""
    endpoint = engine.meta.endpoint_url
    if endpoint not in MADE:
        MADE[endpoint] = make_table(engine)
        MADE[endpoint].history.apply([Insert(row) for row in (*STOCK, *ROSTER)])
    yield from run_on(MADE[endpoint], monkeypatch)


def stock(number: int) -> Iterator[Row]:
    """Rows as different as rows can be, no two of one time."""
    chance = random.Random(11)
    for position, minute in enumerate(chance.sample(range(28 * 1440), number)):
        outcome = chance.choice([*OUTCOMES, "complete", None])
        times = {"updated_at": at(minute), **({"finished_at": at(minute)} if outcome else {})}
        resource = chance.choice(["i-1", "i-2", "i-3", None])
        scope, awaiting = chance.choice([SCOPE, OTHER]), None if outcome else "outcome"
        more = times | {"resource_id": resource, "awaiting": awaiting}
        yield row(f"bun-{position:04}", outcome, scope=scope, error_message="é" * 99, **more)


STOCK = list(stock(240))
ROSTER: list[Row] = [
    {"scope": "roster", "task_id": SCOPE[:12], "name": "hub"},
    {"scope": "roster", "task_id": OTHER[:12], "name": "Payments", "regions": "us-east-1 us-east-2"},
]


def expected(limit: int | None = None, since: str = "", until: str = "~", **wanted: Sequence[str]) -> list[str]:
    """Return the ids that ``list`` should print, found the plain way."""
    found = [
        row
        for row in STOCK
        if since <= str(row["updated_at"]) <= until and all(row.get(name) in some for name, some in wanted.items())
    ]
    return [str(row["task_id"]) for row in sorted(found, key=lambda row: str(row["updated_at"]), reverse=True)][:limit]


# Lists

LISTS = {
    "all": ((), expected()),
    "of a kind": (("--kind", "bundle"), expected()),
    "the newest": (("--limit", "50"), expected(50)),
    "of an outcome": (("--outcome", "failed"), expected(outcome=["failed"])),
    "of two outcomes": (
        ("--outcome", "failed", "--outcome", "lost"), expected(outcome=["failed", "lost"])
    ),
    "of an outcome that is named twice": (("--outcome", "failed") * 2, expected(outcome=["failed"])),
    "the newest of all outcomes": (
        ("--limit", "33", *(word for outcome in OUTCOMES for word in ("--outcome", outcome))),
        expected(33, outcome=OUTCOMES),
    ),
    "an outcome of a kind": (("--kind", "bundle", "--outcome", "lost"), expected(outcome=["lost"])),
    "of a resource": (("--resource", "i-2"), expected(resource_id=["i-2"])),
    "an outcome of a resource": (
        ("--resource", "i-2", "--outcome", "lost", "--outcome", "failed", "--kind", "bundle"),
        expected(resource_id=["i-2"], outcome=["lost", "failed"]),
    ),
    "the newest of a resource": (
        ("--resource", "i-1", "--outcome", "failed", "--limit", "3"),
        expected(3, resource_id=["i-1"], outcome=["failed"]),
    ),
    "of nothing": (("--resource", "i-9"), []),
    "since a day": (("--since", "2026-11-18"), expected(since="2026-11-18")),
    "until the end of a day": (("--until", "2026-11-18"), expected(until="2026-11-19")),
    "on one day": (
        ("--since", "2026-11-18", "--until", "2026-11-18"), expected(since="2026-11-18", until="2026-11-19")
    ),
    "since a time, of an outcome": (
        ("--since", "2026-11-18T09:30Z", "--outcome", "complete"),
        expected(since="2026-11-18T09:30", outcome=["complete"]),
    ),
    "since a time, of a resource": (
        ("--since", "2026-11-18T09:30Z", "--until", "2026-11-20T09:30Z", "--resource", "i-3"),
        expected(since="2026-11-18T09:30", until="2026-11-20T09:31", resource_id=["i-3"]),
    ),
    "within a time that is long ago": (("--until", "2025-01-01"), []),
    "of an account": (("--account", OTHER[:12]), expected(scope=[OTHER])),
    "of a named account": (("--account", "payments"), expected(scope=[OTHER])),
    "of two accounts": (("--account", "payments", "--account", "hub", "--limit", "70"), expected(70)),
    "of an account, in a region without tasks": (("--account", "hub", "--task-region", "us-east-2"), []),
    "an outcome of a kind, of an account": (
        ("--account", "payments", "--outcome", "failed", "--kind", "bundle"),
        expected(scope=[OTHER], outcome=["failed"]),
    ),
    "of an account since a day": (
        ("--account", "payments", "--since", "2026-11-18"), expected(since="2026-11-18", scope=[OTHER])
    ),
    "of a resource in an account": (
        ("--account", "hub", "--resource", "i-1"), expected(scope=[SCOPE], resource_id=["i-1"])
    ),
    "in a region": (("--task-region", "us-east-2"), expected(scope=[OTHER])),
    "an outcome in a region": (
        ("--task-region", "us-east-2", "--outcome", "lost"), expected(scope=[OTHER], outcome=["lost"])
    ),
    "what runs": (("--running",), expected(outcome=[None])),
    "what runs of a kind, in a region": (
        ("--running", "--kind", "bundle", "--task-region", "eu-west-1"), expected(scope=[SCOPE], outcome=[None])
    ),
    "what runs in an account": (("--running", "--account", "payments"), expected(scope=[OTHER], outcome=[None])),
    "what runs in an account in a region": (
        ("--running", "--account", "payments", "--task-region", "us-east-2"),
        expected(scope=[OTHER], outcome=[None]),
    ),
    "what runs since a day on a resource": (
        ("--running", "--resource", "i-2", "--since", "2026-11-18", "--account", "payments"),
        expected(since="2026-11-18", scope=[OTHER], outcome=[None], resource_id=["i-2"]),
    ),
    "what runs since a day": (
        ("--running", "--since", "2026-11-18"), expected(since="2026-11-18", outcome=[None])
    ),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "ids"), LISTS.values(), ids=LISTS)
def test_a_list_is_what_was_asked_newest_first(stocked: Run, arguments: tuple[str, ...], ids: list[str]) -> None:
    assert stocked.ids(*arguments) == ids


def test_both_ends_of_a_time_belong_to_it(stocked: Run) -> None:
    some = STOCK[5]
    moment = str(some["updated_at"])
    assert stocked.ids("--since", moment, "--until", moment) == [some["task_id"]]


@pytest.mark.parametrize("limit", [1, 50])
def test_no_more_is_read_than_is_shown(stocked: Run, limit: int) -> None:
    scanned = stocked.scanned()
    stocked.ids("--limit", str(limit))
    assert sum(scanned) == limit


EXACT = {
    "an account": ("--account", "payments", "--task-region", "us-east-2", "--limit", "50"),
    "an outcome since a day": ("--outcome", "failed", "--since", "2026-11-18"),
    "what runs in an account": ("--running", "--account", "payments"),
    "what runs in a region of an account": ("--running", "--account", "payments", "--task-region", "us-east-2"),
}


@pytest.mark.parametrize("arguments", EXACT.values(), ids=EXACT)
def test_what_is_asked_every_day_reads_only_what_it_shows(stocked: Run, arguments: tuple[str, ...]) -> None:
    scanned = stocked.scanned()
    assert len(stocked.ids(*arguments)) == sum(scanned) > 0


def test_an_account_that_is_unknown_is_one_line(stocked: Run) -> None:
    said = stocked("list", "--account", "paymnets")
    assert (said.status, said.out) == (1, "")
    assert said.error == "no account 'paymnets' in the roster; similar: Payments"


def test_a_table_for_people_reads_fifty_rows_and_names_the_rest(stocked: Run) -> None:
    scanned = stocked.scanned()
    said = stocked("list")
    assert sum(scanned) == 50
    assert [line.split()[0] for line in said.out.splitlines()] == ["task", *expected(50)]
    assert said.err == "These are the newest 50; --limit 0 shows all.\n"


def test_a_merged_list_reads_hardly_more_than_is_shown(stocked: Run) -> None:
    scanned = stocked.scanned()
    stocked.ids("--limit", "40", *(word for outcome in OUTCOMES for word in ("--outcome", outcome)))
    assert sum(scanned) < 80


def test_a_filtered_list_reads_by_the_hundred(stocked: Run) -> None:
    scanned = stocked.scanned()
    stocked.ids("--limit", "1", "--resource", "i-1", "--outcome", "failed")
    assert sum(scanned) <= MIN_FILTERED_PAGE


@on_one
@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_without_a_limit_nothing_is_left_to_say(stocked: Run, output: str) -> None:
    said = stocked("list", "--limit", "0", "--output", output, "--outcome", "failed")
    assert (said.status, said.err) == (0, "")
    assert said.out.count("bun-") == len(expected(outcome=["failed"]))


def test_csv_is_the_whole_of_the_stored_rows(stocked: Run) -> None:
    lines = csv.DictReader(io.StringIO(stocked("list", "--output", "csv").out, newline=""), strict=True)
    read = {line["task_id"]: {name: value for name, value in line.items() if value} for line in lines}
    assert read == {row["task_id"]: row for row in STOCK}


def test_an_empty_history_is_explained_to_people_only(cli: Run) -> None:
    assert cli("list").err.startswith(f"The history of table {cli.table.name} is empty: nothing was recorded yet; ")
    assert cli("list", "--outcome", "lost").err.startswith(f"No such task in the history of table {cli.table.name}; ")
    assert cli("list", "--output", "json") == Said(0, "[]\n", "")
    assert cli("list", "--output", "csv").out.startswith("scope,task_id,")


def test_a_list_goes_on_through_pages_of_a_megabyte(cli: Run) -> None:
    rows = [row(f"bun-{number:02}", updated_at=at(number), error_message="x" * 200 * KB) for number in range(12)]
    cli.table.history.apply([Insert(row) for row in rows])
    newest = [str(row["task_id"]) for row in reversed(rows)]
    scanned = cli.scanned()
    assert cli.ids("--limit", "11") == newest[:11]
    assert (sum(scanned), len(scanned) > 1) == (11, True)
    assert cli.ids() == newest
    assert cli("list", "--output", "json").err == ""


LATER: dict[str, Any] = {
    "scope": {"S": SCOPE}, "task_id": {"S": "exp-1"}, "kind": {"S": "bundle"}, "updated_at": {"S": NOON},
    "state": {"S": "new\x1b[31m"}, "outcome": {"S": "paused"}, "finished_at": {"S": NOON}, "resource_id": {"S": "i-1"},
    "parts": {"L": [{"N": "1"}, {"M": {"a": {"NULL": True}}}]}, "flag": {"BOOL": False}, "blob": {"B": b"\x00\xff"},
    "tags": {"SS": ["a"]}, "sizes": {"NS": ["1.5"]}, "large": {"N": "12345678901234567890123456789012345678"},
}  # fmt: skip
LATER_PLAIN = {
    "scope": SCOPE, "task_id": "exp-1", "kind": "bundle", "updated_at": NOON, "state": "new\x1b[31m",
    "outcome": "paused", "finished_at": NOON, "resource_id": "i-1", "parts": [1, {"a": None}], "flag": False,
    "blob": "AP8=", "tags": ["a"], "sizes": [1.5], "large": 12345678901234567890123456789012345678,
}  # fmt: skip


@pytest.fixture
def later(cli: Run) -> Run:
    """Return a table with a row that a later version wrote."""
    cli.table.client.put_item(TableName=cli.table.name, Item=LATER)
    return cli


def test_rows_of_a_later_version_are_complete_for_programs(later: Run) -> None:
    assert json.loads(later("list", "--output", "json").out) == [LATER_PLAIN]
    assert json.loads(later("show", "exp-1", "--output", "json").out) == LATER_PLAIN
    [line] = csv.DictReader(io.StringIO(later("list", "--output", "csv").out, newline=""))
    other = {name: LATER_PLAIN[name] for name in ("parts", "flag", "blob", "tags", "sizes", "large")}
    assert json.loads(line["other"]) == other


def test_rows_of_a_later_version_are_shown_to_people(later: Run) -> None:
    assert "exp-1" in later("list").out
    text = later("show", "exp-1").out
    assert re.search(r"parts +\[1, \{'a': None\}\]\n", text)
    assert re.search(r"flag +False\n", text)
    assert "paused (EC2 said new�[31m)" in text
    assert "\x1b" not in text


def test_an_outcome_of_a_later_version_ends_the_waiting(later: Run) -> None:
    assert later("wait", "exp-1") == Said(6, "paused\n", "")


# One task


def test_a_task_is_found_by_its_id_in_every_scope(stocked: Run) -> None:
    for scope in (SCOPE, OTHER):
        wanted = next(row for row in STOCK if row["scope"] == scope)
        said = stocked("show", str(wanted["task_id"]), "--output", "json")
        assert json.loads(said.out) == wanted


def test_with_its_scope_a_task_is_read_at_once(stocked: Run) -> None:
    wanted, scanned = STOCK[0], stocked.scanned()
    said = stocked("show", f"{wanted['scope']}/{wanted['task_id']}", "--output", "json")
    assert json.loads(said.out) == wanted
    assert scanned == []


def test_the_same_id_in_two_scopes_is_told_apart(cli: Run) -> None:
    cli.table.history.apply([Insert(row("bun-1", scope=scope)) for scope in (SCOPE, OTHER)])
    found = [json.loads(cli("show", f"{scope}/bun-1", "--output", "json").out)["scope"] for scope in (SCOPE, OTHER)]
    assert found == [SCOPE, OTHER]


def test_a_task_for_people_ends_with_commands_about_it(cli: Run) -> None:
    cli.table.history.apply([Insert(row("bun-1", image_location="b/p.manifest.xml", awaiting="notification"))])
    said = cli("show", f"{SCOPE}/bun-1")
    assert said.out.startswith("bundle task bun-1\n\n  State            complete\n")
    assert f"task-reporter redrive {SCOPE}/bun-1 --table {cli.table.name}\n" in said.out
    assert f"task-reporter register {SCOPE}/bun-1 --table {cli.table.name} --name bun-1\n" in said.out


MISSING = {
    "unknown": "bun-none",
    "of another scope": f"{OTHER}/bun-none",
    "empty": "",
    "longer than a key": "x" * 1100,
    "no Unicode": "bun-\udcff",
    "a scope alone": f"{SCOPE}/",
}


@on_one
@pytest.mark.parametrize("task", MISSING.values(), ids=MISSING)
def test_a_task_that_is_not_there_is_named(stocked: Run, task: str) -> None:
    said = stocked("show", task)
    assert (said.status, said.out) == (1, "")
    assert re.search(
        r"no task 'bun-none' in the history of table|can't be the id of a task|no task '\d{12}/", said.error
    )
    assert "task-reporter list" in said.error


def test_in_an_empty_history_there_is_no_task(cli: Run) -> None:
    assert "no task 'bun-1' in the history of table" in cli("show", "bun-1").error
    assert "it is empty" in cli("show", "bun-1").error


STACK = Answer(
    b"<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>ec2-task-reporter</StackName><StackStatus>"
    b"CREATE_COMPLETE</StackStatus><StackId>arn:aws:cloudformation:eu-west-1:000000000000:stack/ec2-task-reporter/1"
    b"</StackId><CreationTime>2026-11-23T12:00:00Z</CreationTime><Outputs><member><OutputKey>HistoryTableName</OutputKey>"
    b"<OutputValue>TABLE</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult>"
    b"</DescribeStacksResponse>"
)


def test_through_the_stack_its_own_scope_is_read_first(stocked: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, scanned = next(row for row in STOCK if row["scope"] == SCOPE), stocked.scanned()
    with canned_ec2(Answer(STACK.body.replace(b"TABLE", stocked.table.name.encode()))) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", aws.url)
        said = run("show", str(wanted["task_id"]), "--output", "json")
    assert json.loads(said.out) == wanted
    assert (scanned, len(aws.requests)) == ([], 1)


# Redrive


def waiting(*ids: str) -> list[Insert]:
    return [Insert(row(task_id, awaiting="notification", awaiting_since=NOON)) for task_id in ids]


def announced(table: Table, *ids: str) -> None:
    """As the notifier marks what SNS took."""
    for task_id in ids:
        table.history.apply([Update(Key(SCOPE, task_id), {"notified_at": NOON}, {}, ("awaiting", "awaiting_since"))])


def redriven(table: Table) -> set[str]:
    return {task_id for task_id, row in table.rows().items() if "redriven_at" in row}


def test_all_that_awaits_its_notification_is_sent(cli: Run) -> None:
    others = [Insert(row("bun-3", notified_at=NOON)), Insert(row("bun-4", None, awaiting="outcome"))]
    cli.table.history.apply([*waiting("bun-1", "bun-2"), *others])
    cli.hooks["after-call.dynamodb.TransactWriteItems"] = lambda **_: announced(cli.table, "bun-1", "bun-2")
    assert cli("redrive") == Said(0, "Announced 2 of 2.\n", "")
    assert redriven(cli.table) == {"bun-1", "bun-2"}


def test_the_tasks_that_are_named_are_sent_once_each(cli: Run) -> None:
    cli.table.history.apply(waiting("bun-1", "bun-2"))
    cli.hooks["after-call.dynamodb.UpdateItem"] = lambda **_: announced(cli.table, "bun-1")
    assert cli("redrive", "bun-1", "bun-1") == Said(0, "Announced 1 of 1.\n", "")
    assert redriven(cli.table) == {"bun-1"}


def test_what_still_waits_when_the_time_is_over_is_named(cli: Run) -> None:
    cli.table.history.apply(waiting(*(f"bun-{number}" for number in range(7))))
    cli.hooks["after-call.dynamodb.TransactWriteItems"] = lambda **_: announced(cli.table, "bun-3")
    said = cli("redrive", "--timeout", "0")
    assert (said.status, said.out) == (1, "Announced 1 of 7.\n")
    assert said.error.startswith("6 still await their notification: bun-")
    assert "…; none is lost, `task-reporter status --stack NAME` says more" in said.error


def test_nothing_to_send_is_said(cli: Run) -> None:
    assert cli("redrive") == Said(0, "", "Nothing awaits its notification.\n")


REFUSED = {
    "announced": (row("bun-1", notified_at=NOON), f"task bun-1 was announced at {NOON}"),
    "runs": (row("bun-1", None, awaiting="outcome"), "task bun-1 has not ended"),
}


@pytest.mark.parametrize(("told", "said"), REFUSED.values(), ids=REFUSED)
def test_a_task_that_awaits_nothing_is_refused_and_none_is_sent(cli: Run, told: Row, said: str) -> None:
    cli.table.history.apply([Insert(told), *waiting("bun-2")])
    done = cli("redrive", "bun-2", "bun-1")
    assert (done.status, said in done.error, "nothing was sent" in done.error) == (1, True, True)
    assert redriven(cli.table) == set()


def test_what_was_announced_meanwhile_is_not_touched(cli: Run) -> None:
    cli.table.history.apply(waiting("bun-1", "bun-2", "bun-3"))
    keys = select_keys(Target(None, cli.table.name, None, None), [], Place())
    announced(cli.table, "bun-2")
    assert sorted(redrive(keys, cli.table.history, now())) == [Key(SCOPE, "bun-1"), Key(SCOPE, "bun-3")]
    assert redriven(cli.table) == {"bun-1", "bun-3"}


def test_settling_ends_when_the_last_is_announced(table: Table) -> None:
    inserts = waiting("bun-1", "bun-2")
    table.history.apply(inserts)
    events = iter(["bun-2", "bun-1"])
    watch = Retrier(60, pause=lambda _: announced(table, next(events)))
    seen = watch_waiting([write.key for write in inserts], table.history, watch)
    assert [len(left) for left in seen] == [2, 1, 0]


def test_settling_ends_when_the_time_is_over(table: Table) -> None:
    table.history.apply(waiting("bun-1"))
    pauses: list[float] = []
    watch = Retrier(2.5, pause=pauses.append, clock=lambda: sum(pauses))
    assert [len(left) for left in watch_waiting([Key(SCOPE, "bun-1")], table.history, watch)] == [1, 1, 1, 1]
    assert pauses == [1, 1, 0.5]


# Test


TOPIC = "arn:aws:sns:eu-west-1:000000000000:notices"


def stack(table: str, **parameters: str) -> Answer:
    """CloudFormation's answer about a stack whose history is ``table``."""
    given = "".join(
        f"<member><ParameterKey>{name}</ParameterKey><ParameterValue>{value}</ParameterValue></member>"
        for name, value in parameters.items()
    )
    topic = f"<member><OutputKey>NotificationTopicArn</OutputKey><OutputValue>{TOPIC}</OutputValue></member></Outputs>"
    body = STACK.body.decode().replace("TABLE", table)
    return Answer(body.replace("</Outputs>", f"{topic}<Parameters>{given}</Parameters>").encode())


def topic(confirmed: int, pending: int) -> Answer:
    """SNS's answer about a topic with so many subscriptions."""
    counts = {"SubscriptionsConfirmed": confirmed, "SubscriptionsPending": pending}
    entries = "".join(f"<entry><key>{name}</key><value>{count}</value></entry>" for name, count in counts.items())
    return Answer(
        f"<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes>{entries}</Attributes>"
        "</GetTopicAttributesResult></GetTopicAttributesResponse>".encode()
    )


DENIED = Answer(
    b"<ErrorResponse><Error><Code>AuthorizationError</Code><Message>no</Message></Error></ErrorResponse>", 403
)


@contextmanager
def in_a_stack(cli: Run, sns: Answer, **parameters: str) -> Iterator[Callable[..., Said]]:
    """Return the command line on the stack of ``cli``'s table.

    SNS answers ``sns`` about its topic, and denies its list.
    """
    with (
        canned_ec2(stack(cli.table.name, **parameters)) as cloudformation,
        canned_ec2(sns, DENIED) as topics,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudformation.url)
        patch.setenv("AWS_ENDPOINT_URL_SNS", topics.url)
        yield run


def tells(cli: Run) -> Callable[..., None]:
    """Return a hook that marks inserted rows, as the notifier does."""

    def mark(**_: Any) -> None:
        for task_id, row in cli.table.rows().items():
            if row.get("awaiting") == "notification":
                announced(cli.table, task_id)

    return mark


def trials_in(cli: Run) -> list[str]:
    return sorted(task_id for task_id, row in cli.table.rows().items() if "test" in row)


HEARD = {
    "of a queue": (topic(1, 0), {}, "Confirmed subscribers: 1.\n"),
    "one of two": (topic(1, 1), {}, "Confirmed subscribers: 1; 1 have not confirmed yet and get nothing.\n"),
    "nobody at all": (topic(0, 0), {}, "Confirmed subscribers: 0, so nobody gets it; aws sns subscribe --topic-arn"),
    "unknown": (DENIED, {}, "SNS did not say who is subscribed; `task-reporter status` says why.\n"),
}


@on_one
@pytest.mark.parametrize(("sns", "parameters", "said"), HEARD.values(), ids=HEARD)
def test_a_test_says_who_is_told_and_leaves_nothing(
    cli: Run, sns: Answer, parameters: dict[str, str], said: str
) -> None:
    cli.hooks["after-call.dynamodb.PutItem"] = tells(cli)
    with in_a_stack(cli, sns, **parameters) as asked:
        done = asked("test")
    assert (done.status, done.err) == (0, "")
    first, second = done.out.split("\n", 1)
    assert re.fullmatch(r"SNS took the notice of test-\w{8} \(complete\)\.", first)
    assert second.startswith(said)
    assert trials_in(cli) == []


UNHEARD = {
    "pending": (
        topic(0, 1),
        {"NotificationEmail": "ops@example.com"},
        "confirm the email that SNS sent to ops@example.com",
    ),
    "gone": (topic(0, 0), {"NotificationEmail": "ops@example.com"}, f"aws sns subscribe --topic-arn {TOPIC}"),
    "somebody's": (topic(0, 1), {}, "confirm the email that SNS sent"),
}


@on_one
@pytest.mark.parametrize(("sns", "parameters", "todo"), UNHEARD.values(), ids=UNHEARD)
def test_where_nobody_has_confirmed_no_test_is_written(
    cli: Run, sns: Answer, parameters: dict[str, str], todo: str
) -> None:
    writes: list[str] = []
    cli.hooks["before-call.dynamodb.PutItem"] = lambda **_: writes.append("put")
    with in_a_stack(cli, sns, **parameters) as asked:
        done = asked("test")
    assert (done.status, done.out, writes) == (1, "", [])
    assert done.error.startswith("nobody has confirmed a subscription, so no test was sent; ")
    assert todo in done.error


@on_one
def test_a_listener_subscribes_only_beside_known_subscribers(cli: Run) -> None:
    """As the only subscriber it would receive the notices that wait."""
    with in_a_stack(cli, DENIED) as asked:
        done = asked("test", "--listen")
    assert (done.status, done.out) == (1, "")
    assert "SNS did not say who is subscribed" in done.error


@on_one
@pytest.mark.parametrize(("sns", "parameters", "todo"), UNHEARD.values(), ids=UNHEARD)
def test_where_nobody_has_confirmed_nothing_is_redriven(
    cli: Run, sns: Answer, parameters: dict[str, str], todo: str
) -> None:
    cli.table.history.apply(waiting("bun-1", "bun-2"))
    with in_a_stack(cli, sns, **parameters) as asked:
        done = asked("redrive")
    assert (done.status, done.out, redriven(cli.table)) == (1, "", set())
    assert done.error.startswith("2 await their notification until a subscription is confirmed")
    assert todo in done.error


@on_one
def test_who_may_not_count_subscribers_may_redrive(cli: Run) -> None:
    cli.table.history.apply(waiting("bun-1"))
    cli.hooks["after-call.dynamodb.UpdateItem"] = lambda **_: announced(cli.table, "bun-1")
    with in_a_stack(cli, DENIED) as asked:
        assert asked("redrive") == Said(0, "Announced 1 of 1.\n", "")


@on_one
def test_on_a_table_alone_nobody_asks_for_subscribers(cli: Run) -> None:
    cli.table.history.apply([Insert(row("bun-1"))])
    said = cli("test", "--timeout", "0")
    assert said.status == 1
    assert said.error.startswith("nobody was told within 0 seconds, and the test is withdrawn")
    assert trials_in(cli) == []


def a_test(task_id: str, minutes: int, **more: Any) -> Insert:
    made = build_test_row(SCOPE, "complete", now() - timedelta(minutes=minutes))
    return Insert({name: value for name, value in (made | {"task_id": task_id} | more).items() if value is not None})


def test_the_tests_that_were_killed_are_removed_by_the_next(cli: Run) -> None:
    there = [
        a_test("test-old", 61), a_test("test-told", 100_000, awaiting=None), a_test("test-recent", 30),
        a_test("bun-real", 500, test=None, scope=SCOPE), a_test("test-elsewhere", 90, scope=OTHER),
    ]  # fmt: skip
    cli.table.history.apply(there)
    cli("test", "--timeout", "0")
    assert sorted(cli.table.rows()) == ["bun-real", "test-recent"]


@on_one
def test_who_may_not_remove_left_over_tests_may_test(cli: Run) -> None:
    cli.table.history.apply([a_test("test-old", 61)])
    denied = refused("AccessDeniedException")
    cli.hooks["before-send.dynamodb.Query"] = lambda request, **_: (
        denied(request) if b"by-resource" in request.body else None
    )
    said = cli("test", "--timeout", "0")
    assert said.err.startswith("Rows of killed tests were not looked for: no permission for Query")
    assert "nobody was told within 0 seconds" in said.err


def test_a_test_whose_row_somebody_removed_ends_as_it_would(cli: Run) -> None:
    cli.table.history.apply([Insert(row("bun-1"))])
    made = build_test_row(SCOPE, "failed", now())
    with temporary_row(made, cli.table.history):
        cli.table.client.delete_item(TableName=cli.table.name, Key=to_key(key_of(made)))
    assert trials_in(cli) == []


# Register


@pytest.fixture
def aws_ec2(ec2: Ec2Server) -> Any:
    return ec2_in(ec2, REGION)


def ec2_in(ec2: Ec2Server, region: str) -> Any:
    return shared_session().create_client(
        "ec2", region, endpoint_url=ec2.url, aws_access_key_id="x", aws_secret_access_key="x"
    )


NUMBERS = count(1)


@pytest.fixture
def bundled(cli: Run, aws_ec2: Any) -> Row:
    """Return a bundle that EC2 finished and forgot, and its row."""
    return bundle(cli, aws_ec2, f"win-{next(NUMBERS)}")


def bundle(cli: Run, ec2: Any, prefix: str) -> Row:
    storage = {"S3": {"Bucket": "north", "Prefix": prefix}}
    task = ec2.bundle_instance(InstanceId="i-1234567890abcdef0", Storage=storage)["BundleTask"]["BundleId"]
    made = row(task, image_location=f"north/{prefix}.manifest.xml")
    cli.table.history.apply([Insert(made)])
    return made


def images(ec2: Any, made: Row) -> list[str]:
    """Return the ids of the AMIs that were made of a bundle."""
    found = ec2.describe_images(Owners=["self"])["Images"]
    return [image["ImageId"] for image in found if image["ImageLocation"] == made["image_location"]]


def register(cli: Run, made: Row, *more: str, name: str = "") -> Said:
    return cli("register", str(made["task_id"]), "--name", name or str(made["task_id"]), *more)


def kept(cli: Run, made: Row) -> Any:
    return cli.table.rows()[str(made["task_id"])].get("image_id")


def test_a_bundle_is_registered_and_its_row_names_the_image(cli: Run, aws_ec2: Any, bundled: Row) -> None:
    said = register(cli, bundled, name="web 1")
    assert said.status == 0
    assert said.err == f"Registered {bundled['task_id']} as web 1:\n"
    assert images(aws_ec2, bundled) == [kept(cli, bundled)] == [said.out.strip()]


def test_a_second_time_prints_the_same_image_and_makes_none(cli: Run, aws_ec2: Any, bundled: Row) -> None:
    first, second = register(cli, bundled), register(cli, bundled, name="another name")
    assert (second.status, second.out) == (0, first.out)
    assert second.err == f"{bundled['task_id']} is registered already, nothing was done:\n"
    assert len(images(aws_ec2, bundled)) == 1


def test_the_image_of_a_call_that_died_is_found_again(cli: Run, aws_ec2: Any, bundled: Row) -> None:
    orphan = aws_ec2.register_image(Name="orphan", ImageLocation=bundled["image_location"])["ImageId"]
    said = register(cli, bundled)
    assert (said.status, said.out) == (0, f"{orphan}\n")
    assert (images(aws_ec2, bundled), kept(cli, bundled)) == ([orphan], orphan)


def test_a_row_that_can_not_be_written_costs_nobody_the_image(cli: Run, aws_ec2: Any, bundled: Row) -> None:
    denied = refused("AccessDeniedException")
    cli.hooks["before-send.dynamodb.UpdateItem"] = lambda request, **_: denied(request)
    said = register(cli, bundled)
    assert (said.status, [said.out.strip()]) == (0, images(aws_ec2, bundled))
    assert "The history could not keep that: no permission for UpdateItem" in said.err
    cli.hooks.clear()
    assert (register(cli, bundled).out, kept(cli, bundled)) == (said.out, said.out.strip())
    assert len(images(aws_ec2, bundled)) == 1


def test_a_row_that_names_another_image_meanwhile_keeps_it(cli: Run, bundled: Row) -> None:
    key = key_of(bundled)
    meanwhile = Update(key, {"image_id": "ami-meanwhile"}, {})
    cli.hooks["before-call.dynamodb.UpdateItem"] = lambda **_: cli.table.history.apply([meanwhile]) and None
    said = register(cli, bundled)
    assert said.status == 0
    assert said.out.startswith("ami-")
    assert f"could not keep that: its row of {bundled['task_id']} has changed meanwhile." in said.err
    assert kept(cli, bundled) == "ami-meanwhile"


@on_one
@pytest.mark.parametrize(("prefix", "another"), [("w*n", "w-x-n"), ("w\\?n", "w\\xn")])
def test_a_location_is_no_pattern(cli: Run, aws_ec2: Any, prefix: str, another: str) -> None:
    plain, odd = bundle(cli, aws_ec2, another), bundle(cli, aws_ec2, prefix)
    register(cli, plain)
    first, again = register(cli, odd), register(cli, odd, name="again")
    assert first.err.startswith("Registered")
    assert images(aws_ec2, odd) == [first.out.strip()] == [again.out.strip()]
    unknown = Update(key_of(odd), {"state": "complete"}, {}, ("image_id",))
    cli.table.history.apply([unknown])
    assert register(cli, odd).out == first.out


@on_one
def test_again_makes_a_further_image_and_the_row_names_that(cli: Run, aws_ec2: Any, bundled: Row) -> None:
    first = register(cli, bundled)
    second = register(cli, bundled, "--again", name="second")
    assert sorted(images(aws_ec2, bundled)) == sorted([first.out.strip(), second.out.strip()])
    assert kept(cli, bundled) == second.out.strip() != first.out.strip()


DRY = {
    "not registered": ((), False, "EC2 would register {task} as {task}; nothing was done.\n"),
    "registered": ((), True, "{task} is registered already, as {image}; nothing would be done.\n"),
    "not registered, again": (("--again",), False, "EC2 would register {task} as {task}; nothing was done.\n"),
    "registered, again": (("--again",), True, "EC2 would register {task} as {task}; nothing was done.\n"),
}


@on_one
@pytest.mark.parametrize(("flags", "before", "said"), DRY.values(), ids=DRY)
def test_a_dry_run_says_what_would_be_and_does_nothing(
    cli: Run, aws_ec2: Any, bundled: Row, flags: tuple[str, ...], before: bool, said: str
) -> None:
    image = register(cli, bundled, name="before").out.strip() if before else ""
    done = register(cli, bundled, "--dry-run", *flags)
    assert done == Said(0, "", said.format(task=bundled["task_id"], image=image))
    assert images(aws_ec2, bundled) == ([image] if before else [])
    assert kept(cli, bundled) == (image or None)


@on_one
def test_a_dry_run_says_why_ec2_would_not(cli: Run) -> None:
    cli.table.history.apply([Insert(row("bun-1", image_location="nowhere/x.manifest.xml"))])
    for flags in ((), ("--dry-run",)):
        assert "AWS refused RegisterImage: InvalidManifest: " in register(cli, row("bun-1"), *flags).error


UNREGISTRABLE = {
    "runs": (row("bun-1", None, image_location="b/p"), "not ended (it is storing); `task-reporter wait bun-1` first"),
    "failed": (row("bun-1", "failed", error_code="Client.S3Error", image_location="b/p"), "failed, Client.S3Error, so"),
    "cancelled": (row("bun-1", "cancelled", image_location="b/p"), "ended cancelled, so there is no image"),
    "lost": (row("bun-1", "lost", image_location="b/p"), "ended lost, so there is no image"),
    "nowhere": (row("bun-1"), "does not hold where the image of task bun-1 is"),
}  # fmt: skip


@on_one
@pytest.mark.parametrize("flags", [("--dry-run",), ("--again",)], ids=" ".join)
@pytest.mark.parametrize(("told", "why"), UNREGISTRABLE.values(), ids=UNREGISTRABLE)
def test_what_has_no_image_is_refused(cli: Run, told: Row, why: str, flags: tuple[str, ...]) -> None:
    cli.table.history.apply([Insert(told)])
    said = register(cli, told, *flags)
    assert (said.status, said.out, why in said.error) == (1, "", True)
    assert kept(cli, told) is None


@on_one
def test_who_may_not_look_for_images_may_register(cli: Run, ec2: Ec2Server, aws_ec2: Any, bundled: Row) -> None:
    ec2.fail_next(1, 403, "UnauthorizedOperation", "You are not authorized")
    said = register(cli, bundled)
    assert (said.status, images(aws_ec2, bundled)) == (0, [said.out.strip()])


@on_one
@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("flags", [(), ("--dry-run",)], ids=["plain", "dry run"])
def test_where_nobody_knows_of_an_image_none_is_made(
    cli: Run, ec2: Ec2Server, aws_ec2: Any, bundled: Row, flags: tuple[str, ...]
) -> None:
    ec2.fail_next(3)
    assert "AWS refused DescribeImages: RequestLimitExceeded" in register(cli, bundled, *flags).error
    assert images(aws_ec2, bundled) == []


@pytest.fixture
def member_profile(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of another account, in the profile ``member``."""
    file = tmp_path / "credentials"
    file.write_text(f"[member]\naws_access_key_id = {OTHER[:12]}\naws_secret_access_key = x\n", encoding="utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))


@on_one
@pytest.mark.usefixtures("member_profile")
def test_an_image_is_made_where_the_task_ran(cli: Run, ec2: Ec2Server) -> None:
    """The history may be asked anywhere; each account and region has its own EC2."""
    bundled = bundle(cli, ec2_in(ec2, "us-east-2"), f"win-{next(NUMBERS)}")
    cli.table.history.apply([Insert(bundled | {"scope": OTHER})])
    callers: set[tuple[str, str]] = set()

    def note_caller(request: Any, **_: Any) -> None:
        callers.update(re.findall(r"Credential=(\w+)/\d+/([\w-]+)/", str(request.headers["Authorization"])))

    cli.hooks["before-send.ec2"] = note_caller
    said = cli("register", f"{OTHER}/{bundled['task_id']}", "--name", "there", "--task-profile", "member")
    assert said.out.startswith("ami-"), said.err
    assert callers == {(OTHER[:12], "us-east-2")}
    assert cli.table.client.get_item(TableName=cli.table.name, Key=to_key(Key(OTHER, str(bundled["task_id"]))))["Item"][
        "image_id"
    ]


@on_one
@pytest.mark.usefixtures("member_profile")
@pytest.mark.parametrize(
    ("scope", "profile"), [(OTHER, ()), (SCOPE, ("--task-profile", "member"))], ids=["own", "another profile"]
)
def test_credentials_of_another_account_make_no_image(cli: Run, scope: str, profile: tuple[str, ...]) -> None:
    cli.table.history.apply([Insert(row("bun-1", scope=scope, image_location="b/p.manifest.xml"))])
    cli.hooks["before-call.ec2"] = lambda **_: pytest.fail("EC2 is not asked")
    said = cli("register", f"{scope}/bun-1", "--name", "there", *profile)
    assert (said.status, said.out) == (1, "")
    assert f"the task is of the account {scope[:12]}, and the credentials are of " in said.error


# Wait


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("task_reporter_cli.actions.wait.INTERVAL", 0.01)


STATUSES = {"complete": 0, "failed": 3, "cancelled": 4, "lost": 5, "odd": 6}


@on_one
@pytest.mark.parametrize(("outcome", "status"), STATUSES.items())
def test_the_exit_status_says_how_a_task_ended(cli: Run, outcome: str, status: int) -> None:
    cli.table.history.apply([Insert(row("bun-1", outcome))])
    assert cli("wait", "bun-1") == Said(status, f"{outcome}\n", "")


@pytest.mark.usefixtures("quick")
def test_a_task_that_ends_meanwhile_is_waited_for(cli: Run) -> None:
    cli.table.history.apply([Insert(row("bun-1", None, progress=40))])
    looks = count(1)
    end = Update(Key(SCOPE, "bun-1"), {"outcome": "failed", "finished_at": NOON}, {"outcome": None})
    cli.hooks["after-call.dynamodb.GetItem"] = lambda **_: next(looks) == 3 and cli.table.history.apply([end])
    assert cli("wait", "bun-1", "--timeout", "60") == Said(3, "failed\n", "")
    assert next(looks) == 5


@on_one
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("minutes", ["0", "0.001"])
def test_out_of_time_has_a_status_of_its_own(cli: Run, minutes: str) -> None:
    cli.table.history.apply([Insert(row("bun-1", None))])
    assert cli("wait", "bun-1", "--timeout", minutes) == Said(
        124, "", f"bun-1 has not ended within {minutes} minutes.\n"
    )


@on_one
@pytest.mark.usefixtures("quick")
def test_wait_says_that_the_account_is_not_watched_any_more(cli: Run) -> None:
    cli.table.history.apply([Insert(row("bun-1", None, unreachable_since=NOON))])
    text = "bun-1 has not ended within 0 minutes (account not watched any more).\n"
    assert cli("wait", "bun-1", "--timeout", "0") == Said(124, "", text)


@on_one
@pytest.mark.usefixtures("quick")
def test_a_task_that_just_began_is_waited_for(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ec2Server() as slow:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", slow.url)
        ec2 = Account().client("ec2")
        storage = {"S3": {"Bucket": "north", "Prefix": "win"}}
        task = ec2.bundle_instance(InstanceId="i-1234567890abcdef0", Storage=storage)["BundleTask"]["BundleId"]
        assert cli("wait", task, "--timeout", "0").status == 124
        polled = Insert(row(task))
        seen = count(1)
        poll = lambda **_: next(seen) == 2 and cli.table.history.apply([polled])  # noqa: E731
        cli.hooks["after-call.ec2.DescribeBundleTasks"] = poll
        assert cli("wait", task) == Said(0, "complete\n", "")


def test_a_task_that_nobody_knows_is_not_waited_for(cli: Run) -> None:
    said = cli("wait", "bun-unknown")
    assert (said.status, said.out) == (1, "")
    assert "no task 'bun-unknown'" in said.error


# Bad places


@pytest.mark.parametrize(
    "command", [("list",), ("show", "x"), ("redrive",), ("wait", "x"), ("register", "x", "--name", "abc")]
)
@on_one
def test_a_table_that_is_not_there_is_named(cli: Run, command: tuple[str, ...]) -> None:
    said = run(*command, "--table", "no-such-table")
    assert (said.status, said.out) == (1, "")
    assert "no table 'no-such-table' in eu-west-1; check --table, --region and --profile" in said.error


@pytest.mark.parametrize("command", [("list",), ("show", "x"), ("redrive",), ("wait", "x"), ("show", f"{SCOPE}/x")])
def test_a_table_that_is_no_history_is_named(cli: Run, another: str, command: tuple[str, ...]) -> None:
    said = run(*command, "--table", another)
    assert (said.status, said.out) == (1, "")
    assert f"table '{another}' is no history of ec2-task-reporter" in said.error


@pytest.fixture
def another(table: Table) -> Iterator[str]:
    """Yield a table that is somebody else's."""
    name = f"{table.name}-other"
    key = {"AttributeName": "id"}
    table.client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[key | {"AttributeType": "S"}],
        KeySchema=[key | {"KeyType": "HASH"}],
    )
    yield name
    table.client.delete_table(TableName=name)


# Programs of their own


@pytest.fixture(scope="module")
def many() -> Iterator[dict[str, str]]:
    """Yield the environment of a history of 1,500 rows, read in one page."""
    items = [{name: {"S": str(value)} for name, value in STOCK[number % len(STOCK)].items()} for number in range(1500)]
    answer = {"Items": items, "Count": 1500, "ScannedCount": 1500, "Table": {"ItemCount": 1500}}
    with canned_ec2(Answer(json.dumps(answer).encode())) as aws:
        yield somewhere(dynamodb=aws.url)


ALL = ("list", "--kind", "bundle", "--table", "t", "--limit", "0")


@pytest.mark.parametrize("output", ["table", "csv", "json"])
def test_a_reader_that_has_seen_enough_is_no_error(many: dict[str, str], output: str) -> None:
    command = program(*ALL, "--output", output)
    with subprocess.Popen(command, env=environment(**many), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stderr
        assert child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 1


@pytest.mark.parametrize("limit", ["1", "0"])
def test_a_full_disk_is_one_line(many: dict[str, str], limit: str) -> None:
    command = program(*ALL[:-1], limit, "--output", "csv")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, env=environment(**many), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "error: No space left on device")
    assert "Exception" not in done.stderr


SHOWN = ("list", "--table", "t", "--limit", "20")
COLOUR = "\x1b[3"


def test_on_a_terminal_there_are_colours(many: dict[str, str]) -> None:
    said = on_terminal(*SHOWN, err=False, **many)
    assert (said.status, COLOUR in said.out, "bun-0000" in said.out) == (0, True, True)


def test_elsewhere_there_are_none(many: dict[str, str]) -> None:
    said = on_terminal(*SHOWN, out=False, **many)
    assert (said.status, "\x1b" in said.out, "bun-0000" in said.out) == (0, False, True)


def test_progress_is_for_a_person_who_watches_rows_go_elsewhere(many: dict[str, str]) -> None:
    watched = on_terminal("list", "--table", "t", "--limit", "0", "--output", "csv", out=False, **many)
    assert "/1500" in watched.err
    assert watched.out.count("\n") == 1 + 1500 * len(KINDS)  # the server has the same rows for each kind
    assert "\x1b" not in watched.out


@pytest.mark.parametrize("output", ["csv", "table"])
def test_progress_never_runs_through_rows(many: dict[str, str], output: str) -> None:
    said = on_terminal(*ALL, "--output", output, **many)
    assert "/1500" not in said.out
    assert said.out.count("bun-") >= 1500


def test_what_is_waited_for_is_no_markup(many: dict[str, str]) -> None:
    """Nor is it obeyed, where a person watches."""
    empty = somewhere(dynamodb=many["AWS_ENDPOINT_URL_DYNAMODB"])
    said = on_terminal("wait", "[/x]\x1b[31m", "--table", "t", "--timeout", "0", out=False, **empty)
    assert "[/x]�[31m" in said.err
    assert "MarkupError" not in said.err


def test_a_separate_program_has_a_version_and_one_line_errors() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run_program("--version").out)
    said = run_program("list", "--table", "t")
    assert (said.status, said.out) == (1, "")
    assert "no AWS region" in said.error


def test_the_history_takes_what_is_made_for_it(table: Table) -> None:
    """The stock is what the recorder could have written."""
    assert isinstance(table.history, HistoryTable)
    assert len({row["updated_at"] for row in STOCK}) == len(STOCK)
