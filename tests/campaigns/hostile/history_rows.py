"""Rows that others wrote, through the notifier and the command line."""

import csv
import io
import json
import sys
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass
from random import Random
from typing import Any

from task_reporter.history.rows import from_item
from task_reporter.times import parse
from task_reporter_cli.history.items import parse_item
from task_reporter_cli.output.columns import write_plain, write_rich
from task_reporter_cli.output.data import COLUMNS, write_csv, write_json
from task_reporter_cli.output.facts import format_facts, next_steps
from task_reporter_cli.output.text import print_facts, print_heading, print_step
from task_reporter_cli.report.page import ReportInfo, render_page
from tests.campaigns.hostile.answers import NOW
from tests.campaigns.hostile.invariants import STEPS, hold
from tests.campaigns.hostile.items import Item, item, spoil
from tests.support.deployed_notifier import deployed
from tests.support.dynamodb import DynamoDb, Table
from tests.support.sns import FakeSns

OBEYED = ("\x00", "\x1b", "\x85", "\u2028", "\u202e")
"""Of these, none may reach a terminal."""
PAGE = ReportInfo("history", "us-east-2", None, NOW)


@dataclass(slots=True)
class Rows:
    """Stored rows and the steps that spoilt them; the last row is good."""

    items: list[Item]
    names: list[str]
    is_drawn: bool
    """True if the coloured table and the page are checked too, which is slow."""


def build(rng: Random) -> Rows:
    """Rows, all but the last of which some steps may have spoilt."""
    made = Rows([item(number, rng) for number in range(rng.randint(2, 8))], [], rng.random() < 0.2)
    for _ in range(rng.choice(STEPS)):
        made.names.append(spoil(rng.choice(made.items[:-1]), rng))
    return made


def show(made: Rows) -> str:
    """Return the attributes that were spoilt, and the rows."""
    return f"{', '.join(made.names)}\n{str(made.items)[:6000]}"


def check(made: Rows) -> Counter[str]:
    """All who read them."""
    plain = [parse_item(one) for one in made.items]
    check_lists(plain)
    for one in plain:
        check_one(one)
    if made.is_drawn:
        check_drawn(plain)
    return check_notifier(made) + Counter({"rows shown": len(plain)})


def check_lists(plain: list[dict[str, Any]]) -> None:
    """`list`: as a table, as JSON and as CSV."""
    table, data, cells = io.StringIO(), io.StringIO(newline=""), io.StringIO(newline="")
    write_plain(plain, table)
    write_json(plain, data)
    write_csv(plain, cells)
    hold(len(table.getvalue().split("\n")) == len(plain) + 2, "a row of the table is not one line")
    hold(all(char not in table.getvalue() for char in OBEYED), "a terminal would obey")
    hold(json.loads(data.getvalue()) == plain, "JSON says something else")
    hold(len(data.getvalue().splitlines()) == len(plain) + 2, "a row of JSON is not one line")
    cells.seek(0)
    csv.field_size_limit(sys.maxsize)
    back = list(csv.DictReader(cells))
    told = [[str(row.get(name, "")) for name in COLUMNS] for row in plain]
    hold([[row[name] for name in COLUMNS] for row in back] == told, "CSV says something else")


def check_drawn(plain: list[dict[str, Any]]) -> None:
    """`list` on a terminal, and `report`."""
    drawn = io.StringIO()
    write_rich(plain, drawn)
    hold(all(char not in drawn.getvalue() for char in OBEYED), "a terminal would obey")
    hold(str(plain[-1]["task_id"]) in render_page(plain, PAGE), "the page lacks the good row")


def check_one(plain: dict[str, Any]) -> None:
    """`show`."""
    out = io.StringIO()
    with redirect_stdout(out):
        print_heading(f"{plain.get('kind', 'unknown')} task {plain['task_id']}")
        print_facts(format_facts(plain, parse(NOW)))
        for purpose, step in next_steps(plain, str(plain["task_id"]), ""):
            print_step(purpose, step)
    hold(all(char not in out.getvalue() for char in OBEYED), "a terminal would obey")


def check_notifier(made: Rows) -> Counter[str]:
    """Deliver all rows once: rows with an outcome are announced, whatever their neighbours contain."""
    table, sns, figures = Table(), FakeSns(), io.StringIO()
    records = [table.put(from_item(one)) for one in made.items]
    with deployed(table, sns) as notifier, redirect_stdout(figures):
        notifier_reads(notifier, made.items)
        try:
            answer = notifier.batch(*records)
        except Exception as error:
            raise AssertionError(f"{sns.told} were told") from error
    hold("plainest form" not in notifier.log.getvalue(), f"a notice can't be composed: {notifier.log.getvalue()}")
    untold = [one["task_id"]["S"] for one in made.items if "outcome" not in one]
    told = sorted(task_id for task_id, _ in sns.told)
    hold(told == sorted(one["task_id"]["S"] for one in made.items if "outcome" in one), f"told were only {told}")
    hold(len(answer["batchItemFailures"]) == len(untold), f"{len(untold)} can't be told, and the answer is {answer}")
    return Counter({"tasks told": len(told), "rows without an outcome": len(untold)})


def notifier_reads(notifier: Any, items: list[Item]) -> None:
    """Return a client whose rows have all types that DynamoDB knows."""
    stored = {one["task_id"]["S"]: one for one in items}
    dynamodb: DynamoDb = notifier.app.client("dynamodb")

    def batch_get_item(RequestItems: Any) -> dict[str, Any]:
        [(name, request)] = RequestItems.items()
        return {"Responses": {name: [stored[key["task_id"]["S"]] for key in request["Keys"]]}}

    dynamodb.batch_get_item = batch_get_item  # type: ignore[method-assign]
