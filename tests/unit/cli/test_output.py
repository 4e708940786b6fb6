"""Rows as text, JSON, CSV and tables, whatever they contain."""

import csv
import io
import json
import shlex
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from task_reporter_cli.history.items import Item
from task_reporter_cli.history.reader import QueryResults, TaskQuery
from task_reporter_cli.output import columns, facts
from task_reporter_cli.output.columns import HEADINGS, MEASURED_ROWS, write_plain, write_rich
from task_reporter_cli.output.data import COLUMNS, OTHER_COLUMN, order_attributes, write_csv, write_json
from task_reporter_cli.output.lines import to_one_line
from task_reporter_cli.output.text import print_facts, print_heading, print_step
from tests.support.cli import Terminal
from tests.support.dynamodb import DynamoDb, Table
from tests.support.finished import row, ugly_rows

few = settings(max_examples=25)
Writer = Callable[[Iterable[Item], Any], None]

NOW = datetime(2026, 11, 23, 15, 0, 0, tzinfo=UTC)
OBEYED = "\x1b[2J\x1b]0;title\x07\x9b31m\r\n\u202e\u2028"
LATER = {"a_list": [1, {"b": None}], "flag": False, "kind": "export", "outcome": "paused", "size": 12345678901234567890}


def written(write: Writer, *rows: Item) -> str:
    out = io.StringIO()
    write(rows, out)
    return out.getvalue()


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


# JSON


@few
@given(st.lists(ugly_rows(), max_size=4))
def test_json_holds_every_row_as_it_is(rows: list[Item]) -> None:
    assert json.loads(written(write_json, *rows)) == rows


@few
@given(st.lists(ugly_rows(), min_size=1, max_size=4))
def test_json_is_one_row_a_line_for_every_reader_of_lines(rows: list[Item]) -> None:
    lines = written(write_json, *rows).splitlines()
    assert (lines[0], lines[-1]) == ("[", "]")
    assert [json.loads(line.rstrip(",")) for line in lines[1:-1]] == rows


def test_attributes_have_one_order_with_unknown_ones_last() -> None:
    shuffled = dict(sorted((row() | LATER | {"zeta": 1}).items(), reverse=True))
    names = list(json.loads(written(write_json, shuffled))[0])
    assert names == [name for name in COLUMNS if name in shuffled] + ["a_list", "flag", "size", "zeta"]
    assert order_attributes(shuffled) == shuffled


def test_letters_stay_and_control_characters_are_escaped() -> None:
    text = written(write_json, row(error_message=f"é漢😀{OBEYED}"))
    assert "é漢😀" in text
    assert all(char.isprintable() or char == "\n" for char in text)
    assert json.loads(text)[0]["error_message"] == f"é漢😀{OBEYED}"


@pytest.mark.parametrize(("write", "measured"), [(write_json, 0), (write_csv, 0), (write_plain, MEASURED_ROWS)])
def test_each_row_is_written_before_the_next_is_read(write: Writer, measured: int) -> None:
    out = io.StringIO()

    def after_each() -> Iterator[Item]:
        for number in range(measured + 50):
            assert number <= measured or f"i-{number - 1:017x}" in out.getvalue()
            yield row(number)

    write(after_each(), out)
    assert f"i-{measured + 49:017x}" in out.getvalue()


# CSV


@few
@given(st.lists(ugly_rows(), max_size=4))
def test_csv_is_read_back_as_it_was(rows: list[Item]) -> None:
    read = read_csv(written(write_csv, *rows))
    assert [{name: str(row.get(name, "")) for name in COLUMNS} for row in rows] == [
        {name: line[name] for name in COLUMNS} for line in read
    ]
    others = [json.loads(line[OTHER_COLUMN] or "{}") for line in read]
    assert others == [{name: row[name] for name in row if name not in COLUMNS} for row in rows]


@pytest.mark.parametrize(
    "text", ['"', '""', ",", "a,b", "\n", "\r", "a\rb", "\r\n", " a ", "é漢😀", "'", "\x00", "\t", "="]
)
def test_a_cell_is_read_back_whatever_is_in_it(text: str) -> None:
    read = read_csv(written(write_csv, row(error_message=text), row(2)))
    assert [line["error_message"] for line in read] == [text, ""]


def test_what_a_later_version_added_is_json_in_the_last_column() -> None:
    [line] = read_csv(written(write_csv, row() | LATER))
    assert json.loads(line[OTHER_COLUMN]) == {name: LATER[name] for name in ("a_list", "flag", "size")}
    assert (line["kind"], line["outcome"]) == ("export", "paused")


# Plain columns


def lines_of(*rows: Item) -> list[str]:
    return written(write_plain, *rows).splitlines()


