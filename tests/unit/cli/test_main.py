"""Commands, options, exit statuses and imports of the command line."""

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.shell_completion import ShellComplete

from local.process_environment import NO_ACCOUNT
from task_reporter_cli.commands import completion_
from task_reporter_cli.errors import NoTaskError
from task_reporter_cli.history import target as homes
from task_reporter_cli.history.target import Target
from task_reporter_cli.lazy import COMMANDS
from task_reporter_cli.main import cli
from task_reporter_cli.options import with_target
from tests.support.canned_ec2 import Answer, canned_ec2
from tests.support.cli import Said, environment, in_environment, run, somewhere


@pytest.fixture(autouse=True)
def no_account() -> Iterator[None]:
    with in_environment(NO_ACCOUNT):
        yield


@pytest.fixture
def homes_seen(monkeypatch: pytest.MonkeyPatch) -> list[Target]:
    """Return the targets that ``show`` is called with; the command does nothing else."""
    targets: list[Target] = []

    @click.command("show")
    @click.argument("task")
    @with_target
    def command(target: Target, task: str) -> None:
        targets.append(target)

    monkeypatch.setattr("task_reporter_cli.commands.show_.command", command)
    return targets


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> Said:
    """Run a command that raises ``error``."""

    @click.command("show")
    def command() -> None:
        raise error

    monkeypatch.setattr("task_reporter_cli.commands.show_.command", command)
    return run("show")


# Help


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command_with_its_line(flag: str) -> None:
    result = run(flag)
    assert (result.status, result.err) == (0, "")
    listed = " ".join(result.out.split())
    assert [name for name, line in COMMANDS.items() if f" {name} {line}" not in listed] == []
    assert "task-reporter list --outcome failed --since 7d" in result.out


def test_without_arguments_help_is_an_error() -> None:
    result = run()
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("Usage: task-reporter [OPTIONS] COMMAND [ARGS]...")
    assert "Commands:" in result.err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_its_line_and_valid_examples(name: str) -> None:
    result, command = run(name, "--help"), cli.get_command(click.Context(cli), name)
    assert command
    assert (result.status, result.err, command.name) == (0, "", name)
    assert (command.help or "").partition("\n")[0] == COMMANDS[name]
    options = [param for param in command.params if isinstance(param, click.Option)]
    assert [option.name for option in options if not option.help] == []
    examples = re.search(r"^  Examples?:\n(.*?)^Options:", result.out, re.MULTILINE | re.DOTALL)
    assert examples
    assert f"task-reporter {name}" in examples[1]
    assert set(re.findall(r"(?<=\s)--[a-z-]+", examples[1])) <= {flag for option in options for flag in option.opts}


# Usage


WRONG = {
    "no such command": (("frobnicate",), ["No such command 'frobnicate'", "`task-reporter --help`"]),
    "no such option": (("list", "--frobnicate"), ["--frobnicate", "`task-reporter list --help`"]),
    "an argument too many": (("list", "more"), ["(more)", "`task-reporter list --help`"]),
    "no task": (("show",), ["TASK", "`task-reporter show --help`"]),
    "no name": (("register", "bun-1"), ["--name", "`task-reporter register --help`"]),
    "no such kind": (("list", "--kind", "snap"), ["--kind", "'snap'", "bundle"]),
    "no such outcome": (("list", "--outcome", "dead"), ["'dead'", "complete", "failed", "cancelled", "lost"]),
    "no such output": (("list", "--output", "xml"), ["--output", "'xml'", "table", "json", "csv"]),
    "no such output of one": (("show", "a", "--output", "csv"), ["--output", "'csv'", "text", "json"]),
    "no time": (("list", "--since", "soon"), ["--since", "'soon'", "2026-11-18", "7d"]),
    "no end": (("list", "--until", "soon"), ["--until", "'soon'", "2026-11-18", "7d"]),
    "an end before the beginning": (
        ("list", "--table", "t", "--since", "2026-11-19", "--until", "2026-11-18"),
        ["--since", "2026-11-19T00:00:00.000Z", "--until", "2026-11-18T23:59:59.999Z"],
    ),
    "an outcome of what runs": (("list", "--running", "--outcome", "lost"), ["--running", "--outcome"]),
    "no region": (("list", "--task-region", "EU"), ["--task-region", "'EU' is no region", "eu-west-1"]),
    "a limit below zero": (("list", "--limit", "-1"), ["--limit", "-1"]),
    "a limit that is no number": (("list", "--limit", "all"), ["--limit", "'all'"]),
    "a time-out below zero": (("wait", "a", "--timeout", "-1"), ["--timeout", "-1 is not between"]),
    "a time-out without an end": (("wait", "a", "--timeout", "inf"), ["--timeout", "inf", "between 0 and 1000000"]),
    "a time-out that is not a number": (("test", "--timeout", "nan"), ["--timeout", "nan", "between 0 and 1000000"]),
    "a time-out of ages": (("redrive", "--timeout", "1e300"), ["--timeout", "1e+300"]),
    "a time-out that is no number": (("redrive", "--timeout", "x"), ["--timeout", "'x'"]),
    "too short a name": (("register", "a", "--name", "ab"), ["--name", "'ab'", "3 to 128"]),
    "too long a name": (("register", "a", "--name", "a" * 129), ["--name", "3 to 128"]),
    "a name that EC2 does not take": (("register", "a", "--name", "web*"), ["'web*'", "( ) [ ] . / - ' @ _"]),
    "a shell that nobody has": (("completion", "csh"), ["'csh'", "bash", "zsh", "fish"]),
    "stack and table": (("list", "--stack", "a", "--table", "b"), ["--stack or --table", "list --help"]),
    "stack before, table after": (("--stack", "a", "list", "--table", "b"), ["--stack", "--table"]),
    "table before, stack after": (("--table", "b", "show", "x", "--stack", "a"), ["--stack", "--table"]),
    "an option without its value": (("list", "--table"), ["--table"]),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "named"), WRONG.values(), ids=WRONG)
