"""Documents against the code: commands, parameters, attributes, emails, links."""

import json
import re
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import click
import pytest
from botocore import xform_name
from botocore.session import Session

from task_reporter.kinds.kind import OUTCOMES
from task_reporter.kinds.table import KINDS, kind_of
from task_reporter.notifying.chat import task_message
from task_reporter.notifying.event import task_event
from task_reporter.notifying.task_notice import task_notice
from task_reporter_cli.lazy import COMMANDS
from task_reporter_cli.main import cli
from task_reporter_cli.output.columns import write_plain
from task_reporter_cli.output.data import COLUMNS, OTHER_COLUMN
from tests.support.documents import DOCUMENTS, FLAGS, OF_THE_CLI, ROOT, blocks, commands, members, options
from tests.support.event_bus import BUS, delivered
from tests.support.template import template

SHARED = ("history/table.py", "aws/subscribers.py", "history/backlog.py")
"""Parts of the package that the command line uses to talk to AWS."""
README = ROOT / "README.md"
EMAILS = ROOT / "tests" / "unit" / "cases" / "emails"
AWS_COMMANDS = [(document, words) for document in DOCUMENTS for words in commands(document)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^    |`)make ([a-z]+)", document.read_text(), re.MULTILINE))
    assert named <= targets


def test_the_makefile_has_a_line_of_help_for_each_target() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z]+):", text, re.MULTILINE)
    assert targets == re.findall(r"^([a-z]+):.*## .", text, re.MULTILINE)


@pytest.mark.parametrize(("document", "words"), AWS_COMMANDS, ids=[" ".join(words[1:3]) for _, words in AWS_COMMANDS])
def test_every_aws_command_is_one(document: Path, words: list[str]) -> None:
    known = {*members(*words[1:3]), *FLAGS, *OF_THE_CLI}
    assert [option for option, _ in options(words) if option not in known] == []


def test_there_are_aws_commands() -> None:
    assert len(AWS_COMMANDS) >= 8


def test_the_parameters_are_the_templates() -> None:
    document = (ROOT / "docs" / "parameters.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`|none) \|", document, re.MULTILINE)
    parameters = {name: str(parameter.get("Default", "")) for name, parameter in template()["Parameters"].items()}
    assert dict(rows) == parameters


def test_the_email_is_the_one_that_is_sent() -> None:
    [shown] = [block for block in blocks(README, "") if block.startswith("Subject: ")]
    assert (EMAILS / "import-image-complete.txt").read_text().startswith(shown)


def row_of(shown: dict[str, Any]) -> dict[str, Any]:
    """Return the row of the task that a document's JSON is about."""
    return {name: value for name, value in shown.items() if name in kind_of(shown).public_attributes}


def test_the_json_is_what_machines_get() -> None:
    shown = json.loads(blocks(ROOT / "docs" / "notices.md", "json")[0])
    data = task_notice(row_of(shown)).data
    assert data == shown
    assert list(data) == list(shown)


def test_the_event_is_the_one_that_is_delivered() -> None:
    shown = json.loads(blocks(ROOT / "docs" / "events.md", "json")[0])
    event = delivered(task_event(row_of(shown["detail"])).entry(BUS))
    assert event == shown
    assert list(event["detail"]) == list(shown["detail"])


def test_the_rule_of_the_readme_is_that_of_the_recipe() -> None:
    [shown] = patterns(README)
    assert shown in patterns(ROOT / "docs" / "events.md")


def patterns(document: Path) -> list[dict[str, Any]]:
    """Return the event patterns of a document's commands."""
    rules = [dict(options(words)) for words in commands(document) if words[2] == "put-rule"]
    return [json.loads(str(rule["event-pattern"])) for rule in rules]


def test_the_chat_message_is_that_of_the_documented_event() -> None:
    [event] = blocks(ROOT / "docs" / "events.md", "json")
    [shown] = blocks(ROOT / "docs" / "chat.md", "json")
    assert task_message(row_of(json.loads(event)["detail"])) == json.loads(shown)


LISTED = [
    {
        "task_id": "import-snap-0d9c8b7a6f5e4d3c2",
        "kind": "import-snapshot",
        "state": "active",
        "progress": 57,
        "updated_at": "2026-11-23T12:30:03.412Z",
    },
    {
        "task_id": "export-ami-0a9b8c7d6e5f40312",
        "kind": "export-image",
        "resource_id": "ami-0b1c2d3e4f5061728",
        "outcome": "complete",
        "first_seen_at": "2026-11-23T11:15:03.127Z",
        "finished_at": "2026-11-23T12:25:03.205Z",
    },
    {
        "task_id": "import-ami-0f9e8d7c6b5a43210",
        "kind": "import-image",
        "outcome": "failed",
        "error_code": "ClientError",
        "first_seen_at": "2026-11-23T11:30:03.412Z",
        "finished_at": "2026-11-23T12:05:03.412Z",
    },
    {
        "task_id": "import-snap-0a1b2c3d4e5f60718",
        "kind": "import-snapshot",
        "outcome": "complete",
        "first_seen_at": "2026-11-22T09:05:02.881Z",
        "finished_at": "2026-11-22T09:20:03.018Z",
    },
    {
        "task_id": "bun-2a4e041c",
        "kind": "bundle",
        "resource_id": "i-0a1b2c3d4e5f60718",
        "outcome": "complete",
        "started_at": "2026-11-20T11:25:50.000Z",
        "finished_at": "2026-11-20T12:00:00.000Z",
    },
]


