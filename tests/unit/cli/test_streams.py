"""Standard streams that are terminals, pipes, files, closed, full, or in another encoding."""

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from task_reporter_cli.output.lines import to_one_line
from tests.support.canned_ec2 import Answer, CannedEc2, canned_ec2
from tests.support.cli import (
    Said,
    Terminal,
    environment,
    in_environment,
    on_terminal,
    program,
    run,
    run_program,
    somewhere,
)
from tests.support.finished import row

OBEYED = "\x1b[2J\x1b]0;title\x07\x7f\x9b31m\r\n\t\u202e\u2066\u2028"
"""Characters that a terminal obeys, or that change the order of others."""
STYLE = re.compile(r"\x1b\[[0-9;]*m")
MOVES = re.compile(r"\x1b\[(\?25[hl]|1A|2K)|\r")
"""The movements of our own progress."""
ASK = ("--table", "t")


def dynamodb(*rows: dict[str, Any], **more: Any) -> Answer:
    """Answer every request with these rows."""
    items = [{name: {"S": str(value)} for name, value in shown.items()} for shown in rows]
    item = {"Item": items[0]} if items else {}
    return Answer(json.dumps({"Items": items, "Table": {"ItemCount": len(items)}, **item, **more}).encode())


STACK = Answer(
    b"<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>mine</StackName><StackStatus>"
    b"UPDATE_COMPLETE\xc2\x9b31m\xe2\x80\xae</StackStatus><StackId>arn:aws:cloudformation:eu-west-1:000000000000:stack/mine"
    b"/1</StackId><CreationTime>2026-11-23T12:00:00Z</CreationTime><Outputs><member><OutputKey>HistoryTableName"
    b"</OutputKey><OutputValue>t</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult>"
    b"</DescribeStacksResponse>"
)
FORBIDDEN = Answer(
    b"<ErrorResponse><Error><Code>AuthorizationError</Code><Message>no \xc2\x9b31m</Message></Error></ErrorResponse>",
    403,
)
DENIED = Answer(json.dumps({"__type": "AccessDeniedException", "message": f"no {OBEYED}"}).encode(), 400)


@pytest.fixture(scope="module")
def stack() -> Iterator[dict[str, str]]:
    """Yield the environment of a stack in which only CloudFormation may be read."""
    with canned_ec2(STACK) as cloudformation, canned_ec2(FORBIDDEN) as sns, canned_ec2(DENIED) as others:
        yield somewhere(cloudformation=cloudformation.url, sns=sns.url) | {"AWS_ENDPOINT_URL": others.url}


@pytest.fixture(scope="module")
def ordinary() -> Iterator[dict[str, str]]:
    """Yield the environment of a history of three ordinary tasks."""
    with canned_ec2(dynamodb(row(1), row(2, "failed"), row(3, "lost"))) as aws:
        yield somewhere(dynamodb=aws.url)


# Texts that a terminal would obey


HOSTILE = row(
    image_id=OBEYED, outcome=OBEYED, state=OBEYED, error_code=OBEYED, error_message=OBEYED, awaiting=OBEYED
) | {f"odd{OBEYED}": OBEYED}


@pytest.fixture(scope="module")
def hostile() -> Iterator[dict[str, str]]:
    """Yield the environment of a history whose texts are hostile."""
    with canned_ec2(dynamodb(HOSTILE)) as aws:
        yield somewhere(dynamodb=aws.url)


COMMANDS = (
    ("list",), ("list", "--limit", "0"), ("list", "--output", "json"), ("list", "--output", "csv"), ("show", "x"),
    ("show", "x", "--output", "json"), ("wait", "x"), ("register", f"x{OBEYED}", "--name", "abc"), ("redrive", "x"),
    ("redrive", f"x{OBEYED}"), ("report", "--out", f"/none{OBEYED}/x"), ("report", "--out", f"{{folder}}/a{OBEYED}"),
    ("report", "--out", "-"), ("status",), ("status", "--output", "json"), ("frobnicate" + OBEYED,), ("list", OBEYED),
    ("list", f"--{OBEYED}"), ("list", "--since", OBEYED), ("--region", f"eu{OBEYED}", "list"),
    ("--profile", OBEYED, "list"),
)  # fmt: skip


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda given: " ".join(given)[:30].encode("unicode_escape"))
def test_a_terminal_gets_no_control_characters(
    hostile: dict[str, str], stack: dict[str, str], arguments: tuple[str, ...], tmp_path: Path
) -> None:
    is_status = arguments[0] == "status"
    words = [word.format(folder=tmp_path) for word in arguments]
    with in_environment(stack if is_status else hostile):
        result = run(*(() if is_status else ASK), *words, out=Terminal, err=Terminal)
    text = MOVES.sub("", STYLE.sub("", result.out + result.err))
    assert text
    assert text.replace("\n", "").isprintable()


