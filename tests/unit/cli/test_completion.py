"""Accounts and regions that a shell completes."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from click.shell_completion import CompletionItem, ShellComplete

from local.process_environment import NO_ACCOUNT
from task_reporter.history.rows import Row
from task_reporter_cli import completion
from task_reporter_cli.aws.account import Account
from task_reporter_cli.aws.credentials import CredentialsError
from task_reporter_cli.commands.completion_ import VARIABLE
from task_reporter_cli.main import cli
from tests.support import http_server
from tests.support.canned_ec2 import Answer, canned_ec2
from tests.support.cli import environment, in_environment, run, somewhere
from tests.support.dynamodb import Table, to_item
from tests.support.target import target_on

HUB, PAYMENTS, NAMELESS, ODD = "111111111111", "222222222222", "333333333333", "444444444444"
ROWS: list[Row] = [
    {"scope": "roster", "task_id": HUB, "name": "hub", "regions": "eu-west-1"},
    {"scope": "roster", "task_id": PAYMENTS, "name": "Payments", "regions": "ap-south-1 us-east-1"},
    {"scope": "roster", "task_id": NAMELESS, "lists": json.dumps({"eu-north-1": {}})},
    {"scope": "roster", "task_id": ODD, "name": "Pay & go", "regions": "eu-west-1"},
]
ROSTER = Answer(json.dumps({"Items": [to_item(row) for row in ROWS], "Responses": {"t": []}}).encode())


def values(items: Any) -> list[str]:
    return [item.value for item in items]


OFFERED = {
    "nothing": ("", [NAMELESS, "hub", "Pay & go", "Payments"]),
    "a name in another case": ("pay", ["Pay & go", "Payments"]),
    "an id": ("22", [PAYMENTS]),
    "an account without a name": ("33", [NAMELESS]),
    "nonsense": ("x", []),
}


@pytest.mark.parametrize(("incomplete", "offered"), OFFERED.values(), ids=OFFERED)
def test_accounts_are_offered_by_name_or_id(incomplete: str, offered: list[str]) -> None:
    assert values(completion.find_accounts(target_on(Table(*ROWS)), incomplete)) == offered


def test_a_name_is_offered_with_its_id() -> None:
    [item] = completion.find_accounts(target_on(Table(*ROWS)), "payments")
    assert (item.value, item.help) == ("Payments", PAYMENTS)


ESCAPED = {
    "in bash": ("bash", "Bü", r"Büro\\ \\&\\ \\$\\'漢😀"),
    "in bash in double quotes": ("bash", '"Bü', r"Büro & \\$'漢😀"),
    "in bash in single quotes": ("bash", "'Bü", r"Büro & $'\\''漢😀"),
    "in zsh": ("zsh", "Bü", "Büro & $'漢😀"),
}


@pytest.mark.parametrize(("shell", "word", "offered"), ESCAPED.values(), ids=ESCAPED)
def test_a_name_is_escaped_where_the_shell_does_not(
    shell: str, word: str, offered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {VARIABLE: f"{shell}_complete", "COMP_WORDS": f"--account\n{word}", "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, value)
    table = Table({"scope": "roster", "task_id": ODD, "name": "Büro & $'漢😀"})
    assert values(completion.find_accounts(target_on(table), "Bü")) == [offered]


REGIONS = {
    "of all accounts": ((), "", ["ap-south-1", "eu-north-1", "eu-west-1", "us-east-1"]),
    "of an account": (("payments",), "", ["ap-south-1", "eu-west-1", "us-east-1"]),
    "that begin so": ((), "eu-", ["eu-north-1", "eu-west-1"]),
}


@pytest.mark.parametrize(("accounts", "incomplete", "offered"), REGIONS.values(), ids=REGIONS)
def test_regions_are_offered(accounts: tuple[str, ...], incomplete: str, offered: list[str]) -> None:
    assert values(completion.find_regions(target_on(Table(*ROWS)), accounts, incomplete)) == offered


def test_a_large_roster_is_not_read_for_its_regions() -> None:
    rows: list[Row] = [
        {"scope": "roster", "task_id": f"{number:012d}", "regions": f"eu-west-{number // completion.SAMPLE}"}
        for number in range(3 * completion.SAMPLE)
    ]
    table = Table(*rows)
    assert values(completion.find_regions(target_on(table), (), "eu-")) == ["eu-west-0", "eu-west-1"]
    assert table.client.calls == ["query"]


# In a shell


def completed(*typed: str) -> list[CompletionItem]:
    *arguments, incomplete = typed
    return ShellComplete(cli, {}, "task-reporter", VARIABLE).get_completions(list(arguments), incomplete)


TYPED = {
    "list": ("list", "--table", "t", "--account", "pay"),
    "the table before the command": ("--table", "t", "report", "--account", "pay"),
    "a second account": ("wait", "--table", "t", "--account", "hub", "--account", "pay"),
    "accounts": ("accounts", "--table", "t", "--account", "pay"),
}


@pytest.mark.parametrize("typed", TYPED.values(), ids=TYPED)
def test_each_command_completes_its_accounts(typed: tuple[str, ...]) -> None:
    with canned_ec2(ROSTER) as aws, in_environment(somewhere(dynamodb=aws.url)):
        assert values(completed(*typed)) == ["Pay & go", "Payments"]


def test_a_region_is_completed() -> None:
    with canned_ec2(ROSTER) as aws, in_environment(somewhere(dynamodb=aws.url)):
        assert values(completed("show", "--table", "t", "x", "--task-region", "us")) == ["us-east-1"]


SILENT: Mapping[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "no account": (NO_ACCOUNT, ("--table", "t")),
    "nobody listens": (somewhere() | {"AWS_MAX_ATTEMPTS": "1"}, ("--table", "t")),
    "no such profile": (somewhere(), ("--profile", "nobody", "--table", "t")),
    "stack and table": (somewhere(), ("--stack", "s", "--table", "t")),
}


@pytest.mark.parametrize("option", ["--account", "--task-region"])
@pytest.mark.parametrize(("env", "options"), SILENT.values(), ids=SILENT)
def test_an_error_offers_nothing(
    env: dict[str, str], options: tuple[str, ...], option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with in_environment(env):
        assert completed("list", *options, option, "") == []
    assert capfd.readouterr() == ("", "")


def test_what_takes_too_long_offers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "SECONDS", 0.01)
    over = Event()

    def hang(_headers: Mapping[str, str], _body: bytes) -> http_server.Answer:
        over.wait()
        return 500, {}, b""

    with http_server.http_server(hang) as url, in_environment(somewhere(dynamodb=url)):
        assert completed("list", "--table", "t", "--account", "") == []
        over.set()


def test_nobody_is_asked_for_a_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even on a terminal."""
    config = tmp_path / "config"
    device = "arn:aws:iam::123456789012:mfa/me"
    config.write_text(
        f"[profile own]\nrole_arn = arn:aws:iam::123456789012:role/x\nmfa_serial = {device}\n"
        "credential_source = Environment\n",
        encoding="utf-8",
    )
    monkeypatch.setattr("task_reporter_cli.aws.credentials.has_terminal", lambda: True)
    with in_environment(somewhere() | {"AWS_CONFIG_FILE": str(config)}):
        with pytest.raises(CredentialsError) as raised:
            Account("own", "eu-west-1", is_quiet=True).client("dynamodb")
        assert completed("list", "--profile", "own", "--table", "t", "--account", "") == []
    assert f"an MFA code of {device}" in str(raised.value.__cause__)


ASK_BASH = """
source {script}
COMP_WORDS=(task-reporter list --table t {words}) COMP_CWORD={number}
_task_reporter_completion task-reporter
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "offered"), [("--account pay", [r"Pay\ \&\ go", "Payments"]), ("--task-region eu-n", ["eu-north-1"])]
)
def test_bash_is_given_words_that_it_can_use(words: str, offered: list[str], tmp_path: Path) -> None:
    script, ours = tmp_path / "script", tmp_path / "task-reporter"
    script.write_text(run("completion", "bash").out, encoding="utf-8")
    ours.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m task_reporter_cli "$@"\n', encoding="utf-8")
    ours.chmod(0o755)
    with canned_ec2(ROSTER) as aws:
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", ASK_BASH.format(script=script, words=words, number=5)],
            env=environment(**somewhere(dynamodb=aws.url), PATH=path),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    assert (done.stdout.splitlines(), done.stderr) == (offered, "")
