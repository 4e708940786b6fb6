"""The bench's own arithmetic: measured in turns, told as medians and ratios."""

import json
import sys
from itertools import count

import pytest

from benchmarks.emulator import SERVED
from benchmarks.figures import Figure, alone, figure, in_turns
from benchmarks.meter import Reading
from benchmarks.programs import CHILD, Shell
from benchmarks.rows import ACCOUNTS, REGIONS, RUNNING, of_organization, rows
from benchmarks.screen import number
from benchmarks.sides import REFERENCE, START
from local.processes import StepError
from task_reporter.kinds.table import KINDS


def test_every_file_that_a_bench_runs_is_there() -> None:
    assert [path for path in (CHILD, REFERENCE, SERVED, START) if not path.is_file()] == []


def of(ours, theirs, at_most=None):
    return Figure("list", "ms", tuple(ours), tuple(theirs), "aws", at_most)


def test_the_sides_take_turns_at_being_first() -> None:
    clock, order = count(), []

    def side(name):
        order.append(name)
        return name, next(clock)

    pairs = in_turns(lambda: side("ours"), lambda: side("theirs"), pairs=3, warm_ups=1)
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs", "theirs", "ours"]
    assert pairs == [(("ours", 3), ("theirs", 2)), (("ours", 4), ("theirs", 5)), (("ours", 7), ("theirs", 6))]


def test_the_ratio_of_pairs_is_free_of_slow_moments() -> None:
    told = of([1, 20, 3], [2, 40, 6])
    assert told.ratio == 0.5
    assert told.spread == (0.5, 0.5)


def test_the_spread_is_where_half_of_the_pairs_lie() -> None:
    told = of([1, 2, 3, 4, 5], [1] * 5)
    assert (told.ratio, told.spread) == (3, (2, 4))


def test_one_pair_has_no_spread() -> None:
    assert of([3], [4]).spread == ()


@pytest.mark.parametrize(("at_most", "met"), [(None, None), (0.6, True), (0.5, True), (0.49, False)])
def test_a_figure_says_whether_it_is_what_we_want(at_most, met) -> None:
    assert of([1], [2], at_most).is_met is met


def test_a_value_can_be_wanted_whatever_the_other_side_takes() -> None:
    assert [Figure("zip", "MB", (3.0,), (9.0,), "x", limit=limit).is_met for limit in (4, 2)] == [True, False]


def test_what_only_we_do_has_no_ratio() -> None:
    told = alone("poll", "ms", [1, 2, 3], limit=2)
    assert (told.ratio, told.spread, told.is_met) == (None, (), True)
    assert (told.plain()["ours"], told.plain()["theirs"]) == (2, None)


def test_a_figure_takes_its_values_from_the_pairs() -> None:
    told = figure("list", "ms", [("a", "bb"), ("ccc", "dddd")], len, "aws")
    assert (told.ours, told.theirs) == ((1, 3), (2, 4))


def test_json_holds_medians_and_every_value() -> None:
    told = json.loads(json.dumps(of([1, 2, 9], [2, 4, 6], 0.6).plain()))
    assert (told["ours"], told["theirs"], told["ratio"], told["runs"]) == (2, 4, 0.5, 3)
    assert told["all"] == {"ours": [1, 2, 9], "theirs": [2, 4, 6]}


@pytest.mark.parametrize(("value", "text"), [(0.5149, "0.51"), (12.34, "12.3"), (751.6, "752"), (100_000, "100,000")])
def test_a_number_has_the_digits_that_tell_something(value, text) -> None:
    assert number(value) == text


def test_a_meter_counts_what_was_read_over_all_pages() -> None:
    reading = Reading()
    for _ in range(2):
        reading.add("Query", {}, {"ScannedCount": 50, "ConsumedCapacity": {"CapacityUnits": 2.5}})
    reading.add("DescribeTable", {}, {"Table": {}})
    reading.add("BatchGetItem", {}, {"Responses": {"t": [{}, {}]}, "ConsumedCapacity": [{"CapacityUnits": 2.0}]})
    assert (reading.requests, reading.rows, reading.units, reading.write_units) == (4, 102, 7.0, 0.0)


def test_a_meter_counts_the_tasks_whose_rows_are_written() -> None:
    def item(task_id):
        return {"task_id": {"S": task_id}, "scope": {"S": "1/x"}}

    reading, charged = Reading(), {"ConsumedCapacity": {"CapacityUnits": 1.0}}
    reading.add("PutItem", {"Item": item("bun-1")}, charged)
    reading.add("UpdateItem", {"Key": {"scope": {"S": "roster"}, "task_id": {"S": "123456789012"}}}, charged)
    both = {"TransactItems": [{"Put": {"Item": item("bun-2")}}, {"Update": {"Key": item("bun-3")}}]}
    reading.add("TransactWriteItems", both, {"ConsumedCapacity": [{"CapacityUnits": 4.0}]})
    assert (reading.tasks, reading.write_units, reading.units) == (3, 6.0, 0.0)


def test_a_program_is_measured_from_start_to_exit(tmp_path) -> None:
    shell = Shell({}, tmp_path)
    run = shell.run(sys.executable, "-c", "import time; held = bytearray(50_000_000); time.sleep(0.4)")
    assert run.seconds >= 0.4
    assert run.seconds > run.cpu > 0
    assert 50_000_000 < run.peak < 100_000_000


def test_a_program_that_fails_is_not_measured(tmp_path) -> None:
    with pytest.raises(StepError, match="no such table"):
        Shell({}, tmp_path).run(sys.executable, "-c", "raise SystemExit('no such table')")


def test_the_rows_are_the_same_each_time_and_newest_first() -> None:
    made = list(rows(100))
    assert made == list(rows(100))
    assert sorted(made, key=lambda row: row["updated_at"], reverse=True) == made
    assert [row.get("awaiting") for row in made].count("outcome") == RUNNING
    assert len({row["task_id"] for row in made}) == 100


def test_an_organization_has_all_accounts_regions_and_kinds() -> None:
    made = [row for row in of_organization(ACCOUNTS * len(REGIONS)) if row["scope"] != "roster"]
    scopes = [str(row["scope"]).split("/") for row in made]
    assert len({account for account, _ in scopes}) == len({row["account_name"] for row in made}) == ACCOUNTS
    assert {region for _, region in scopes} == set(REGIONS)
    assert {row["kind"] for row in made} == set(KINDS)
