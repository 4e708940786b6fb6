"""EC2's answers with malformed lists, which botocore accepts."""

import pytest

from task_reporter.aws.lists import list_pages
from task_reporter.errors import MalformedAnswerError
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.recording.context import PollContext
from task_reporter.recording.projection import project
from task_reporter.times import parse
from tests.support.canned_ec2 import Answer, canned_ec2, no_pauses, told
from tests.support.dynamodb import DynamoDb, Table
from tests.support.inline import INLINE
from tests.support.polled import poll_kinds

ITEM = "<item><bundleId>bun-2a4e041c</bundleId><state>bundling</state></item>"
LIST = "<bundleInstanceTasksSet>{}</bundleInstanceTasksSet>"
SCOPE = "123456789012/us-east-2"


def answer(lists: str) -> Answer:
    """Return an answer that holds ``lists``."""
    name = "DescribeBundleTasksResponse"
    return Answer(f'<{name} xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">{lists}</{name}>'.encode())


NO_LISTS = {
    "text": LIST.format("SECRET"),
    "text between tasks": LIST.format(ITEM + "SECRET" + ITEM),
    "text before tasks": LIST.format("SECRET" + ITEM),
    "two lists": LIST.format(ITEM) + LIST.format(ITEM),
    "a list and an empty one": LIST.format(ITEM) + LIST.format(""),
    "a list in the list": LIST.format(LIST.format(ITEM)),
    "something else than tasks": LIST.format("<html><body>SECRET</body></html>"),
    "tasks and something else": LIST.format(f"{ITEM}<member><bundleId>bun-1</bundleId></member>"),
    "only in another element": f"<result>{LIST.format(ITEM)}</result>",
}


@pytest.mark.parametrize("lists", NO_LISTS.values(), ids=NO_LISTS)
def test_what_is_no_list_is_malformed(lists: str) -> None:
    with canned_ec2(answer(lists)) as ec2, pytest.raises(MalformedAnswerError) as caught:
        project(BUNDLE, list_pages(ec2.client(), BUNDLE))
    assert "SECRET" not in str(caught.value)


LISTS = {
    "nothing": ("", 0),
    "blanks": (" \n\t", 0),
    "a comment": ("<!-- text -->", 0),
    "a task": (ITEM, 1),
    "tasks in lines of their own": (f"\n  {ITEM}\n  <!-- and -->\n  {ITEM.replace('2a4e', '2a4f')}\n", 2),
    "a task with something twice": (ITEM.replace("<state>", "<instanceId>i-1</instanceId>" * 2 + "<state>"), 1),
    "a task in another namespace": (
        ITEM.replace("<item>", '<x:item xmlns:x="urn:x">').replace("</item>", "</x:item>"),
        1,
    ),
}


@pytest.mark.parametrize(("inside", "count"), LISTS.values(), ids=LISTS)
def test_what_is_a_list_is_read(inside: str, count: int) -> None:
    with canned_ec2(answer(LIST.format(inside))) as ec2:
        assert len(project(BUNDLE, list_pages(ec2.client(), BUNDLE)).tasks) == count


def test_a_place_that_stands_twice_costs_nobody_anything() -> None:
    twice = ITEM.replace(
        "<state>", "<storage><S3><bucket>a</bucket><bucket>b</bucket><prefix>c</prefix></S3></storage><state>"
    )
    with canned_ec2(answer(LIST.format(twice + ITEM.replace("2a4e", "2a4f")))) as ec2:
        tasks = project(BUNDLE, list_pages(ec2.client(), BUNDLE)).tasks
    assert [task["task_id"] for task in tasks] == ["bun-2a4e041c", "bun-2a4f041c"]
    assert tasks[0] == {"task_id": "bun-2a4e041c", "state": "bundling", "prefix": "c"}


REFUSALS = (
    "<Response><Errors/></Response>",
    "<Response><Errors>no</Errors></Response>",
    "<Response><Error>no</Error></Response>",
)


@pytest.mark.parametrize("body", REFUSALS)
def test_a_refusal_that_says_nothing_is_malformed(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    no_pauses(monkeypatch)
    with canned_ec2(Answer(body.encode(), 403)) as ec2, pytest.raises(MalformedAnswerError):
        list(list_pages(ec2.client(), BUNDLE))


def a_poll(table: Table, one: Answer, minute: int) -> list[str]:
    """Return the problems and the tasks that can't be kept of one poll."""
    history = HistoryTable(DynamoDb(table), "history")
    poll = PollContext(SCOPE, parse(f"2026-11-23T12:{minute:02}:00Z"))
    with canned_ec2(one) as ec2:
        polled = poll_kinds([BUNDLE], ec2.client(), history, poll, INLINE)
    return polled.problems + [sentence for recorded in polled.done for sentence in recorded.unkeepable]


@pytest.mark.parametrize("lists", NO_LISTS.values(), ids=NO_LISTS)
def test_what_runs_is_not_lost_because_of_it(lists: str) -> None:
    table = Table()
    a_poll(table, told("bundling"), 0)
    before = dict(table.rows)
    for minute in (20, 40):
        [problem] = a_poll(table, answer(lists), minute)
        assert "malformed answer" in problem
    assert table.rows == before


BUNDLES = {"a": "i-0a1b2c3d4e5f60718", "b": "i-0f9e8d7c6b5a40312", "c": None}
"""Short ids of three running bundle tasks, and their instances."""


def running(name: str, instance: str | None) -> str:
    """One running task in a list."""
    about = f"<instanceId>{instance}</instanceId>" if instance else ""
    return f"<item><bundleId>{name}</bundleId>{about}<state>bundling</state></item>"


def missing_beside(*nameless: str | None) -> set[str]:
    """Return those of ``BUNDLES`` missing after two lists of nameless tasks.

    The nameless tasks are of the given instances.
    """
    table = Table()
    a_poll(table, answer(LIST.format("".join(running(*bundle) for bundle in BUNDLES.items()))), 0)
    for minute in (5, 9):
        problems = a_poll(table, answer(LIST.format("".join(running("", one) for one in nameless))), minute)
        assert ["without an id" in problem for problem in problems] == [True] * len(nameless)
    return {key.task_id for key, row in table.rows.items() if "missing_since" in row}


@pytest.mark.parametrize(
    ("nameless", "missing"),
    [
        ((), {"a", "b", "c"}),
        ((None,), set()),
        ((BUNDLES["a"],), {"b"}),
        (("i-0123456789abcdef0",), {"a", "b"}),
        ((BUNDLES["a"], BUNDLES["b"]), set()),
        ((BUNDLES["a"], None), set()),
    ],
)
def test_what_has_no_id_may_be_any_of_its_instance(nameless: tuple[str | None, ...], missing: set[str]) -> None:
    assert missing_beside(*nameless) == missing


def test_a_lasting_nameless_task_does_not_prevent_losses() -> None:
    table = Table()
    a_poll(table, answer(LIST.format(running("a", BUNDLES["a"]) + running("b", BUNDLES["b"]))), 0)
    for minute in (5, 25, 45):
        a_poll(table, answer(LIST.format(running("", BUNDLES["a"]))), minute)
    outcomes = {key.task_id: row.get("outcome") for key, row in table.rows.items() if key.task_id in BUNDLES}
    assert outcomes == {"a": None, "b": "lost"}
    a_poll(table, answer(LIST.format(running("b", BUNDLES["b"]))), 46)
    assert "missing_since" in next(row for key, row in table.rows.items() if key.task_id == "a")