def starts(line: str, texts: Iterable[str]) -> list[int]:
    """Where each text begins in the line, from left to right."""
    found, end = [], 0
    for text in texts:
        end = line.index(text, end)
        found.append(end)
        end += len(text)
    return found


def test_plain_columns_are_aligned_and_whole() -> None:
    rows = [row(1), row(2, "failed", error_code="Client." + "X" * 90, resource_id=None), row(3, "lost", kind="k" * 60)]
    head, *lines = lines_of(*rows)
    at = starts(head, HEADINGS)
    for line, shown in zip(lines, rows, strict=True):
        cells = columns.format_cells(shown)
        assert [line[begin : begin + len(cell)] for begin, cell in zip(at, cells, strict=True)] == list(cells)


@pytest.mark.parametrize("write", [write_plain, write_rich])
@pytest.mark.parametrize(
    ("rows", "own", "is_shown"),
    [
        ([row(1), row(2)], "", False),
        ([row(1), row(2)], str(row()["scope"]), False),
        ([row(1), row(2)], "999988887777/eu-west-1", True),
        ([row(1), row(2, scope="999988887777/eu-west-1")], "", True),
    ],
)
def test_places_are_shown_where_there_are_several(
    monkeypatch: pytest.MonkeyPatch, write: Any, rows: list[Item], own: str, is_shown: bool
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = io.StringIO()
    write(rows, out, own)
    assert (columns.PLACE in out.getvalue(), str(rows[1]["scope"]) in out.getvalue()) == (is_shown, is_shown)


PLACES = {
    "named": ({"scope": "1/eu-west-1", "account_name": "payments"}, "payments/eu-west-1"),
    "named like another account": ({"scope": "1/eu-west-1", "account_name": "123456789012"}, "1/eu-west-1"),
    "without a name": ({"scope": "1/eu-west-1"}, "1/eu-west-1"),
    "of no region": ({"scope": "1"}, "1"),
    "of no place": ({}, ""),
}


@pytest.mark.parametrize(("item", "text"), PLACES.values(), ids=PLACES)
def test_an_account_is_shown_by_its_name(item: Item, text: str) -> None:
    assert columns.format_place(item) == text


def test_the_name_of_an_account_is_a_fact() -> None:
    named = row(account_name="payments")
    assert [value for label, value in facts.format_facts(named, NOW) if label == "Account name"] == ["payments"]
    [line] = read_csv(written(write_csv, named))
    assert json.loads(line[OTHER_COLUMN])["account_name"] == "payments"


@few
@given(st.lists(ugly_rows(), min_size=1, max_size=5))
def test_a_row_is_one_line_with_every_cell_whole(rows: list[Item]) -> None:
    lines = written(write_plain, *rows).split("\n")
    assert len(lines) == len(rows) + 2
    assert "".join(lines).isprintable()
    for line, shown in zip(lines[1:], rows, strict=False):
        assert starts(line + " " * 20, columns.format_cells(shown))


def test_a_wider_cell_after_those_that_were_measured_is_not_cut() -> None:
    late = row(2, error_code="X" * 100, resource_id="i-" + "0" * 100)
    line = lines_of(*[row(1)] * MEASURED_ROWS, late)[-1]
    assert ("X" * 100 in line, "i-" + "0" * 100 in line) == (True, True)


@pytest.mark.parametrize("write", [write_plain, write_rich])
def test_no_rows_have_no_heading(write: Writer) -> None:
    assert written(write) == ""


CELLS = {
    "how it ended": (row(outcome="complete", state="failed"), "state", "complete"),
    "how far it is": (row(1, None, state="bundling", progress=40), "state", "bundling 40 %"),
    "at the start": (row(1, None, state="bundling", progress=0), "state", "bundling 0 %"),
    "no progress": (row(1, None, state="pending"), "state", "pending"),
    "no state": (row(1, None, state=None), "state", ""),
    "its end": (row(updated_at="2026-11-23T13:00:00.000Z"), "last change (UTC)", "2026-11-23 12:00:00"),
    "its last change": (row(finished_at=None), "last change (UTC)", "2026-11-23 12:00:00"),
    "no time at all": (row(finished_at=None, updated_at=None), "last change (UTC)", ""),
    "an ugly time": (row(finished_at="soon"), "last change (UTC)", "soon"),
    "how long it took": (row(), "took", "34 min 10 s"),
    "an end before the start": (row(finished_at="2026-11-22T12:00:00.000Z"), "took", ""),
    "a start that is no time": (row(started_at="soon"), "took", ""),
    "an image": (row(awaiting=None, image_id="ami-1", error_code="E"), "note", "ami-1"),
    "an error": (row(awaiting=None, error_code="E"), "note", "E"),
    "not announced": (row(error_code="E"), "note", "E, not announced yet"),
    "account that left": (row(1, None, unreachable_since="2026"), "note", "account not watched any more"),
    "nothing to note": (row(awaiting="outcome"), "note", ""),
}


@pytest.mark.parametrize(("shown", "head", "text"), CELLS.values(), ids=CELLS)
def test_a_cell_shows_its_value(shown: Item, head: str, text: str) -> None:
    assert dict(zip(HEADINGS, columns.format_cells(shown), strict=True))[head] == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0, "0"), (False, "False"), ("a\x1bb", "a�b"), ("é漢😀", "é漢😀")]
)
def test_a_value_is_shown_in_one_line(value: object, text: str) -> None:
    assert to_one_line(value) == text


