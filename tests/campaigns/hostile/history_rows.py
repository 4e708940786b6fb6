"""Rows that others wrote, through the notifier and the command line."""

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from random import Random
from typing import Any

from task_reporter.history.rows import from_item, to_attribute
from task_reporter.times import parse
from task_reporter_cli.history.items import parse_item
from task_reporter_cli.output.columns import write_plain, write_rich
from task_reporter_cli.output.data import COLUMNS, write_csv, write_json
from task_reporter_cli.output.facts import format_facts, next_steps
from task_reporter_cli.output.text import print_facts, print_heading, print_step
from task_reporter_cli.report.page import ReportInfo
from tests.campaigns.hostile import values
from tests.campaigns.hostile.answers import NOW
from tests.campaigns.hostile.values import STEPS, require
from tests.support.deployed_notifier import deployed
from tests.support.dynamodb import DynamoDb, Table, index_keys
from tests.support.finished import row
from tests.support.report_rows import page_of
from tests.support.sns import FakeSns

Item = dict[str, Mapping[str, Any]]
PARTITION_KEYS, SORT_KEYS = ({keys[which] for keys in index_keys().values()} - {"scope"} for which in (0, 1))

NUMBERS = (
    "0", "-0", "1E+125", "-9.9999999999999999999999999999999999999E+125", "1E-130", "3.14", "101", "-1", "9" * 38,
)  # fmt: skip
TYPES: tuple[Mapping[str, Any], ...] = (
    {"BOOL": True}, {"NULL": True}, {"L": []}, {"L": [{"N": "1"}, {"S": ""}]}, {"M": {}}, {"M": {"x": {"B": b"\x00"}}},
    {"B": b"\xff\x00"}, {"SS": ["a", "b"]}, {"NS": ["1", "2.5"]}, {"BS": [b"a"]}, {"S": ""},
)  # fmt: skip
NAMES = (
    "kind", "state", "outcome", "resource_id", "progress", "started_at", "updated_at", "first_seen_at", "finished_at",
    "notified_at", "expires_at", "missing_since", "redriven_at", "redrives", "image_id", "bucket", "prefix", "test",
    "image_location", "error_code", "error_message", "awaiting_since", "owner", "Ünïcode", "x" * 255, "=cmd()", "a,b\n",
)  # fmt: skip
CONTROLS = ("\x00", "\x1b", "\x85", "\u2028", "\u202e")
"""Characters that must not reach a terminal."""
PAGE = ReportInfo("history", "us-east-2", None, NOW)


@dataclass(slots=True)
class Rows:
    """Stored rows and the attributes that were spoilt; the last row is good."""

    items: list[Item]
    names: list[str]
    is_drawn: bool
    """True if the coloured table and the page are checked too, which is slow."""


def build(rng: Random) -> Rows:
    """Return some rows; steps may have spoilt all but the last one."""
    rows = Rows([_item(number, rng) for number in range(rng.randint(2, 8))], [], rng.random() < 0.2)
    for _ in range(rng.choice(STEPS)):
        rows.names.append(_spoil(rng.choice(rows.items[:-1]), rng))
    return rows


def _item(number: int, rng: Random) -> Item:
    """Return a valid row that awaits its notification."""
    outcome = rng.choice(("complete", "failed", "cancelled", "lost"))
    return {name: to_attribute(value) for name, value in row(number, outcome).items()}


def _spoil(item: Item, rng: Random) -> str:
    """Replace or remove one attribute; return its name."""
    name = rng.choice(NAMES)
    is_time = name.endswith(("_at", "_since"))
    if rng.random() < 0.15:
        item.pop(name, None)
    elif name in SORT_KEYS | PARTITION_KEYS:
        # An index takes only short texts that are not empty.
        text = values.time(rng) if name.endswith("_at") else values.text(rng)
        longest = 1024 if name in SORT_KEYS else 2048
        item[name] = {"S": text.encode()[:longest].decode(errors="ignore") or "?"}
    elif rng.random() < 0.4:
        item[name] = {"N": rng.choice(NUMBERS)} if rng.random() < 0.6 else rng.choice(TYPES)
    else:
        item[name] = {"S": values.time(rng) if is_time else values.text(rng)}
    return name