def test_what_is_typed_wrong_is_named_in_one_line(arguments: tuple[str, ...], named: list[str]) -> None:
    result = run(*arguments)
    assert (result.status, result.out) == (2, "")
    assert [part for part in named if part not in result.error] == []
    assert ".." not in result.error


@pytest.mark.parametrize("name", ["abc", "a" * 128, "web (1) [x] ./-'@_2026"])
def test_a_name_that_ec2_takes_is_taken(name: str) -> None:
    assert "no AWS region" in run("register", "bun-1", "--name", name).error


@pytest.mark.parametrize(
    ("option", "value"), [("--kind", "BUNDLE"), ("--outcome", "Failed"), ("--since", "7D"), ("--limit", "0")]
)
def test_a_value_is_understood_however_it_is_written(option: str, value: str) -> None:
    assert "no AWS region" in run("list", "--table", "t", option, value).error


# Where the history is


WHERE = ("--table", "t", "--region", "r", "--profile", "p")
PLACES = {
    "after the command": ("show", "x", *WHERE),
    "before the command": (*WHERE, "show", "x"),
    "before the task": ("show", *WHERE, "x"),
    "here and there": ("--table", "t", "--profile", "p", "show", "x", "--region", "r"),
    "the nearer one counts": ("--region", "far", "--table", "far", "show", "x", *WHERE),
}