# A terminal


def drawn(monkeypatch: pytest.MonkeyPatch, *rows: Item, width: int = 200) -> str:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    out = Terminal()
    write_rich(rows, out)
    return out.getvalue()


COLOURS = {"complete": "32", "failed": "31", "cancelled": "33", "lost": "35"}


@pytest.mark.parametrize(("outcome", "colour"), COLOURS.items())
def test_outcomes_have_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch, outcome: str, colour: str) -> None:
    assert f"\x1b[{colour}m{outcome}\x1b[0m" in drawn(monkeypatch, row(1, outcome)).replace(f"{outcome} ", outcome)


def test_texts_of_ec2s_are_neither_obeyed_nor_taken_for_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(monkeypatch, row(awaiting=None, error_code=f"[/red][link=x]:smile:{OBEYED}"))
    assert "[/red][link=x]:smile:�[2J" in text
    assert not {"\x07", "\x9b", "\r", "\u202e"} & set(text)


def test_a_narrow_terminal_folds_cells_and_cuts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(monkeypatch, row(awaiting=None, error_code="X" * 90), width=80)
    assert text.count("X") == 90
    assert "…" not in text


def test_a_task_has_two_lines_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = row(awaiting=None, error_code="X" * 40), row(2, scope="1/eu-west-1")
    lines = click.unstyle(drawn(monkeypatch, *rows, width=80)).splitlines()
    first_cells = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert first_cells == [
        "task", "account/region", "bun-00000001", "123456789012/us-east-2", "bun-00000002", "1/eu-west-1"
    ]  # fmt: skip
    assert max(map(len, lines)) <= 80


def test_a_column_that_tells_nothing_is_left_out_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = row(1, awaiting=None, resource_id=None)
    assert [head in drawn(monkeypatch, bare) for head in ("kind", "resource", "note", "took")] == [False] * 3 + [True]
    assert "kind" in drawn(monkeypatch, bare, row(2, kind="export"))


# One task


def facts_of(shown: Item) -> dict[str, str]:
    return dict(facts.format_facts(shown, NOW))


def test_everything_about_a_task_is_told() -> None:
    shown = row(image_id="ami-1", awaiting="notification", expires_at=1_803_470_400, notified_at=None)
    assert facts_of(shown) == {
        "State": "complete",
        "Account, region": "123456789012/us-east-2",
        "Kind": "bundle",
        "Resource": "i-00000000000000001",
        "Started": "2026-11-23 11:25:50 UTC, 3 hours ago",
        "Last update": "2026-11-23 12:00:00 UTC, 3 hours ago",
        "First seen": "2026-11-23 11:26:02 UTC, 3 hours ago",
        "Finished": "2026-11-23 12:00:00 UTC, 3 hours ago",
        "Bucket": "acme-bundles",
        "Prefix": "bun-00000001",
        "Manifest": "acme-bundles/bun-00000001.manifest.xml",
        "Image": "ami-1",
        "Took": "34 min 10 s",
        "Awaits": "notification, since 2026-11-23 12:01:03 UTC, 2 hours ago",
        "Kept until": "2027-02-24 12:00:00 UTC",
    }


def test_unknown_attributes_are_shown_under_their_own_names() -> None:
    shown = facts_of(row() | LATER | {"zero": 0, "told_at": "2026-11-23T12:00:00.000Z"})
    assert (shown["a_list"], shown["flag"], shown["zero"]) == ("[1, {'b': None}]", "False", "0")
    assert shown["told_at"] == "2026-11-23 12:00:00 UTC, 3 hours ago"


STATES = {
    "EC2's word is the outcome": (row(state="complete"), "complete"),
    "EC2's word is another": (row(outcome="cancelled", state="failed"), "cancelled (EC2 said failed)"),
    "it still runs": (row(1, None, state="storing", progress=80), "storing 80 %"),
    "no word": (row(state=None), "complete"),
}


@pytest.mark.parametrize(("shown", "text"), STATES.values(), ids=STATES)
def test_the_state_is_ours_and_ec2s(shown: Item, text: str) -> None:
    assert facts_of(shown)["State"] == text