def show(rows: Rows) -> str:
    return f"{', '.join(rows.names)}\n{str(rows.items)[:6000]}"


def check(rows: Rows) -> Counter[str]:
    """Read the rows with the command line and with the notifier."""
    parsed = [parse_item(item) for item in rows.items]
    check_list(parsed)
    for each in parsed:
        check_show(each)
    if rows.is_drawn:
        check_drawn(parsed)
    return check_notifier(rows) + Counter({"rows shown": len(parsed)})


def check_list(rows: list[dict[str, Any]]) -> None:
    """Check ``list``: as a table, as JSON and as CSV."""
    table, data, cells = io.StringIO(), io.StringIO(newline=""), io.StringIO(newline="")
    write_plain(rows, table)
    write_json(rows, data)
    write_csv(rows, cells)
    require(len(table.getvalue().split("\n")) == len(rows) + 2, "a row of the table is not one line")
    _check_terminal(table)
    require(json.loads(data.getvalue()) == rows, "JSON has other values")
    require(len(data.getvalue().splitlines()) == len(rows) + 2, "a row of JSON is not one line")
    cells.seek(0)
    csv.field_size_limit(sys.maxsize)
    read = [[cell[name] for name in COLUMNS] for cell in csv.DictReader(cells)]
    require(read == [[str(row.get(name, "")) for name in COLUMNS] for row in rows], "CSV has other values")


def check_drawn(rows: list[dict[str, Any]]) -> None:
    """Check ``list`` on a terminal, and ``report``."""
    drawn = io.StringIO()
    write_rich(rows, drawn)
    _check_terminal(drawn)
    require(str(rows[-1]["task_id"]) in page_of(rows, PAGE), "the page lacks the good row")


def check_show(row: dict[str, Any]) -> None:
    """Check ``show``."""
    out = io.StringIO()
    with redirect_stdout(out):
        print_heading(f"{row.get('kind', 'unknown')} task {row['task_id']}")
        print_facts(format_facts(row, parse(NOW)))
        for purpose, step in next_steps(row, str(row["task_id"]), ""):
            print_step(purpose, step)
    _check_terminal(out)


def _check_terminal(output: io.StringIO) -> None:
    require(not set(CONTROLS) & set(output.getvalue()), "a terminal would obey")


def check_notifier(rows: Rows) -> Counter[str]:
    """Deliver all rows once; each row with an outcome must be announced."""
    table, sns, metrics = Table(), FakeSns(), io.StringIO()
    records = [table.put(from_item(item)) for item in rows.items]
    with deployed(table, sns, EVENT_BUS="default", CHAT_NOTICES="true") as notifier, redirect_stdout(metrics):
        return_items(notifier, rows.items)
        try:
            answer = notifier.batch(*records)
        except Exception as error:
            raise AssertionError(f"only {sns.told} were announced") from error
    log = notifier.log.getvalue()
    require("minimal form" not in log, f"a notice can't be composed: {log}")
    ended = [item for item in rows.items if "outcome" in item]
    for mark, sent in (("notified_at", sns.told), ("event_sent_at", notifier.bridge.sent)):
        announced = sorted(task_id for task_id, _ in sent)
        due = sorted(item["task_id"]["S"] for item in ended if mark not in from_item(item))
        require(announced == due, f"only {announced} have their {mark}")
    others = len(rows.items) - len(ended)
    require(len(answer["batchItemFailures"]) == others, f"{others} can't be announced, and the answer is {answer}")
    return Counter({"tasks announced": len(sns.told), "rows without an outcome": others})


def return_items(notifier: Any, items: list[Item]) -> None:
    """Let the notifier read ``items`` of any type, which the fake refuses."""
    stored = {item["task_id"]["S"]: item for item in items}
    dynamodb: DynamoDb = notifier.app.client("dynamodb")

    def batch_get_item(RequestItems: Any) -> dict[str, Any]:
        [(name, request)] = RequestItems.items()
        return {"Responses": {name: [stored[key["task_id"]["S"]] for key in request["Keys"]]}}

    dynamodb.batch_get_item = batch_get_item  # type: ignore[method-assign]