def test_json_of_the_status_means_the_same_though_it_is_escaped(stack: dict[str, str]) -> None:
    with in_environment(stack):
        result = run("status", "--output", "json")
    texts = {part["part"]: part["text"] for part in json.loads(result.out)["parts"]}
    assert texts["stack"] == "mine, UPDATE_COMPLETE\x9b31m\u202e"
    assert "\\u009b31m\\u202e" in result.out


def test_csv_is_whole_for_programs_and_safe_on_a_terminal(hostile: dict[str, str]) -> None:
    with in_environment(hostile):
        whole, shown = (
            run("list", *ASK, "--kind", "bundle", "--output", "csv", out=kind).out for kind in (io.StringIO, Terminal)
        )
    [stored], [safe] = (list(csv.DictReader(io.StringIO(text, newline=""))) for text in (whole, shown))
    assert stored["error_message"] == OBEYED
    assert safe["error_message"] == to_one_line(OBEYED)
    assert safe.keys() == stored.keys()


# Colours


PLACES = {"list": ("ordinary", "list"), "show": ("ordinary", "show", "x"), "status": ("stack", "status")}


@pytest.fixture(params=PLACES.values(), ids=PLACES)
def coloured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """Yield a command that has colours; the environment has no opinion about them."""
    place, *command = request.param
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    with in_environment(request.getfixturevalue(place)):
        yield (*command, *(ASK if place == "ordinary" else ()))


WISHES = {
    **dict.fromkeys(["NO_COLOR=1", "NO_COLOR=0", "TERM=dumb", "TERM=unknown"], False),
    **dict.fromkeys(["NO_COLOR=", "TERM="], True),
}


@pytest.mark.parametrize(("wish", "has_colours"), WISHES.items())
@pytest.mark.parametrize("err", [Terminal, io.StringIO])
def test_colours_can_be_turned_off(
    coloured: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, wish: str, has_colours: bool, err: type[io.StringIO]
) -> None:
    monkeypatch.setenv(*wish.split("="))
    result = run(*coloured, out=Terminal, err=err)
    assert result.out
    assert ("\x1b[" in result.out, has_colours or "\x1b" not in result.err) == (has_colours, True)


def test_a_pipe_gets_no_colours_though_errors_are_on_a_terminal(coloured: tuple[str, ...]) -> None:
    result = run(*coloured, err=Terminal)
    assert result.out
    assert "\x1b" not in result.out


# Narrow terminals


@pytest.mark.parametrize("columns", ["0", "1", "59", "wide"])
def test_a_terminal_of_any_width_gets_every_cell(ordinary: dict[str, str], columns: str) -> None:
    result = on_terminal("list", *ASK, COLUMNS=columns, **ordinary)
    text = re.sub(r"\s", "", STYLE.sub("", result.out))
    assert result.status == 0
    assert [task for task in ("bun-00000001", "bun-00000002", "bun-00000003") if task not in text] == []


# Closed and full streams


def in_shell(command: str, env: dict[str, str], folder: Path | None = None) -> Said:
    line = f"{shlex.quote(sys.executable)} -m task_reporter_cli {command}"
    settings: Any = {"env": environment(**env), "cwd": folder, "capture_output": True, "text": True}
    done = subprocess.run(line, shell=True, check=False, **settings)
    return Said(done.returncode, done.stdout, done.stderr)


ANSWERS = ("--version", "list --table t", "list --table t --output json", "show x --table t", "completion bash")


@pytest.mark.parametrize("command", ANSWERS)
def test_a_closed_output_is_one_line(ordinary: dict[str, str], command: str) -> None:
    result = in_shell(f"{command} >&-", ordinary)
    assert (result.status, result.error) == (1, "standard output is closed")