@pytest.mark.parametrize("ugly", ["never", "1e400", "nan", [1], {"a": 1}, 10**30])
def test_an_ugly_end_of_keeping_is_told_as_it_is(ugly: object) -> None:
    assert facts_of(row(expires_at=ugly))["Kept until"] == str(ugly)


def steps(shown: Item, named: str = "bun-00000001", flags: str = "") -> list[list[str]]:
    return [shlex.split(command)[:2] for _, command in facts.next_steps(shown, named, flags)]


NEXT = {
    "runs": (row(1, None, image_location=None, awaiting="outcome"), [["task-reporter", "wait"]]),
    "complete": (row(awaiting=None), [["task-reporter", "register"], ["aws", "ec2"]]),
    "registered": (row(awaiting=None, image_id="ami-1"), []),
    "an imported image": (
        row(awaiting=None, kind="import-image", image_id="ami-1"),
        [["aws", "ec2"]],
    ),
    "complete somewhere": (row(awaiting=None, image_location=None), []),
    "failed": (row(1, "failed", awaiting=None), []),
    "not announced": (row(1, "failed"), [["task-reporter", "redrive"]]),
    "lost": (row(1, "lost", awaiting=None), [["aws", "s3api"], ["aws", "ec2"]]),
}


@pytest.mark.parametrize(("shown", "commands"), NEXT.values(), ids=NEXT)
def test_next_steps_are_those_that_make_sense(shown: Item, commands: list[list[str]]) -> None:
    assert steps(shown) == commands


def test_next_steps_lead_to_the_same_task_of_the_same_history() -> None:
    (_, command), *_ = facts.next_steps(row(awaiting=None), "123456789012/us-east-2/b 1", " --table 'a b'")
    task, *rest = shlex.split(command)[2:]
    assert (task, rest[:2]) == ("123456789012/us-east-2/b 1", ["--table", "a b"])


@pytest.mark.parametrize(("own", "is_other"), [("", False), ("123456789012", False), ("999988887777", True)])
def test_an_image_in_another_account_needs_its_profile(own: str, is_other: bool) -> None:
    (_, command), *_ = facts.next_steps(row(awaiting=None), "x", "", own)
    assert command.endswith(" --task-profile PROFILE") == is_other


CREDENTIALS = {
    "in an organization": (row(account_name="payments"), "The commands need credentials of the account payments (1"),
    "of an own command only": (row(1, None, account_name="payments", image_location=None), ""),
    "of one account": (row(), ""),
}


@pytest.mark.parametrize(("shown", "text"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_commands_of_aws_name_the_account_of_an_organization(shown: Item, text: str) -> None:
    note = facts.format_credentials(shown, facts.next_steps(shown, "x", ""))
    assert (note or "").startswith(text)
    assert bool(note) == bool(text)


@few
@given(ugly_rows())
def test_text_holds_nothing_that_a_terminal_obeys(shown: Item) -> None:
    with redirect_stdout(io.StringIO()) as out:
        print_heading(str(shown["task_id"]))
        print_facts(facts.format_facts(shown | {f"odd{OBEYED}": OBEYED}, NOW))
        for purpose, command in facts.next_steps(shown, str(shown["task_id"]), ""):
            print_step(purpose, command)
    assert out.getvalue().replace("\n", "").isprintable()


# Many rows


def peak(write: Writer, number: int) -> int:
    """Return the peak of memory in bytes while ``number`` rows are written."""
    index = Generated(number)
    tracemalloc.start()
    try:
        write(QueryResults(index, "history", TaskQuery(kinds=("bundle",))), Nowhere())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Nowhere(io.TextIOBase):
    """A stream that discards its input."""

    def write(self, text: str) -> int:
        return len(text)


class Generated(DynamoDb):
    """A table of ``number`` rows, made when they are read."""

    def __init__(self, number: int) -> None:
        super().__init__(Table(row(1)), 500)
        self.number = number

    def query(self, **asked: Any) -> dict[str, Any]:
        begin = asked.pop("ExclusiveStartKey", {"position": 0})["position"]
        [item] = super().query(**asked)["Items"]
        self.calls.clear()
        self.requests.clear()
        end = min(begin + self.page, self.number)
        items = [item | {"task_id": {"S": f"bun-{number:08x}"}} for number in range(begin, end)]
        return {"Items": items} | ({"LastEvaluatedKey": {"position": end}} if end < self.number else {})


@pytest.mark.parametrize("write", [write_csv, write_json, write_plain])
def test_memory_does_not_grow_with_the_rows(write: Writer) -> None:
    small, large = peak(write, 1500), peak(write, 4500)
    assert large < small * 1.5