@pytest.mark.parametrize("arguments", PLACES.values(), ids=PLACES)
def test_options_may_stand_before_and_after_the_command(homes_seen: list[Target], arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == Said(0, "", "")
    [target] = homes_seen
    assert (target.flags, target.account.region) == (" --table t --profile p --region r", "r")


STACKS = {
    "nothing is said": ({}, (), "", "stack ec2-task-reporter"),
    "the environment names one": ({"TASK_REPORTER_STACK": "mine"}, (), "--stack mine", "stack mine"),
    "an option counts more": (
        {"TASK_REPORTER_STACK": "mine"}, ("--stack", "a b"), "--stack 'a b'", "stack a b"
    ),
    "a table counts more": ({"TASK_REPORTER_STACK": "mine"}, ("--table", "t"), "--table t", "table t"),
    "an empty environment": ({"TASK_REPORTER_STACK": ""}, (), "", "stack ec2-task-reporter"),
    "the default, said": ({}, ("--stack", homes.DEFAULT_STACK), "", "stack ec2-task-reporter"),
}  # fmt: skip


@pytest.mark.parametrize(("env", "arguments", "flagged", "name"), STACKS.values(), ids=STACKS)
def test_the_stack_is_found(
    homes_seen: list[Target], monkeypatch: pytest.MonkeyPatch, env: dict[str, str], arguments: tuple[str, ...],
    flagged: str, name: str,
) -> None:  # fmt: skip
    for variable, value in env.items():
        monkeypatch.setenv(variable, value)
    assert run("show", "x", *arguments) == Said(0, "", "")
    assert [(target.flags.strip(), target.name) for target in homes_seen] == [(flagged, name)]


# What goes wrong


ENDS = {
    "interrupted": (KeyboardInterrupt(), 130, ""),
    "aborted": (click.Abort(), 130, ""),
    "told to exit": (click.exceptions.Exit(4), 4, ""),
    "nothing found": (NoTaskError("no task 'x'"), 1, "error: no task 'x'\n"),
    "several lines": (NoTaskError("one\n  two\tthree"), 1, "error: one two three\n"),
    "what a terminal obeys": (NoTaskError("a\x1b[31mb\x9bc"), 1, "error: a�[31mb�c\n"),
    "a full disk": (OSError(28, "No space left on device"), 1, "error: No space left on device\n"),
}


@pytest.mark.parametrize(("error", "status", "err"), ENDS.values(), ids=ENDS)
def test_a_command_ends_with_a_status_and_one_line(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, err: str
) -> None:
    result = raising(error, monkeypatch)
    assert (result.status, result.out, result.err.lstrip("\n")) == (status, "", err)


def test_an_unexpected_error_has_a_line_or_its_whole_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    result = raising(ZeroDivisionError("by zero"), monkeypatch)
    assert result.status == 1
    assert "this should not have happened (ZeroDivisionError: by zero); with TASK_REPORTER_DEBUG=1" in result.error
    monkeypatch.setenv("TASK_REPORTER_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        raising(ZeroDivisionError("by zero"), monkeypatch)


# AWS, at the very edge


def json_error(code: str, message: str = "said so", status: int = 400) -> Answer:
    return Answer(f'{{"__type": "com.amazonaws.dynamodb.v20120810#{code}", "message": "{message}"}}'.encode(), status)


REFUSALS = {
    "expired": (json_error("ExpiredTokenException"), ["credentials have expired", "aws sso login", "--profile"]),
    "denied": (json_error("AccessDeniedException", "none at all"), ["no permission for", "(none at all)"]),
    "no table": (json_error("ResourceNotFoundException"), ["no table 't' in eu-west-1", "--table", "--region"]),
    "throttled": (json_error("ThrottlingException"), ["AWS refused ", ": ThrottlingException: said so"]),
}  # fmt: skip


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("arguments", [("list",), ("show", "x"), ("redrive",)], ids=lambda given: given[0])
@pytest.mark.parametrize(("answer", "named"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_one_line(answer: Answer, named: list[str], arguments: tuple[str, ...]) -> None:
    with canned_ec2(answer) as aws, in_environment(somewhere(dynamodb=aws.url)):
        result = run(*arguments, "--table", "t")
    assert (result.status, result.out) == (1, "")
    assert [part for part in named if part not in result.error] == []


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore repeats a failed request without a pause."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda self, context: 0)


UNKNOWN_STACK = Answer(
    b"<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id mine does not exist</Message></Error>"
    b"</ErrorResponse>",
    400,
)
ANOTHER_STACK = Answer(
    b"<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>mine</StackName><StackStatus>CREATE_COMPLETE"
    b"</StackStatus><StackId>arn:aws:cloudformation:eu-west-1:123456789012:stack/mine/1</StackId><CreationTime>"
    b"2026-11-23T12:00:00Z</CreationTime></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
)
STACK_PROBLEMS = {
    "no such stack": (UNKNOWN_STACK, ["no stack 'mine' in eu-west-1", "--stack", "TASK_REPORTER_STACK", "--table"]),
    "another stack": (ANOTHER_STACK, ["stack mine (CREATE_COMPLETE) has no output HistoryTableName", "--stack"]),
}


@pytest.mark.parametrize(
    "arguments", [("list",), ("show", "x"), ("redrive",), ("wait", "x")], ids=lambda given: given[0]
)
@pytest.mark.parametrize(("answer", "named"), STACK_PROBLEMS.values(), ids=STACK_PROBLEMS)
def test_a_stack_that_is_none_of_ours_is_named(answer: Answer, named: list[str], arguments: tuple[str, ...]) -> None:
    with canned_ec2(answer) as aws, in_environment(somewhere(cloudformation=aws.url)):
        result = run(*arguments, "--stack", "mine")
    assert (result.status, result.out) == (1, "")
    assert [part for part in named if part not in result.error] == []


KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
LACKS = {
    "no region": (KEYS, (), ["no AWS region", "--region", "AWS_REGION"]),
    "no such region": (KEYS, ("--region", "eu west"), ["'eu west' is no region"]),
    "no such profile": (KEYS, ("--region", "eu-west-1", "--profile", "nobody"), ["no profile 'nobody'"]),
    "nobody listens": (somewhere(), (), ["AWS can't be reached", "http://127.0.0.1:9", "--region"]),
}  # fmt: skip


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("env", "arguments", "named"), LACKS.values(), ids=LACKS)
def test_what_lacks_is_one_line(env: dict[str, str], arguments: tuple[str, ...], named: list[str]) -> None:
    with in_environment(NO_ACCOUNT | env):
        result = run("list", "--table", "t", *arguments)
    assert (result.status, result.out) == (1, "")
    assert [part for part in named if part not in result.error] == []


# Completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_for_this_program(shell: str) -> None:
    result = run("completion", shell)
    assert (result.status, result.err) == (0, "")
    assert f"{completion_.VARIABLE}={shell}_complete" in result.out
    assert re.search(r"complete .*task-reporter|compdef .*task-reporter", result.out)
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=result.out, text=True, check=True)


def completed(*typed: str) -> list[str]:
    """Return bash's suggestions for ``typed``, whose last word is incomplete."""
    *arguments, incomplete = typed
    shell = ShellComplete(cli, {}, "task-reporter", completion_.VARIABLE)
    return [item.value for item in shell.get_completions(list(arguments), incomplete)]


OFFERED = {
    "nothing": (("",), list(COMMANDS)),
    "a beginning": (("re",), [name for name in COMMANDS if name.startswith("re")]),
    "nonsense": (("x",), []),
    "an option of all": (("--st",), ["--stack"]),
    "an option of one": (("list", "--out"), ["--outcome", "--output"]),
    "a value": (("list", "--output", ""), ["table", "json", "csv"]),
    "an outcome": (("list", "--outcome", "c"), ["complete", "cancelled"]),
}


@pytest.mark.parametrize(("typed", "offered"), OFFERED.values(), ids=OFFERED)
def test_what_a_shell_offers(typed: tuple[str, ...], offered: list[str]) -> None:
    assert completed(*typed) == offered


# What is imported


HEAVY = {"botocore", "rich", "jinja2", "pygal", "urllib3"}
EMPTY = Answer(b'{"Items": [], "Count": 0, "ScannedCount": 0}')
WATCHED = """
import atexit, sys
models = []
def tell():
    found = sorted(name for name in sys.modules if "." not in name or name.startswith("task_reporter_cli.commands."))
    print(*found, "|", *models, file=sys.stderr)
atexit.register(tell)
"""
COUNTED = """
import botocore.loaders
load = botocore.loaders.Loader.load_service_model
def counted(self, service, kind, *args, **options):
    models.extend([service] if kind == "service-2" else [])
    return load(self, service, kind, *args, **options)
botocore.loaders.Loader.load_service_model = counted
"""
MAIN = "from task_reporter_cli.main import main\nmain(sys.argv[1:])\n"


def imported(code: str, *arguments: str, **env: str) -> tuple[set[str], list[str]]:
    """Return the modules and the service models that ``code`` loads; it must succeed."""
    command = [sys.executable, "-c", WATCHED + code, *arguments]
    done = subprocess.run(command, env=environment(**env), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules, _, models = done.stderr.strip().rpartition("\n")[2].partition("|")
    return set(modules.split()), models.split()


LIGHT = {
    "the module": ("import task_reporter_cli.main", (), {}, set()),
    "help": (MAIN, ("--help",), {}, set()),
    "help of a command": (MAIN, ("register", "--help"), {}, {"register"}),
    "a script for a shell": (MAIN, ("completion", "fish"), {}, {"completion"}),
    "completion of a name": (MAIN, (), {completion_.VARIABLE: "fish_complete", "COMP_WORDS": "task-reporter re",
                                        "COMP_CWORD": "re"}, set()),
}  # fmt: skip


@pytest.mark.parametrize(("code", "arguments", "env", "commands"), LIGHT.values(), ids=LIGHT)
def test_help_and_completion_import_nothing_heavy(
    code: str, arguments: tuple[str, ...], env: dict[str, str], commands: set[str]
) -> None:
    modules, _ = imported(code, *arguments, **env)
    assert modules & HEAVY == set()
    assert {name.split(".")[2].rstrip("_") for name in modules if ".commands." in name} == commands


@pytest.mark.parametrize("output", ["json", "csv", "table"])
def test_a_list_brings_one_service_and_nothing_to_draw_with(output: str) -> None:
    with canned_ec2(EMPTY) as aws:
        modules, models = imported(
            COUNTED + MAIN, "list", "--table", "t", "--output", output, **somewhere(dynamodb=aws.url)
        )
    assert modules & {"rich", "jinja2", "pygal"} == set()
    assert models == ["dynamodb"]
    assert {name for name in modules if "commands." in name} == {"task_reporter_cli.commands.list_"}