@pytest.mark.parametrize("errors", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize(("command", "status"), [("list --table t --limit 1", 0), ("frobnicate", 2), ("", 2)])
def test_errors_that_nobody_can_read_change_nothing(
    ordinary: dict[str, str], command: str, status: int, errors: str
) -> None:
    result = in_shell(f"{command} {errors}", ordinary)
    assert (result.status, result.err) == (status, "")
    assert ("bun-0000" in result.out) == (status == 0)


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", ">&- 2>&- <&-"])
def test_a_report_needs_no_streams(ordinary: dict[str, str], tmp_path: Path, streams: str) -> None:
    page = tmp_path / "page.html"
    assert in_shell(f"report --table t --out {page} {streams}", ordinary).status == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_full_pipe_that_does_not_block_loses_nothing(ordinary: dict[str, str]) -> None:
    source, sink = os.pipe()
    os.set_blocking(sink, False)
    filling = 0
    with suppress(BlockingIOError):
        while True:
            filling += os.write(sink, b"x")
    command = program("list", *ASK, "--output", "json")
    with open(source, "rb") as pipe, subprocess.Popen(command, env=environment(**ordinary), stdout=sink) as child:
        while not os.get_blocking(sink) and child.poll() is None:
            os.sched_yield()
        os.close(sink)
        assert json.loads(pipe.read()[filling:])
    assert child.returncode == 0


# Encodings


def test_a_terminal_with_few_characters_can_tell_well_from_wrong(stack: dict[str, str]) -> None:
    result = on_terminal("status", PYTHONIOENCODING="latin-1", **stack)
    lines = STYLE.sub("", result.out).splitlines()
    assert lines[0].startswith("+ stack")
    assert lines[1].startswith("? schedule")


def test_pipes_get_utf8_whatever_the_locale_is() -> None:
    with canned_ec2(dynamodb(row(error_message="é漢😀"))) as aws:
        answer = run_program("list", *ASK, "--output", "csv", PYTHONIOENCODING="latin-1", **somewhere(dynamodb=aws.url))
    error = run_program("é漢😀", PYTHONIOENCODING="latin-1")
    assert ("é漢😀" in answer.out, "é漢😀" in error.err) == (True, True)


# A history without tasks


@pytest.fixture
def empty() -> Iterator[CannedEc2]:
    with canned_ec2(dynamodb()) as aws, in_environment(somewhere(dynamodb=aws.url)):
        yield aws


EMPTY = (
    "The history of table t is empty: nothing was recorded yet; `task-reporter status --stack NAME` shows when EC2 was"
    " last asked.\n"
)
NONE = "No such task in the history of table t; `task-reporter list --table t` shows what there is.\n"


@pytest.mark.usefixtures("empty")
def test_an_empty_history_is_told_from_one_without_such_a_task() -> None:
    assert run("list", *ASK) == Said(0, "", EMPTY)
    assert run("list", *ASK, "--limit", "0") == Said(0, "", EMPTY)
    for condition in (("--outcome", "failed"), ("--kind", "bundle"), ("--resource", "i-1"), ("--since", "1d")):
        assert run("list", *ASK, *condition) == Said(0, "", NONE)


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize(("output", "begins"), [("json", "[]\n"), ("csv", "scope,task_id,")])
def test_programs_get_an_empty_answer_and_people_a_word(output: str, begins: str) -> None:
    silent, watched = (run("list", *ASK, "--output", output, err=kind) for kind in (io.StringIO, Terminal))
    assert (silent.status, silent.out.startswith(begins), silent.err) == (0, True, "")
    assert (watched.status, watched.out, watched.err) == (0, silent.out, EMPTY)


@pytest.mark.usefixtures("empty")
def test_a_page_of_an_empty_history_is_written_with_a_word(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = run("report", *ASK, "--out", str(page))
    assert (result.status, result.out) == (0, "")
    assert re.fullmatch(rf"{re.escape(str(page))}: 0 tasks, \d+ KB\n{re.escape(EMPTY)}", result.err)
    assert run("report", *ASK, "--out", str(page), "--since", "1d").err.endswith(NONE)
    assert [run("report", *ASK, "--out", "-", err=kind).err for kind in (io.StringIO, Terminal)] == ["", EMPTY]
    assert "Only eu-west-1" in run("report", *ASK, "--out", "-", "--task-region", "eu-west-1").out


@pytest.mark.usefixtures("empty")
def test_a_task_in_an_empty_history_is_said_to_be_in_none() -> None:
    assert "it is empty; `task-reporter status --stack NAME` shows" in run("show", "x", *ASK).error


# Reports


def test_an_unwritable_page_is_refused_before_reading(empty: CannedEc2, tmp_path: Path) -> None:
    for name in (tmp_path, tmp_path / "missing" / "page.html"):
        result = run("report", *ASK, "--out", str(name))
        assert (result.status, result.out) == (1, "")
        assert result.error.startswith(f"can't write {str(name)!r}: ")
    assert empty.requests == []
    assert os.listdir(tmp_path) == []


WAYS = ("--out - > {}", "--out stdout > {}", "--out stdout | cat > {}", "--out /dev/fd/3 3> {}", "--out {}")


def test_a_page_goes_to_what_a_shell_names(ordinary: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")  # as /dev/stdout, which a failing test must not cost a machine
    pages = []
    for number, way in enumerate(WAYS):
        result = in_shell(f"report --table t {way.format(f'page-{number}')}", ordinary, tmp_path)
        assert (result.status, result.out) == (0, "")
        pages.append((tmp_path / f"page-{number}").read_text(encoding="utf-8"))
    assert len({re.sub(r"\d\d:\d\d:\d\d UTC", "", page) for page in pages}) == 1
    assert pages[0].endswith("</html>\n")