WATCHING = (ROOT / "docs" / "watching.md").read_text()


def test_the_alarms_are_the_templates() -> None:
    alarms = {name for name, one in template()["Resources"].items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(re.findall(r"^\| `(\w+Alarm)` \|", WATCHING, re.MULTILINE)) == alarms


def test_the_metrics_are_those_that_are_written() -> None:
    explained = {
        name
        for cell in re.findall(r"^\| (`.*?) \| \w*(?:Count|Seconds)", WATCHING, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    }
    sources = "".join(path.read_text() for path in (ROOT / "layers/core/task_reporter").rglob("*.py"))
    written = set(re.findall(r'Metric\("(\w+)"', sources)) | {f"Tasks{outcome.capitalize()}" for outcome in OUTCOMES}
    assert explained == written


def test_the_list_is_the_one_that_is_printed() -> None:
    [shown] = [block for block in blocks(README, "") if block.startswith("$ task-reporter list")]
    printed = StringIO()
    write_plain(LISTED, printed)
    assert shown.split("\n", 1)[1] == printed.getvalue()


OURS = [
    shlex.split(line.split("#")[0].split(">")[0].split("|")[0])[1:]
    for document in DOCUMENTS
    for line in re.findall(r"^(?:\$ )?(task-reporter .*)$", document.read_text(), re.MULTILINE)
]


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_every_command_of_ours_is_one(words: list[str]) -> None:
    """Its name, arguments and options are right; nothing is asked of AWS."""
    name, command, rest = cli.resolve_command(click.Context(cli), words)
    assert command
    command.make_context(str(name), rest, parent=click.Context(cli))


def test_every_command_of_ours_is_in_the_readme_and_explained() -> None:
    explained = (ROOT / "docs" / "command-line.md").read_text()
    assert set(COMMANDS) - {words[0] for words in OURS} == set()
    assert [
        name for name in COMMANDS if f"`{name}`" not in explained and f"task-reporter {name}" not in explained
    ] == []


def test_the_columns_are_those_of_the_csv() -> None:
    [columns] = blocks(ROOT / "docs" / "command-line.md", "csv")
    assert columns.strip().split(",") == [*COLUMNS, OTHER_COLUMN]


def test_the_documented_permissions_are_those_of_the_calls() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text()
    explained = set(re.findall(r"`([a-z0-9]+:[A-Z]\w+)`", text)) - {"kms:Decrypt"}
    services = {permission.split(":")[0] for permission in explained}
    # What botocore calls the service whose permissions are called cloudwatch, and so on.
    operations = {
        xform_name(name): f"{service}:{name}"
        for service in services
        for name in Session().get_service_model(service).operation_names
    }
    ours = (path for path in (ROOT / "cli").rglob("*.py") if path.parent.name != "report")  # which talks to nobody
    sources = [*ours, *(ROOT / "layers/core/task_reporter" / name for name in SHARED)]
    called = {name for path in sources for name in re.findall(r"\.(\w+)\(", path.read_text())}
    made = {operations[name] for name in called & operations.keys()}
    # A transaction needs the permissions of its writes; what lists tasks is data of a kind.
    made = made - {"dynamodb:TransactWriteItems"} | {"dynamodb:PutItem", "dynamodb:UpdateItem"}
    assert made | {f"ec2:{kind.operation}" for kind in KINDS.values()} == explained


def test_the_kinds_are_those_of_the_table() -> None:
    text, _, outcomes = (ROOT / "docs" / "kinds.md").read_text().partition("## Outcomes")
    rows = re.findall(r"^\| `([a-z-]+)` \| `(\w+)` \| .* \| (?:(\d+) days|.*) \|$", text, re.MULTILINE)
    assert rows == [(kind.name, kind.operation, str(kind.listed_for.days or "")) for kind in KINDS.values()]
    for kind in KINDS.values():
        [states] = re.findall(rf"^\| [^|]*`{kind.name}`[^|]* \|(.*`.*)$", outcomes.partition("\n- ")[0], re.MULTILINE)
        assert set(kind.endings) - {"deleted"} <= {*states.split("`")}


def test_every_attribute_that_is_told_is_explained() -> None:
    text = (ROOT / "docs" / "history.md").read_text()
    explained = {name for cell in re.findall(r"^\| (`.*?`) \| [SN] \|", text, re.MULTILINE) for name in cell.split("`")}
    public = {name for kind in KINDS.values() for name in kind.public_attributes}
    assert {*public, "awaiting", "awaiting_since", "notified_at", "event_sent_at", "expires_at"} <= explained


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", document.read_text()):
        path, _, anchor = target.partition("#")
        linked = document.parent / path if path else document
        assert linked.is_file(), target
        headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", linked.read_text(), re.M)}
        assert not anchor or anchor in headings, target


def test_every_promise_names_tests_that_there_are() -> None:
    promises = README.read_text().split("## What is guaranteed")[1].split("\n## ")[0].split("\n- ")[1:]
    assert len(promises) >= 6
    for promise in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)`", promise)
        assert named, promise
        assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_readme_is_read_in_five_minutes() -> None:
    prose = re.sub(r"^```.*?^```$", "", README.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert len(prose.split()) < 1200


def test_a_release_is_the_same_everywhere() -> None:
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert template()["Metadata"]["AWS::ServerlessRepo::Application"]["SemanticVersion"] == version[1]
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text()
    assert f'__version__ = "{version[1]}"' in (ROOT / "layers/core/task_reporter/__init__.py").read_text()
